"""A steady stream of messages to all readers: how late each is, and what CPU a million deliveries take."""

import time

from benchmarks.bench import Bench
from benchmarks.load.client import Background, post, publish
from benchmarks.peers.peer import Peer
from benchmarks.usage import cpu_seconds

RATE = 20.0  # messages a second
SLOW = 5.0  # for those who can't do that
START = 2.0  # seconds until the first one: the publisher is ready by then
SETTLE = 6.0  # until Pushpin has followed the links of new readers, who would get from the log what is stored after it


def measure(bench: Bench) -> None:
    """One round."""
    number = int(RATE * bench.options.seconds(8))
    _open(bench, bench.raw, "")
    _published(bench, bench.raw, bench.raw.items(number), 0)
    room = bench.room(bench.corkboard)
    _open(bench, bench.corkboard, room)
    time.sleep(bench.options.seconds(SETTLE))
    first = time.time() + bench.options.seconds(START)
    _published(bench, bench.corkboard, bench.corkboard.items(room, number, first, RATE), first)
    for peer, rate in ((bench.corkboard, RATE), (bench.tutorial, SLOW), (bench.channels, SLOW)):
        _posted(bench, peer, rate)


def _open(bench: Bench, peer: Peer, room: str) -> None:
    """Count from before there is a message: the relay may have sent it when the publisher begins."""
    bench.open(peer, room, bench.options.readers)
    bench.swarm.do("start", timed=True)


def _published(bench: Bench, peer: Peer, messages: list[list[str]], first: float) -> None:
    cpu = cpu_seconds(peer.proxy_pids())
    got = _follow(bench, "paced", peer, publish(peer.zmq_port, messages, RATE, first), len(messages))
    million = got["deliveries"] / 1e6
    # The relay, or Pushpin asking again for a new channel, can be faster than the publisher. Quick waits for neither.
    assert bench.options.quick or got["timed"] == got["deliveries"], "not all was delivered by the publisher"
    bench.results.add("paced-p50", peer.name, got["p50"])
    bench.results.add("paced-p99", peer.name, got["p99"])
    bench.results.add("paced-cpu", peer.name, (cpu_seconds(peer.proxy_pids()) - cpu) / million)


def _posted(bench: Bench, peer: Peer, rate: float) -> None:
    room = bench.room(peer)
    _open(bench, peer, room)
    number = int(rate * bench.options.seconds(8))
    cpu = bench.cpu(peer)
    order = {"posters": 1, "seconds": 30, "number": number, "rate": rate}
    got = _follow(bench, "paced-posted", peer, post({**peer.post_order(room), **order}), number)
    bench.results.add("paced-posted-p50", peer.name, got["p50"])
    bench.results.add("paced-posted-p99", peer.name, got["p99"])
    bench.results.add("paced-posted-cpu", peer.name, (bench.cpu(peer) - cpu) / (got["deliveries"] / 1e6))


def _follow(bench: Bench, row: str, peer: Peer, load: Background, number: int) -> dict[str, float]:
    expected = number * bench.options.readers
    with bench.metered(row, peer) as others:
        got = bench.swarm.do("wait", expected=expected, seconds=60, quiet=8)
        others.append(load.result()["cpu"])
    bench.swarm.do("close")
    bench.results.add(f"{row}-delivered", peer.name, got["deliveries"] / expected * 100)
    return got
