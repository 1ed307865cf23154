"""Addresses that clients collapse, and other spellings, by real clients through the proxy."""

import json
import shutil
import subprocess

import httpx
import pytest
import requests
from websockets.sync.client import connect

from tests.readers import Reader
from tests.service import Service

pytestmark = pytest.mark.timeout(120)
FETCH = """
const [url, authorization] = process.argv.slice(1);
console.log((await fetch(url, { method: "DELETE", headers: { authorization } })).status);
"""
OWN = """
from chat.models import Membership, Room
owner = User.objects.create_user(f"owner-{room}")
Room.objects.create(name=room, name_key=room, title=room)
Membership.objects.create(room=Room.objects.get(name=room), user=owner, role="owner")
result = actions.make_token(owner)
"""


@pytest.fixture
def bearer(service: Service, room: str) -> dict[str, str]:
    """The headers of the owner of the room."""
    return {"Authorization": f"Bearer {service.console.run(OWN, room=room)}"}


def test_no_client_deletes_a_room_by_the_address_of_a_part(service: Service, room: str, bearer: dict[str, str]) -> None:
    for part in ("members/..", "members/.", "members/%2e%2e", "messages/..", "invites/..", "hooks/x/../..", "members/"):
        url = f"{service.url}/rooms/{room}/{part}/"
        statuses = [requests.delete(url, headers=bearer).status_code, httpx.delete(url, headers=bearer).status_code]
        if shutil.which("curl"):
            curl = [
                "curl",
                "-sgX",
                "DELETE",
                "-H",
                f"Authorization: {bearer['Authorization']}",
                "-w",
                "%{http_code}",
                url,
            ]
            statuses.append(int(subprocess.run(curl, capture_output=True, check=True).stdout[-3:]))
        if shutil.which("node"):
            node = ["node", "--input-type=module", "-e", FETCH, url, bearer["Authorization"]]
            statuses.append(int(subprocess.run(node, capture_output=True, check=True).stdout))
        assert set(statuses) <= {404, 405, 422}, part
        assert service.get(f"/rooms/{room}/").status == 200
    assert requests.delete(f"{service.url}/rooms/{room}/?confirm={room}", headers=bearer).status_code == 204
    assert service.get(f"/rooms/{room}/").status == 404


def test_without_the_last_slash_it_is_done_and_not_redirected(
    service: Service, room: str, bearer: dict[str, str]
) -> None:
    base = f"{service.url}/rooms/{room}"
    said = requests.post(f"{base}/messages", data={"from": "ann", "text": "hi"})
    assert (said.status_code, said.history, said.json()["id"]) == (201, [], 1)
    bob = service.session(f"bob-{room}")
    banned = requests.post(f"{base}/restrictions", data={"kind": "ban", "username": f"bob-{room}"}, headers=bearer)
    assert (banned.status_code, banned.history) == (201, [])
    cookie = {"Cookie": f"sessionid={bob}", "Origin": service.url}
    assert requests.post(f"{base}/messages", data={"text": "no"}, headers=cookie).status_code == 403
    assert [one["text"] for one in requests.get(f"{base}/messages").json()["messages"]] == ["hi"]


@pytest.mark.parametrize(
    "path", ["//rooms/{}/messages/", "/rooms//{}/messages/", "/rooms/{}//messages", "/Rooms/{}/messages/"]
)
def test_other_spellings_are_refused_with_the_right_one(service: Service, room: str, path: str) -> None:
    service.say(room, "here")
    headers = {"Content-Type": "application/json"}
    answer = service.request("POST", path.format(room), json.dumps({"from": "ann", "text": "no"}).encode(), headers)
    assert (answer.status, answer.headers["Content-Type"]) == (404, "application/problem+json")
    assert f"The right one is /rooms/{room}/messages/." in answer.json()["detail"]
    assert service.token(room) == f"room-{room}:1"


def test_streams_are_followed_without_the_last_slash(service: Service, room: str, transport: str) -> None:
    service.say(room, "first")
    with Reader(service.url, f"/rooms/{room}/events", f"room-{room}:0", transport=transport) as reader:
        reader.wait_for(["first"], 10)
        service.say(room, "second")
        reader.wait_for(["first", "second"], 10)


def test_a_socket_opens_without_the_last_slash(service: Service, room: str) -> None:
    with connect(f"ws://127.0.0.1:{service.port}/rooms/{room}/events", proxy=None) as socket:
        assert json.loads(socket.recv(timeout=10))["type"] == "stream-open"
