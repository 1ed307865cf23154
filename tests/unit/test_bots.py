"""Bots: made, added to rooms and closed by their owners; what holds for an owner holds for them."""

from typing import Any

import pytest
from django.test import Client

from chat import access, actions
from chat.actions import operators
from chat.models import Closing, Message, Restriction, Room, User
from chat.problems import Problem
from tests.unit.conftest import HTML, code, sign_in
from tests.unit.test_tokens import bearer

pytestmark = pytest.mark.django_db


class TestBots:
    def bot(self, owner: User, name: str = "robo") -> User:
        return actions.make_bot(owner, name)

    def test_a_bot_is_made_speaks_by_its_token_and_says_that_it_is_one(
        self, people: dict[str, User], rooms: dict[str, Room]
    ) -> None:
        alice = sign_in(people["alice"])
        assert alice.post("/accounts/bots/", {"username": "robo", "name": "Robo Bot"}).status_code == 201
        assert alice.get("/accounts/bots/").json() == {"bots": [{"username": "robo", "name": "Robo Bot"}]}
        made = alice.post("/accounts/bots/robo/tokens/", {"name": "x", "scopes": "read post"}).json()
        client = bearer(made["token"])
        assert client.get("/accounts/me/").json() | {"id": "", "name": ""} == {
            "id": "", "username": "robo", "name": "", "guest": False, "bot": True, "staff": False
        }  # fmt: skip
        said = client.post("/rooms/Open/messages/", {"text": "beep"}).json()
        assert (said["from"], said["verified"], said["bot"]) == ("Robo Bot", True, True)
        assert alice.get("/rooms/Open/messages/").json()["messages"][0] == said
        assert "bot" not in alice.post("/rooms/Open/messages/", {"text": "hi"}).json()
        page = alice.get("/Open").text
        assert '<span class="bot">Bot</span>' in page
        assert len(alice.get("/accounts/bots/robo/tokens/").json()["tokens"]) == 1
        assert alice.delete(f"/accounts/bots/robo/tokens/{made['id']}/").status_code == 204
        assert client.get("/accounts/me/").status_code == 401

    def test_its_name_is_nobody_elses_and_looks_like_nobodys(self, people: dict[str, User]) -> None:
        alice = sign_in(people["alice"])
        for name in ("bob", "B0b", "aIice"):
            assert code(alice.post("/accounts/bots/", {"username": name})) == (409, "NAME_TAKEN"), name
        for fields in ({"username": ""}, {"username": "no spaces"}, {"username": "ok", "name": "\u202eevil"}):
            assert code(alice.post("/accounts/bots/", fields)) == (422, "NAME_INVALID"), fields
        self.bot(people["alice"])
        answer = Client().post("/rooms/hall/messages/", {"from": "Robo", "text": "hi"})
        assert code(answer) == (409, "NAME_TAKEN")

    def test_it_has_no_password_is_never_staff_and_makes_no_bots(self, people: dict[str, User]) -> None:
        bot, sam = self.bot(people["alice"]), people["sam"]
        User.objects.filter(pk=sam.pk).update(is_superuser=True)
        sam.refresh_from_db()
        assert not bot.has_usable_password()
        with pytest.raises(Problem, match="is a bot"):
            operators.appoint(sam, bot, is_staff=True)
        with pytest.raises(Problem, match="is a bot"):
            operators.set_password(sam, bot, "a good password")
        with pytest.raises(Problem, match="is a bot"):
            operators.set_permissions(sam, bot, is_superuser=True, groups=[], permissions=[])
        client = bearer(actions.make_token(bot))
        assert code(client.post("/accounts/bots/", {"username": "more"})) == (403, "ROOM_ACCESS_DENIED")

    @pytest.mark.parametrize(("who", "can"), [("accounts", "alice sam"), ("staff", "sam"), ("off", "")])
    def test_who_makes_bots_is_the_operators_choice(
        self, people: dict[str, User], settings: Any, who: str, can: str
    ) -> None:
        settings.BOTS = who
        for name in ("alice", "sam"):
            status = sign_in(people[name]).post("/accounts/bots/", {"username": f"bot-of-{name}"}).status_code
            assert status == (201 if name in can else 403)
        guest = sign_in(actions.make_guest("Gina"))
        assert code(guest.post("/accounts/bots/", {"username": "more"})) == (403, "ROOM_ACCESS_DENIED")

    def test_a_person_has_ten_and_makes_thirty_a_day(self, people: dict[str, User]) -> None:
        for number in range(10):
            self.bot(people["alice"], f"number{number}")
        with pytest.raises(Problem, match="at most 10"):
            self.bot(people["alice"])
        for number in range(19):
            actions.close_bot(people["alice"], User.objects.filter(is_bot=True, is_active=True).first())  # type: ignore[arg-type]
            self.bot(people["alice"], f"another{number}")
        with pytest.raises(Problem, match="too often"):
            self.bot(people["alice"])

    def test_the_owner_adds_it_where_they_may_invite(self, people: dict[str, User], rooms: dict[str, Room]) -> None:
        bot = self.bot(people["alice"])
        client, alice = bearer(actions.make_token(bot)), sign_in(people["alice"])
        assert client.get("/rooms/x-private/").status_code == 404
        added = alice.post("/rooms/x-private/members/", {"username": "robo"})
        assert (added.status_code, added.json()["bot"]) == (201, True)
        assert alice.post("/rooms/x-private/members/", {"username": "robo"}).status_code == 200
        assert client.get("/rooms/x-private/").json()["role"] == "member"
        self.bot(people["bob"], "plain")
        bob = sign_in(people["bob"])
        assert code(bob.post("/rooms/x-private/members/", {"username": "plain"})) == (403, "ROOM_ACCESS_DENIED")
        for name in ("plain", "bob", "nobody", "\x07"):
            assert code(alice.post("/rooms/x-private/members/", {"username": name})) == (404, "NOT_FOUND")
        sam = sign_in(people["sam"])
        self.bot(people["sam"], "samson")
        assert code(sam.post("/rooms/x-private/members/", {"username": "samson"})) == (404, "ROOM_INVALID")
        assert code(sam.post("/rooms/team/members/", {"username": "samson"})) == (403, "ROOM_ACCESS_DENIED")

    def test_it_joins_by_itself_what_is_open_and_private_rooms_by_an_invite(
        self, people: dict[str, User], rooms: dict[str, Room]
    ) -> None:
        client = bearer(actions.make_token(self.bot(people["alice"])))
        assert client.post("/rooms/Open/members/").status_code == 201
        secret = actions.invite(people["alice"], self.seen(people["alice"], "x-private"))[1]
        accepted = client.post(f"/accounts/invites/{secret}/")
        assert (accepted.status_code, accepted.json()["room"]) == (200, "x-private")
        assert client.delete("/rooms/x-private/members/robo/").status_code == 204
        assert client.get("/rooms/x-private/").status_code == 404

    def seen(self, person: User, name: str) -> Room:
        return access.known_room(person, name)

    def test_where_its_owner_goes_it_goes_too(self, people: dict[str, User], rooms: dict[str, Room]) -> None:
        bot = self.bot(people["bob"])
        rooms["x-private"].memberships.create(user=bot)
        client = bearer(actions.make_token(bot))
        assert client.get("/rooms/x-private/").status_code == 200
        sign_in(people["alice"]).delete("/rooms/x-private/members/bob/")
        assert client.get("/rooms/x-private/").status_code == 404
        assert Closing.objects.exists()

    @pytest.mark.parametrize("kind", ["ban", "mute"])
    def test_what_holds_for_its_owner_holds_for_it(
        self, people: dict[str, User], rooms: dict[str, Room], kind: str
    ) -> None:
        client = bearer(actions.make_token(self.bot(people["bob"])))
        assert client.post("/rooms/Open/messages/", {"text": "one"}).status_code == 201
        Restriction.objects.create(room=rooms["Open"], user=people["bob"], kind=kind)
        assert code(client.post("/rooms/Open/messages/", {"text": "two"})) == (403, "ROOM_ACCESS_DENIED")
        listed = [room["room"] for room in client.get("/rooms/").json()["rooms"]]
        assert ("Open" in listed, client.get("/rooms/Open/").status_code) == (
            (False, 403) if kind == "ban" else (True, 200)
        )
        among = access.readers_among(rooms["Open"], {user.pk for user in User.objects.filter(is_bot=True)})
        assert len(among) == (0 if kind == "ban" else 1)
        other = bearer(actions.make_token(self.bot(people["alice"], "other")))
        assert other.post("/rooms/Open/messages/", {"text": "three"}).status_code == 201

    def test_closing_the_owner_closes_it_and_its_streams(self, people: dict[str, User], rooms: dict[str, Room]) -> None:
        bot = self.bot(people["bob"])
        rooms["x-private"].memberships.create(user=bot)
        rooms["x-private"].memberships.filter(user=people["bob"]).delete()
        client = bearer(actions.make_token(bot))
        actions.close_account(people["bob"], people["bob"])
        assert client.get("/accounts/me/").status_code == 401
        assert [closing.room.name for closing in Closing.objects.all()] == ["x-private"]
        User.objects.filter(pk=people["sam"].pk).update(is_superuser=True)
        with pytest.raises(Problem, match="owner"):
            operators.reopen(User.objects.get(pk=people["sam"].pk), bot)

    def test_deleting_the_owner_deletes_it_and_what_it_wrote_stays(
        self, people: dict[str, User], rooms: dict[str, Room]
    ) -> None:
        bot = self.bot(people["bob"])
        actions.post_message(bot, "Open", "beep")
        User.objects.filter(pk=people["sam"].pk).update(is_superuser=True)
        operators.remove(User.objects.get(pk=people["sam"].pk), people["bob"])
        message = Message.objects.get()
        assert (message.text, message.author, message.is_bot) == ("beep", None, True)
        assert not User.objects.filter(pk=bot.pk).exists()

    def test_the_page_makes_adds_and_closes(self, people: dict[str, User], rooms: dict[str, Room]) -> None:
        alice = sign_in(people["alice"])
        path, bots = "/accounts/bots/", {"headers": HTML}
        assert "You have no bot" in alice.get(path, **bots).text  # type: ignore[arg-type]
        assert alice.post(path, {"username": "robo"}, **bots).status_code == 303  # type: ignore[arg-type]
        refused = alice.post(path, {"username": "bob", "display_name": "kept"}, **bots)  # type: ignore[arg-type]
        assert (refused.status_code, 'value="kept"' in refused.text) == (422, True)
        assert alice.post(path, {"add": "robo", "room": "x-private"}, **bots).status_code == 303  # type: ignore[arg-type]
        assert "is a member of x-private now" in alice.get(path, **bots).text  # type: ignore[arg-type]
        assert alice.post(path, {"add": "robo", "room": "team"}, **bots).status_code == 422  # type: ignore[arg-type]
        assert "Bot</span>" in alice.get("/rooms/x-private/settings/").text
        assert "API tokens of" in alice.get(f"{path}robo/tokens/", **bots).text  # type: ignore[arg-type]
        assert sign_in(people["bob"]).get(f"{path}robo/tokens/", **bots).status_code == 404  # type: ignore[arg-type]
        assert alice.post(path, {"close": "robo"}, **bots).status_code == 303  # type: ignore[arg-type]
        assert "robo is closed" in alice.get(path, **bots).text  # type: ignore[arg-type]
        assert Client().get(path, **bots).status_code == 303  # type: ignore[arg-type]
