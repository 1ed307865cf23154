"""The web server restarts under load, gracefully and by kill -9: what readers and posters notice."""

import os
import signal
import time

from benchmarks.bench import Bench
from benchmarks.load.client import post
from benchmarks.peers.peer import Peer
from tests.service import kill_session

READERS = 200
LENGTH = 6.0
LATE = 30.0  # seconds without a message until one is lost: Pushpin asks Django again after 1, 2, 4, 8 s


def measure(bench: Bench) -> None:
    """One round."""
    for peer in (bench.tutorial, bench.channels, bench.corkboard):
        for how in ("graceful", "killed"):
            _restart(bench, peer, how)


def _restart(bench: Bench, peer: Peer, how: str) -> None:
    number = min(READERS, bench.options.readers)
    room = bench.room(peer)
    bench.open(peer, room, number)
    bench.swarm.do("start")
    length = bench.options.seconds(LENGTH)
    posting = post({**peer.post_order(room), "posters": 4, "seconds": length, "rate": 20})
    time.sleep(length / 3)  # the readers' process goes on reading
    if how == "graceful":
        os.kill(peer.processes[peer.web].pid, signal.SIGHUP)
    else:
        _kill(peer)
    posted = posting.result()
    expected = posted["stored"] * number
    bench.swarm.do("wait", expected=expected, quiet=bench.options.seconds(LATE))
    got = bench.swarm.do("wait", seconds=bench.options.seconds(5))  # for what comes twice
    difference = bench.swarm.do("differences", expected=posted["stored"])
    bench.swarm.do("close")
    for figure in ("lost", "doubled") if peer is not bench.channels else ():  # its readers come back without a position
        bench.results.add(f"restart-{how}-{figure}", peer.name, difference[figure])
    bench.results.add(f"restart-{how}-dropped", peer.name, got["closed"])
    bench.results.add(f"restart-{how}-failed", peer.name, posted["failed"])
    peer.wait_ready()


def _kill(peer: Peer) -> None:
    process = peer.processes.pop(peer.web)
    kill_session(process.pid)
    process.wait()
    time.sleep(0.2)  # what a supervisor takes
    peer.start(peer.web)
