"""Webhooks on real parts: receivers that hang, redirect inside or answer 500, and a companion that is killed."""

import json
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from tests.console import Console
from tests.den import Den
from tests.pool import Pool
from tests.receiver import NETWORK, Receiver
from tests.service import Service, wait_until

pytestmark = pytest.mark.timeout(120)


DIVISOR = 4
TOTAL = 10 / DIVISOR  # seconds of an attempt
SETTINGS = {"HOOK_ALLOWED_NETWORKS": NETWORK, "HOOK_SECRET_IN_URL": "1", "WEB_ACCESS_LOG": "1"}


def with_companion(service: Service) -> Service:
    """A service with the companion, which may reach the receivers' loopback address and no other."""
    if "hooks" not in service.processes:
        service.start("hooks")
    return service


@pytest.fixture
def service(pool: Pool, database: str) -> Service:
    return with_companion(pool.get("hooks", database, Service, **SETTINGS))


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as running:
        yield running


def ask(den: Den, method: str, path: str, body: Any = None, who: str = "alice") -> Any:
    """A request about the room's webhooks."""
    headers = den.bearer(who) | {"Content-Type": "application/json"}
    sent = json.dumps(body).encode() if body is not None else None
    return den.service.request(method, f"/rooms/{den.room}/hooks/{path}", sent, headers)


def hook_to(den: Den, url: str) -> dict[str, Any]:
    answer = ask(den, "POST", "", {"kind": "outgoing", "url": url})
    assert answer.status == 201, answer.body
    made: dict[str, Any] = answer.json()
    return made


def log_of(den: Den, hook: dict[str, Any]) -> list[dict[str, Any]]:
    """The attempts, oldest first."""
    found: list[dict[str, Any]] = ask(den, "GET", f"{hook['id']}/deliveries/").json()["deliveries"]
    return found[::-1]


def logged_to_end(den: Den, hook: dict[str, Any], status: int) -> list[int | None]:
    """The statuses of all attempts, once the newest message was taken with this one."""
    log, newest = (
        log_of(den, hook),
        den.service.request("GET", f"/rooms/{den.room}/messages/", None, den.bearer("alice")),
    )
    is_done = log and log[-1]["event"] == newest.json()["last-event-id"] and log[-1]["status"] == status
    return [entry["status"] for entry in log] if is_done else []


def retry_now(console: Console, hook: dict[str, Any]) -> None:
    """The pause after a failure is over."""
    console.run("OutgoingHook.objects.filter(public_id=hook).update(retry_at=None)", hook=hook["id"])


def test_messages_arrive_signed_and_in_order(den: Den, receiver: Receiver) -> None:
    den.say("before it was made")
    hook_to(den, receiver.url)
    texts = [f"text {number}" for number in range(20)]
    for text in texts:
        den.say(text)
    wait_until(lambda: len(receiver.got) >= 20, 10, "delivery")
    assert receiver.texts() == texts
    assert len({headers["webhook-id"] for headers, _ in receiver.got}) == 20
    assert [payload["id"] for payload in receiver.told()] == [f"room-{den.room}:{2 + n}" for n in range(20)]


def test_posts_are_answered_while_a_receiver_hangs_and_other_webhooks_are_told(den: Den, receiver: Receiver) -> None:
    receiver.hang = 60
    with Receiver() as quick:
        hook_to(den, receiver.url)
        hook_to(den, quick.url)
        for number in range(5):
            den.say(f"text {number}")
        wait_until(lambda: len(quick.got) == 5, 10, "delivery to the other")
        assert len(receiver.got) == 1  # one attempt at a time


def test_a_redirect_to_loopback_reaches_nothing_and_delivery_comes_once_it_heals(den: Den, receiver: Receiver) -> None:
    with Receiver("127.0.0.1") as forbidden:
        receiver.status, receiver.location = 307, forbidden.url
        hook = hook_to(den, receiver.url)
        for text in ("one", "two"):
            den.say(text)
        wait_until(lambda: len(log_of(den, hook)) >= 2, 10, "two attempts")
        receiver.status, receiver.location = 200, ""
        wait_until(lambda: receiver.texts()[-1:] == ["two"], 10, "delivery")
        assert not forbidden.got
    assert receiver.texts()[0] == "one"
    assert wait_until(lambda: logged_to_end(den, hook, 200), 5, "the log")[-2:] == [200, 200]
    assert "redirect" in log_of(den, hook)[0]["error"]


def test_a_name_of_loopback_and_loopback_itself_are_never_called(
    den: Den, receiver: Receiver, console: Console
) -> None:
    with Receiver("127.0.0.1") as forbidden:
        for url in (forbidden.url, f"http://localhost:{forbidden.port}/", f"http://[::1]:{forbidden.port}/"):
            assert ask(den, "POST", "", {"kind": "outgoing", "url": url}).json()["code"] == "URL_INVALID"
        hook = hook_to(den, receiver.url)
        # As a name does whose address changed after it was made.
        for url in (f"http://localhost:{forbidden.port}/", f"http://127.1:{forbidden.port}/"):
            console.run("OutgoingHook.objects.filter(public_id=hook).update(url=url)", hook=hook["id"], url=url)
            before = len(log_of(den, hook))
            den.say("a text")
            retry_now(console, hook)
            wait_until(lambda: len(log_of(den, hook)) > before, 10, "an attempt")  # noqa: B023
        assert not forbidden.got
    assert {entry["status"] for entry in log_of(den, hook)} == {None}
    assert "127" not in json.dumps([entry["error"] for entry in log_of(den, hook)])


def test_an_answer_500_is_tried_again_and_delivery_comes_in_order(den: Den, receiver: Receiver) -> None:
    receiver.status = 500
    hook = hook_to(den, receiver.url)
    for text in ("one", "two", "three"):
        den.say(text)
    wait_until(lambda: len(log_of(den, hook)) >= 2, 10, "two attempts")
    receiver.status = 204
    wait_until(lambda: receiver.texts()[-1:] == ["three"], 10, "delivery")
    texts = receiver.texts()
    assert texts == ["one"] * (len(texts) - 2) + ["two", "three"]
    statuses = wait_until(lambda: logged_to_end(den, hook, 204), 5, "the log")
    assert statuses == [500] * (len(statuses) - 3) + [204] * 3


def test_a_companion_that_is_replaced_hands_over_at_once(den: Den, receiver: Receiver, service: Service) -> None:
    """A deploy: the new one starts before the old one ends."""
    hook_to(den, receiver.url)
    service.processes["old"] = service.processes.pop("hooks")
    service.start("hooks")
    texts = [f"text {number}" for number in range(30)]
    for number, text in enumerate(texts):
        den.say(text)
        if number == 15:
            service.stop("old", signal.SIGTERM)
    wait_until(lambda: len(set(receiver.texts())) == 30, 15, "all of them")
    told = [texts.index(text) for text in receiver.texts()]
    assert told == sorted(told)


def test_who_lost_the_room_is_told_nothing_more(den: Den, receiver: Receiver) -> None:
    den.act("actions.set_role(alice, room(name, alice), bob, 'owner')")
    answer = ask(den, "POST", "", {"kind": "outgoing", "url": receiver.url}, who="bob")
    assert answer.status == 201
    den.say("while he owns it")
    wait_until(lambda: len(receiver.got) == 1, 10, "delivery")
    den.act("actions.set_role(alice, room(name, alice), bob, 'member')")
    den.say("after that")
    wait_until(lambda: ask(den, "GET", "").json()["hooks"][0]["enabled"] is False, 10, "the end")
    assert "own" in ask(den, "GET", "").json()["hooks"][0]["why"]
    assert receiver.texts() == ["while he owns it"]


def test_a_text_deleted_before_its_delivery_is_never_told(den: Den, receiver: Receiver, console: Console) -> None:
    receiver.status = 500
    hook = hook_to(den, receiver.url)
    den.say("a slip of the tongue")
    wait_until(lambda: log_of(den, hook), 10, "an attempt")
    eid = int(log_of(den, hook)[0]["event"].rpartition(":")[2])
    den.act("actions.delete_message(alice, room(name, alice), eid)", eid=eid)
    receiver.got.clear()
    receiver.status = 200
    retry_now(console, hook)
    wait_until(lambda: [told["type"] for told in receiver.told()][-1:] == ["message-deleted"], 10, "the deletion")
    assert "slip" not in str(receiver.got)


def test_a_test_is_delivered(den: Den, receiver: Receiver) -> None:
    hook = hook_to(den, receiver.url)
    assert ask(den, "POST", f"{hook['id']}/test/").status == 204
    wait_until(lambda: receiver.got, 5, "the test")
    assert [told["type"] for told in receiver.told()] == ["test"]


def test_a_program_posts_by_an_incoming_one_and_its_secret_is_in_no_log(den: Den, service: Service) -> None:
    made = ask(den, "POST", "", {"kind": "incoming", "name": f"CI {den.room}"}).json()
    bearer = {"Authorization": f"Bearer {made['secret']}", "Content-Type": "application/json"}
    path = f"/hooks/{made['id']}/"
    with den.follow("bob", "sse") as bob:
        assert service.request("POST", path, b'{"text": "built"}', bearer).status == 201
        assert service.request("POST", f"{path}{made['secret']}/", b"text=by+address").status == 201
        bob.wait_for(["built", "by address"])
    assert service.request("POST", f"{path}wrong/", b"text=no").status == 404
    written = [*service.folder.glob("*.out"), *service.folder.glob("**/*.log")]
    logs = "".join(log.read_text(errors="replace") for log in written)
    assert f"{path}…/" in logs
    assert made["secret"] not in logs


def test_twenty_slow_receivers_of_one_maker_delay_no_other_maker(den: Den, console: Console) -> None:
    """Sixty webhooks of Bob's lead to receivers that hang; what Alice's is told comes within two seconds."""
    with ExitStack() as stack:
        slow = [stack.enter_context(Receiver()) for _ in range(20)]
        quick = stack.enter_context(Receiver())
        for receiver in slow:
            receiver.hang = 60
        made = console.print(
            "from chat import access, actions; from chat.models import User\n"
            "bob, names = User.objects.create_user(f'slow-{room}'), [f's{number}-{room}' for number in range(3)]\n"
            "for name in names:\n"
            "    actions.create_room(bob, name)\n"
            "    for url in urls: actions.make_outgoing_hook(bob, access.known_room(bob, name), url)\n"
            "    actions.post_message(bob, name, 'hang')\n"
            "print(len(names))".replace("{room}", den.room).replace("in urls", f"in {[one.url for one in slow]!r}")
        )
        assert made.strip() == "3"
        wait_until(lambda: sum(len(receiver.got) for receiver in slow) >= 12, 10, "as many attempts as may be")
        hook_to(den, quick.url)
        for number in range(5):
            den.say(f"text {number}")
            wait_until(lambda number=number: len(quick.got) == number + 1, 2, "delivery to the quick one")
        assert quick.texts() == [f"text {number}" for number in range(5)]
    # Those whose attempts hang are no business of the next test.
    off = "OutgoingHook.objects.filter(created_by__username__startswith='slow-').update(disabled_at=timezone.now())"
    console.print(f"from django.utils import timezone; from chat.models import OutgoingHook; {off}")


class TestTimes:
    """What lasts as long as an attempt or a lease does, of which this service has a fourth."""

    @pytest.fixture
    def service(self, pool: Pool, database: str) -> Service:
        return with_companion(pool.get("quick hooks", database, Service, TIMES_DIVISOR=str(DIVISOR), **SETTINGS))

    def test_after_a_hang_delivery_comes_in_order(self, den: Den, receiver: Receiver, console: Console) -> None:
        receiver.hang = 60
        hook = hook_to(den, receiver.url)
        for text in ("one", "two"):
            den.say(text)
        wait_until(lambda: log_of(den, hook), 15, "the end of the attempt")
        attempt = log_of(den, hook)[0]
        assert (attempt["status"], attempt["error"]) == (None, "No answer in time.")
        assert 950 * TOTAL < attempt["ms"] < 1000 * TOTAL + 2000
        receiver.hang = 0
        wait_until(lambda: len(receiver.got) >= 3, 10, "delivery")
        assert receiver.texts() == ["one", "one", "two"]

    def test_a_companion_that_is_killed_leaves_nothing_out(
        self, den: Den, receiver: Receiver, service: Service
    ) -> None:
        """Killed in the middle of a burst, and so of an attempt: at least once, in order."""
        receiver.hang = 0.02
        hook_to(den, receiver.url)
        texts = [f"text {number}" for number in range(60)]
        for number, text in enumerate(texts):
            den.say(text)
            if number == 30:
                wait_until(lambda: len(receiver.got) > 15, 20, "some of it")
                service.kill("hooks")
        wait_until(lambda: receiver.texts()[-1:] == texts[-1:], 50, "the last one")
        told = receiver.texts()
        first_times = list(dict.fromkeys(told))
        assert first_times == texts
        # What came twice came twice in a row: nothing old after something newer.
        assert [texts.index(text) for text in told] == sorted(texts.index(text) for text in told)
        assert len(told) <= len(texts) + 1
