"""Corkboard by its other two transports: returning, and how late a message is."""

import time

from benchmarks.bench import Bench
from benchmarks.load.client import post
from benchmarks.load.posters import frame
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
    then = "" if how == "poll" else frame({"command": "sync", "id": "1", "last-event-id": token}).decode("latin-1")
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
    readers = min(PACED_READERS, bench.options.readers)
    request = peer.socket_request(room, peer.token(room))
    bench.swarm.open(port=peer.stream_port, request=request, number=readers, marker=READY)
    number = int(RATE * bench.options.seconds(8))
    bench.swarm.do("start", timed=True)
    with bench.metered("paced-socket", peer) as others:
        posting = post({**peer.post_order(room), "posters": 1, "seconds": 30, "number": number, "rate": RATE})
        got = bench.swarm.do("wait", expected=number * readers, seconds=60, quiet=8)
        others.append(posting.result()["cpu"])
    bench.swarm.do("close")
    bench.results.add("paced-socket-p50", peer.name, got["p50"])
    bench.results.add("paced-socket-p99", peer.name, got["p99"])
    bench.results.add("paced-socket-delivered", peer.name, got["deliveries"] / (number * readers) * 100)


def _polls(bench: Bench) -> None:
    peer = bench.corkboard
    room = bench.room(peer)
    readers, messages = min(PACED_READERS, bench.options.readers), bench.options.times(POLLED)
    delivered = 0
    for _ in range(messages):
        request = peer.poll_request(room, peer.token(room))
        bench.swarm.open(port=peer.stream_port, request=request, number=readers, held=True)
        time.sleep(bench.options.seconds(2.5))  # until all are held
        bench.swarm.do("start", timed=True)
        with bench.metered("poll", peer) as others:
            posted = bench.post(peer, room, posters=1, number=1, seconds=20)
            got = bench.swarm.do("wait", expected=readers, seconds=30, quiet=8)
            others.append(posted["cpu"])
        delivered += got["deliveries"]
        bench.swarm.do("close")
        bench.results.add("poll-p50", peer.name, got["p50"])
        bench.results.add("poll-p99", peer.name, got["p99"])
    bench.results.add("poll-delivered", peer.name, delivered / (messages * readers) * 100)
