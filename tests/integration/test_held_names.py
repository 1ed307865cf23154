"""Names that change hands, on both databases and at the same moment."""

import http.client
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from urllib.parse import urlencode

import pytest

from tests.service import Service, free_port

pytestmark = pytest.mark.both_databases

_MAKE = """
from chat.actions.people import sign_up
user = sign_up(f"u{number}", "correct horse battery", f"Vera {number}")
result = user.pk
"""
_TURN = """
user = User.objects.get(pk=pk)
actions.change_name(user, name)
"""


def test_a_name_is_never_free_while_it_changes_hands(service: Service, room: str) -> None:
    """Its holder gives it up and takes it back, again and again; all the time others try to speak under it."""
    number = free_port()
    pk = service.console.run(_MAKE, number=number)
    service.say(room, "first")
    done, answers = threading.Event(), Counter[int]()

    def speak(_: int) -> None:
        while not done.is_set():
            answers[service.post(room, "it's me", f"V\u00e9ra {number}").status] += 1

    with ThreadPoolExecutor(6) as pool:
        speakers = [pool.submit(speak, turn) for turn in range(6)]
        for turn in range(12):
            service.console.run(_TURN, pk=pk, name=f"Other {number}" if turn % 2 == 0 else f"Vera {number}")
        done.set()
    for speaker in speakers:
        speaker.result()
    assert answers[409] > 20
    assert set(answers) == {409}


def test_one_of_many_who_want_a_free_name_gets_it_and_a_gone_guest_holds_it(service: Service, room: str) -> None:
    name = f"Wanda {free_port()}"
    made = service.console.run(
        "guest = actions.make_guest(name)\nactions.post_message(guest, room, 'hi')\nresult = guest.pk",
        name=name,
        room=room,
    )
    service.console.run(
        "guests = User.objects.filter(pk=pk)\nguests.update(left_at=timezone.now() - timedelta(days=99))\n"
        "result = actions.prune_guests(timezone.now() - timedelta(days=30))",
        pk=made,
    )
    assert service.post(room, "hi", name.upper()).status == 409
    service.console.run("HeldName.objects.filter(until__gt=timezone.now()).update(until=timezone.now())")
    assert service.post(room, "hi", name.upper()).status == 201

    with ThreadPoolExecutor(6) as pool:
        answers = Counter(pool.map(lambda _: become_guest(service, name), range(6)))
    assert answers == {303: 1, 422: 5}


def become_guest(service: Service, name: str) -> int:
    """Ask for a nickname by the page's form; the status."""
    page = service.get("/accounts/guest/", {"Accept": "text/html"})
    cookie = page.headers["Set-Cookie"].partition(";")[0]
    fields = {"display_name": name, "csrfmiddlewaretoken": cookie.partition("=")[2]}
    with closing(http.client.HTTPConnection("127.0.0.1", service.port, timeout=30)) as connection:
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "text/html", "Origin": service.url}
        connection.request("POST", "/accounts/guest/", urlencode(fields), {**headers, "Cookie": cookie})
        with connection.getresponse() as response:
            response.read()
            return response.status
