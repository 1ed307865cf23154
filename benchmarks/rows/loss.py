"""A publish is lost on its way to Pushpin and nothing follows: how long until all readers have the message."""

import time

from benchmarks.bench import Bench


def measure(bench: Bench) -> None:
    """One round."""
    peer, number = bench.corkboard, bench.options.readers
    room = bench.room(peer)
    peer.restart_web(lose_publishes=True)
    bench.open(peer, room, number)
    bench.swarm.do("start")
    start = time.monotonic()
    bench.post(peer, room, posters=1, number=1, seconds=20)
    got = bench.swarm.do("wait", expected=number, seconds=40, quiet=20)
    bench.results.add("loss-seconds", peer.name, got["last"] - start)
    bench.results.add("loss-missing", peer.name, number - got["deliveries"])
    bench.swarm.do("close")
    peer.restart_web()
