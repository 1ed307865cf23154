"""A room whose only owner goes for good gets another one."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from chat import access, actions
from chat.actions import operators
from chat.models import AuditEntry, Membership, Room, User
from chat.problems import Problem

pytestmark = pytest.mark.django_db
People = dict[str, User]


@pytest.fixture
def garden(people: People) -> Room:
    """An open room of Alice's; Bob, Charlie and Sam joined, in this order."""
    room = actions.create_room(people["alice"], "garden")
    for hours, name in enumerate(("bob", "charlie", "sam")):
        joined = timezone.now() + timedelta(hours=hours)
        Membership.objects.create(room=room, user=people[name], joined=joined)
    return room


def give(room: Room, user: User, role: str) -> None:
    Membership.objects.filter(room=room, user=user).update(role=role)


def owners(room: Room) -> list[str]:
    """The owners who can do something."""
    found = Membership.objects.filter(room=room, role="owner", user__is_active=True)
    return sorted(found.values_list("user__username", flat=True))


def close(user: User) -> None:
    actions.close_account(user, user)


def delete(user: User) -> None:
    root = User.objects.create_user("root", is_staff=True, is_superuser=True)
    operators.remove(root, user)


def prune(user: User) -> None:
    User.objects.filter(pk=user.pk).update(is_guest=True, left_at=timezone.now() - timedelta(days=99))
    assert actions.prune_guests(timezone.now() - timedelta(days=30)) == 1


GOING = pytest.mark.parametrize("go", [close, delete, prune])


@GOING
def test_the_longest_standing_moderator_owns_it(go: Any, people: People, garden: Room) -> None:
    for name in ("charlie", "sam"):
        give(garden, people[name], "moderator")
    go(people["alice"])
    assert owners(garden) == ["charlie"]
    entry = AuditEntry.objects.get(action="make owner")
    assert (entry.room, entry.target, entry.detail) == (garden, people["charlie"], "after alice")
    room = access.known_room(people["charlie"], "garden")
    assert actions.change_room(people["charlie"], room, topic="Ours").topic == "Ours"


@GOING
def test_else_the_longest_standing_member(go: Any, people: People, garden: Room) -> None:
    go(people["alice"])
    assert owners(garden) == ["bob"]


@GOING
def test_closed_accounts_inherit_nothing(go: Any, people: People, garden: Room) -> None:
    close(people["bob"])
    go(people["alice"])
    assert owners(garden) == ["charlie"]


@GOING
def test_a_room_with_another_owner_stays_as_it_is(go: Any, people: People, garden: Room) -> None:
    give(garden, people["sam"], "owner")
    go(people["alice"])
    assert owners(garden) == ["sam"]
    assert not AuditEntry.objects.filter(action="make owner").exists()


@GOING
def test_a_closed_account_is_no_other_owner(go: Any, people: People, garden: Room) -> None:
    give(garden, people["bob"], "owner")
    close(people["bob"])
    go(people["alice"])
    assert owners(garden) == ["charlie"]


@GOING
def test_every_room_is_looked_at_and_those_without_anybody_stay_with_staff(
    go: Any, people: People, garden: Room
) -> None:
    alice, bob, sam = people["alice"], people["bob"], people["sam"]
    den = actions.create_room(alice, "", title="The den", visibility="private")
    Membership.objects.create(room=den, user=bob)
    alone = actions.create_room(alice, "alone")
    actions.open_direct_room(alice, bob)
    go(alice)
    assert [owners(room) for room in (garden, den, alone)] == [["bob"], ["bob"], []]
    assert actions.change_room(sam, access.known_room(sam, "alone"), topic="Staff's").topic == "Staff's"
    assert Membership.objects.filter(room__kind="direct", role="owner").count() == 0
    assert den.pk in Room.objects.filter(rights__gt=1).values_list("pk", flat=True)


def test_who_is_left_with_a_closed_owner_cant_leave_and_can_take_them_off(people: People, garden: Room) -> None:
    alice, bob = people["alice"], people["bob"]
    give(garden, bob, "owner")
    close(alice)
    with pytest.raises(Problem, match="needs an owner"):
        actions.leave_room(bob, access.known_room(bob, "garden"))
    actions.remove_member(bob, access.known_room(bob, "garden"), alice)
    assert owners(garden) == ["bob"]


def test_an_account_that_is_opened_again_owns_the_room_too(people: People, garden: Room) -> None:
    root = User.objects.create_user("root", is_staff=True, is_superuser=True)
    operators.close(root, people["alice"])
    operators.reopen(root, people["alice"])
    assert owners(garden) == ["alice", "bob"]


def test_when_the_heir_goes_at_the_same_moment_it_is_the_next_ones(
    people: People, garden: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Membership.objects.filter
    gone = Membership.objects.get(room=garden, user=people["bob"]).pk

    def filter_(*args: Any, **kwargs: Any) -> Any:
        if kwargs == {"pk": gone}:
            real(pk=gone).delete()
        return real(*args, **kwargs)

    monkeypatch.setattr(Membership.objects, "filter", filter_)
    close(people["alice"])
    assert owners(garden) == ["charlie"]


def test_who_owns_nothing_costs_one_query_more(people: People, django_assert_max_num_queries: Any) -> None:
    with django_assert_max_num_queries(15):
        close(people["charlie"])
