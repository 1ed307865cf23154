"""Strangers: who is paired with whom, what each is told, and what is refused."""

import json
from collections.abc import Callable
from datetime import timedelta
from itertools import permutations
from typing import Any

import pytest
from django.conf import LazySettings
from django.test import Client
from django.utils import timezone

from chat import access, actions
from chat.actions import strangers
from chat.actions.pairing import AGAIN, SEEN
from chat.models import AuditEntry, Event, Message, Presence, Report, Room, Stranger, Tally, User
from chat.presence import GRACE, SWEEP
from chat.problems import Problem
from tests.unit.conftest import OWN_PAGE, RecordingProxy, sign_in
from tests.unit.test_presence import World

pytestmark = pytest.mark.django_db


@pytest.fixture
def visitors(db: None) -> list[User]:
    return [User.objects.create_user(f"visitor{number}", display_name=f"Known {number}") for number in range(6)]


def stranger(user: User) -> Stranger:
    found = actions.find_stranger(user)
    assert found is not None
    return found


def check_all() -> None:
    """What holds after every change."""
    everybody = list(Stranger.objects.select_related("partner", "pair_room"))
    for one in everybody:
        if one.state == "paired":
            assert one.partner
            assert one.pair_room
            assert one.partner.partner_id == one.pk != one.partner_id
            assert one.partner.pair_room_id == one.pair_room_id
        else:
            assert one.partner is None
            assert one.pair_room is None
    waiting = [one for one in everybody if one.state == "waiting"]
    assert all(other.user_id == one.last_partner_id for one, other in permutations(waiting, 2))


def post(user: User, room: str, text: str = "hello") -> dict[str, Any]:
    return actions.post_message(user, room, text).message


def pair_of(one: User) -> str:
    pair = actions.stranger_data(stranger(one))["pair"]
    assert pair is not None
    return str(pair["room"])


def age(*users: User, seconds: float) -> None:
    """Time passes for these visitors."""
    for one in Stranger.objects.filter(user__in=users):
        earlier = timedelta(seconds=seconds)
        Stranger.objects.filter(pk=one.pk).update(since=one.since - earlier, seen_at=one.seen_at - earlier)


def test_the_second_visitor_is_paired_with_the_first(visitors: list[User]) -> None:
    ann, ben, *_ = visitors
    assert actions.meet(ann).state == "waiting"
    assert actions.meet(ben).state == "paired"
    check_all()
    assert pair_of(ann) == pair_of(ben)
    said = post(ann, pair_of(ann))
    assert said["from"] == actions.stranger_data(stranger(ben))["pair"]["partner"]
    assert [one["from"] for one in map(json.loads, Event.objects.filter(type="message").values_list("data", flat=True))]


def test_two_tabs_are_one_visitor(visitors: list[User]) -> None:
    ann = visitors[0]
    first, second = actions.meet(ann), actions.meet(ann)
    assert (first.pk, first.state, second.state) == (second.pk, "waiting", "waiting")
    actions.meet(visitors[1])
    assert actions.meet(ann).pair_room_id == actions.meet(ann).pair_room_id
    assert Stranger.objects.count() == 2


def test_whoever_is_left_is_paired_with_the_third_who_waits(visitors: list[User]) -> None:
    ann, ben, cleo, *_ = visitors
    for one in (ann, ben, cleo):
        actions.meet(one)
    assert stranger(cleo).state == "waiting"
    actions.leave_strangers(ann)
    assert (stranger(ann).state, stranger(ben).state, stranger(ben).reason) == ("idle", "idle", "partner-left")
    actions.meet(ben)
    assert stranger(ben).partner == stranger(cleo)
    check_all()


def test_next_leaves_the_partner_and_takes_another_who_waits(visitors: list[User]) -> None:
    ann, ben, cleo, *_ = visitors
    for one in (ann, ben, cleo):
        actions.meet(one)
    assert actions.meet_next(ann).partner == stranger(cleo)
    assert stranger(ben).reason == "partner-left"
    check_all()


def test_two_who_have_just_met_wait_for_others_and_meet_again_only_when_nobody_comes(visitors: list[User]) -> None:
    ann, ben, *_ = visitors
    actions.meet(ann), actions.meet(ben)
    actions.meet_next(ann)
    assert actions.meet(ben).state == "waiting"
    check_all()
    age(ann, ben, seconds=AGAIN.total_seconds() - 1)
    strangers.sweep()
    assert stranger(ben).state == "waiting"
    age(ann, ben, seconds=1)
    strangers.sweep()
    assert stranger(ben).partner == stranger(ann)
    check_all()


def test_who_has_met_another_since_may_meet_the_one_before_at_once(visitors: list[User]) -> None:
    ann, ben, cleo, *_ = visitors
    actions.meet(ann), actions.meet(ben)  # Ben's last partner is Ann
    actions.leave_strangers(ben)
    actions.meet(ann), actions.meet(cleo)
    actions.leave_strangers(cleo)
    actions.meet(ann)
    assert actions.meet(ben).partner == stranger(ann)
    check_all()


def test_a_partner_is_chosen_at_random(visitors: list[User]) -> None:
    """Three who wait: they blocked each other."""
    ann, *others = visitors[:4]
    met = set()
    for one in others:
        for other in others:
            if one != other:
                actions.reports.Block.objects.create(by=one, whom=other)
    for _ in range(40):
        for one in others:
            actions.meet(one)
        partner = actions.meet(ann).partner
        assert partner is not None
        met.add(partner.user_id)
        for one in visitors[:4]:
            actions.leave_strangers(one)
        Stranger.objects.update(last_partner=None)
        Tally.objects.all().delete()
    assert met == {one.pk for one in others}


def test_the_room_of_the_two_dies_with_the_pair(visitors: list[User]) -> None:
    ann, ben, *_ = visitors
    actions.meet(ann), actions.meet(ben)
    name = pair_of(ann)
    post(ann, name, "a secret"), post(ben, name)
    room = Room.objects.get(name=name)
    actions.leave_strangers(ben)
    room.refresh_from_db()
    assert room.deleted_at is not None
    assert room.rights == 2
    assert not Message.objects.exists()
    assert not Event.objects.filter(room=room).exists()
    with pytest.raises(Problem, match="no room") as refused:
        access.known_room(ann, name)
    assert refused.value.code == "ROOM_INVALID"
    for where in (name, stranger(ann).room.name):
        with pytest.raises(Problem, match="Nobody is here") as refused:
            post(ann, where)
        assert refused.value.code == "PARTNER_MISSING"
    with pytest.raises(Problem) as refused:
        post(visitors[2], name)
    assert refused.value.code == "ROOM_INVALID"


def test_events_of_the_room_of_ones_own_say_all_that_happens(visitors: list[User]) -> None:
    """Old state and events are the new state; and nothing tells who the partner is."""
    ann, ben, cleo, *_ = visitors
    changes: list[Callable[[], Any]] = [
        lambda: actions.meet(ann),
        lambda: actions.meet(ben),
        lambda: actions.meet_next(ann),
        lambda: actions.meet(cleo),
        lambda: actions.leave_strangers(cleo),
        lambda: actions.meet_next(ann),
        lambda: strangers.gone([ann.pk]),
    ]
    for change in changes:
        change()
        check_all()
        for one in Stranger.objects.whole():
            last = Event.objects.filter(room=one.room).order_by("eid").last()
            assert last is not None
            assert (last.type, json.loads(last.data)) == ("stranger", actions.stranger_data(one))
            assert last.eid == one.room.counter
            assert "visitor" not in last.data
            assert "Known" not in last.data


def test_a_repeated_post_answers_the_first_message(visitors: list[User]) -> None:
    ann, ben, *_ = visitors
    actions.meet(ann), actions.meet(ben)
    first = actions.post_message(ann, pair_of(ann), "once", key="k")
    again = actions.post_message(ann, pair_of(ann), "once", key="k")
    assert (first.created, again.created, again.message) == (True, False, first.message)


def test_who_shows_no_sign_of_life_is_taken_off_and_never_paired(visitors: list[User]) -> None:
    ann, ben, *_ = visitors
    actions.meet(ann)
    age(ann, seconds=SEEN.total_seconds() + 1)
    assert actions.meet(ben).state == "waiting"
    assert (stranger(ann).state, stranger(ann).reason) == ("idle", "away")
    check_all()


def test_who_is_present_needs_no_sign_of_life(visitors: list[User]) -> None:
    ann, ben, *_ = visitors
    actions.meet(ann)
    be_present(ann)
    age(ann, seconds=3600)
    assert actions.meet(ben).partner == stranger(ann)


def be_present(user: User) -> None:
    until = timezone.now() + timedelta(seconds=60)
    Presence.objects.create(room=stranger(user).room, user=user, until=until)


def test_the_partner_of_who_is_gone_is_told(visitors: list[User]) -> None:
    ann, ben, *_ = visitors
    actions.meet(ann), actions.meet(ben)
    be_present(ann)
    strangers.gone([ann.pk])  # back meanwhile
    assert stranger(ben).state == "paired"
    Presence.objects.all().delete()
    strangers.gone([ann.pk])
    assert (stranger(ann).reason, stranger(ben).reason) == ("away", "partner-gone")
    check_all()


def test_the_companion_of_presence_announces_who_is_gone(visitors: list[User], proxy: RecordingProxy) -> None:
    ann, ben, *_ = visitors
    actions.meet(ann), actions.meet(ben)
    world = World(proxy)
    world.hear(ann, stranger(ann).room)
    world.step()
    world.hear(ann, stranger(ann).room, ttl=0)
    world.step()
    world.step(GRACE - 1)
    assert stranger(ben).state == "paired"
    world.step(2)
    assert (stranger(ann).reason, stranger(ben).reason) == ("away", "partner-gone")


def test_the_companion_sweeps(visitors: list[User], proxy: RecordingProxy) -> None:
    actions.meet(visitors[0])
    world = World(proxy)
    age(visitors[0], seconds=SEEN.total_seconds() + 1)
    world.step(SWEEP - 1)
    assert stranger(visitors[0]).state == "waiting"
    world.step(1)
    assert stranger(visitors[0]).reason == "away"


@pytest.mark.parametrize("way", ["sweep", "stay"])
def test_a_partner_who_is_silent_is_noticed_without_presence(visitors: list[User], way: str) -> None:
    ann, ben, *_ = visitors
    actions.meet(ann), actions.meet(ben)
    age(ann, seconds=SEEN.total_seconds() + 1)
    if way == "sweep":
        strangers.sweep()
    else:
        actions.stay(ben)
    assert (stranger(ann).reason, stranger(ben).reason) == ("away", "partner-gone")
    actions.stay(ben)
    assert stranger(ben).state == "idle"  # a sign of life puts nobody into the queue


def test_two_of_a_pair_who_are_both_gone(visitors: list[User]) -> None:
    ann, ben, *_ = visitors
    actions.meet(ann), actions.meet(ben)
    age(ann, ben, seconds=SEEN.total_seconds() + 1)
    strangers.sweep()
    check_all()
    assert not Stranger.objects.exclude(state="idle").exists()


@pytest.mark.parametrize("what", ["pair", "own"])
def test_rooms_that_an_operator_deleted_hold_nobody(visitors: list[User], what: str) -> None:
    ann, ben, *_ = visitors
    actions.meet(ann), actions.meet(ben)
    one = stranger(ann)
    Room.objects.filter(pk=one.pair_room_id if what == "pair" else one.room_id).update(deleted_at=timezone.now())
    strangers.sweep()
    assert stranger(ben).state == ("idle" if what == "pair" else "paired")
    assert actions.meet_next(ann).state == "waiting"
    assert stranger(ann).room.deleted_at is None
    check_all()


def test_a_partner_whose_account_is_gone_from_the_database(visitors: list[User]) -> None:
    ann, ben, *_ = visitors
    actions.meet(ann), actions.meet(ben)
    ann.delete()
    strangers.sweep()
    assert (stranger(ben).state, stranger(ben).reason) == ("idle", "partner-gone")


@pytest.mark.parametrize("end", [actions.sign_out, lambda user: actions.close_account(user, user)])
def test_who_signs_out_or_closes_the_account_leaves_the_partner(
    visitors: list[User], end: Callable[[User], None]
) -> None:
    ann, ben, *_ = visitors
    actions.meet(ann), actions.meet(ben)
    end(ann)
    assert (stranger(ann).state, stranger(ben).reason) == ("idle", "partner-left")


def test_guests_who_are_removed_leave_no_pair(visitors: list[User]) -> None:
    ann, guest = visitors[0], actions.make_guest("Amber Otter 1")
    actions.meet(guest), actions.meet(ann)
    actions.prune_guests(timezone.now() + timedelta(days=1))
    assert stranger(ann).reason == "partner-left"
    check_all()


def test_blocked_people_never_meet_again(visitors: list[User]) -> None:
    ann, ben, *_ = visitors
    actions.meet(ann), actions.meet(ben)
    actions.block_stranger(ann)
    assert (stranger(ann).state, stranger(ben).reason) == ("idle", "partner-left")
    Stranger.objects.update(last_partner=None)
    actions.meet(ann)
    assert actions.meet(ben).state == "waiting"
    age(ann, ben, seconds=30)
    strangers.sweep()
    assert stranger(ben).state == "waiting"
    actions.forget_blocks(ann)
    assert stranger(ben).partner == stranger(ann)


def test_whom_one_blocked_is_listed_by_the_name_one_met_them_under(visitors: list[User]) -> None:
    ann, ben, cleo, *_ = visitors
    names = []
    for other in (ben, cleo):
        actions.meet(other), actions.meet(ann)
        names.append(actions.stranger_data(stranger(ann))["pair"]["partner"])
        if other == cleo:
            actions.leave_strangers(other)  # the last one can be blocked, too
            actions.meet(cleo), actions.meet(visitors[3])  # and is somebody else by now
        actions.block_stranger(ann)
    mine = sign_in(ann)
    listed = mine.get("/strangers/block/")
    assert [one["name"] for one in listed.json()["blocks"]] == names[::-1]
    assert set(listed.json()["blocks"][0]) == {"id", "name", "date"}
    assert not any(word in listed.content.decode() for word in ("visitor", "Known"))
    assert sign_in(ben).get("/strangers/block/").json() == {"blocks": []}
    assert "Strangers you blocked" in mine.get("/strangers").content.decode()


def test_one_of_them_is_unblocked_and_met_again_at_once_when_both_wait(visitors: list[User]) -> None:
    ann, ben, cleo, *_ = visitors
    for other in (ben, cleo):
        actions.meet(other), actions.meet(ann)
        actions.block_stranger(ann)
    actions.meet(ann), actions.meet(ben)
    of_cleo, of_ben = (one["id"] for one in sign_in(ann).get("/strangers/block/").json()["blocks"])
    for client in (sign_in(ben), sign_in(cleo)):  # somebody else's, and one that is not there
        assert client.delete(f"/strangers/block/{of_ben}/").json()["code"] == "NOT_FOUND"
    assert sign_in(ann).delete("/strangers/block/x/").status_code == 404
    assert sign_in(ann).delete(f"/strangers/block/{of_cleo}/").status_code == 204
    assert stranger(ann).state == "waiting"
    assert sign_in(ann).delete(f"/strangers/block/{of_ben}/").status_code == 204
    assert stranger(ann).partner == stranger(ben)
    assert sign_in(ann).delete(f"/strangers/block/{of_ben}/").status_code == 404
    assert sign_in(ann).get("/strangers/block/").json() == {"blocks": []}
    check_all()


def test_a_block_without_a_name_is_listed_and_a_token_needs_its_scopes(visitors: list[User], curl: Client) -> None:
    ann, ben, *_ = visitors
    block = actions.reports.Block.objects.create(by=ann, whom=ben)
    assert sign_in(ann).get("/strangers/block/").json()["blocks"][0]["name"] is None
    secret = actions.issue_token(ann, ann, "reads", ["read"])[1]
    reads = Client(headers={"Authorization": f"Bearer {secret}"})
    assert reads.get("/strangers/block/").json()["blocks"][0]["id"] == block.public_id
    assert reads.delete(f"/strangers/block/{block.public_id}/").json()["code"] == "SCOPE_INSUFFICIENT"
    for answer in (curl.get("/strangers/block/"), curl.delete(f"/strangers/block/{block.public_id}/")):
        assert answer.json()["code"] == "USER_HAS_TO_LOGIN"


def test_a_report_keeps_the_last_messages_for_the_operator(visitors: list[User]) -> None:
    ann, ben, *_ = visitors
    actions.meet(ann), actions.meet(ben)
    post(ann, pair_of(ann), "hello"), post(ben, pair_of(ann), "x" * 600)
    actions.report_stranger(ann, "Rude.\r\nVery.")
    report = Report.objects.get()
    assert (report.by, report.whom, report.reason) == (ann, ben, "Rude.\nVery.")
    assert report.excerpt == "Reporter: hello\nReported: " + "x" * 500
    assert stranger(ann).state == stranger(ben).state == "idle"
    actions.report_stranger(ann)  # afterwards, too: of the last one
    assert Report.objects.filter(whom=ben, excerpt="").count() == 1


def test_a_barred_person_meets_nobody(visitors: list[User]) -> None:
    ann, ben, *_ = visitors
    operator = User.objects.create_superuser("root")
    actions.meet(ann), actions.meet(ben)
    actions.bar_stranger(operator, ben)
    assert (stranger(ben).reason, stranger(ann).reason) == ("barred", "partner-left")
    for act in (actions.meet, actions.meet_next):
        with pytest.raises(Problem) as refused:
            act(ben)
        assert refused.value.code == "ROOM_ACCESS_DENIED"
    actions.prune_strangers()
    actions.admit_stranger(operator, ben)
    assert actions.meet(ben).state == "waiting"
    assert [entry.action for entry in AuditEntry.objects.order_by("pk")] == ["bar from strangers", "admit to strangers"]
    with pytest.raises(Problem):
        actions.bar_stranger(ann, ben)


def test_nothing_is_left_of_pairs_that_are_long_over(visitors: list[User]) -> None:
    ann, ben, *_ = visitors
    actions.meet(ann), actions.meet(ben)
    post(ann, pair_of(ann))
    for one in (ann, ben):
        actions.leave_strangers(one)
    actions.prune_strangers()
    assert (Room.objects.filter(kind="strangers").count(), Stranger.objects.count()) == (3, 2)
    longer = timedelta(days=2)
    Room.objects.filter(kind="strangers").update(created=timezone.now() - longer)
    Room.objects.exclude(deleted_at=None).update(deleted_at=timezone.now() - longer)
    Stranger.objects.update(since=timezone.now() - longer)
    actions.prune_strangers()
    assert not Stranger.objects.exists()
    Room.objects.exclude(deleted_at=None).update(deleted_at=timezone.now() - longer)
    actions.prune_strangers()
    assert not Room.objects.filter(kind="strangers").exists()


def test_one_person_does_not_churn_through_partners(visitors: list[User]) -> None:
    for _ in range(strangers.MEETINGS):
        actions.meet_next(visitors[0])
    with pytest.raises(Problem) as refused:
        actions.meet_next(visitors[0])
    assert (refused.value.code, "Retry-After" in refused.value.headers) == ("TOO_MANY_ATTEMPTS", True)


# By REST.


def test_the_whole_way_by_rest(visitors: list[User]) -> None:
    ann, ben = sign_in(visitors[0]), sign_in(visitors[1])
    assert ann.get("/strangers/").json()["state"] == "idle"
    waiting = ann.post("/strangers/").json()
    assert (waiting["state"], waiting["pair"], waiting["look-again"]) == ("waiting", None, strangers.LOOK_ABSENT)
    pair = ben.post("/strangers/").json()["pair"]
    state = ann.get("/strangers/").json()
    own = state["pair"].pop("id")
    assert state["pair"] == {"room": pair["room"], "name": pair["partner"], "partner": pair["name"]}
    assert own != pair["id"]
    assert state["last-event-id"] == f"room-{state['room']}:2"
    said = ann.post(f"/rooms/{pair['room']}/messages/", {"text": "hello"})
    assert (said.status_code, said.json()["from"], said.json()["author"]) == (201, pair["partner"], own)
    read = ben.get(f"/rooms/{pair['room']}/messages/").json()["messages"]
    assert [one["text"] for one in read] == ["hello"]
    assert ben.post("/strangers/here/").json()["state"] == "paired"
    other = ann.delete(f"/strangers/?confirm={state['room']}")
    assert (other.status_code, other.json()["code"]) == (422, "CONFIRM_REQUIRED")
    assert ann.delete("/strangers/").status_code == 204
    assert ann.delete("/strangers/").status_code == 204  # nobody is left to leave
    assert ben.get("/strangers/").json()["reason"] == "partner-left"
    alone = ben.post(f"/rooms/{state['room']}/messages/", {"text": "hello?"})
    assert (alone.status_code, alone.json()["code"]) == (404, "ROOM_INVALID")  # Ann's own room
    alone = ben.post(f"/rooms/{pair['room']}/messages/", {"text": "hello?"})
    assert (alone.status_code, alone.json()["code"]) == (409, "PARTNER_MISSING")
    assert ben.post("/strangers/next/").json()["state"] == "waiting"
    assert ben.post("/strangers/report/", {"reason": "no"}).json()["state"] == "waiting"
    assert ben.post("/strangers/block/").json()["state"] == "waiting"
    assert ben.delete("/strangers/block/?confirm=all").status_code == 204


def test_nothing_says_who_the_partner_is(visitors: list[User]) -> None:
    ann, ben = sign_in(visitors[0]), sign_in(visitors[1])
    ann.post("/strangers/")
    room = ben.post("/strangers/").json()["pair"]["room"]
    ann.post(f"/rooms/{room}/messages/", {"text": "hello"})
    for path in ("members", "people"):
        refused = ben.get(f"/rooms/{room}/{path}/")
        assert (refused.status_code, refused.json()["code"]) == (403, "ROOM_ACCESS_DENIED")
    for path in ("/strangers/", f"/rooms/{room}/", f"/rooms/{room}/messages/", "/strangers"):
        seen = ben.get(path).content.decode()
        assert "visitor0" not in seen
        assert "Known 0" not in seen
    assert room not in ben.get("/rooms/").content.decode()
    assert ben.get(f"/{room}").headers["Location"] == "/strangers"
    assert sign_in(visitors[2]).get(f"/rooms/{room}/").json()["code"] == "ROOM_INVALID"


@pytest.mark.parametrize("path", ["members/visitor0/", "invites/", "restrictions/", "settings/"])
def test_the_room_of_two_strangers_is_nobodys(visitors: list[User], path: str) -> None:
    ann, ben = sign_in(visitors[0]), sign_in(visitors[1])
    ann.post("/strangers/")
    room = ben.post("/strangers/").json()["pair"]["room"]
    who = {"kind": "ban", "username": "visitor1"}
    answers = [ann.delete(f"/rooms/{room}/{path}"), ann.post(f"/rooms/{room}/{path}", who)]
    assert all(400 <= answer.status_code < 500 for answer in answers)
    assert stranger(visitors[1]).state == "paired"


def test_who_is_nobody_yet_becomes_a_guest_by_one_press(db: None) -> None:
    browser = Client(headers=OWN_PAGE)
    assert browser.post("/strangers/").json()["state"] == "waiting"
    guest = User.objects.get()
    assert guest.is_guest
    assert browser.post("/strangers/").json()["state"] == "waiting"
    assert User.objects.count() == 1
    assert browser.get("/strangers").status_code == 200


def test_refusals(db: None, visitors: list[User], settings: LazySettings, curl: Client) -> None:
    assert curl.post("/strangers/").json()["code"] == "USER_HAS_TO_LOGIN"
    assert curl.get("/strangers/").json()["code"] == "USER_HAS_TO_LOGIN"
    foreign = Client(headers={"Origin": "https://elsewhere.example"})
    assert foreign.post("/strangers/").json()["code"] == "ORIGIN_DENIED"
    ann = sign_in(visitors[0])
    assert ann.post("/strangers/report/", {"reason": "?"}).json()["code"] == "PARTNER_MISSING"
    assert ann.post("/strangers/block/").json()["code"] == "PARTNER_MISSING"
    assert ann.post("/strangers/report/", {"reason": "x" * 501}).json()["code"] == "TEXT_INVALID"
    assert ann.post("/strangers/report/", {"reason": "\x07"}).json()["code"] == "TEXT_INVALID"
    assert not Stranger.objects.exclude(state="idle").exists()
    settings.GUESTS = False
    assert Client(headers=OWN_PAGE).post("/strangers/").json()["code"] == "USER_HAS_TO_LOGIN"
    settings.STRANGERS = False
    of_blocks = (ann.get("/strangers/block/"), ann.delete("/strangers/block/x/"))
    of_pages = (ann.post("/strangers/"), ann.get("/strangers/"), ann.get("/strangers"), ann.delete("/strangers/"))
    for answer in (*of_pages, *of_blocks):
        assert answer.status_code == 404


def test_a_get_stores_nothing(visitors: list[User], curl: Client) -> None:
    for client in (curl, sign_in(visitors[0])):
        assert client.get("/strangers").status_code == 200
        client.get("/strangers/")
    assert not Stranger.objects.exists()
    assert not Room.objects.filter(kind="strangers").exists()


def test_a_browser_that_navigates_to_the_api_comes_to_the_page(curl: Client) -> None:
    answer = curl.get("/strangers/", headers={"Accept": "text/html"})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/strangers")


def test_the_queries_of_a_look(visitors: list[User], django_assert_num_queries: Any) -> None:
    ann, ben = sign_in(visitors[0]), sign_in(visitors[1])
    ann.post("/strangers/"), ben.post("/strangers/")
    with django_assert_num_queries(3):  # session and user, the visitor with all that is said of them, presence
        ann.get("/strangers/")
    with django_assert_num_queries(5):  # and the partner, and the sign of life: no lock
        ann.post("/strangers/here/")
    with django_assert_num_queries(2):
        strangers.sweep()
