"""Pages of other sites: those on the list CORS_ORIGINS follow and post with a token, all others do neither.

The pages are the examples of docs/javascript.md, word for word but for the address, the rooms and the token.
"""

import re
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.service import ROOT, Service

pytestmark = pytest.mark.timeout(120)
Visit = Callable[..., Page]
EXAMPLES = re.findall(r"```html\n(.*?)```", (ROOT / "docs" / "javascript.md").read_text(), re.S)
SSE, LONG_POLL, WEBSOCKET = EXAMPLES


@pytest.fixture(scope="module")
def site() -> Iterator[tuple[str, dict[str, str]]]:
    """Another site on this machine: its origin, and its pages by path."""
    pages: dict[str, str] = {}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = pages.get(self.path, "").encode()
            self.send_response(200 if body else 404)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}", pages
    server.shutdown()
    server.server_close()


@pytest.fixture
def visit(chromium: Browser, site: tuple[str, dict[str, str]]) -> Iterator[Visit]:
    """Opens an example on the other site, for a room of a service."""
    origin, pages = site
    with chromium.new_context() as context:

        def enter(example: str, service: Service, room: str, token: str = "") -> Page:
            example = example.replace("https://chat.example.org", service.url).replace("TOKEN", token)
            pages["/"] = re.sub(r'\b(?<="|/)default(?="|/)', room, example).replace('"garden"', f'"{room}-garden"')
            page = context.new_page()
            page.goto(f"{origin}/")
            return page

        yield enter


@pytest.fixture(scope="class")
def open_service(site: tuple[str, dict[str, str]]) -> Iterator[Service]:
    """A service whose list names the site."""
    with Service(CORS_ORIGINS=site[0], WEB_WORKERS="1") as running:
        yield running


@pytest.fixture(scope="class")
def mia(open_service: Service) -> str:
    """The API token of the account `mia`."""
    open_service.shell("from chat.models import User; User.objects.create_user('mia', password='x')")
    return open_service.manage("token", "mia").strip()


class TestAPageOfASiteOnTheList:
    def test_follows_a_private_room_by_streams(self, open_service: Service, mia: str, visit: Visit, room: str) -> None:
        def say(text: str) -> None:
            body = f'{{"text":"{text}"}}'.encode()
            headers = {"Authorization": f"Bearer {mia}", "Content-Type": "application/json"}
            assert open_service.request("POST", f"/rooms/{room}/messages/", body, headers).status == 201

        say("before")
        open_service.shell(
            f"from chat.models import *; room = Room.objects.get(name='{room}');"
            "room.visibility = 'private'; room.save();"
            "Membership.objects.create(room=room, user=User.objects.get(username='mia'))"
        )
        assert open_service.get(f"/rooms/{room}/messages/").status == 404
        page = visit(SSE, open_service, room, mia)
        said = page.locator("li")
        expect(said).to_have_text(["mia: before"], timeout=15_000)
        say("live")
        expect(said).to_have_text(["mia: before", "mia: live"], timeout=15_000)
        open_service.kill("pushpin")
        open_service.wait_ready()
        say("missed")
        expect(said).to_have_text(["mia: before", "mia: live", "mia: missed"], timeout=15_000)

    def test_follows_and_posts_by_long_polls(self, open_service: Service, mia: str, visit: Visit, room: str) -> None:
        page = visit(LONG_POLL, open_service, room, mia)
        with page.expect_response(lambda answer: answer.url.endswith("/events/") and answer.request.method == "GET"):
            page.reload()
        page.get_by_label("Message").fill("from afar")
        page.get_by_label("Message").press("Enter")
        expect(page.locator("ul")).to_have_text("mia: from afar", timeout=15_000)
        [message] = open_service.get(f"/rooms/{room}/messages/").json()["messages"]
        assert (message["from"], message["verified"]) == ("mia", True)

    def test_follows_open_rooms_by_websocket(self, open_service: Service, visit: Visit, room: str) -> None:
        page = visit(WEBSOCKET, open_service, room)
        expect(page.locator("p")).to_have_text("online", timeout=15_000)
        open_service.say(f"{room}-garden", "hello")
        expect(page.locator("ul")).to_have_text(f"{room}-garden, ann: hello", timeout=15_000)


@pytest.mark.parametrize("example", [SSE, LONG_POLL, WEBSOCKET], ids=["sse", "long-poll", "websocket"])
def test_by_default_no_other_site_follows_or_posts(service: Service, visit: Visit, room: str, example: str) -> None:
    service.say(room, "ours")
    page = visit(example, service, room, "none")
    posted = page.evaluate(
        """async (url) => {
          const body = new URLSearchParams({ from: 'eve', text: 'theirs' });
          const post = (more) => fetch(url, { method: 'POST', body, ...more }).then(() => 'read', () => 'hidden');
          const headers = { Authorization: 'Bearer none' };
          return [await post(), await post({ headers }), await post({ mode: 'no-cors' })];
        }""",
        f"{service.url}/rooms/{room}/messages/",
    )
    assert posted == ["hidden", "hidden", "read"]  # an opaque answer, in which nothing can be read
    service.say(room, "ours again")
    with page.expect_console_message(lambda said: said.type == "error"):  # what the browser refuses, it says
        page.reload()
    shown = page.locator("body").inner_text()
    assert "ours" not in shown
    assert "online" not in shown
    assert [m["text"] for m in service.get(f"/rooms/{room}/messages/").json()["messages"]] == ["ours again", "ours"]
