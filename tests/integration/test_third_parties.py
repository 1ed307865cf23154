"""Clients of others read a room's events and resume with the token: nobody needs a client of ours."""

import asyncio
import json
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
import requests
import sseclient
import websockets
from httpx_sse import connect_sse

from tests.service import Service

pytestmark = pytest.mark.timeout(120)
EVENTSOURCE = "eventsource@3.0.7"
EVENTSOURCE_SCRIPT = """
import { EventSource } from "eventsource";
const source = new EventSource(process.argv[2]);
const print = (event) => console.log(JSON.stringify([event.lastEventId, event.data]));
source.addEventListener("message", print);
source.addEventListener("stream-open", () => console.log("open"));
"""
# What every client returns: the ids and texts of the messages, as they came.
Got = list[tuple[str, str]]
Read = Callable[[str, str, int], Got]


@pytest.fixture(scope="session")
def node_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the npm package `eventsource` and a script that prints what it gets."""
    folder = tmp_path_factory.mktemp("node")
    (folder / "package.json").write_text("{}")
    install = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error", EVENTSOURCE]
    subprocess.run(install, cwd=folder, check=True, stdout=subprocess.DEVNULL)
    (folder / "follow.mjs").write_text(EVENTSOURCE_SCRIPT)
    return folder


@contextmanager
def lines_of(command: list[str], folder: Path | None = None) -> Iterator[Iterator[str]]:
    """The lines that a command prints, while it runs; it is ended in the end."""
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            yield iter(process.stdout)
        finally:
            process.kill()


def by_httpx_sse(url: str, token: str, count: int) -> Got:
    """https://pypi.org/project/httpx-sse/"""
    got: Got = []
    headers = {"Last-Event-ID": token}
    with httpx.Client(timeout=25) as client, connect_sse(client, "GET", url, headers=headers) as source:
        for event in source.iter_sse():
            if event.event == "message":
                got.append((event.id, event.json()["text"]))
            if len(got) == count:
                break
    return got


def by_sseclient(url: str, token: str, count: int) -> Got:
    """https://pypi.org/project/sseclient-py/, on requests"""
    got: Got = []
    headers = {"Accept": "text/event-stream", "Last-Event-ID": token}
    with requests.get(url, headers=headers, stream=True, timeout=25) as response:
        for event in sseclient.SSEClient(response).events():
            if event.event == "message":
                got.append((event.id, json.loads(event.data)["text"]))
            if len(got) == count:
                break
    return got


def by_httpx_polls(url: str, token: str, count: int) -> Got:
    """Long-polling needs no library but one for HTTP."""
    got: Got = []
    with httpx.Client(timeout=40, headers={"Accept": "application/json", "Prefer": "wait=20"}) as client:
        while len(got) < count:
            batch = client.get(url, params={"lastEventId": token}).raise_for_status().json()
            got += [(event["id"], event["data"]["text"]) for event in batch["events"]]
            token = batch["last-event-id"]
    return got


def by_websockets(url: str, token: str, count: int) -> Got:
    """https://pypi.org/project/websockets/, its asyncio client"""
    with ThreadPoolExecutor(1) as thread:  # Playwright's loop may be running in this one
        return thread.submit(asyncio.run, _by_websockets(url.replace("http", "ws", 1), token, count)).result()


async def _by_websockets(url: str, token: str, count: int) -> Got:
    got: Got = []
    held: dict[int, tuple[str, str]] = {}  # live events overtake those of the sync: behind a hole they wait
    last = int(token.rpartition(":")[2])
    async with asyncio.timeout(25), websockets.connect(f"{url}?lastEventId={token}", proxy=None) as socket:
        assert json.loads(await socket.recv()) == {"type": "stream-open", "id": token}
        await socket.send(json.dumps({"command": "sync", "id": "1", "last-event-id": token}))
        async for text in socket:
            frame = json.loads(text)
            if frame["type"] == "message":
                held[frame["data"]["id"]] = (frame["id"], frame["data"]["text"])
            while event := held.pop(last + 1, None):
                got.append(event)
                last += 1
            if len(got) >= count:
                break
    return got


def by_curl_stream(url: str, token: str, count: int) -> Got:
    """`curl -N`, as the README shows it"""
    got: Got = []
    kind = event_id = ""
    with lines_of(["curl", "-sN", "-H", f"Last-Event-ID: {token}", url]) as lines:
        for line in lines:
            name, _, value = line.rstrip("\n").partition(": ")
            if name == "event":
                kind = value
            elif name == "id":
                event_id = value
            elif name == "data" and kind == "message":
                got.append((event_id, json.loads(value)["text"]))
            if len(got) == count:
                break
    return got


def by_curl_polls(url: str, token: str, count: int) -> Got:
    """`curl -H 'Accept: application/json'`, again and again"""
    got: Got = []
    command = ["curl", "-sf", "-m", "40", "-H", "Accept: application/json", "-H", "Prefer: wait=20"]
    while len(got) < count:
        answer = subprocess.run([*command, f"{url}?lastEventId={token}"], check=True, capture_output=True).stdout
        batch = json.loads(answer)
        got += [(event["id"], event["data"]["text"]) for event in batch["events"]]
        token = batch["last-event-id"]
    return got


def by_eventsource(folder: Path) -> Read:
    """https://www.npmjs.com/package/eventsource, in Node"""

    def read(url: str, token: str, count: int) -> Got:
        got: Got = []
        with lines_of(["node", "follow.mjs", f"{url}?lastEventId={token}"], folder) as lines:
            for line in lines:
                if line != "open\n":
                    event_id, data = json.loads(line)
                    got.append((event_id, json.loads(data)["text"]))
                if len(got) == count:
                    break
        return got

    return read


CLIENTS = {
    "httpx-sse": by_httpx_sse,
    "sseclient-py": by_sseclient,
    "curl": by_curl_stream,
    "eventsource": by_eventsource,
    "httpx long-poll": by_httpx_polls,
    "curl long-poll": by_curl_polls,
    "websockets": by_websockets,
}


@pytest.fixture(params=CLIENTS)
def read(request: pytest.FixtureRequest) -> Read:
    """A client that reads `count` messages after a token and hangs up."""
    if request.param == "eventsource":
        return by_eventsource(request.getfixturevalue("node_folder"))
    return CLIENTS[request.param]  # type: ignore[return-value]


def test_a_client_of_others_reads_hangs_up_and_resumes(service: Service, room: str, read: Read) -> None:
    url = f"{service.url}/rooms/{room}/events/"
    for text in ("first", "100 % of “quotes”", "line\nend 🎈"):
        service.say(room, text)
    before = read(url, f"room-{room}:0", 3)
    assert before == [
        (f"room-{room}:1", "first"),
        (f"room-{room}:2", "100 % of “quotes”"),
        (f"room-{room}:3", "line\nend 🎈"),
    ]
    service.say(room, "missed")
    service.say(room, "missed too")
    with ThreadPoolExecutor(1) as threads:
        reading = threads.submit(read, url, before[-1][0], 12)
        for number in range(10):  # some while it connects, some while it is held
            service.say(room, str(number))
        after = reading.result(30)
    texts = ["missed", "missed too", *(str(number) for number in range(10))]
    assert after == [(f"room-{room}:{number}", text) for number, text in enumerate(texts, 4)]


def test_eventsource_of_npm_resumes_by_itself_when_pushpin_is_killed(
    service: Service, room: str, node_folder: Path
) -> None:
    service.say(room, "before")
    with lines_of(
        ["node", "follow.mjs", f"{service.url}/rooms/{room}/events/?lastEventId=earliest"], node_folder
    ) as lines:
        assert next(lines) == "open\n"
        assert json.loads(next(lines))[0] == f"room-{room}:1"
        service.kill("pushpin")
        assert service.post(room, "while it is away", base=service.web_url).status == 201
        service.wait_ready()
        service.say(room, "after")
        assert next(lines) == "open\n"
        assert [json.loads(next(lines))[0] for _ in range(2)] == [f"room-{room}:2", f"room-{room}:3"]
