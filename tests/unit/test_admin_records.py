"""The admin's messages, mutes and bans, invites and audit: texts go for good, records are nobody's to change."""

from datetime import timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import AnonymousUser
from django.core.management import call_command
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from chat import actions
from chat.models import ApiToken, AuditEntry, Event, Invite, Membership, Message, Restriction, Room, User
from tests.unit.conftest import MakeRoom, sign_in
from tests.unit.operators import act, audited, closings, delete, events, operator, save, url_of, words

pytestmark = pytest.mark.django_db
SECRET = "secret words"


@pytest.fixture(params=["superuser", "plain staff"])
def moderator(request: pytest.FixtureRequest) -> Client:
    """Who may delete texts, ban, and withdraw invites anywhere: a superuser, or by Django's permissions."""
    if request.param == "superuser":
        return operator()
    restrictions = (f"{verb}_restriction" for verb in ("view", "add", "delete"))
    others = ("view_message", "delete_message", "view_invite", "change_invite", "view_user", "view_room")
    return operator(*restrictions, *others)


@pytest.fixture
def den(make_room: MakeRoom, people: dict[str, User]) -> Room:
    """A private room of Bob, who said something."""
    room = make_room("x-den", visibility="private", members=(people["bob"],))
    actions.post_message(people["bob"], room.name, SECRET)
    return room


def all_texts() -> str:
    """Everything that a text could have been copied to."""
    logged = [f"{entry.object_repr} {entry.change_message}" for entry in LogEntry.objects.all()]
    rest = [str(list(model.objects.values())) for model in (Message, Event, AuditEntry)]
    return " ".join(logged + rest)


@pytest.mark.parametrize("by", ["its page", "the list"])
def test_a_text_deleted_here_is_gone_from_everywhere(moderator: Client, den: Room, by: str) -> None:
    message = Message.objects.get()
    question = (
        moderator.get(url_of(message, "delete")) if by == "its page" else act(moderator, "delete_selected", message)
    )
    assert "The text of message 1 of bob" in question.text
    page = delete(moderator, message) if by == "its page" else act(moderator, "delete_selected", message, post="yes")
    assert SECRET not in page.text
    assert SECRET not in all_texts()
    assert events(den) == ["message", "message-deleted"]
    assert audited() == [("delete message", "x-den", "bob", "message 1")]
    assert Message.objects.get().deleted_at is not None
    assert AuditEntry.objects.get().actor_id == int(moderator.session["_auth_user_id"])


@pytest.mark.django_db(transaction=True)  # publishing waits for a commit
def test_open_pages_hear_of_it(moderator: Client, den: Room, published: list[list[dict[str, object]]]) -> None:
    published.clear()
    delete(moderator, Message.objects.get())
    assert "message-deleted" in str(published)
    assert SECRET not in str(published)


def test_an_operators_own_text_is_audited_too(den: Room) -> None:
    root = operator()
    me = User.objects.get(pk=root.session["_auth_user_id"])
    Membership.objects.create(room=den, user=me)
    actions.post_message(me, den.name, SECRET)
    delete(root, Message.objects.get(author=me))
    assert audited() == [("delete message", "x-den", me.username, "message 2")]


def test_a_text_is_deleted_once(moderator: Client, den: Room) -> None:
    message = Message.objects.get()
    delete(moderator, message)
    assert moderator.post(url_of(message, "delete"), {"post": "yes"}).status_code == 403
    act(moderator, "delete_selected", message, post="yes")
    assert events(den) == ["message", "message-deleted"]


def test_texts_of_many_rooms_are_deleted_at_once(moderator: Client, den: Room, make_room: MakeRoom) -> None:
    make_room("attic", archived_at=timezone.now())
    make_room("lobby")
    actions.post_message(AnonymousUser(), "lobby", SECRET, name="ann")
    act(moderator, "delete_selected", *Message.objects.all(), post="yes")
    assert SECRET not in all_texts()
    assert len(audited()) == 2


def test_messages_are_read_only(den: Room) -> None:
    root, message = operator(), Message.objects.get()
    assert root.get(url_of(message, "change")).status_code == 200
    assert root.post(url_of(message, "change"), {"text": "forged"}).status_code == 403
    assert root.post(url_of(Message, "add"), {"text": "forged"}).status_code == 403
    assert Message.objects.get().text == SECRET


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("?q=secret", 1),
        ("?q=bob", 1),
        ("?q=nothing", 0),
        ("?type__exact=0", 1),
        ("?type__exact=1", 0),
        ("?room__id__exact={den}", 1),
        ("?room__id__exact=0", 0),
        ("?room__id__exact=99999999999999999999999", 0),
        ("?room__id__exact=x", 0),
    ],
)
def test_messages_are_found_by_text_author_room_and_type(den: Room, query: str, count: int) -> None:
    page = operator().get(url_of(Message, "changelist") + query.format(den=den.pk))
    assert page.context["cl"].result_count == count


def test_a_ban_ends_the_streams_and_is_taken_back(moderator: Client, den: Room, people: dict[str, User]) -> None:
    bob = sign_in(people["bob"])
    page = save(moderator, url_of(Restriction, "add"), room=den.pk, kind="ban", user=people["bob"].pk)
    assert "was added successfully" in words(page)
    assert bob.get("/rooms/x-den/messages/").status_code == 404
    assert (closings(den), Membership.objects.count()) == ([0], 0)
    delete(moderator, Restriction.objects.get())
    assert audited() == [("ban", "x-den", "bob", ""), ("lift ban", "x-den", "bob", "")]
    assert not Restriction.objects.exists()


def test_an_address_is_muted_and_several_are_lifted_at_once(moderator: Client, den: Room) -> None:
    save(moderator, url_of(Restriction, "add"), room=den.pk, kind="mute", address="203.0.113.9")
    save(moderator, url_of(Restriction, "add"), room=den.pk, kind="ban", address="203.0.113.9")
    assert closings(den) == []
    act(moderator, "delete_selected", *Restriction.objects.all(), post="yes")
    assert [entry[0] for entry in audited()] == ["mute", "ban", "lift mute", "lift ban"]


def test_a_restriction_is_of_one(den: Room, people: dict[str, User]) -> None:
    root, url = operator(), url_of(Restriction, "add")
    for whom in ({}, {"user": people["bob"].pk, "address": "203.0.113.9"}):
        page = save(root, url, room=den.pk, kind="mute", **whom)
        assert "one of them" in page.text
    assert not Restriction.objects.exists()


@pytest.mark.parametrize("address", ["here", "203.0.113.0/24", "2001:db8::/48", "2001:db8::1::2"])
def test_what_is_no_address_is_not_muted(den: Room, address: str) -> None:
    page = save(operator(), url_of(Restriction, "add"), room=den.pk, kind="mute", address=address)
    assert "as 2001:db8::/64" in page.text
    assert not Restriction.objects.exists()


@pytest.mark.parametrize("address", ["2001:db8::7", "2001:DB8::/64", " 2001:db8::%eth0 "])
def test_of_ipv6_the_network_is_muted_and_shown(den: Room, address: str) -> None:
    root = operator()
    save(root, url_of(Restriction, "add"), room=den.pk, kind="mute", address=address)
    assert Restriction.objects.get().address == "2001:db8::/64"
    assert "2001:db8::/64" in root.get(url_of(Restriction, "changelist")).text


def test_the_same_restriction_again_takes_the_place_of_the_first(den: Room, people: dict[str, User]) -> None:
    root, url = operator(), url_of(Restriction, "add")
    save(root, url, room=den.pk, kind="mute", user=people["bob"].pk)
    save(root, url, room=den.pk, kind="mute", user=people["bob"].pk, until_0="2030-01-01", until_1="12:00")
    assert Restriction.objects.get().until is not None


def test_invites_are_withdrawn_and_their_digests_not_shown(
    moderator: Client, den: Room, people: dict[str, User]
) -> None:
    Membership.objects.update(role="owner")
    room = Room.objects.get()
    room.role = "owner"
    invite, secret = actions.invite(people["bob"], room)
    assert invite.digest not in moderator.get(url_of(Invite, "changelist")).text
    assert invite.digest not in moderator.get(url_of(invite, "change")).text
    assert words(act(moderator, "withdraw", invite)) == "Withdrawn: 1."
    assert words(act(moderator, "withdraw", invite)) == "Withdrawn: 0."
    with pytest.raises(Exception, match="not good any more"):
        actions.accept_invite(people["alice"], secret)
    assert ("withdraw invite", "x-den", "", "") in audited()
    assert moderator.post(url_of(invite, "delete"), {"post": "yes"}).status_code == 403


def test_nobody_writes_the_audit(den: Room) -> None:
    root = operator()
    delete(root, Message.objects.get())
    entry = AuditEntry.objects.get()
    assert "delete message" in root.get(url_of(AuditEntry, "changelist")).text
    assert root.get(url_of(entry, "change")).status_code == 200
    for page in ("change", "delete"):
        assert root.post(url_of(entry, page), {"post": "yes", "action": "x"}).status_code == 403
    assert root.post(url_of(AuditEntry, "add"), {"action": "x"}).status_code == 403
    act(root, "delete_selected", entry, post="yes")
    assert [one.action for one in AuditEntry.objects.all()] == ["delete message"]


@pytest.mark.parametrize("permission", ["view_message", "view_restriction", "view_invite"])
def test_who_may_only_look_changes_nothing(den: Room, people: dict[str, User], permission: str) -> None:
    restriction = Restriction.objects.create(room=den, user=people["alice"], kind="mute")
    invite = Invite.objects.create(
        room=den, digest="d", created_by=people["bob"], expires=timezone.now() + timedelta(days=1)
    )
    viewer = operator(permission)
    for row in (Message.objects.get(), restriction, invite):
        assert viewer.post(url_of(row, "delete"), {"post": "yes"}).status_code == 403
        act(viewer, "delete_selected", row, post="yes")
    act(viewer, "withdraw", invite)
    assert viewer.post(url_of(Restriction, "add"), {"room": den.pk, "kind": "ban", "address": "::1"}).status_code == 403
    assert (audited(), events(den), Restriction.objects.count()) == ([], ["message"], 1)


@pytest.mark.parametrize("model", [Message, Restriction, Invite, AuditEntry, Membership])
def test_the_lists_take_as_many_queries_for_many_as_for_few(
    den: Room,
    make_room: MakeRoom,
    people: dict[str, User],
    django_assert_max_num_queries: DjangoAssertNumQueries,
    model: type[Room],
) -> None:
    root, tomorrow = operator(), timezone.now() + timedelta(days=1)
    for n in range(20):
        room, bob = make_room(f"den{n}", members=tuple(people.values())), people["bob"]
        actions.post_message(bob, room.name, "hi")
        Restriction.objects.create(room=room, user=bob, kind="mute", created_by=people["alice"])
        Invite.objects.create(room=room, digest=str(n), created_by=bob, expires=tomorrow)
        AuditEntry.objects.create(actor=bob, action="ban", room=room, target=people["alice"])
    for query in ("", "?q=b"):
        with django_assert_max_num_queries(6):
            assert root.get(url_of(model, "changelist") + query).status_code == 200


def test_the_command_withdraws_all_tokens_of_an_account(
    den: Room, people: dict[str, User], capsys: pytest.CaptureFixture[str]
) -> None:
    actions.make_token(people["bob"])
    actions.make_token(people["alice"])
    call_command("token", "bob", "--withdraw")
    assert "1 tokens withdrawn" in capsys.readouterr().out
    assert ApiToken.objects.get().user == people["alice"]
    assert (audited(), closings(den)) == ([("withdraw tokens", "", "bob", "1")], [0])
