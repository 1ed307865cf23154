"""Members, invites and rooms of two."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from chat import access, actions
from chat.models import AuditEntry, Closing, Invite, Membership, Restriction, Room, User, digest_of
from chat.problems import Problem
from tests.unit.conftest import JSON, code, sign_in

pytestmark = pytest.mark.django_db
DEN = "/rooms/x-den/"


@pytest.fixture
def alice(den: Room, people: dict[str, User]) -> Client:
    return sign_in(people["alice"])


@pytest.fixture
def bob(den: Room, people: dict[str, User]) -> Client:
    return sign_in(people["bob"])


def members(client: Client) -> dict[str, str]:
    return {member["username"]: member["role"] for member in client.get(f"{DEN}members/").json()["members"]}


def secret_of(client: Client, **body: Any) -> str:
    """Make an invite; the secret of its link."""
    answer = client.post(f"{DEN}invites/", body, JSON)
    assert answer.status_code == 201, answer.content
    return str(answer.json()["url"].rstrip("/").rpartition("/")[2])


class TestMembers:
    def test_owners_come_first(self, bob: Client, people: dict[str, User], den: Room) -> None:
        Membership.objects.create(room=den, user=people["charlie"], role="moderator")
        assert list(members(bob).items()) == [("alice", "owner"), ("charlie", "moderator"), ("bob", "member")]

    def test_an_open_room_is_joined_once_and_left(self, people: dict[str, User], make_room: Any) -> None:
        make_room("open")
        charlie = sign_in(people["charlie"])
        first, second = (charlie.post("/rooms/open/members/") for _ in range(2))
        assert (first.status_code, second.status_code) == (201, 200)
        assert (
            first.json()
            == second.json()
            == {
                "id": people["charlie"].public_id,
                "username": "charlie",
                "name": "charlie",
                "role": "member",
                "guest": False,
                "bot": False,
            }
        )
        assert charlie.delete("/rooms/open/members/charlie/").status_code == 204
        assert code(charlie.delete("/rooms/open/members/charlie/")) == (404, "NOT_FOUND")
        assert not Closing.objects.exists()  # who leaves an open room may still read it

    def test_who_leaves_a_private_room_is_cut_off(self, bob: Client) -> None:
        assert bob.delete(f"{DEN}members/bob/").status_code == 204
        assert code(bob.get(DEN)) == (404, "ROOM_INVALID")
        assert Closing.objects.count() == 1

    def test_a_room_keeps_an_owner(self, alice: Client, bob: Client, people: dict[str, User]) -> None:
        mine = f"{DEN}members/alice/"
        assert code(alice.delete(mine)) == (403, "ROOM_ACCESS_DENIED")
        assert code(alice.patch(mine, {"role": "member"}, JSON)) == (403, "ROOM_ACCESS_DENIED")
        assert alice.patch(f"{DEN}members/bob/", {"role": "owner"}, JSON).json()["role"] == "owner"
        assert alice.patch(mine, {"role": "moderator"}, JSON).json()["role"] == "moderator"
        assert members(bob) == {"bob": "owner", "alice": "moderator"}
        assert code(alice.patch(mine, {"role": "owner"}, JSON)) == (403, "ROOM_ACCESS_DENIED")
        assert list(AuditEntry.objects.values_list("action", flat=True)) == ["make owner", "make moderator"]

    def test_a_moderator_has_power_over_plain_members_only(
        self, bob: Client, people: dict[str, User], den: Room
    ) -> None:
        Membership.objects.filter(user=people["bob"]).update(role="moderator")
        Membership.objects.create(room=den, user=people["charlie"], role="moderator")
        for name in ("alice", "charlie"):
            assert code(bob.delete(f"{DEN}members/{name}/")) == (403, "ROOM_ACCESS_DENIED")
        Membership.objects.filter(user=people["charlie"]).update(role="member")
        assert bob.delete(f"{DEN}members/charlie/").status_code == 204
        assert code(bob.patch(f"{DEN}members/alice/", {"role": "member"}, JSON)) == (403, "ROOM_ACCESS_DENIED")

    def test_staff_are_safe_from_owners_but_not_in_a_private_room(
        self, alice: Client, people: dict[str, User], den: Room, make_room: Any
    ) -> None:
        open_room = make_room("open", members=(people["sam"],))
        Membership.objects.create(room=open_room, user=people["alice"], role="owner")
        Membership.objects.create(room=den, user=people["sam"], role="moderator")
        assert code(alice.delete("/rooms/open/members/sam/")) == (403, "ROOM_ACCESS_DENIED")
        assert alice.delete(f"{DEN}members/sam/").status_code == 204
        assert code(sign_in(people["sam"]).get(DEN)) == (404, "ROOM_INVALID")

    @pytest.mark.parametrize("name", ["charlie", "ghost", "BOB", "a%07b", "%F0%9F%8E%88", "x" * 300])
    def test_who_is_no_member_and_who_is_nobody_answer_the_same(self, alice: Client, name: str) -> None:
        removed = alice.delete(f"{DEN}members/{name}/")
        assert removed.content == alice.delete(f"{DEN}members/somebody/").content
        assert (
            code(removed) == code(alice.patch(f"{DEN}members/{name}/", {"role": "member"}, JSON)) == (404, "NOT_FOUND")
        )

    def test_a_role_is_one_of_three(self, alice: Client) -> None:
        for role in ("king", "", "OWNER"):
            assert code(alice.patch(f"{DEN}members/bob/", {"role": role}, JSON)) == (400, "PARAMETER_INVALID")
        assert code(alice.patch(f"{DEN}members/bob/", {}, JSON)) == (400, "BODY_INVALID")


class TestInvites:
    def test_a_link_is_shown_once_and_lets_its_bearer_in(self, alice: Client, people: dict[str, User]) -> None:
        answer = alice.post(f"{DEN}invites/").json()
        [listed] = alice.get(f"{DEN}invites/").json()["invites"]
        assert answer == listed | {"url": answer["url"]}
        assert answer["url"].startswith("http://testserver/accounts/invites/")
        room = actions.accept_invite(people["charlie"], answer["url"].rstrip("/").rpartition("/")[2])
        assert room.name == "x-den"
        assert members(sign_in(people["charlie"]))["charlie"] == "member"

    def test_its_id_tells_nothing_of_other_rooms(self, alice: Client, den: Room) -> None:
        secret_of(alice)
        [listed] = alice.get(f"{DEN}invites/").json()["invites"]
        assert listed["id"] == Invite.objects.get().digest[:16]

    def test_one_that_is_over_withdrawn_or_never_was_answers_the_same(
        self, alice: Client, people: dict[str, User], den: Room
    ) -> None:
        over, withdrawn = secret_of(alice), secret_of(alice, days=1)
        Invite.objects.filter(digest=digest_of(over)).update(expires=timezone.now() - timedelta(seconds=1))
        [listed] = alice.get(f"{DEN}invites/").json()["invites"]
        url = f"{DEN}invites/{listed['id']}/"
        assert alice.delete(url).status_code == 204
        assert code(alice.delete(url)) == (404, "NOT_FOUND")
        banned_from = secret_of(alice)
        Restriction.objects.create(room=den, user=people["charlie"], kind="ban")
        refusals = set()
        for secret in (over, withdrawn, banned_from, "never", "\x07", ""):
            with pytest.raises(Problem) as refused:
                actions.accept_invite(people["charlie"], secret)
            refusals.add((refused.value.code, refused.value.detail))
        assert {refused_code for refused_code, _ in refusals} == {"INVITE_INVALID"}
        assert len(refusals) == 1
        assert not Membership.objects.filter(user=people["charlie"]).exists()

    def test_an_invite_of_another_room_is_none_of_this_one(
        self, alice: Client, make_room: Any, people: dict[str, User]
    ) -> None:
        other = make_room("x-other", visibility="private")
        Invite.objects.create(
            room=other, digest="a" * 64, created_by=people["sam"], expires=timezone.now() + timedelta(days=1)
        )
        assert alice.get(f"{DEN}invites/").json() == {"invites": []}
        assert code(alice.delete(f"{DEN}invites/{'a' * 16}/")) == (404, "NOT_FOUND")

    def test_who_is_removed_comes_back_by_no_link_of_their_own(
        self, alice: Client, bob: Client, people: dict[str, User]
    ) -> None:
        Membership.objects.filter(user=people["bob"]).update(role="moderator")
        secret = secret_of(bob)
        assert alice.delete(f"{DEN}members/bob/").status_code == 204
        with pytest.raises(Problem):
            actions.accept_invite(people["bob"], secret)

    def test_a_guest_invites_only_to_a_room_of_their_own(self, people: dict[str, User], den: Room) -> None:
        gina = User.objects.create_user("gina", is_guest=True)
        Membership.objects.create(room=den, user=gina, role="moderator")
        client = sign_in(gina)
        assert code(client.post(f"{DEN}invites/")) == (403, "ROOM_ACCESS_DENIED")
        assert code(client.get(f"{DEN}invites/")) == (403, "ROOM_ACCESS_DENIED")
        Membership.objects.filter(user=gina).update(role="owner")
        assert client.post(f"{DEN}invites/").status_code == 201

    def test_a_link_into_a_room_of_staff_lets_in_staff_only(self, people: dict[str, User], make_room: Any) -> None:
        make_room("team", visibility="staff")
        secret = sign_in(people["sam"]).post("/rooms/team/invites/").json()["url"].rstrip("/").rpartition("/")[2]
        with pytest.raises(Problem, match="not good"):
            actions.accept_invite(people["charlie"], secret)
        assert actions.accept_invite(people["sam"], secret).name == "team"

    @pytest.mark.parametrize("days", [0, 91, -1, 10**30])
    def test_days_have_bounds(self, alice: Client, days: int) -> None:
        assert code(alice.post(f"{DEN}invites/", {"days": days}, JSON)) == (400, "PARAMETER_INVALID")

    def test_there_is_a_most(self, alice: Client, den: Room, people: dict[str, User]) -> None:
        expires = timezone.now() + timedelta(days=1)
        Invite.objects.bulk_create(
            Invite(room=den, digest=f"{n:064}", created_by=people["alice"], expires=expires) for n in range(100)
        )
        assert code(alice.post(f"{DEN}invites/")) == (403, "ROOM_ACCESS_DENIED")
        Invite.objects.filter(digest=f"{7:064}").update(withdrawn_at=timezone.now())
        assert alice.post(f"{DEN}invites/").status_code == 201


class TestRoomsOfTwo:
    def test_it_is_one_whoever_asks(self, people: dict[str, User]) -> None:
        alice, bob = sign_in(people["alice"]), sign_in(people["bob"])
        first = alice.post("/accounts/direct/", {"username": "bob"}, JSON)
        again = [
            client.post("/accounts/direct/", {"username": name}) for client, name in ((alice, "bob"), (bob, "alice"))
        ]
        assert [answer.status_code for answer in (first, *again)] == [201, 200, 200]
        assert first.json() == again[0].json() == again[1].json()
        room = first.json()
        assert (room["title"], room["kind"], room["visibility"], room["role"]) == (
            "alice and bob",
            "direct",
            "private",
            "member",
        )
        assert bob.get(f"/rooms/{room['room']}/").json() == room

    def test_nothing_about_it_can_be_changed(self, people: dict[str, User]) -> None:
        alice = sign_in(people["alice"])
        url = f"/rooms/{alice.post('/accounts/direct/', {'username': 'sam'}).json()['room']}/"
        for client, me, other in ((alice, "alice", "sam"), (sign_in(people["sam"]), "sam", "alice")):
            answers = [
                client.patch(url, {"title": "t"}, JSON),
                client.delete(url),
                client.delete(f"{url}members/{me}/"),
                client.delete(f"{url}members/{other}/"),
                client.patch(f"{url}members/{other}/", {"role": "owner"}, JSON),
                client.post(f"{url}invites/"),
                client.post(f"{url}restrictions/", {"kind": "ban", "username": other}, JSON),
            ]
            assert [code(answer) for answer in answers] == [(403, "ROOM_ACCESS_DENIED")] * len(answers)
        assert Membership.objects.count() == 2

    def test_an_operator_archives_and_deletes_it_and_changes_nothing_else(self, people: dict[str, User]) -> None:
        sam = people["sam"]
        room, _ = actions.open_direct_room(people["alice"], people["bob"])
        room.role, room.is_operated = "owner", True  # what the admin may do is Django's permissions to say
        for attempt in (
            lambda: actions.change_room(sam, room, visibility="open"),
            lambda: actions.change_room(sam, room, title="t", archived=True),
            lambda: actions.set_role(sam, room, people["bob"], "owner"),
            lambda: actions.remove_member(sam, room, people["bob"]),
            lambda: actions.restrict(sam, room, "ban", people["bob"]),
            lambda: actions.invite(sam, room),
        ):
            with pytest.raises(Problem) as refused:
                attempt()
            assert refused.value.code == "ROOM_ACCESS_DENIED"
        assert actions.change_room(sam, room, archived=True).archived_at
        actions.delete_room(sam, room)
        assert actions.open_direct_room(people["bob"], people["alice"])[1]  # a new one

    @pytest.mark.parametrize("name", ["alice", "ghost", "", "a\x07b", "\x07", "closed"])
    def test_one_needs_somebody_else_who_is_there(self, people: dict[str, User], name: str) -> None:
        User.objects.create_user("closed", is_active=False)
        answer = sign_in(people["alice"]).post("/accounts/direct/", json.dumps({"username": name}), JSON)
        assert code(answer) == (404, "NOT_FOUND")
        assert not Room.objects.exists()


def test_oneself(people: dict[str, User], curl: Client) -> None:
    assert sign_in(people["sam"]).get("/accounts/me/").json() == {
        "id": people["sam"].public_id,
        "username": "sam",
        "name": "sam",
        "guest": False,
        "bot": False,
        "staff": True,
    }
    assert code(curl.get("/accounts/me/")) == (401, "USER_HAS_TO_LOGIN")


class TestAtTheSameMoment:
    """What was checked when the room was found is checked again under its lock: `room` is how it was found."""

    @pytest.fixture
    def room(self, den: Room, people: dict[str, User]) -> Room:
        """The den as Bob, a moderator, found it just before Alice took him off."""
        Membership.objects.filter(room=den, user=people["bob"]).update(role="moderator")
        found = access.known_room(people["bob"], den.name)
        actions.remove_member(people["alice"], access.known_room(people["alice"], den.name), people["bob"])
        return found

    def test_who_was_removed_makes_no_way_back(self, room: Room, people: dict[str, User]) -> None:
        with pytest.raises(Problem) as refused:
            actions.invite(people["bob"], room)
        assert refused.value.code == "ROOM_INVALID"
        assert not Invite.objects.exists()

    def test_who_was_removed_bans_and_removes_nobody(self, room: Room, people: dict[str, User]) -> None:
        Membership.objects.create(room=room, user=people["charlie"])
        with pytest.raises(Problem):
            actions.restrict(people["bob"], room, "ban", people["charlie"])
        with pytest.raises(Problem):
            actions.remove_member(people["bob"], room, people["charlie"])
        assert Membership.objects.filter(room=room, user=people["charlie"]).exists()

    def test_who_owns_it_no_more_changes_and_deletes_nothing(self, den: Room, people: dict[str, User]) -> None:
        Membership.objects.filter(room=den, user=people["bob"]).update(role="owner")
        found = access.known_room(people["bob"], den.name)
        actions.set_role(people["alice"], access.known_room(people["alice"], den.name), people["bob"], "member")
        for act in (
            lambda: actions.set_role(people["bob"], found, people["bob"], "owner"),
            lambda: actions.change_room(people["bob"], found, visibility="open"),
            lambda: actions.delete_room(people["bob"], found),
        ):
            with pytest.raises(Problem) as refused:
                act()
            assert refused.value.code == "ROOM_ACCESS_DENIED"
        assert Room.objects.live().filter(pk=den.pk, visibility="private").exists()

    def test_who_was_banned_does_not_join(self, people: dict[str, User], make_room: Any) -> None:
        room = make_room("open")
        Membership.objects.create(room=room, user=people["alice"], role="owner")
        found = access.known_room(people["bob"], "open")
        actions.restrict(people["alice"], access.known_room(people["alice"], "open"), "ban", people["bob"])
        with pytest.raises(Problem) as refused:
            actions.join_room(people["bob"], found)
        assert refused.value.code == "ROOM_ACCESS_DENIED"
        assert not Membership.objects.filter(room=room, user=people["bob"]).exists()

    def test_a_room_made_private_is_not_joined(self, people: dict[str, User], make_room: Any) -> None:
        room = make_room("open")
        Membership.objects.create(room=room, user=people["alice"], role="owner")
        found = access.known_room(people["bob"], "open")
        actions.change_room(people["alice"], access.known_room(people["alice"], "open"), visibility="private")
        with pytest.raises(Problem) as refused:
            actions.join_room(people["bob"], found)
        assert refused.value.code == "ROOM_INVALID"
        assert not Membership.objects.filter(room=room, user=people["bob"]).exists()
