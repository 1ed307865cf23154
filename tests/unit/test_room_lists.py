"""What others make never hides what is mine: own rooms on every list, whatever others have made, and such lists."""

from collections.abc import Iterator
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client
from django.utils import timezone

from chat import actions, roomlists
from chat.models import Membership, Presence, Restriction, Room, User
from tests.unit.conftest import HTML, MakeRoom, sign_in

pytestmark = [pytest.mark.sampled(4), pytest.mark.django_db]
People = dict[str, User]
FLOOD = 450


@pytest.fixture
def flood(people: People, make_room: MakeRoom) -> None:
    """Rooms of Charlie's, most of whose names come before all others; and two of Bob's, one of them private."""
    Room.objects.bulk_create(
        Room(name=f"a{n:04}", name_key=f"a{n:04}", title=f"Flood {n}", created_by=people["charlie"])
        for n in range(FLOOD)
    )
    Membership.objects.bulk_create(
        Membership(room=room, user=people["charlie"], role="owner") for room in Room.objects.all()
    )
    for name, visibility in (("zoo", "open"), ("x-zoo", "private")):
        room = make_room(name, visibility=visibility)
        Membership.objects.create(room=room, user=people["bob"], role="moderator")


@pytest.mark.usefixtures("flood")
class TestOwnRooms:
    def test_they_stand_first_on_the_page(self, people: People) -> None:
        page = sign_in(people["bob"]).get("/rooms/", headers=HTML)
        assert [room.name for room in page.context["mine"]] == ["x-zoo", "zoo"]
        assert len(page.context["others"]) == roomlists.ROOMS_MAX
        assert page.text.index("Your rooms") < page.text.index('href="/zoo"') < page.text.index("Other rooms")

    @pytest.mark.parametrize("query", ["", "?limit=2", "?mine=only", "?mine=first", "?mine=only&limit=2", "?limit=200"])
    def test_they_come_first_by_the_api(self, people: People, query: str) -> None:
        found = sign_in(people["bob"]).get(f"/rooms/{query}").json()["rooms"]
        assert [(room["room"], room["role"]) for room in found[:2]] == [("x-zoo", "moderator"), ("zoo", "moderator")]

    def test_they_are_offered_side_by_side_and_to_broadcast_and_to_bots(self, people: People) -> None:
        actions.make_bot(people["bob"], "robo")
        bob = sign_in(people["bob"])
        datalist = bob.get("/-/").text.partition("<datalist")[2].partition("</datalist>")[0]
        choice = bob.get("/accounts/bots/", headers=HTML).text.partition('<select name="room"')[2]
        for text in (datalist, choice.partition("</select>")[0]):
            assert text.index('value="x-zoo"') < text.index('value="zoo"')
            assert text.index('value="zoo"') < text.find('value="a0000"') % (1 << 30)
        sam = people["sam"]
        for name in ("zoo", "x-zoo"):
            Membership.objects.create(room=Room.objects.get(name=name), user=sam)
        page = sign_in(sam).get("/-/broadcast/", headers=HTML).text
        assert page.index('value="zoo"') < page.index('value="a0000"')
        actions.make_bot(sam, "sams-bot")
        page = sign_in(sam).get("/accounts/bots/", headers=HTML).text
        assert page.index('value="zoo"') < page.index('value="a0000"')
        assert 'value="x-zoo"' not in page  # a private one, in which staff are what their role says

    def test_rooms_of_two_that_others_open_push_no_room_off(self, people: People) -> None:
        bob = people["bob"]
        others = User.objects.bulk_create(User(username=f"u{n}", name_key=f"u{n}") for n in range(230))
        for other in others:
            actions.open_direct_room(other, bob)
        actions.make_bot(bob, "robo")
        client = sign_in(bob)
        assert 'value="zoo"' in client.get("/-/").text
        assert 'value="zoo"' in client.get("/accounts/bots/", headers=HTML).text
        assert [room.name for room in roomlists.offered(bob, 200)][:2] == ["x-zoo", "zoo"]
        pages = [client.get("/rooms/", headers=HTML)]
        while after := pages[-1].context["mine_after"]:
            assert "More of your rooms" in pages[-1].text
            pages.append(client.get("/rooms/", {"own_after": after}, headers=HTML))
        own = [room.name for page in pages for room in page.context["mine"]]
        assert (len(own), len(set(own)), "zoo" in own, len(pages)) == (232, 232, True, 2)
        assert pages[-1].context["others"] == []
        assert "Back to the first page" in pages[-1].text

    def test_the_page_has_all_others_too(self, people: People) -> None:
        client, found, after = sign_in(people["bob"]), [], ""
        for number in range(3):
            page = client.get("/rooms/", {"after": after}, headers=HTML)
            found += [room.name for room in page.context["others"]]
            assert bool(page.context["mine"]) == (number == 0)
            after = page.context["after"]
        assert (found, after) == ([f"a{n:04}" for n in range(FLOOD)], "")

    def test_who_is_banned_from_one_or_no_staff_any_more_does_not_see_it(self, people: People) -> None:
        bob, client = people["bob"], sign_in(people["bob"])
        Restriction.objects.create(room=Room.objects.get(name="zoo"), user=bob, kind="ban")
        Room.objects.filter(name="x-zoo").update(visibility="staff")
        assert client.get("/rooms/?mine=only").json()["rooms"] == []
        assert "zoo" not in client.get("/rooms/").text


def follow(client: Client, url: str) -> Iterator[list[str]]:
    """The names on each page, going on as the header Link says."""
    while url:
        answer = client.get(url)
        yield [room["room"] for room in answer.json()["rooms"]]
        url = answer.headers.get("Link", "").partition(">")[0].removeprefix("<")


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 5, 7, 200])
@pytest.mark.parametrize("own", [0, 1, 3, 4, 7])
class TestPaging:
    @pytest.fixture
    def mine(self, people: People, make_room: MakeRoom, own: int) -> list[str]:
        """Some of twelve rooms are Bob's."""
        names = [f"r{n:02}" for n in range(12)]
        picked = names[::-2][:own] + ["r00"][: own // 7]
        for name in names:
            make_room(name, members=(people["bob"],) if name in picked else ())
        return sorted(picked)

    def test_link_leads_through_own_rooms_and_then_the_others_each_once(
        self, people: People, mine: list[str], limit: int
    ) -> None:
        everything = [f"r{n:02}" for n in range(12)]
        pages = list(follow(sign_in(people["bob"]), f"/rooms/?limit={limit}"))
        assert [name for page in pages for name in page] == mine + [name for name in everything if name not in mine]
        assert all(len(page) == limit for page in pages[:-1])
        for asked, expected in (("only", mine), ("none", [name for name in everything if name not in mine])):
            found = list(follow(sign_in(people["bob"]), f"/rooms/?mine={asked}&limit={limit}"))
            assert [name for page in found for name in page] == expected
        assert [n for page in follow(Client(), f"/rooms/?limit={limit}") for n in page] == everything

    def test_a_client_that_goes_on_behind_the_last_name_by_itself_misses_none(
        self, people: People, mine: list[str], limit: int
    ) -> None:
        client, found, after = sign_in(people["bob"]), [], ""
        for _ in range(40):
            page = client.get("/rooms/", {"after": after, "limit": limit}).json()["rooms"]
            if not page:
                break
            found += [room["room"] for room in page]
            after = found[-1]
        else:
            pytest.fail("it has no end")
        # One's own come first, and again by name. Who has more of them than a page holds needs the header.
        assert set(found) == {f"r{n:02}" for n in range(12)} or len(mine) >= limit

    def test_behind_any_other_text_come_all_rooms_by_name(self, people: People, mine: list[str], limit: int) -> None:
        found = sign_in(people["bob"]).get("/rooms/", {"after": "r05x", "limit": limit}).json()["rooms"]
        assert [room["room"] for room in found] == [f"r{n:02}" for n in range(6, 12)][:limit]


def test_the_link_keeps_to_this_address(people: People, make_room: MakeRoom) -> None:
    for name in ("one", "two", "three"):
        make_room(name, members=(people["bob"],))
    link = sign_in(people["bob"]).get("/rooms/?limit=2").headers["Link"].partition(">")[0].removeprefix("<")
    assert (urlsplit(link).path, parse_qs(urlsplit(link).query)) == (
        "/rooms/",
        {"after": ["three"], "mine": ["first"], "limit": ["2"]},
    )


@pytest.mark.parametrize("value", ["", "x", "true", "ONLY"])
def test_a_bad_parameter_is_refused(value: str, curl: Client) -> None:
    answer = curl.get("/rooms/", {"mine": value})
    assert (answer.status_code, answer.json()["code"]) == (400, "PARAMETER_INVALID")


class TestMembers:
    """A crowd hides no member of a room."""

    @pytest.fixture
    def crowd(self, den: Room, people: People) -> Room:
        """1,100 guests came first, then Charlie, and Sam as a moderator."""
        early = timezone.now() - timedelta(days=1)
        guests = User.objects.bulk_create(
            User(username=f"guest-{n}", name_key=f"g{n}", display_name=f"g{n}", is_guest=True) for n in range(1100)
        )
        Membership.objects.bulk_create(Membership(room=den, user=guest, joined=early) for guest in guests)
        Membership.objects.create(room=den, user=people["sam"], role="moderator")
        Membership.objects.create(room=den, user=people["charlie"])
        return den

    def test_owners_moderators_and_accounts_come_before_guests(self, crowd: Room, people: People) -> None:
        found = sign_in(people["bob"]).get("/rooms/x-den/members/").json()["members"]
        assert [member["username"] for member in found[:4]] == ["alice", "sam", "bob", "charlie"]
        assert len(found) == 1000

    @pytest.mark.parametrize("limit", [3, 500, 1000])
    def test_pages_have_everybody_once(self, crowd: Room, people: People, limit: int) -> None:
        if limit == 3:
            Membership.objects.filter(user__is_guest=True, user__username__gt="guest-1").delete()
        client, url, found = sign_in(people["bob"]), f"/rooms/x-den/members/?limit={limit}", []
        while url:
            answer = client.get(url)
            found += [member["username"] for member in answer.json()["members"]]
            url = answer.headers.get("Link", "").partition(">")[0].removeprefix("<")
        assert len(found) == len(set(found)) == crowd.memberships.count()

    def test_a_moderator_reaches_them_all_on_the_page_of_settings(self, crowd: Room, people: People) -> None:
        client = sign_in(people["alice"])
        first = client.get("/rooms/x-den/settings/", headers=HTML)
        assert "More members" in first.text
        second = client.get("/rooms/x-den/settings/", {"members": first.context["members_after"]}, headers=HTML)
        assert len(first.context["members"]) + len(second.context["members"]) == crowd.memberships.count()
        assert "More members" not in second.text

    def test_behind_somebody_who_is_no_member_is_nothing(self, crowd: Room, people: People) -> None:
        for client, url in ((sign_in(people["alice"]), "/rooms/x-den/members/?after=nobody"),):
            answer = client.get(url)
            assert (answer.status_code, answer.json()["code"]) == (404, "NOT_FOUND")
        page = sign_in(people["alice"]).get("/rooms/x-den/settings/?members=nobody", headers=HTML)
        assert page.status_code == 404


def test_a_crowd_of_guests_pushes_nobody_off_the_list_of_who_is_there(people: People, make_room: MakeRoom) -> None:
    room, now = make_room("den"), timezone.now()
    guests = User.objects.bulk_create(
        User(username=f"guest-{n}", name_key=f"g{n}", display_name=f"g{n}", is_guest=True) for n in range(300)
    )
    Presence.objects.bulk_create(
        Presence(room=room, user=user, since=now - timedelta(minutes=9 - late), until=now + timedelta(minutes=5))
        for late, users in enumerate((guests, [people["alice"], people["bob"]]))
        for user in users
    )
    seen = Client().get("/rooms/den/people/").json()
    assert (seen["count"], len(seen["people"])) == (302, 200)
    assert [one["username"] for one in seen["people"][:3]] == ["alice", "bob", "guest-0"]
    late = sign_in(guests[-1]).get("/rooms/den/people/").json()["people"]
    assert [one["username"] for one in late[:3]] == ["guest-299", "alice", "bob"]
