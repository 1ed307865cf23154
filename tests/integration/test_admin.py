"""What an operator changes in the admin reaches open streams, and ends those that it takes a right from."""

import re
import time
import urllib.parse
from html.parser import HTMLParser

import pytest

from tests.readers import NO_SYNC
from tests.service import Answer, Service
from tests.trio import Trio, follow

pytestmark = pytest.mark.timeout(120)


class Fields(HTMLParser):
    """The fields of the forms of a page as a browser would send them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.values: dict[str, str] = {}
        self._select = ""
        self._in_text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        name = given.get("name") or ""
        is_off = given.get("type") in ("checkbox", "submit") and "checked" not in given
        if tag == "input" and name and not is_off:
            self.values[name] = given.get("value") or ""
        elif tag == "select":
            self._select = name
        elif tag == "option" and "selected" in given:
            self.values[self._select] = given.get("value") or ""


class Admin:
    """The admin in the browser of a superuser."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._cookie = f"sessionid={service.session('root', is_staff=True, is_superuser=True)}"

    def save(self, path: str, **fields: str) -> Answer:
        """Open a page, change fields of its form, and send it."""
        page = self._service.get(path, {"Cookie": self._cookie})
        assert page.status == 200, page.body
        csrf = re.search(r"csrftoken=[^;]+", page.headers["Set-Cookie"])
        assert csrf
        headers = {"Cookie": f"{self._cookie}; {csrf[0]}", "Content-Type": "application/x-www-form-urlencoded"}
        sent = Fields(page.body.decode()).values | fields
        return self._service.request("POST", path, urllib.parse.urlencode(sent).encode(), headers)

    def get(self, path: str) -> Answer:
        """A page."""
        return self._service.get(path, {"Cookie": self._cookie})

    def row(self, model: str, search: str) -> str:
        """The row id of what the list of a model finds first."""
        page = self._service.get(f"/admin/chat/{model}/?q={search}", {"Cookie": self._cookie}).body.decode()
        found = re.search(rf"/admin/chat/{model}/(\d+)/change/", page)
        assert found, page
        return found[1]


@pytest.fixture
def admin(service: Service) -> Admin:
    return Admin(service)


def ends_within_a_second(admin: Admin, readers: Trio, **action: str) -> None:
    """Do something in a list of the admin that ends what is read."""
    before = {reader.transport: reader.ends for reader in readers}
    model = action.pop("model")
    answer = admin.save(f"/admin/chat/{model}/", **action)
    answered = time.monotonic()
    assert answer.status == 200, answer.body
    readers.wait(lambda reader: reader.ends > before[reader.transport], 5, "the end")
    assert time.monotonic() - answered < 1


def test_a_new_title_arrives_at_an_open_stream(service: Service, admin: Admin, room: str) -> None:
    service.say(room, "hi")
    with follow(service, room, service.token(room), sync=NO_SYNC) as readers:
        answer = admin.save(f"/admin/chat/room/{admin.row('room', room)}/change/", title="The den", topic="Bears")
        assert answer.status == 200, answer.body
        for seen in readers.wait_for_type("room-changed", 3):
            assert seen.json().items() >= {"room": room, "title": "The den", "topic": "Bears"}.items()
            assert seen.id == f"room-{room}:2"
        service.say(room, "the stream goes on")
        readers.wait_for(["the stream goes on"])
        assert [reader.is_exact() for reader in readers] == [True] * 3


def test_a_room_made_private_ends_an_outsiders_stream_within_a_second(
    service: Service, admin: Admin, room: str
) -> None:
    service.say(room, "hi")
    pk = admin.row("room", room)
    with follow(service, room, service.token(room)) as readers:
        service.say(room, "seen")
        readers.wait_for(["seen"])
        ends_within_a_second(admin, readers, model="room", action="make_private", _selected_action=pk)
        before = [len(reader.seen) for reader in readers]
        service.shell(
            f"from chat import actions; from chat.models import Room, User; room = Room.objects.get(pk={pk})\n"
            "from chat.models import Membership; root = User.objects.get(username='root')\n"
            "Membership.objects.get_or_create(room=room, user=root)\n"
            "actions.post_message(root, room.name, 'for members only')"
        )
        refused = {reader.transport: len(reader.refusals) for reader in readers}
        readers.wait(lambda reader: len(reader.refusals) > refused[reader.transport] + 1, 5, "two more refusals")
        for reader, seen in zip(readers, before, strict=True):
            assert (reader.messages(), reader.seen[seen:]) == (["seen"], [])
    assert service.get(f"/rooms/{room}/messages/").status == 404


def test_a_text_deleted_in_the_admin_goes_from_open_pages_and_replays(
    service: Service, admin: Admin, room: str
) -> None:
    service.say(room, f"secret words of {room}")
    message = admin.row("message", room)
    with follow(service, room, service.token(room)) as readers:
        answer = admin.save(f"/admin/chat/message/{message}/delete/", post="yes")
        assert answer.status == 200, answer.body
        assert [seen.json() for seen in readers.wait_for_type("message-deleted", 3)] == [{"id": 1, "room": room}] * 3
    with follow(service, room, f"room-{room}:0") as late:
        late.wait_for_type("message-deleted")
        assert "secret words" not in str([reader.seen for reader in late])


def test_a_closed_accounts_stream_ends_within_a_second(service: Service, admin: Admin, room: str) -> None:
    cookie = {"Cookie": f"sessionid={service.session(f'bob-{room}')}"}
    pk, name = service.shell(
        "from chat.models import Membership, Room, User\n"
        f"bob = User.objects.get(username='bob-{room}')\n"
        f"room = Room.objects.create(name='x-{room}', name_key='x-{room}', title='den', visibility='private')\n"
        "Membership.objects.create(room=room, user=bob); print(bob.pk, room.name)"
    ).split()
    service.shell(f"from chat import actions; actions.post_message(User.objects.get(pk={pk}), {name!r}, 'held')")
    with follow(service, name, f"room-{name}:0", headers=cookie) as readers:
        readers.wait_for(["held"])
        ends_within_a_second(admin, readers, model="user", action="close", _selected_action=pk)
    assert service.get(f"/rooms/{name}/messages/", cookie).status == 404


@pytest.mark.both_databases
def test_nonsense_is_refused_whatever_the_database(service: Service, admin: Admin) -> None:
    for query in (
        "created__year=99999999999",
        "created__gte=%00",
        "room=%00",
        "room=" + "9" * 30,
        "q=%00",
        "kind=%ED%A0%80",
    ):
        for model in ("restriction", "message", "room", "auditentry"):
            assert admin.get(f"/admin/chat/{model}/?{query}").status in (200, 400), (model, query)
    for row in ("a_00b", "%00", "9" * 30):
        assert admin.get(f"/admin/chat/room/{row}/change/").status in (200, 400, 404), row
    for wrong in ({"room": "\0"}, {"room": "9" * 30}, {"user": "\0"}, {"address": "\0"}, {"kind": "\0"}):
        answer = admin.save("/admin/chat/restriction/add/", **{"kind": "ban", "address": "203.0.113.7", **wrong})
        assert answer.status in (200, 400), wrong
