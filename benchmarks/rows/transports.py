"""Corkboard by its other two transports: returning, and how late a message is."""

import json
import struct

from benchmarks.bench import Bench
from benchmarks.load.client import post
from benchmarks.load.posters import MASK
from benchmarks.peers.peer import READY
from benchmarks.rows.resume import BEHIND

PACED_READERS = 200
RATE = 20.0  # messages a second to sockets
POLLED = 5  # messages to long-polls: each answers them all, so each has readers who have just asked


def measure(bench: Bench) -> None:
    """One round."""
    _resume(bench, "poll")
    _resume(bench, "socket")
    _paced_sockets(bench)
    _polls(bench)


def _resume(bench: Bench, how: str) -> None:
    peer, number = bench.corkboard, bench.options.readers
    room = bench.room(peer)
    token = peer.token(room)
    bench.open(peer, room, 1)  # the room is followed
    bench.post(peer, room, posters=1, number=BEHIND, seconds=20)
    request = peer.poll_request(room, token) if how == "poll" else peer.socket_request(room, token)
    then = "" if how == "poll" else _frame({"command": "sync", "id": "1", "last-event-id": token})
    with bench.metered(f"resume-{how}", peer):
        back = bench.swarm.do(
            "open",
            port=peer.stream_port,
            request=request,
            number=number,
            marker=READY,
            wanted=BEHIND,
            at_once=0,
            then=then,
        )
    bench.swarm.do("close")
    bench.results.add(f"resume-{how}-rate", peer.name, number / back["seconds"])
    refused = sum(count for kind, count in back["refused"].items() if kind.startswith("5"))
    bench.results.add(f"resume-{how}-5xx", peer.name, refused)
    bench.results.add(f"resume-{how}-missing", peer.name, number - back["ready"])


def _paced_sockets(bench: Bench) -> None:
    peer = bench.corkboard
    room = bench.room(peer)
    request = peer.socket_request(room, peer.token(room))
    bench.swarm.open(port=peer.stream_port, request=request, number=PACED_READERS, marker=READY)
    number = int(RATE * bench.options.seconds(8))
    bench.swarm.do("start", timed=True)
    with bench.metered("paced-socket", peer) as others:
        posting = post({**peer.post_order(room), "posters": 1, "seconds": 30, "number": number, "rate": RATE})
        got = bench.swarm.do("wait", expected=number * PACED_READERS, seconds=60, quiet=8)
        others.append(posting.result()["cpu"])
    bench.swarm.do("close")
    bench.results.add("paced-socket-p50", peer.name, got["p50"])
    bench.results.add("paced-socket-p99", peer.name, got["p99"])
    bench.results.add("paced-socket-delivered", peer.name, got["deliveries"] / (number * PACED_READERS) * 100)


def _polls(bench: Bench) -> None:
    peer = bench.corkboard
    room = bench.room(peer)
    got = {}
    delivered = 0
    for _ in range(POLLED):
        request = peer.poll_request(room, peer.token(room))
        bench.swarm.open(port=peer.stream_port, request=request, number=PACED_READERS, held=True)
        bench.swarm.do("wait", seconds=2.5)  # until all are held
        bench.swarm.do("start", timed=True)
        with bench.metered("poll", peer) as others:
            posted = bench.post(peer, room, posters=1, number=1, seconds=20)
            got = bench.swarm.do("wait", expected=PACED_READERS, seconds=30, quiet=8)
            others.append(posted["cpu"])
        delivered += got["deliveries"]
        bench.swarm.do("close")
        bench.results.add("poll-p50", peer.name, got["p50"])
        bench.results.add("poll-p99", peer.name, got["p99"])
    bench.results.add("poll-delivered", peer.name, delivered / (POLLED * PACED_READERS) * 100)


def _frame(command: dict[str, str]) -> str:
    """A command as a client's frame, its bytes as characters."""
    data = json.dumps(command).encode()
    size = bytes([0x80 | len(data)]) if len(data) < 126 else b"\xfe" + struct.pack(">H", len(data))
    return (b"\x81" + size + MASK + data).decode("latin-1")
