"""What deleting leaves behind: whatever is deleted, and by whom, nothing of it is found in any table."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.apps import apps
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from chat import access, actions
from chat.actions import operators
from chat.models import AuditEntry, IncomingHook, Message, Report, Restriction, Room, User
from chat.problems import Problem
from tests.unit.conftest import JSON, MakeRoom, grip_headers, sign_in

TEXT, EDITED = "s3cret-text", "s3cret-edit"
ADDRESS = "203.0.113.77"


def everything() -> str:
    """All rows of all tables, those of Django among them."""
    return "\n".join(f"{model.__name__} {row}" for model in apps.get_models() for row in model._base_manager.values())


def found(pattern: str) -> list[str]:
    return [line for line in everything().splitlines() if re.search(pattern, line)]


@pytest.fixture
def root(db: None) -> User:
    return User.objects.create_superuser("root")


def post_as_visitor(room: str, text: str) -> int:
    client = Client(headers=grip_headers(**{"X-Forwarded-For": ADDRESS}))
    made = client.post(f"/rooms/{room}/messages/", {"from": "vera", "text": text})
    assert made.status_code == 201
    return int(made.json()["id"])


def by_author(people: dict[str, User], root: User, room: Room, eid: int) -> None:
    actions.delete_message(people["bob"], Room.objects.get(pk=room.pk), eid)


def by_owner(people: dict[str, User], root: User, room: Room, eid: int) -> None:
    path = f"/rooms/{room.name}/messages/{eid}/"
    assert sign_in(people["alice"]).delete(path).status_code in (200, 204)


def by_admin(people: dict[str, User], root: User, room: Room, eid: int) -> None:
    message = Message.objects.get(room=room, eid=eid)
    assert sign_in(root).post(f"/admin/chat/message/{message.pk}/delete/", {"post": "yes"}).status_code == 302


def by_admins_list(people: dict[str, User], root: User, room: Room, eid: int) -> None:
    chosen = {"action": "delete_selected", "_selected_action": str(Message.objects.get(room=room, eid=eid).pk)}
    assert sign_in(root).post("/admin/chat/message/", {**chosen, "post": "yes"}).status_code == 302


def with_the_room(people: dict[str, User], root: User, room: Room, eid: int) -> None:
    assert sign_in(people["alice"]).delete(f"/rooms/{room.name}/?confirm={room.name}").status_code in (200, 204)


Delete = Callable[[dict[str, User], User, Room, int], None]


@pytest.mark.parametrize("delete", [by_author, by_owner, by_admin, by_admins_list, with_the_room])
def test_text_of_an_account_is_found_nowhere(
    rooms: dict[str, Room], people: dict[str, User], root: User, delete: Delete
) -> None:
    room = rooms["Open"]
    posted = actions.post_message(people["bob"], room.name, TEXT, key="key")
    eid = posted.message["id"]
    actions.edit_message(people["bob"], Room.objects.get(pk=room.pk), eid, EDITED)
    assert len(found(EDITED)) >= 3  # the message and its two events
    assert found(TEXT) == []
    delete(people, root, room, eid)
    assert found("s3cret") == []


@pytest.mark.parametrize("delete", [by_owner, by_admin, by_admins_list, with_the_room])
@pytest.mark.parametrize("guest", [False, True])
def test_text_and_address_of_a_visitor_are_found_nowhere(
    rooms: dict[str, Room], people: dict[str, User], root: User, delete: Delete, guest: bool
) -> None:
    room = rooms["Open"]
    if guest:
        actions.post_message(actions.make_guest("vera"), room.name, TEXT, address=ADDRESS)
    else:
        post_as_visitor(room.name, TEXT)
    assert found(re.escape(ADDRESS))
    delete(people, root, room, 1)
    assert found("s3cret") == []
    assert found(re.escape(ADDRESS)) == []


def test_a_deleted_message_leads_to_nobodys_address(rooms: dict[str, Room], people: dict[str, User]) -> None:
    eid = post_as_visitor("Open", TEXT)
    actions.delete_message(people["alice"], rooms_now("Open", people["alice"]), eid)
    with pytest.raises(Problem, match="not known where it came from"):
        actions.restrict_author(people["alice"], rooms_now("Open", people["alice"]), "ban", eid)


def rooms_now(name: str, person: User) -> Room:
    return access.find_room(person, name)


def fill(room: Room, alice: User, bob: User) -> IncomingHook:
    """All that a room can have."""
    room = rooms_now(room.name, alice)
    actions.change_room(alice, room, title="s3cret title", topic="s3cret topic")
    post_as_visitor(room.name, TEXT) if room.visibility == "open" else None
    actions.post_message(bob, room.name, TEXT)
    actions.invite(alice, room)
    actions.restrict(alice, room, "ban", ADDRESS)
    actions.restrict(alice, room, "mute", bob, until=timezone.now() + timedelta(hours=1))
    hook, _ = actions.make_incoming_hook(alice, room, "s3cret-hook")
    out = actions.make_outgoing_hook(alice, room, "https://example.com/s3cret-address")
    out.deliveries.create(type="message", eid=1, attempt=1, error="s3cret error", ms=1)
    room.presences.create(user=bob, until=timezone.now())
    return hook


@pytest.mark.parametrize("by", ["its owner", "the admin", "the admin's list"])
@pytest.mark.parametrize("name", ["Open", "x-private"])
def test_a_deleted_room_keeps_its_row_and_name(
    rooms: dict[str, Room], people: dict[str, User], root: User, by: str, name: str
) -> None:
    room = rooms[name]
    hook = fill(room, people["alice"], people["bob"])
    assert len(found("s3cret")) > 5
    admin = sign_in(root)
    # So that the admin's own log knows the room by its title.
    fields = {"title": "s3cret title", "topic": "s3cret", "visibility": room.visibility, "notices": "on"}
    inlines = {f"memberships-{number}": "0" for number in ("TOTAL_FORMS", "INITIAL_FORMS")}
    admin.post(f"/admin/chat/room/{room.pk}/change/", {**fields, **inlines})
    if by == "its owner":
        with_the_room(people, root, room, 1)
    elif by == "the admin":
        assert admin.post(f"/admin/chat/room/{room.pk}/delete/", {"post": "yes"}).status_code == 302
    else:
        chosen = {"action": "delete_selected", "_selected_action": str(room.pk), "post": "yes"}
        assert admin.post("/admin/chat/room/", chosen).status_code == 302
    room.refresh_from_db()
    assert (room.title, room.topic, room.created_by, room.direct_key) == (name, "", None, None)
    assert room.deleted_at is not None
    # What the audit says of the operator's and the owner's own doing stays: names of webhooks, hosts, fields.
    left = [line for line in found("s3cret") if not line.startswith("AuditEntry")]
    assert left == []
    assert all("s3cret-hook" in entry.detail for entry in AuditEntry.objects.filter(detail__contains="s3cret"))
    assert found(re.escape(ADDRESS)) == []
    related = [field for field in Room._meta.related_objects if field.related_model is not AuditEntry]
    assert len(related) >= 10
    for field in related:
        if field.related_model.__name__ != "Closing":  # it ends what is held, for an hour
            rows = field.related_model._base_manager.filter(**{field.field.name: room})
            assert not rows.exists(), field.related_model
    assert not User.objects.get(pk=hook.user_id).is_active


def test_a_deleted_room_is_not_there_for_those_who_belonged_to_it(
    rooms: dict[str, Room], people: dict[str, User]
) -> None:
    fill(rooms["x-private"], people["alice"], people["bob"])
    alice = sign_in(people["alice"])
    assert alice.delete("/rooms/x-private/?confirm=x-private").status_code in (200, 204)
    for path in ("/rooms/x-private/messages/", "/rooms/x-private/members/", "/rooms/x-private/"):
        assert alice.get(path).status_code == 404
    made = alice.post("/rooms/", {"name": "x-private", "title": "again"}, JSON)
    assert made.status_code in (409, 422)


@pytest.mark.parametrize("address", [ADDRESS, "2001:db8:1:2::3"])
@pytest.mark.parametrize("kind", ["mute", "ban"])
@pytest.mark.parametrize("end", ["lifted", "over"])
def test_an_address_is_kept_only_while_it_is_restricted(
    rooms: dict[str, Room], people: dict[str, User], address: str, kind: str, end: str
) -> None:
    alice, room = people["alice"], rooms_now("Open", people["alice"])
    until = timezone.now() + timedelta(minutes=5) if end == "over" else None
    restriction = actions.restrict(alice, room, kind, address, until=until)
    if end == "lifted":
        actions.lift(alice, room, restriction.pk)
    else:
        actions.forget_expired(timezone.now())
        assert Restriction.objects.count() == 1
        actions.forget_expired(timezone.now() + timedelta(minutes=6))
    assert Restriction.objects.count() == 0
    assert found(re.escape(ADDRESS)) + found("2001:db8") == []
    assert "an address" in AuditEntry.objects.values_list("detail", flat=True)


def test_a_report_says_nothing_a_while_after_it_was_settled(people: dict[str, User], root: User) -> None:
    old, new = (Report.objects.create(whom=people["bob"], reason=TEXT, excerpt=TEXT) for _ in range(2))
    opened = Report.objects.create(whom=people["bob"], reason="open", excerpt="open", created=timezone.now())
    for report in (old, new):
        actions.settle_report(root, report)
    Report.objects.filter(pk=old.pk).update(settled_at=timezone.now() - timedelta(days=31))
    actions.forget_expired(timezone.now())
    kept = dict(Report.objects.values_list("pk", "excerpt"))
    assert kept == {old.pk: "", new.pk: TEXT, opened.pk: "open"}


def test_the_audit_of_a_broadcast_has_no_text(rooms: dict[str, Room], people: dict[str, User]) -> None:
    actions.broadcast(people["sam"], TEXT, names=["Open", "team"])
    for name in ("Open", "team"):
        actions.delete_message(people["sam"], rooms_now(name, people["sam"]), 1)
    assert found("s3cret") == []
    assert AuditEntry.objects.get(action="broadcast").detail == "to 2 rooms (named)"


def test_a_room_made_in_the_admin_is_audited_without_its_title(people: dict[str, User], root: User) -> None:
    room = operators.create_room(root, "garden", title="s3cret title", topic="s3cret topic")
    actions.delete_room(root, rooms_now(room.name, root))
    assert found("s3cret") == []


def test_prune_forgets_what_is_over(make_room: MakeRoom, people: dict[str, User], capsys: Any) -> None:
    room = make_room("den")
    Restriction.objects.create(room=room, kind="ban", address=ADDRESS, until=timezone.now() - timedelta(seconds=1))
    call_command("prune")
    assert found(re.escape(ADDRESS)) == []
