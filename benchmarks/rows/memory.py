"""What memory an idle stream takes: the proxy's processes before and after twice the usual number of readers."""

import time

from benchmarks.bench import Bench
from benchmarks.peers.peer import Peer
from benchmarks.usage import memory_kib

SETTLE = 5.0


def measure(bench: Bench) -> None:
    """One round, each with a fresh proxy."""
    for peer in (bench.raw, bench.channels, bench.corkboard):
        _measure(bench, peer)


def _measure(bench: Bench, peer: Peer) -> None:
    number = 2 * bench.options.readers
    peer.restart_proxy()
    room = bench.room(peer)
    bench.open(peer, room, 1)
    before = memory_kib(peer.proxy_pids())
    bench.open(peer, room, number)
    time.sleep(bench.options.seconds(SETTLE))
    bench.results.add("memory", peer.name, (memory_kib(peer.proxy_pids()) - before) / number)
    bench.swarm.do("close")
