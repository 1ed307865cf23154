"""The admin's rooms: each change is an action, with its event, its end of streams and its audit entry."""

import json
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.db.models import DateTimeField, Model
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from chat.models import AuditEntry, Event, Message, Restriction, Room, User
from tests.unit.conftest import MakeRoom, sign_in
from tests.unit.operators import (
    ROOMS_AND_MEMBERS,
    act,
    audited,
    closings,
    delete,
    events,
    fields_of,
    operator,
    save,
    url_of,
    words,
)

pytestmark = pytest.mark.django_db


@pytest.fixture(params=["superuser", "plain staff"])
def rooms_operator(request: pytest.FixtureRequest) -> Client:
    """Who may do everything to rooms and members: a superuser, or by Django's permissions."""
    return operator() if request.param == "superuser" else operator(*ROOMS_AND_MEMBERS)


def published_types(published: list[list[dict[str, Any]]]) -> list[str]:
    """The types of the events that went out on streams."""
    texts = [str(item["formats"].get("http-stream", {}).get("content", "")) for items in published for item in items]
    return [line.removeprefix("event: ") for text in texts for line in text.split("\n") if line.startswith("event: ")]


@pytest.mark.django_db(transaction=True)  # publishing waits for a commit
def test_a_new_title_reaches_open_pages_as_an_event(
    rooms_operator: Client, make_room: MakeRoom, published: list[list[dict[str, Any]]]
) -> None:
    den = make_room(visibility="private")
    page = save(rooms_operator, url_of(den, "change"), title="The den", topic="Bears")
    assert "was changed successfully" in words(page)
    event = Event.objects.get(room=den)
    assert event.type == "room-changed"
    assert json.loads(event.data).items() >= {"room": "den", "title": "The den", "topic": "Bears"}.items()
    assert "room-changed" in published_types(published)
    assert (audited(), closings(den)) == ([("change room", "The den", "", "title, topic")], [])
    assert AuditEntry.objects.get().actor_id == int(rooms_operator.session["_auth_user_id"])


def test_a_form_saved_without_a_change_makes_no_event(rooms_operator: Client, make_room: MakeRoom) -> None:
    den = make_room()
    save(rooms_operator, url_of(den, "change"))
    assert (events(den), audited()) == ([], [])


def test_archiving_and_bringing_back_are_events(rooms_operator: Client, make_room: MakeRoom) -> None:
    den, other = make_room(), make_room("other")
    save(rooms_operator, url_of(den, "change"), archived="on")
    assert words(act(rooms_operator, "archive", den, other)) == "Archived: 1."
    assert [bool(room.archived_at) for room in Room.objects.order_by("pk")] == [True, True]
    assert words(act(rooms_operator, "bring_back", den, other)) == "Brought back: 2."
    assert events(den) == events(other) == ["room-changed"] * 2
    assert closings(den, other) == []


@pytest.mark.parametrize(("action", "visibility"), [("make_private", "private"), ("make_staff_only", "staff")])
def test_closing_a_room_to_others_ends_its_streams(
    rooms_operator: Client, make_room: MakeRoom, action: str, visibility: str
) -> None:
    den, other = make_room(), make_room("other")
    act(rooms_operator, action, den, other)
    act(rooms_operator, action, den, other)
    den.refresh_from_db()
    assert (den.visibility, den.rights, events(den)) == (visibility, 2, ["room-changed"])
    assert closings(den, other) == [0, 1]
    assert [entry[0] for entry in audited()] == ["change room"] * 2
    # The name was known, so a private room gets another one, and the old one is never given again.
    assert Room.objects.filter(name="den", deleted_at=None).exists() is (visibility == "staff")


def test_the_form_closes_a_room_as_the_action_does(rooms_operator: Client, make_room: MakeRoom) -> None:
    den = make_room()
    save(rooms_operator, url_of(den, "change"), visibility="private")
    assert closings(den) == [0]
    assert rooms_operator.get(url_of(den, "change")).status_code == 200


def test_rooms_are_made_with_their_maker_as_owner(rooms_operator: Client) -> None:
    save(rooms_operator, url_of(Room, "add"), title="The den", new_name="den", visibility="open")
    den = Room.objects.get(name="den")
    assert (den.title, den.memberships.get().role) == ("The den", "owner")
    assert audited() == [("create room", "The den", "", "")]
    save(rooms_operator, url_of(Room, "add"), title="Secret", visibility="private")
    assert Room.objects.get(title="Secret").name.startswith("x-")


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"new_name": "den"}, "There is, or was, a room of this name."),
        ({"new_name": "gone"}, "There is, or was, a room of this name."),
        ({"new_name": "x-den"}, "name"),
        ({"title": "a\x07b"}, "title"),
    ],
)
def test_a_refusal_is_said_in_words(make_room: MakeRoom, fields: dict[str, str], reason: str) -> None:
    make_room()
    delete(operator(), make_room("gone"))
    page = save(operator(), url_of(Room, "add"), **({"title": "New", "new_name": "new", "visibility": "open"} | fields))
    assert page.status_code == 200
    assert reason in words(page) + str(page.context["adminform"].form.errors)
    assert Room.objects.live().count() == 1


@pytest.mark.parametrize("name", ["admin", "a b", "", "Ä"])
@pytest.mark.parametrize("visibility", ["open", "staff"])
def test_a_name_that_no_room_can_have_is_refused(name: str, visibility: str) -> None:
    page = save(operator(), url_of(Room, "add"), title="New", new_name=name, visibility=visibility)
    assert "new_name" in page.context["adminform"].form.errors
    assert not Room.objects.exists()


def test_a_deleted_room_is_a_tombstone_and_its_streams_end(
    rooms_operator: Client, make_room: MakeRoom, curl: Client
) -> None:
    den = make_room(visibility="open")
    curl.post("/rooms/den/messages/", {"from": "ann", "text": "secret words"})
    page = rooms_operator.get(url_of(den, "delete"))
    assert "all its messages" in page.text
    assert "secret words" not in page.text
    delete(rooms_operator, den)
    den.refresh_from_db()
    assert (den.deleted_at is not None, closings(den)) == (True, [0])
    assert (Message.objects.count(), Event.objects.count()) == (0, 0)
    assert audited() == [("delete room", "den", "", "")]
    assert curl.post("/rooms/den/messages/", {"from": "ann", "text": "again"}).status_code == 404
    assert rooms_operator.get(url_of(den, "change")).status_code == 302  # it is not there any more


def test_several_rooms_are_deleted_by_the_list_after_a_question(rooms_operator: Client, make_room: MakeRoom) -> None:
    both = [make_room("one"), make_room("two")]
    assert "Are you sure" in act(rooms_operator, "delete_selected", *both).text
    act(rooms_operator, "delete_selected", *both, post="yes")
    assert Room.objects.live().count() == 0
    assert closings(*both) == [0, 1]


def test_the_first_room_stays_and_nothing_else_happens(rooms_operator: Client, make_room: MakeRoom) -> None:
    first, den = make_room("default"), make_room()
    for page in (
        delete(rooms_operator, first),
        act(rooms_operator, "delete_selected", den, first, post="yes"),
        act(rooms_operator, "make_private", den, first),
    ):
        assert page.status_code == 200
        assert "The first room stays" in words(page)
    assert Room.objects.live().filter(visibility="open").count() == 2
    assert (closings(first, den), audited(), LogEntry.objects.count()) == ([], [], 0)


def test_a_room_of_two_keeps_its_two(make_room: MakeRoom, people: dict[str, User]) -> None:
    pair = make_room("x-pair", visibility="private", kind="direct", members=(people["alice"], people["bob"]))
    page = save(operator(), url_of(pair, "change"), visibility="open")
    assert "onversation" in words(page)
    new = {"memberships-0-user": people["charlie"].pk, "memberships-0-role": "member"}
    assert "stays between the two" in words(save(operator(), url_of(pair, "change"), **new))
    assert (pair.memberships.count(), events(pair)) == (2, [])


@pytest.mark.parametrize("permission", ["change_room", "delete_room", "add_room", "change_membership"])
def test_who_may_only_look_changes_nothing(make_room: MakeRoom, people: dict[str, User], permission: str) -> None:
    den, viewer = make_room(members=(people["bob"],)), operator("view_room", "view_membership")
    if permission == "change_room":
        assert viewer.post(url_of(den, "change"), {"title": "New", "visibility": "private"}).status_code == 403
        act(viewer, "make_private", den)
    elif permission == "delete_room":
        assert viewer.post(url_of(den, "delete"), {"post": "yes"}).status_code == 403
        act(viewer, "delete_selected", den, post="yes")
    elif permission == "add_room":
        assert (
            viewer.post(url_of(Room, "add"), {"title": "n", "new_name": "n", "visibility": "open"}).status_code == 403
        )
    else:
        act(viewer, "make_owner", den.memberships.get())
    assert (events(den), audited(), closings(den), Room.objects.live().count()) == ([], [], [], 1)
    assert viewer.get(url_of(den, "change")).status_code == 200


def test_what_only_the_service_writes_can_not_be_posted(make_room: MakeRoom) -> None:
    den = make_room(counter=5)
    forged = {"name": "other", "counter": 99, "rights": 99, "pruned_through": 3, "kind": "direct"}
    save(operator(), url_of(den, "change"), title="New", **forged)
    den.refresh_from_db()
    assert (den.name, den.counter, den.rights, den.pruned_through, den.kind) == ("den", 6, 1, 0, "room")


def test_private_rooms_stay_invisible_to_staff_outside_the_admin(make_room: MakeRoom) -> None:
    make_room("x-den", visibility="private")
    root = operator()
    assert root.get("/rooms/x-den/messages/").json() == root.get("/rooms/x-none/messages/").json()
    assert "x-den" in root.get(url_of(Room, "changelist")).text


def test_the_admin_is_named_and_leads_back_to_the_chat() -> None:
    page = operator().get("/admin/").text
    assert '<a href="/admin/">Corkboard</a>' in page
    assert '<a href="/">Back to the chat</a>' in page


def test_who_is_not_staff_sees_only_the_sign_in(people: dict[str, User]) -> None:
    client = sign_in(people["alice"])
    assert client.get(url_of(Room, "changelist")).status_code == 302


@pytest.mark.parametrize("chosen", ["x", "\x07", "-1", "9" * 30, "²"])
@pytest.mark.parametrize("action", ["archive", "delete_selected", "nonsense"])
def test_rows_that_can_not_be_are_refused_in_words(make_room: MakeRoom, chosen: str, action: str) -> None:
    make_room()
    sent = {"action": action, "_selected_action": [chosen], "post": "yes"}
    page = operator().post(url_of(Room, "changelist"), sent, follow=True)
    assert (page.status_code, "choose from the list" in words(page), audited()) == (200, True, [])


@pytest.mark.parametrize(
    "query",
    ["?visibility__exact=%07", "?q=%07", "?p=x", "?o=x", "?nonsense=1", "?counter__exact=" + "9" * 30, "?kind=%FF"],
)
def test_a_list_asked_for_nonsense_is_a_list(make_room: MakeRoom, query: str) -> None:
    page = operator().get(url_of(Room, "changelist") + query, follow=True)
    assert page.status_code == 200


@pytest.mark.parametrize("model", [Room, User, Restriction, AuditEntry])
def test_what_no_list_can_read_is_refused(model: type[Model]) -> None:
    root, url = operator(), url_of(model, "changelist")
    root.raise_request_exception = False
    field = next(f.name for f in model._meta.fields if isinstance(f, DateTimeField))
    lookups = ("year", "day", "range", "date__year")
    huge = (f"{field}__{lookup}=99999999999" for lookup in lookups)
    for query in (*huge, "pk__in=" + "9" * 30, "pk__range=1", "q=" + "9" * 5000, "p=" + "9" * 5000, "e=%ED%A0%80"):
        assert root.get(f"{url}?{query}", follow=True).status_code in (200, 400), query


def test_what_can_not_be_read_has_its_code_and_its_words() -> None:
    root, url = operator(), url_of(User, "changelist") + "?date_joined__year=99999999999"
    assert (root.get(url).status_code, root.get(url).json()["code"]) == (400, "PARAMETER_INVALID")
    assert "This can&#x27;t be read" in root.get(url, headers={"Accept": "text/html"}).text


def test_what_forms_name_that_no_row_can_be_is_refused(make_room: MakeRoom, people: dict[str, User]) -> None:
    den, root = make_room(), operator()
    root.raise_request_exception = False
    for value in ("9" * 30, "\x07", "9" * 5000):
        for name in ("room", "user", "until_0"):
            sent = {"room": den.pk, "kind": "mute", "address": "203.0.113.7"} | {name: value}
            assert root.post(url_of(Restriction, "add"), sent).status_code in (200, 400)
        sent = fields_of(root, url_of(den, "change")) | {"memberships-0-user": value}
        assert root.post(url_of(den, "change"), sent).status_code in (200, 302, 400)
    assert not Restriction.objects.exists()


def test_what_forms_can_not_hold_is_refused(make_room: MakeRoom) -> None:
    den, root = make_room(), operator()
    for sent in (
        {},
        {"title": "a\x07", "visibility": "open"},
        {"title": "x" * 101, "visibility": "open"},
        {"title": "New", "topic": "x" * 301, "visibility": "open"},
        {"title": "New", "visibility": "nonsense"},
        {"title": "New", "visibility": "open", "memberships-TOTAL_FORMS": "x"},
    ):
        assert root.post(url_of(den, "change"), sent).status_code == 200
    assert (events(den), audited()) == ([], [])


@pytest.mark.parametrize("query", ["", "?q=den", "?visibility__exact=open", "?archived=yes", "?archived=no"])
def test_the_list_of_rooms_takes_as_many_queries_for_many_as_for_few(
    make_room: MakeRoom,
    people: dict[str, User],
    django_assert_max_num_queries: DjangoAssertNumQueries,
    query: str,
) -> None:
    root = operator()
    for n in range(30):
        make_room(f"den{n}", members=tuple(people.values()))
    with django_assert_max_num_queries(5):
        assert root.get(url_of(Room, "changelist") + query).status_code == 200


def test_rooms_are_found_by_name_title_and_filter(make_room: MakeRoom, people: dict[str, User]) -> None:
    make_room("den", members=tuple(people.values()))
    make_room("attic", visibility="staff")
    root = operator()

    def found(query: str) -> list[tuple[str, int]]:
        listed = root.get(url_of(Room, "changelist") + query).context["cl"].result_list
        return [(room.name, room.member_count) for room in listed]

    assert found("?q=den") == [("den", 4)]
    assert found("?visibility__exact=staff") == [("attic", 0)]
    assert found("?archived=yes") == []
    assert len(found("?kind__exact=room")) == 2
