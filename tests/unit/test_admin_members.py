"""The admin's members of rooms: each change is an action, with its end of streams and its audit entry."""

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from chat.admin import rooms
from chat.models import Membership, Restriction, Room, User
from tests.unit.conftest import MakeRoom
from tests.unit.operators import (
    ROOMS_AND_MEMBERS,
    act,
    audited,
    closings,
    delete,
    fields_of,
    operator,
    save,
    url_of,
    words,
)

pytestmark = pytest.mark.django_db
CHANGE_ROOM = ("view_room", "change_room")


@pytest.fixture(params=["superuser", "plain staff"])
def rooms_operator(request: pytest.FixtureRequest) -> Client:
    """Who may do everything to rooms and members: a superuser, or by Django's permissions."""
    return operator() if request.param == "superuser" else operator(*ROOMS_AND_MEMBERS)


def crowd(count: int) -> tuple[User, ...]:
    """That many people."""
    return tuple(User.objects.create_user(f"p{n}") for n in range(count))


def test_members_are_added_promoted_and_removed_by_actions(
    rooms_operator: Client, make_room: MakeRoom, people: dict[str, User]
) -> None:
    den = make_room(members=(people["alice"], people["bob"]), visibility="private")
    members = "memberships-2"
    save(
        rooms_operator,
        url_of(den, "change"),
        **{"memberships-0-user": people["charlie"].pk, "memberships-0-role": "moderator"},
        **{f"{members}-0-role": "owner", f"{members}-1-DELETE": "on"},
    )
    roles = dict(den.memberships.values_list("user__username", "role"))
    assert roles == {"alice": "owner", "charlie": "moderator"}
    assert closings(den) == [0]
    assert [entry[::2] for entry in audited()] == [
        ("add moderator", "charlie"),
        ("make owner", "alice"),
        ("remove member", "bob"),
    ]


def test_a_room_is_handed_on_in_one_go_but_never_left_without_an_owner(
    make_room: MakeRoom, people: dict[str, User]
) -> None:
    den = make_room(members=(people["alice"], people["bob"]))
    Membership.objects.filter(user=people["alice"]).update(role="owner")
    page = save(operator(), url_of(den, "change"), title="New", **{"memberships-2-0-DELETE": "on"})
    assert "A room needs an owner" in words(page)
    assert Room.objects.filter(title="den").exists()  # the title was not changed either
    save(operator(), url_of(den, "change"), **{"memberships-2-0-role": "member", "memberships-2-1-role": "owner"})
    assert dict(den.memberships.values_list("user__username", "role")) == {"alice": "member", "bob": "owner"}


@pytest.mark.parametrize("case", ["member", "banned", "closed"])
def test_who_can_not_be_a_member_is_not_added(make_room: MakeRoom, people: dict[str, User], case: str) -> None:
    bob = people["bob"]
    den = make_room(members=(bob,) if case == "member" else ())
    if case == "banned":
        Restriction.objects.create(room=den, user=bob, kind="ban")
    if case == "closed":
        User.objects.filter(pk=bob.pk).update(is_active=False)
    page = save(operator(), url_of(den, "change"), **{"memberships-0-user": bob.pk, "memberships-0-role": "owner"})
    assert words(page).startswith("bob is ")
    assert den.memberships.count() == (case == "member")


def test_members_of_large_rooms_have_a_list_of_their_own(
    rooms_operator: Client, make_room: MakeRoom, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rooms, "MEMBERS_MAX", 4)
    den = make_room(members=crowd(5), visibility="private")
    assert "memberships-2-TOTAL_FORMS" not in fields_of(rooms_operator, url_of(den, "change"))
    save(rooms_operator, url_of(den, "change"), title="Large")
    assert den.memberships.count() == 5
    first, second = den.memberships.order_by("pk")[:2]
    act(rooms_operator, "make_owner", first)
    delete(rooms_operator, second)
    act(rooms_operator, "make_member", first)  # refused: the last owner
    assert [entry[0] for entry in audited()] == ["change room", "make owner", "remove member"]
    assert closings(den) == [0]


def test_a_form_from_before_a_room_grew_loses_nothing_silently(
    make_room: MakeRoom, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rooms, "MEMBERS_MAX", 4)
    *early, late = crowd(5)
    den, root = make_room(members=tuple(early)), operator()
    sent = fields_of(root, url_of(den, "change"))
    Membership.objects.create(room=den, user=late)
    root.post(url_of(den, "change"), sent | {"memberships-2-0-role": "owner"})
    assert den.memberships.filter(role="owner").count() == 1


def test_the_form_of_who_may_change_rooms_but_not_members_leaves_them(
    make_room: MakeRoom, people: dict[str, User]
) -> None:
    den, client = make_room(members=(people["bob"],)), operator(*CHANGE_ROOM)
    forged = {"memberships-TOTAL_FORMS": 1, "memberships-INITIAL_FORMS": 0}
    forged |= {"memberships-0-user": people["charlie"].pk, "memberships-0-role": "owner"}
    forged |= {"memberships-2-TOTAL_FORMS": 1, "memberships-2-INITIAL_FORMS": 1, "memberships-2-0-DELETE": "on"}
    forged |= {"memberships-2-0-id": den.memberships.get().pk, "memberships-2-0-role": "owner"}
    save(client, url_of(den, "change"), title="New", **forged)
    assert dict(den.memberships.values_list("user__username", "role")) == {"bob": "member"}
    assert Room.objects.get().title == "New"


def test_the_page_of_a_room_takes_as_many_queries_for_many_members_as_for_few(
    make_room: MakeRoom, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    den, root = make_room(members=crowd(30)), operator()
    with django_assert_max_num_queries(9):
        assert root.get(url_of(den, "change")).text.count("Delete?") == 1
