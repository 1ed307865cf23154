"""Before Pushpin there is nginx or Caddy, as docs/operating.md has them."""

import threading
from collections.abc import Iterator

import pytest

from tests import raw
from tests.fronts import Front
from tests.integration.test_smuggling import ATTACKS, FOREIGN
from tests.pool import Pool
from tests.service import Service
from tests.trio import Trio


@pytest.fixture
def service(pool: Pool, database: str) -> Service:
    """A service behind one proxy that tells where a request came from."""
    return pool.get("behind a proxy", database, Service, TRUSTED_PROXIES="1")


@pytest.fixture(params=["nginx", "caddy"])
def front(request: pytest.FixtureRequest, service: Service) -> Iterator[Front]:
    with Front(request.param, service.port) as running:
        yield running


def test_readers_of_each_transport_get_what_is_posted_through_it(service: Service, front: Front, room: str) -> None:
    url = f"http://127.0.0.1:{front.port}"
    with Trio(url, f"/rooms/{room}/events/", f"room-{room}:0") as readers:
        for number in range(3):
            body = f"from=ann&text={number}".encode()
            assert service.request("POST", f"/rooms/{room}/messages/", body, base=url, signed=False).status == 201
        readers.wait_for(["0", "1", "2"])


def test_smuggled_requests_reach_nobody(service: Service, front: Front) -> None:
    url, found = f"http://127.0.0.1:{front.port}", []

    def strike(names: list[str]) -> None:
        for name in names:
            answer = raw.send(front.port, ATTACKS[name], seconds=0.3)
            if FOREIGN.search(answer.data):
                found.append((name, answer.data))

    names = list(ATTACKS)
    threads = [threading.Thread(target=strike, args=(names[number::4],)) for number in range(4)]
    for thread in threads:
        thread.start()
    headers = {"Cookie": f"sessionid={service.session('alice')}", "Accept": "application/json"}
    while any(thread.is_alive() for thread in threads):
        answer = service.request("GET", "/accounts/me/", headers=headers, base=url, signed=False)
        assert answer.json()["username"] == "alice"
    assert not found
    assert not service.get("/rooms/loot/messages/").json()["messages"]
