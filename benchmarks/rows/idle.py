"""What idle readers of one open room cost Django: requests a minute, by the web server's access log.

Both chats are watched at the same time, since neither does anything. Once for a run.
"""

import time

from benchmarks.bench import Bench
from benchmarks.load.client import Swarm
from benchmarks.peers.peer import READY, Peer

FRESH = 40.0  # seconds: what a new stream costs is over by then
WINDOW = 240.0  # twice the timer of both chats, whose requests come in bunches


def measure(bench: Bench) -> None:
    """The one round."""
    with Swarm() as other:
        for peer, swarm in ((bench.corkboard, bench.swarm), (bench.tutorial, other)):
            peer.count_requests(True)
            request = peer.stream_request(bench.room(peer))
            swarm.open(port=peer.stream_port, request=request, number=bench.options.readers, marker=READY)
        _watch(bench, [bench.corkboard, bench.tutorial])
    bench.swarm.do("close")
    for peer in (bench.corkboard, bench.tutorial):
        peer.count_requests(bench.options.quick)


def _watch(bench: Bench, peers: list[Peer]) -> None:
    time.sleep(bench.options.seconds(FRESH))
    window = bench.options.seconds(WINDOW)
    before = [peer.requests().total() for peer in peers]
    time.sleep(window)
    for peer, count in zip(peers, before, strict=True):
        bench.results.add("idle-requests", peer.name, (peer.requests().total() - count) * 60 / window)
