"""Shares of the workers that deliver webhooks: receivers that hang keep nobody else waiting."""

import ipaddress
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from django.utils import timezone

from chat import access, actions, hooks
from chat.models import OutgoingHook, User
from chat.outbound import host_of
from chat.shares import Errand, choose
from tests.receiver import Receiver

WORKERS = 50
QUARTER = WORKERS // 4


def errands(makers: int, each: int, *, hosts: int = 1000, is_slow: bool = False, start: int = 0) -> list[Errand]:
    """So many makers, 1 to n, with so many webhooks each, in the order of the makers."""
    return [
        Errand(start + maker * each + number, maker, f"h{(maker * each + number) % hosts}", is_slow)
        for maker in range(1, makers + 1)
        for number in range(each)
    ]


@pytest.mark.parametrize("each", [1, 12, 13, 20, 60])
@pytest.mark.parametrize("makers", [1, 2, 3, 4, 5, 8, 12])
@pytest.mark.parametrize("is_slow", [False, True])
@pytest.mark.parametrize("hosts", [1, 3, 1000])
def test_a_quick_webhook_of_another_maker_begins_at_once(makers: int, each: int, is_slow: bool, hosts: int) -> None:
    crowd = errands(makers, each, hosts=hosts, is_slow=is_slow)
    held = choose(crowd, [], WORKERS)
    quick = Errand(0, 0, "quick.example")
    waiting = [errand for errand in crowd if errand not in held]
    assert quick in choose([*waiting, quick], held, WORKERS)


@pytest.mark.parametrize("each", [1, 13, 40])
@pytest.mark.parametrize("makers", [1, 3, 5, 30])
@pytest.mark.parametrize("hosts", [1, 2, 1000])
@pytest.mark.parametrize("is_slow", [False, True])
def test_nobody_holds_more_than_a_share(makers: int, each: int, hosts: int, is_slow: bool) -> None:
    held: list[Errand] = []
    crowd = errands(makers, each, hosts=hosts, is_slow=is_slow)
    for _ in range(8):  # looks
        held += choose([errand for errand in crowd if errand not in held], held, WORKERS)
    assert 0 < len(held) <= (WORKERS // 2 if is_slow else WORKERS)
    assert max(Counter(errand.maker for errand in held).values()) <= QUARTER
    assert max(Counter(errand.host for errand in held).values()) <= (QUARTER if is_slow else 2 * QUARTER)


def test_makers_take_turns_and_each_ones_webhooks_do() -> None:
    crowd = errands(3, 4)
    begun = choose(crowd, [], 6)  # a quarter of six is one
    assert [errand.maker for errand in begun] == [1, 2, 3]
    assert [errand.pk for errand in choose(crowd, [], 100)][:3] == [crowd[0].pk, crowd[4].pk, crowd[8].pk]


def test_a_receiver_that_everybody_uses_is_told_while_it_is_quick() -> None:
    crowd = errands(100, 1, hosts=1)
    assert len(choose(crowd, [], WORKERS)) == 2 * QUARTER


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://Example.com/a", "example.com"),
        ("https://example.com.:8443/b", "example.com"),
        ("http://127.1/", "127.0.0.1"),
        ("http://0x7f.0.0.1:8080/", "127.0.0.1"),
        ("http://2130706433/", "127.0.0.1"),
        ("http://[::1]:8000/", "::1"),
        ("http://[0:0:0:0:0:0:0:1]/", "::1"),
        ("https://bücher.example/", "xn--bcher-kva.example"),
        ("https://user@example.com/", ""),
        ("nothing", ""),
    ],
)
def test_a_host_in_any_spelling_is_one(url: str, host: str) -> None:
    assert host_of(url) == host


@pytest.fixture
def slow() -> Iterator[list[Receiver]]:
    """Twenty receivers that hang, at three addresses."""
    with ExitStack() as stack:
        receivers = [stack.enter_context(Receiver(f"127.0.0.{3 + number % 3}")) for number in range(20)]
        for receiver in receivers:
            receiver.hang = 60
        yield receivers


@pytest.mark.django_db
@pytest.mark.parametrize("rooms", [1, 3, 6])
@pytest.mark.parametrize("same_host", [False, True])
def test_twenty_slow_receivers_of_one_maker_delay_nobody(
    rooms: int, same_host: bool, slow: list[Receiver], people: dict[str, User], settings: Any
) -> None:
    settings.HOOK_ALLOWED_NETWORKS = [ipaddress.ip_network("127.0.0.0/28")]
    alice, bob = people["alice"], people["bob"]
    for number in range(rooms):
        actions.create_room(alice, f"slow{number}")
        room = access.known_room(alice, f"slow{number}")
        for receiver in slow:
            actions.make_outgoing_hook(alice, room, receiver.url)
    actions.create_room(bob, "quick")
    courier = hooks.Courier()
    with Receiver("127.0.0.3" if same_host else "127.0.0.6") as quick:
        actions.make_outgoing_hook(bob, access.known_room(bob, "quick"), quick.url)
        for number in range(rooms):
            actions.post_message(alice, f"slow{number}", "hang")
        courier.step(timezone.now())
        courier.settle(0.1)
        assert not courier.is_idle
        for number in range(5):
            actions.post_message(bob, "quick", f"text {number}")
            end = time.monotonic() + 2
            while len(quick.got) <= number and time.monotonic() < end:
                courier.step(timezone.now())
                courier.settle(0.05)
            assert len(quick.got) == number + 1
    held = [hook for hook, _ in courier._under_way.values()]
    assert 0 < sum(hook.created_by_id == alice.pk for hook in held) <= hooks.AT_ONCE // 4
    assert OutgoingHook.objects.filter(created_by=alice).count() == 20 * rooms
