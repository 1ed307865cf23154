"""The companion of outgoing webhooks: order, at least once, retries, rights, leases. Receivers are a function here."""

import base64
import hashlib
import hmac
import ipaddress
import json
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import DatabaseError, connection
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from chat import access, actions, eventlog, hooks
from chat.actions import deliveries
from chat.models import AuditEntry, Delivery, Membership, Message, OutgoingHook, Restriction, Room, User
from chat.outbound import Answer
from tests.receiver import NETWORK, Receiver

pytestmark = pytest.mark.django_db
OK, ERROR = Answer(204, ms=3), Answer(500, "The receiver answered 500.", 7)
URL = "https://receiver.example/hook"


class Desk:
    """A courier whose receiver is here: `told` is what came, `answers` what it says, by turns; then OK."""

    def __init__(self) -> None:
        self.told: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.urls: list[str] = []
        self.answers: list[Answer | Exception] = []
        self.courier = hooks.Courier(self._post)
        self.now = timezone.now()

    def _post(self, url: str, body: bytes, headers: dict[str, str]) -> Answer:
        self.urls.append(url)
        self.told.append(json.loads(body))
        self.headers.append(headers)
        answer = self.answers.pop(0) if self.answers else OK
        if isinstance(answer, Exception):
            raise answer
        return answer

    def run(self, steps: int = 20) -> list[dict[str, Any]]:
        """Deliver until nothing is due; what was told by that."""
        before = len(self.told)
        for _ in range(steps):
            begun = self.courier.step(self.now)
            while not self.courier.is_idle:
                self.courier.settle(5)
            if not begun:
                break
        return self.told[before:]

    def texts(self) -> list[str]:
        return [told["data"].get("text", "") for told in self.run()]

    def later(self, **by: float) -> None:
        self.now += timedelta(**by)


def due(now: datetime, holder: str) -> list[OutgoingHook]:
    """All that have something to tell, in their order."""
    return hooks.due(now, holder, [errand.pk for errand in hooks.waiting(now, holder, [])])


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture
def hook(den: Room, people: dict[str, User]) -> OutgoingHook:
    return actions.make_outgoing_hook(people["alice"], access.known_room(people["alice"], "x-den"), URL)


@pytest.fixture
def say(people: dict[str, User]) -> Callable[..., int]:
    def post(text: str, room: str = "x-den") -> int:
        return int(actions.post_message(people["alice"], room, text).message["id"])

    return post


@pytest.fixture
def alices(den: Room, people: dict[str, User]) -> Room:
    """The room as Alice sees it."""
    return access.known_room(people["alice"], "x-den")


def again(hook: OutgoingHook) -> OutgoingHook:
    return OutgoingHook.objects.get(pk=hook.pk)


def test_messages_are_told_in_order_from_the_making_on(desk: Desk, den: Room, people: Any, say: Any) -> None:
    say("before")
    hook = actions.make_outgoing_hook(people["alice"], access.known_room(people["alice"], "x-den"), URL)
    for text in ("one", "two", "three"):
        say(text)
    assert [told["data"]["text"] for told in desk.run()] == ["one", "two", "three"]
    assert desk.told[0] == {
        "type": "message",
        "timestamp": desk.told[0]["data"]["date"],
        "id": "room-x-den:2",
        "data": desk.told[0]["data"],
    }
    assert desk.told[0]["data"]["from"] == "alice"
    assert desk.urls == [URL] * 3
    assert (again(hook).position, again(hook).lease) == (4, "")
    assert desk.run() == []


def test_edits_and_deletions_are_told_and_other_events_passed_over(
    desk: Desk, hook: OutgoingHook, alices: Room, people: Any, say: Any
) -> None:
    eid = say("first")
    actions.edit_message(people["alice"], alices, eid, "second")
    actions.change_room(people["alice"], alices, topic="changed")
    actions.delete_message(people["alice"], alices, say("other"))
    assert [told["type"] for told in desk.run()] == ["message", "message-edited", "message", "message-deleted"]
    assert [told["data"].get("text") for told in desk.told] == ["second", "second", "", None]  # as every replay
    actions.change_room(people["alice"], alices, topic="once more")
    assert desk.run() == []
    assert again(hook).position == Room.objects.get(pk=alices.pk).counter  # looked at once, not at every step


def test_a_text_deleted_while_its_delivery_failed_is_never_told(
    desk: Desk, hook: OutgoingHook, alices: Room, people: Any, say: Any
) -> None:
    eid = say("a secret")
    desk.answers = [Answer(None, "The connection failed.")]
    desk.run()
    actions.delete_message(people["alice"], alices, eid)
    desk.told.clear()
    desk.later(hours=1)
    assert [told["type"] for told in desk.run()] == ["message", "message-deleted"]
    assert "a secret" not in json.dumps(desk.told)
    assert desk.told[0]["data"]["deleted"] is True


def test_a_failed_event_is_told_again_before_any_other(desk: Desk, hook: OutgoingHook, say: Any) -> None:
    say("one")
    say("two")
    desk.answers = [ERROR, Answer(None, "No answer in time."), Answer(302, "The receiver redirects.")]
    for _ in range(4):
        desk.run()
        desk.later(seconds=10)
    assert [told["data"]["text"] for told in desk.told] == ["one", "one", "one", "one", "two"]
    assert len({headers["webhook-id"] for headers in desk.headers[:4]}) == 1
    assert desk.headers[4]["webhook-id"] != desk.headers[0]["webhook-id"]
    log = [(d.eid, d.attempt, d.status, bool(d.error)) for d in Delivery.objects.order_by("pk")]
    assert log == [(1, 1, 500, True), (1, 2, None, True), (1, 3, 302, True), (1, 4, 204, False), (2, 1, 204, False)]


def test_nothing_is_tried_before_its_time(desk: Desk, hook: OutgoingHook, say: Any) -> None:
    say("one")
    desk.answers = [Answer(503, "The receiver answered 503.", retry_after=600)]
    desk.run()
    desk.later(seconds=590)
    assert desk.run() == []
    desk.later(seconds=20)
    assert len(desk.run()) == 1
    assert again(hook).failures == 0


def test_pauses_grow_from_a_second_to_an_hour_and_a_receiver_can_ask_for_no_more() -> None:
    assert all(0.75 <= deliveries.pause_after(1) <= 1.25 for _ in range(50))
    assert all(96 <= deliveries.pause_after(8) <= 160 for _ in range(50))
    assert all(2700 <= deliveries.pause_after(1000) <= 3600 for _ in range(50))
    assert len({deliveries.pause_after(8) for _ in range(50)}) > 40
    assert deliveries.pause_after(1, 300) == 300
    assert deliveries.pause_after(1, 10**9) == 3600
    assert deliveries.pause_after(8, 1) >= 96


def test_after_days_of_failures_it_is_switched_off_and_says_why(desk: Desk, hook: OutgoingHook, say: Any) -> None:
    say("one")
    desk.answers = [ERROR] * 2
    desk.run()
    OutgoingHook.objects.update(failing_since=timezone.now() - deliveries.GIVE_UP)
    desk.later(hours=2)
    desk.run()
    off = again(hook)
    assert off.disabled_at
    assert off.disabled_why == "It failed for 3 days. The last attempt: The receiver answered 500."
    assert AuditEntry.objects.filter(action="switch off webhook", target__username="alice").exists()
    desk.later(days=1)
    assert desk.run() == []


def test_a_receiver_that_is_gone_is_left_at_once(desk: Desk, hook: OutgoingHook, say: Any) -> None:
    say("one")
    desk.answers = [Answer(410, "The receiver answered 410.")]
    desk.run()
    assert "410" in again(hook).disabled_why


def test_switched_on_again_it_goes_on_where_it_was(
    desk: Desk, hook: OutgoingHook, alices: Room, people: Any, say: Any
) -> None:
    say("one")
    actions.enable_hook(people["alice"], alices, hook, False)
    assert desk.run() == []
    assert again(hook).disabled_why == "alice switched it off."
    actions.enable_hook(people["alice"], alices, hook, True)
    assert desk.texts() == ["one"]


def test_what_was_pruned_before_it_was_told_is_no_silent_gap(desk: Desk, hook: OutgoingHook, say: Any) -> None:
    for text in ("one", "two"):
        say(text)
    eventlog.prune(timezone.now() + timedelta(seconds=1))
    say("three")
    desk.answers = [ERROR]
    desk.run()
    desk.later(minutes=1)
    reset, message = desk.run()
    assert reset == desk.told[0] | {"timestamp": reset["timestamp"]}
    assert (reset["type"], reset["id"]) == ("stream-reset", "room-x-den:2")
    assert reset["data"] == {"channels": ["room-x-den"], "last-event-id": "room-x-den:2"}
    assert message["data"]["text"] == "three"
    assert desk.headers[0]["webhook-id"] == desk.headers[1]["webhook-id"]


def test_after_a_restore_it_is_told_a_reset(desk: Desk, hook: OutgoingHook, say: Any) -> None:
    say("one")
    actions.restored()
    say("two")
    assert [told["type"] for told in desk.run()] == ["stream-reset", "message"]


def test_a_room_made_private_goes_on_under_its_new_name(desk: Desk, make_room: Any, people: Any, say: Any) -> None:
    make_room("garden")
    Membership.objects.create(room=Room.objects.get(name="garden"), user=people["alice"], role="owner")
    actions.make_outgoing_hook(people["alice"], access.known_room(people["alice"], "garden"), URL)
    say("open words", "garden")
    changed = actions.change_room(people["alice"], access.known_room(people["alice"], "garden"), visibility="private")
    say("private words", changed.name)
    told = desk.run()
    assert [one["type"] for one in told] == ["stream-reset", "message"]
    assert "garden" not in json.dumps(told)


def test_the_signature_is_the_one_of_the_specification() -> None:
    """The example of the Standard Webhooks specification's own libraries."""
    secret, key = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek"
    headers = hooks.signed_headers(secret, key, b'{"test": 2432232314}', 1614265330)
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    assert (headers["webhook-id"], headers["webhook-timestamp"]) == (key, "1614265330")


def test_what_is_sent_is_signed_with_the_secret_that_was_shown(hook: OutgoingHook, say: Any, settings: Any) -> None:
    settings.HOOK_ALLOWED_NETWORKS = [ipaddress.ip_network(NETWORK)]
    with Receiver() as receiver:
        OutgoingHook.objects.update(url=receiver.url)
        say("100 % ünsigned \u2028 text")
        courier = hooks.Courier()
        courier.step(timezone.now())
        courier.settle(5)
        headers, body = receiver.got[0]
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    digest = hmac.new(base64.b64decode(hook.secret.removeprefix("whsec_")), signed, hashlib.sha256).digest()
    assert headers["webhook-signature"] == "v1," + base64.b64encode(digest).decode()
    assert headers["content-type"] == "application/json"
    assert json.loads(body)["data"]["text"] == "100 % ünsigned \u2028 text"
    assert not {"cookie", "authorization", "referer"} & set(headers)


def test_a_test_is_delivered_once_and_moves_nothing(
    desk: Desk, hook: OutgoingHook, alices: Room, people: Any, say: Any
) -> None:
    actions.test_hook(people["alice"], alices, hook)
    desk.answers = [ERROR]
    assert [told["type"] for told in desk.run()] == ["test"]
    assert (again(hook).position, again(hook).failures, again(hook).test_asked_at) == (0, 0, None)
    assert Delivery.objects.get().status == 500
    say("one")
    desk.answers = [ERROR]
    desk.run()
    actions.test_hook(people["alice"], alices, hook)
    assert [told["type"] for told in desk.run()] == ["test", "message"]  # it works again, so nothing waits longer


RIGHTS: dict[str, Callable[[dict[str, User], Room], object]] = {
    "is made a member": lambda people, room: Membership.objects.filter(user=people["alice"]).update(role="member"),
    "is made a moderator": lambda people, room: Membership.objects.filter(user=people["alice"]).update(
        role="moderator"
    ),
    "leaves": lambda people, room: Membership.objects.filter(user=people["alice"]).delete(),
    "is banned": lambda people, room: Restriction.objects.create(room=room, user=people["alice"], kind="ban"),
    "is closed": lambda people, room: User.objects.filter(pk=people["alice"].pk).update(is_active=False),
    "is removed": lambda people, room: OutgoingHook.objects.update(created_by=None),
    "and the room is deleted": lambda people, room: Room.objects.filter(pk=room.pk).update(deleted_at=timezone.now()),
    "and the room is for staff": lambda people, room: Room.objects.filter(pk=room.pk).update(visibility="staff"),
}


@pytest.mark.parametrize("what", RIGHTS)
def test_nothing_is_told_any_more_when_its_maker(
    what: str, desk: Desk, hook: OutgoingHook, den: Room, people: Any, say: Any
) -> None:
    say("before")
    assert desk.texts() == ["before"]
    say("after")
    RIGHTS[what](people, den)
    assert desk.run() == []
    assert again(hook).disabled_why


def test_staff_who_made_one_in_an_open_room_lose_it_when_it_becomes_private(
    desk: Desk, make_room: Any, people: Any, say: Any
) -> None:
    room = make_room("garden")
    Membership.objects.create(room=room, user=people["alice"], role="owner")
    hook = actions.make_outgoing_hook(people["sam"], access.known_room(people["sam"], "garden"), URL)
    say("open", "garden")
    assert desk.texts() == ["open"]
    changed = actions.change_room(people["alice"], access.known_room(people["alice"], "garden"), visibility="private")
    say("private", changed.name)
    assert desk.run() == []
    assert again(hook).disabled_at


def test_another_owner_who_switches_it_on_answers_for_it(
    desk: Desk, hook: OutgoingHook, den: Room, people: Any, say: Any
) -> None:
    Membership.objects.filter(user=people["bob"]).update(role="owner")
    Membership.objects.filter(user=people["alice"]).update(role="member")
    say("meanwhile")
    assert desk.run() == []
    actions.enable_hook(people["bob"], access.known_room(people["bob"], "x-den"), again(hook), True)
    assert desk.texts() == ["meanwhile"]
    assert again(hook).created_by == people["bob"]


def test_an_archived_room_is_told_what_happens_in_it(
    desk: Desk, hook: OutgoingHook, alices: Room, people: Any, say: Any
) -> None:
    eid = say("one")
    actions.change_room(people["alice"], alices, archived=True)
    actions.delete_message(people["alice"], alices, eid)
    assert [told["type"] for told in desk.run()] == ["message", "message-deleted"]


def test_a_receiver_that_hangs_holds_up_nobody_else(hook: OutgoingHook, alices: Room, people: Any, say: Any) -> None:
    hold, quick = threading.Event(), []

    def post(url: str, body: bytes, headers: dict[str, str]) -> Answer:
        if url == URL:
            hold.wait(20)
        else:
            quick.append(json.loads(body)["data"]["text"])
        return OK

    actions.make_outgoing_hook(people["alice"], alices, "https://quick.example/")
    courier = hooks.Courier(post)
    for text in ("one", "two", "three"):
        say(text)
    for _ in range(10):
        courier.step(timezone.now())
        courier.settle(0.1)
        if len(quick) == 3:
            break
    assert quick == ["one", "two", "three"]
    assert not courier.is_idle
    hold.set()
    courier.end()
    assert courier.is_idle


def test_two_companions_never_deliver_for_one_webhook_at_once(hook: OutgoingHook, say: Any) -> None:
    one, two = Desk(), Desk()
    say("one")
    say("two")
    found = due(one.now, "first")[0]
    assert deliveries.take(found, "first", one.now)
    stale = due(one.now, "first")[0]
    assert not deliveries.take(found, "second", one.now)
    assert two.run() == []
    # The first one dies; its lease runs out, and what it may have told is told again.
    two.later(seconds=21)
    assert two.texts() == ["one", "two"]
    # It lives after all: what it writes then changes nothing, and it can begin nothing with what it saw before.
    deliveries.taken(stale, "first", "message", 1, OK)
    deliveries.failed(stale, "first", "message", 1, ERROR)
    assert (again(hook).position, again(hook).failures) == (2, 0)
    stale.lease, stale.lease_until = "", None
    assert not deliveries.take(stale, "first", timezone.now())


def test_a_companion_that_ends_leaves_its_webhooks_to_the_next(hook: OutgoingHook, say: Any) -> None:
    one, two = Desk(), Desk()
    for text in ("one", "two", "three"):
        say(text)
    one.courier.step(one.now)
    one.courier.settle(5)
    assert again(hook).lease  # more is to come
    one.courier.end()
    assert two.texts() == ["two", "three"]


def test_what_was_delivered_but_not_written_down_is_told_again(
    desk: Desk, hook: OutgoingHook, say: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    say("one")
    say("two")
    with monkeypatch.context() as broken:
        broken.setattr(deliveries, "taken", lambda *_: (_ for _ in ()).throw(DatabaseError))
        with pytest.raises(DatabaseError):
            desk.run()
    assert desk.texts() == ["one", "two"]
    assert [told["data"]["text"] for told in desk.told] == ["one", "one", "two"]


def test_an_attempt_that_stumbles_is_a_failure(desk: Desk, hook: OutgoingHook, say: Any) -> None:
    say("one")
    desk.answers = [RuntimeError("oops")]
    desk.run()
    assert (again(hook).failures, Delivery.objects.get().status) == (1, None)
    assert "oops" not in Delivery.objects.get().error


def test_a_withdrawn_one_is_told_nothing_more_even_with_an_attempt_under_way(
    hook: OutgoingHook, alices: Room, people: Any, say: Any
) -> None:
    desk = Desk()
    say("one")
    desk.courier.step(desk.now)
    actions.withdraw_hook(people["alice"], alices, hook)
    desk.courier.settle(5)
    say("two")
    assert desk.run() == []
    assert not Delivery.objects.exists()


def test_all_webhooks_take_turns(desk: Desk, hook: OutgoingHook, alices: Room, people: Any, say: Any) -> None:
    for number in range(hooks.AT_ONCE // 10):
        actions.make_outgoing_hook(people["alice"], alices, f"https://r{number}.example/")
    for text in ("one", "two"):
        say(text)
    for _ in range(12):
        for found in due(desk.now, desk.courier._holder)[:1]:
            desk.courier._begin(found, hooks.parcel_for(found, desk.now))  # type: ignore[arg-type]
            assert deliveries.take(found, desk.courier._holder, desk.now)
            desk.courier.settle(5)
    assert sorted(desk.urls[:6]) == sorted({*desk.urls})  # each had its first before one had its second


def test_a_post_asks_the_database_the_same_with_webhooks_and_without(
    make_room: Any, den: Room, hook: OutgoingHook, people: Any, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    make_room("plain", visibility="private")
    Membership.objects.create(room=Room.objects.get(name="plain"), user=people["alice"], role="owner")
    said: list[list[str]] = []
    for name in ("plain", "x-den"):
        with django_assert_num_queries(5, exact=False) as asked:
            actions.post_message(people["alice"], name, "one")
        said.append([query["sql"].split()[0] for query in asked.captured_queries])
    assert said[0] == said[1]
    assert "hook" not in json.dumps([query["sql"] for query in asked.captured_queries]).lower()


def test_a_look_is_one_question_and_another_for_what_is_due_however_many_webhooks_there_are(
    desk: Desk,
    hook: OutgoingHook,
    alices: Room,
    people: Any,
    django_assert_num_queries: DjangoAssertNumQueries,
    say: Any,
) -> None:
    for number in range(5):
        actions.make_outgoing_hook(people["alice"], alices, f"https://r{number}.example/")
    with django_assert_num_queries(1):
        assert desk.courier.step(desk.now) == 0
    say("one")
    with django_assert_num_queries(2):
        assert len(due(desk.now, "me")) == 6
    with django_assert_num_queries(2 + 6):
        assert desk.courier.step(desk.now) == 6


def test_the_log_keeps_the_newest_attempts(desk: Desk, hook: OutgoingHook, alices: Room, people: Any) -> None:
    other = actions.make_outgoing_hook(people["alice"], alices, "https://other.example/")
    entry = {"type": "message", "attempt": 1, "status": 204, "ms": 1}
    Delivery.objects.bulk_create(Delivery(hook=hook, eid=eid, **entry) for eid in range(deliveries.LOG_MAX + 50))
    Delivery.objects.create(hook=other, eid=1, **entry)
    Delivery.objects.create(hook=other, eid=2, **entry, created=timezone.now() - timedelta(days=8))
    deliveries.prune_deliveries(timezone.now())
    kept = Delivery.objects.filter(hook=hook).order_by("eid")
    assert (kept.count(), kept.values_list("eid", flat=True)[0]) == (deliveries.LOG_MAX, 50)
    assert list(Delivery.objects.filter(hook=other).values_list("eid", flat=True)) == [1]


def test_nothing_of_a_message_is_in_the_log_or_the_audit(desk: Desk, hook: OutgoingHook, say: Any) -> None:
    say("a very private text")
    desk.run()
    with connection.cursor() as cursor:
        for table in ("chat_delivery", "chat_auditentry", "chat_outgoinghook"):
            cursor.execute(f"SELECT * FROM {table}")
            assert "very private" not in str(cursor.fetchall())
    assert Message.objects.count() == 1


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """A look-up of a name by mistake fails."""
    monkeypatch.setattr("chat.outbound.look_up", lambda host, port: [host] if host[0].isdigit() else [])
