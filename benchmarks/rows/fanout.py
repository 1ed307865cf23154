"""Many messages at once to all readers: deliveries a second."""

import time

from benchmarks.bench import Bench
from benchmarks.load.client import post, publish
from benchmarks.peers.peer import Peer
from benchmarks.usage import cpu_seconds

BURST = 500  # messages
LATER = 10.0  # seconds: the burst is dated so far ahead that it is over before the relay repeats it


def measure(bench: Bench) -> None:
    """One round: Pushpin alone and Corkboard published alike, over ZMQ; the others by posting, as only they can."""
    burst = bench.options.times(BURST)
    room = bench.room(bench.corkboard)
    bench.open(bench.raw, "", bench.options.readers)
    _burst(bench, bench.raw, bench.raw.zmq_port, bench.raw.items(burst))
    bench.open(bench.corkboard, room, bench.options.readers)
    _burst(bench, bench.corkboard, bench.corkboard.zmq_port, bench.corkboard.items(room, burst, time.time() + LATER))
    for peer in (bench.tutorial, bench.channels, bench.corkboard):
        _posted(bench, peer)


def _burst(bench: Bench, peer: Peer, port: int, messages: list[list[str]]) -> None:
    expected = len(messages) * bench.options.readers
    bench.swarm.do("start")
    cpu = cpu_seconds(peer.proxy_pids())
    with bench.metered("fanout", peer) as others:
        publisher = publish(port, messages, 0, 0)
        got = bench.swarm.do("wait", expected=expected, seconds=60, quiet=8)
        published = publisher.result()
        others.append(published["cpu"])
    cpu = cpu_seconds(peer.proxy_pids()) - cpu
    bench.swarm.do("close")
    bench.results.add("fanout-cpu", peer.name, cpu / (got["deliveries"] / 1e6))
    bench.results.add("fanout-rate", peer.name, got["deliveries"] / (got["last"] - published["first"]))
    bench.results.add("fanout-delivered", peer.name, got["deliveries"] / expected * 100)


def _posted(bench: Bench, peer: Peer) -> None:
    room = bench.room(peer)
    bench.open(peer, room, bench.options.readers)
    bench.swarm.do("start")
    with bench.metered("fanout-posted", peer) as others:
        posting = post({**peer.post_order(room), "posters": 4, "seconds": bench.options.seconds(4)})
        posted = posting.result()
        others.append(posted["cpu"])
        got = bench.swarm.do("wait", expected=posted["stored"] * bench.options.readers, seconds=30, quiet=8)
    bench.swarm.do("close")
    bench.results.add("fanout-posted-rate", peer.name, got["deliveries"] / got["seconds"])
    share = got["deliveries"] / (posted["stored"] * bench.options.readers)
    bench.results.add("fanout-posted-delivered", peer.name, share * 100)
