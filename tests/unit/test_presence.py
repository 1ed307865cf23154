"""The companion that knows who is in a room: leases, crashes, rights, and notices."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.conf import LazySettings
from django.utils import timezone

from chat.actions import close_account, moderation, sign_out
from chat.channels import PersonChannel
from chat.models import Membership, Presence, Room, User
from chat.presence import GRACE, GRACE_ENDED, Companion
from chat.pushpin_stats import TTL, Source, Subscription, parse
from tests.unit.conftest import RecordingProxy

pytestmark = pytest.mark.django_db
ONE, OTHER = (Source(f"ipc://{name}", "pushpin-handler_1", "stream") for name in ("one", "other"))
POLLS = Source("ipc://one", "pushpin-handler_1", "response")


class World:
    """A companion with a clock, and what proxies say to it."""

    def __init__(self, proxy: RecordingProxy) -> None:
        self.now = 1000.0
        self.companion = Companion(self.now)
        self._proxy = proxy

    def hear(self, user: User, room: Room, source: Source = ONE, ttl: float = TTL, rights: int = 0) -> None:
        channel = PersonChannel(user.pk, room.pk, rights or room.rights)
        self.companion.hear(Subscription(source, channel, ttl), self.now)

    def step(self, seconds: float = 0.5) -> None:
        """Some time passes, and the companion looks."""
        self.now += seconds
        self.companion.step(self.now)

    def keep(self, user: User, room: Room, seconds: float, source: Source = ONE) -> None:
        """Time passes in which a proxy repeats what is subscribed, and a browser comes back when its hold is ended."""
        for number in range(int(seconds)):
            if number % 20 == 0:
                self.hear(user, room, source)
            if self.ends():
                self._proxy.sends.clear()
                self.hear(user, room, source, ttl=0)
                self.hear(user, room, source)
            self.step(1)

    def restart(self) -> None:
        """kill -9 of the companion; the next one starts."""
        self.companion = Companion(self.now)

    def said(self) -> list[tuple[str, Any]]:
        """The notices, without the numbers."""
        return [(kind, data["username"]) for kind, data in self._notices() if kind != "presence"]

    def counts(self) -> list[int]:
        return [data["count"] for kind, data in self._notices() if kind == "presence"]

    def ends(self) -> set[str]:
        """The channels whose holds were ended."""
        items = [item for items in self._proxy.sends for item in items]
        return {item["channel"] for item in items if item["formats"]["http-stream"].get("action") == "close"}

    def _notices(self) -> list[tuple[str, Any]]:
        frames = [item["formats"]["ws-message"] for items in self._proxy.sends for item in items]
        read = [json.loads(frame["content"]) for frame in frames if "content" in frame]
        return [(frame["type"], frame["data"]) for frame in read]


@pytest.fixture
def world(proxy: RecordingProxy, db: None) -> World:
    return World(proxy)


@pytest.fixture
def den(make_room: Callable[..., Room]) -> Room:
    return make_room("den")


@pytest.fixture
def alice(people: dict[str, User]) -> User:
    return people["alice"]


@pytest.fixture
def bob(people: dict[str, User]) -> User:
    return people["bob"]


def present() -> set[str]:
    return set(Presence.objects.filter(until__gt=timezone.now()).values_list("user__username", flat=True))


class TestCompanion:
    def test_somebody_enters_once_and_leaves_after_the_grace(self, world: World, alice: User, den: Room) -> None:
        world.hear(alice, den)
        world.step()
        world.step()
        assert (present(), world.said(), world.counts()) == ({"alice"}, [("enter", "alice")], [1])
        world.hear(alice, den, ttl=0)
        world.step()
        world.step(GRACE - 1)
        assert present() == {"alice"}
        world.step(2)
        assert present() == set()
        assert (world.said(), world.counts()) == ([("enter", "alice"), ("leave", "alice")], [1, 0])

    def test_reloads_say_nothing(self, world: World, alice: User, den: Room) -> None:
        world.hear(alice, den)
        for _ in range(10):
            world.step(3)
            world.hear(alice, den, ttl=0)
            world.step(GRACE - 1)
            world.hear(alice, den)
        assert world.said() == [("enter", "alice")]

    def test_two_proxies_and_kinds_of_holds_count_each_for_itself(self, world: World, alice: User, den: Room) -> None:
        for source in (ONE, OTHER, POLLS):
            world.hear(alice, den, source)
        world.step()
        world.hear(alice, den, ONE, ttl=0)
        world.hear(alice, den, POLLS, ttl=0)
        world.step(GRACE + 1)
        world.step(1)
        assert present() == {"alice"}

    def test_processes_of_one_number_on_two_machines_are_two(self, world: World, alice: User, den: Room) -> None:
        world.hear(alice, den, ONE)
        world.hear(alice, den, OTHER)
        world.hear(alice, den, OTHER, ttl=0)
        world.step(GRACE + 1)
        world.step(GRACE + 1)
        assert present() == {"alice"}

    def test_a_proxy_that_says_nothing_any_more_takes_its_people_with_it(
        self, world: World, alice: User, bob: User, den: Room
    ) -> None:
        world.hear(alice, den, ONE)
        world.hear(bob, den, OTHER)
        world.step()
        world.keep(bob, den, 64, OTHER)
        assert present() == {"bob"}

    def test_a_new_companion_announces_nobody_twice_and_keeps_no_ghost(
        self, world: World, alice: User, bob: User, den: Room
    ) -> None:
        world.hear(alice, den)
        world.hear(bob, den)
        world.step()
        world.restart()
        world.step(40)
        assert present() == {"alice", "bob"}
        world.hear(alice, den)
        world.step(15)
        world.step(15)
        assert present() == {"alice"}
        assert world.said() == [("enter", "alice"), ("enter", "bob"), ("leave", "bob")]

    def test_two_companions_announce_once(self, world: World, proxy: RecordingProxy, alice: User, den: Room) -> None:
        second = World(proxy)
        for one in (world, second):
            one.hear(alice, den)
            one.step()
        for one in (world, second):
            one.hear(alice, den, ttl=0)
            one.step()
            one.step(GRACE + 1)
        assert world.said() == [("enter", "alice"), ("leave", "alice")]

    def test_a_row_that_somebody_removed_comes_again_and_one_nobody_confirms_goes(
        self, world: World, alice: User, bob: User, den: Room
    ) -> None:
        world.hear(alice, den)
        world.step()
        Presence.objects.all().delete()
        Presence.objects.create(user=bob, room=den, until=timezone.now() + timedelta(seconds=60))
        world.keep(alice, den, 20)
        assert present() == {"alice", "bob"}
        world.keep(alice, den, 70)
        assert present() == {"alice"}

    def test_old_holds_are_ended_and_who_comes_back_has_not_left(self, world: World, alice: User, den: Room) -> None:
        world.hear(alice, den)
        world.step(50)
        assert world.ends() == {f"u{alice.pk}.{den.pk}.1"}
        world.hear(alice, den, ttl=0)
        world.step()
        world.step(GRACE_ENDED - 1)
        world.hear(alice, den)
        world.step()
        assert world.said() == [("enter", "alice")]

    def test_a_machine_that_lost_power_is_gone_within_90_s(self, world: World, alice: User, den: Room) -> None:
        world.hear(alice, den)
        started = world.now
        world.step()
        while present():
            world.step()
            if world.ends():
                world.hear(alice, den, ttl=0)
            elif int(world.now - started) % 30 == 0:
                world.hear(alice, den)  # Pushpin goes on about a connection that is dead
            assert world.now - started < 90
        assert world.now - started > 35

    def test_a_long_poll_is_not_ended_and_its_lingering_was_its_grace(
        self, world: World, alice: User, den: Room
    ) -> None:
        world.hear(alice, den, POLLS)
        for _ in range(6):
            world.step(20)
            world.hear(alice, den, POLLS)
        assert world.ends() == set()
        world.hear(alice, den, POLLS, ttl=0)
        world.step()
        world.step()
        assert present() == set()


class TestRights:
    def test_who_is_banned_goes_at_once_and_the_others_are_waited_for(
        self, world: World, people: dict[str, User], alice: User, bob: User, den: Room
    ) -> None:
        world.hear(alice, den)
        world.hear(bob, den)
        world.step()
        moderation.restrict(people["sam"], den, "ban", bob)
        world.step()
        assert present() == {"alice"}
        assert world.ends() == {f"u{user.pk}.{den.pk}.1" for user in (alice, bob)}
        world.hear(alice, den, ttl=0)
        world.hear(bob, den, ttl=0)
        world.step(GRACE_ENDED - 2)
        world.hear(alice, den, rights=2)
        world.step()
        world.step(GRACE_ENDED)
        assert present() == {"alice"}
        assert world.said() == [("enter", "alice"), ("enter", "bob"), ("leave", "bob")]

    def test_a_hold_made_under_old_rights_counts_for_nothing(self, world: World, alice: User, den: Room) -> None:
        Room.objects.filter(pk=den.pk).update(rights=2)
        world.hear(alice, den, rights=1)
        world.step()
        assert present() == set()
        assert world.ends() == {f"u{alice.pk}.{den.pk}.1"}

    @pytest.mark.parametrize("change", ["private", "staff", "deleted", "inactive"])
    def test_who_may_not_read_any_more_goes_at_once(
        self, world: World, alice: User, bob: User, den: Room, change: str
    ) -> None:
        Membership.objects.create(room=den, user=alice)
        world.hear(bob, den)
        world.step()
        fields: dict[str, Any] = {"deleted_at": timezone.now()} if change == "deleted" else {}
        if change in ("private", "staff"):
            fields["visibility"] = change
        if change == "inactive":
            User.objects.filter(pk=bob.pk).update(is_active=False)
        Room.objects.filter(pk=den.pk).update(rights=2, **fields)
        world.step()
        assert not Presence.objects.exists()

    def test_rights_that_changed_while_nobody_looked_count(self, world: World, bob: User, den: Room) -> None:
        world.hear(bob, den)
        world.step()
        Room.objects.filter(pk=den.pk).update(rights=2, visibility="private")
        world.restart()
        world.step()
        assert present() == set()


@pytest.mark.parametrize("act", [sign_out, lambda user: close_account(user, user)])
def test_who_signs_out_or_closes_the_account_holds_nothing_any_more(
    world: World,
    alice: User,
    bob: User,
    den: Room,
    act: Callable[[User], None],
    django_capture_on_commit_callbacks: Any,
) -> None:
    for user in (alice, bob):
        world.hear(user, den)
    world.step()
    with django_capture_on_commit_callbacks(execute=True):
        act(alice)
    assert world.ends() == {f"u{alice.pk}.{den.pk}.1"}


class TestNotices:
    @pytest.mark.parametrize("where", ["everywhere", "here"])
    def test_they_can_be_switched_off(
        self, world: World, alice: User, den: Room, settings: LazySettings, where: str
    ) -> None:
        settings.NOTICES = where == "here"
        Room.objects.filter(pk=den.pk).update(notices=where == "everywhere")
        world.hear(alice, den)
        world.step()
        assert (world.said(), world.counts()) == ([], [1])

    def test_big_rooms_are_silent_and_hear_the_number_now_and_then(
        self, world: World, people: dict[str, User], den: Room, settings: LazySettings
    ) -> None:
        settings.NOTICES_MAX = 1
        for user in people.values():
            world.hear(user, den)
            world.step(1)
        assert world.said() == [("enter", "alice")]
        assert world.counts() == [1]
        world.step(10)
        assert world.counts() == [1, 4]

    def test_they_carry_the_shown_name_and_no_id(
        self, proxy: RecordingProxy, world: World, alice: User, den: Room
    ) -> None:
        alice.display_name = "Alice “%” Example"
        alice.save()
        world.hear(alice, den)
        world.step()
        [enter] = proxy.sends[0]
        assert enter["channel"] == f"c{den.pk}.1"
        assert "id" not in enter
        data = {"room": "den", "name": "Alice “%” Example", "username": "alice"}
        assert json.loads(enter["formats"]["ws-message"]["content"]) == {"type": "enter", "data": data}


def test_many_people_cost_few_queries(
    world: World, den: Room, django_assert_max_num_queries: Callable[[int], Any]
) -> None:
    users = User.objects.bulk_create(User(username=f"u{n}", name_key=f"u{n}") for n in range(100))
    for user in users:
        world.hear(user, den)
    with django_assert_max_num_queries(6):
        world.step()
    with django_assert_max_num_queries(1):
        world.step()
    for user in users:
        world.hear(user, den, ttl=0)
    world.step()
    with django_assert_max_num_queries(8):
        world.step(GRACE + 1)
    assert not Presence.objects.exists()


def test_a_companion_goes_on_when_a_person_or_a_room_is_not_there(world: World, alice: User, den: Room) -> None:
    world.companion.hear(Subscription(ONE, PersonChannel(10**9, den.pk, 1), TTL), world.now)
    world.companion.hear(Subscription(ONE, PersonChannel(alice.pk, 10**9, 1), TTL), world.now)
    world.hear(alice, den)
    world.step()
    world.step(20)
    assert present() == {"alice"}
    assert f"u{alice.pk}.{10**9}.1" in world.ends()


@pytest.mark.parametrize(
    "packet",
    [
        b"",
        b"sub ",
        b"sub J",
        b"sub J[]",
        b"sub Jnull",
        b'sub J{"channel":"u1.2.3"}',
        b'sub J{"channel":7,"from":"a","mode":"stream","ttl":60}',
        b'sub J{"channel":"r1.1","from":"a","mode":"stream","ttl":60}',
        b'sub J{"channel":"u1.2","from":"a","mode":"stream","ttl":60}',
        b'sub J{"channel":"u1.2.3","from":"a","mode":"stream","ttl":"soon"}',
        b"sub J\xff",
    ],
)
def test_packets_that_say_nothing_of_people_are_read_over(packet: bytes) -> None:
    assert parse("ipc://one", packet) is None


def test_packets_of_people_are_understood() -> None:
    there = b'sub J{"channel":"u1.2.3","from":"pushpin-handler_1","mode":"stream","subscribers":1,"ttl":60}'
    assert parse("ipc://one", there) == Subscription(ONE, PersonChannel(1, 2, 3), 60)
    gone = b'sub J{"channel":"u1.2.3","from":"pushpin-handler_1","mode":"stream","unavailable":true}'
    assert parse("ipc://one", gone) == Subscription(ONE, PersonChannel(1, 2, 3), 0)
