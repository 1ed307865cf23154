"""Doors: a guest is asked before the name is gone, and a link to what one may not see tells nothing and offers to sign
in."""

from typing import Any

import pytest
from django.test import Client

from chat.models import Message, Room, Session, User
from tests.unit.conftest import HTML, OWN_PAGE, code, sign_in, without_token

pytestmark = pytest.mark.django_db
UNKNOWN = "x-" + "0" * 24


@pytest.fixture
def gina(db: None) -> Client:
    client = Client(headers=OWN_PAGE)
    assert client.post("/accounts/guest/", {"display_name": "Gina"}).status_code == 303
    return client


class TestAGuestSignsOut:
    """With and without a script it is the same page: the header has a link to it, and its form is plain."""

    def test_every_page_leads_to_a_question(self, gina: Client, make_room: Any) -> None:
        make_room("den")
        for path in ("/den", "/", "/rooms/", "/accounts/profile/", "/strangers", "/-/?room=den"):
            page = gina.get(path, headers=HTML).text
            assert 'href="/accounts/sign-out/?next=' in page, path
            assert 'action="/accounts/sign-out/"' not in page, path

    @pytest.mark.parametrize("body", [{}, {"next": "/den"}, {"confirm_not": "1"}])
    def test_a_form_of_an_older_page_ends_nothing(self, gina: Client, body: dict[str, str]) -> None:
        answer = gina.post("/accounts/sign-out/", body)
        assert (answer.status_code, answer["Location"]) == (303, "/accounts/sign-out/")
        assert gina.get("/accounts/me/").status_code == 200

    def test_the_page_says_what_is_lost_and_the_ways_to_keep_it(self, gina: Client) -> None:
        page = gina.get("/accounts/sign-out/?next=/den")
        assert (page.status_code, page.templates[0].name) == (200, "accounts/sign_out.html")
        assert "is gone" in page.text
        assert "Gina" in page.text
        assert 'href="/den"' in page.text
        assert "/accounts/become/" in page.text
        assert "no-store" in page["Cache-Control"]
        assert Session.objects.count() == 1

    def test_who_says_yes_is_gone(self, gina: Client) -> None:
        assert gina.post("/accounts/sign-out/", {"confirm": "1"})["Location"] == "/"
        assert not Session.objects.exists()
        assert gina.get("/accounts/me/").status_code == 401

    def test_the_question_leads_to_no_other_site(self, gina: Client) -> None:
        for path in ("https://evil.example", "//evil.example", "javascript:alert(1)"):
            assert "evil" not in gina.get("/accounts/sign-out/", {"next": path}).text

    def test_an_account_signs_out_at_once_and_by_a_post_only(self, people: dict[str, User]) -> None:
        alice = sign_in(people["alice"])
        assert 'action="/accounts/sign-out/"' in alice.get("/", headers=HTML).text
        assert alice.get("/accounts/sign-out/").status_code == 405
        assert alice.post("/accounts/sign-out/").status_code == 303
        assert alice.get("/accounts/me/").status_code == 401

    def test_a_guest_who_became_an_account_is_one(self, gina: Client) -> None:
        gina.post("/accounts/become/", {"username": "gina2", "password": "correct horse battery"})
        assert gina.post("/accounts/sign-out/")["Location"] == "/"
        assert not Session.objects.exists()


# Every page about a room whose name tells nothing.
PATHS = [
    "/{room}",
    "/{room}?user=Vera",
    "/{room}?before=5",
    "/{room}?transport=websocket",
    "/rooms/{room}/settings/",
    "/rooms/{room}/hooks/",
    "/rooms/{room}/hooks/abc/deliveries/",
    "/-/?room={room}&user=Vera",
]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("kind", ["private", "direct", "strangers", "deleted"])
def test_a_private_link_signed_out_tells_nothing_and_offers_to_sign_in(
    curl: Client, make_room: Any, people: dict[str, User], path: str, kind: str
) -> None:
    fields: dict[str, Any] = {"visibility": "private", "members": (people["bob"],)}
    if kind == "deleted":
        fields["deleted_at"] = "2026-01-01T00:00:00Z"
    elif kind != "private":
        fields["kind"] = kind
    name = "x-" + "1" * 24
    make_room(name, **fields)
    answers = [curl.get(path.format(room=room), headers=HTML) for room in (name, UNKNOWN)]
    is_login = all(answer.status_code == 401 for answer in answers)  # a page for people who are signed in
    assert {answer.status_code for answer in answers} <= {401} if is_login else {404}
    there, not_there = (
        without_token(answer).replace(room, "x") for answer, room in zip(answers, (name, UNKNOWN), strict=True)
    )
    assert there == not_there
    if not is_login:
        assert "We can&#x27;t show this. If it is a room you belong to, sign in." in there
    assert "/accounts/sign-in/?next=" in there
    assert [dict(answers[0].headers).get(key) for key in answers[0].headers if key != "Content-Length"] == [
        dict(answers[1].headers).get(key) for key in answers[0].headers if key != "Content-Length"
    ]


@pytest.mark.parametrize(
    "path",
    [
        "/rooms/{room}/",
        "/rooms/{room}/messages/",
        "/rooms/{room}/members/",
        "/rooms/{room}/people/",
        "/rooms/{room}/events/",
    ],
)
def test_the_api_answers_the_same_to_both_as_ever(reader: Client, den: Room, path: str) -> None:
    answers = [
        reader.get(path.format(room=room), headers={"Accept": "application/json"}) for room in (den.name, UNKNOWN)
    ]
    assert [code(answer) for answer in answers] == [(404, "ROOM_INVALID")] * 2
    assert answers[0].text.replace(den.name, "x") == answers[1].text.replace(UNKNOWN, "x")
    assert answers[0].json()["detail"] == "There is no room of this name."


def test_the_link_leads_back(curl: Client, den: Room, people: dict[str, User]) -> None:
    people["bob"].set_password("correct horse battery")
    people["bob"].save()
    page = curl.get(f"/{den.name}", headers=HTML).text
    assert f"/accounts/sign-in/?next=/{den.name}" in page
    browser = Client(headers=OWN_PAGE)
    fields = {"username": "bob", "password": "correct horse battery", "next": f"/{den.name}"}
    answer = browser.post("/accounts/sign-in/", fields)
    assert answer["Location"] == f"/{den.name}"
    assert browser.get(answer["Location"], headers=HTML).templates[0].name == "chat.html"


@pytest.mark.parametrize("who", ["charlie", "sam"])
def test_who_is_signed_in_is_not_asked_to_sign_in(den: Room, people: dict[str, User], who: str) -> None:
    page = sign_in(people[who]).get(f"/{den.name}", headers=HTML)
    assert (page.status_code, "/accounts/sign-in/" in page.text) == (404, False)
    assert "There is no room of this name." in page.text


def test_side_by_side_the_others_are_shown(curl: Client, den: Room, make_room: Any) -> None:
    make_room("garden")
    page = curl.get("/-/", {"room": ["garden", den.name], "user": "Vera"}, headers=HTML)
    assert (page.status_code, "sign in." in page.text, 'data-room="garden"' in page.text) == (200, True, True)
    assert "next=/-/%3Froom%3Dgarden%26room%3D" in page.text
    assert "Vera" not in page.text.split("/accounts/sign-in/?next=")[1].split('"')[0]


@pytest.mark.parametrize("path", ["/den?user=Vera", "/default?user=Vera", "/-/?room=den&user=Vera"])
def test_a_name_in_the_address_is_answered_as_ever(curl: Client, path: str) -> None:
    page = curl.get(path, headers=HTML)
    assert page.status_code == 200
    assert 'name="from" value="Vera"' in page.text
    assert not Message.objects.exists()


def test_the_first_page_leads_to_the_first_room_with_the_name(curl: Client) -> None:
    assert curl.get("/?user=Vera")["Location"] == "/default?user=Vera"
