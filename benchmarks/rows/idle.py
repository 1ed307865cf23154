"""What idle readers of one open room cost Django: requests a minute, by the web server's access log.

Both chats are watched at the same time, since neither does anything. Once for a run, with a window for each round.
"""

import time

from benchmarks.bench import Bench
from benchmarks.load.client import Swarm
from benchmarks.peers.peer import READY, Peer

FRESH = 40.0  # seconds: what a new stream costs is over by then
WINDOW = 60.0


def measure(bench: Bench) -> None:
    """All rounds."""
    with Swarm() as other:
        for peer, swarm in ((bench.corkboard, bench.swarm), (bench.tutorial, other)):
            peer.count_requests(True)
            request = peer.stream_request(bench.room(peer))
            swarm.open(port=peer.stream_port, request=request, number=bench.options.readers, marker=READY)
        _watch(bench, [bench.corkboard, bench.tutorial])
    bench.swarm.do("close")
    for peer in (bench.corkboard, bench.tutorial):
        peer.count_requests(False)


def _watch(bench: Bench, peers: list[Peer]) -> None:
    time.sleep(bench.options.seconds(FRESH))
    window = bench.options.seconds(WINDOW)
    # The library's link has a timer of 120 s: two windows at least, or its requests could all fall between.
    for _ in range(max(2, bench.options.rounds)):
        before = [peer.requests() for peer in peers]
        time.sleep(window)
        for peer, count in zip(peers, before, strict=True):
            bench.results.add("idle-requests", peer.name, (peer.requests() - count) * 60 / window)
