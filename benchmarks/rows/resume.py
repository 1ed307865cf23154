"""All readers return at once, each five messages behind."""

from benchmarks.bench import Bench
from benchmarks.peers.peer import READY, Peer

BEHIND = 5


def measure(bench: Bench) -> None:
    """One round."""
    for peer in (bench.raw, bench.tutorial, bench.channels, bench.corkboard):
        _resume(bench, peer)


def _resume(bench: Bench, peer: Peer) -> None:
    number = bench.options.readers
    room = bench.room(peer)
    token = peer.token(room) if peer.database else ""
    bench.open(peer, room, number)
    bench.swarm.do("close")
    if peer.database:
        bench.post(peer, room, posters=1, number=BEHIND, seconds=20)
    request = peer.stream_request(room, token)
    wanted = BEHIND if peer.database else 0
    with bench.metered("resume", peer):
        back = bench.swarm.do(
            "open", port=peer.stream_port, request=request, number=number, marker=READY, wanted=wanted, at_once=0
        )
    # A stream may end right after it opened; who comes back then counts as back.
    bench.swarm.do("start")
    after = bench.swarm.do("wait", seconds=2)
    bench.swarm.do("close")
    refused = {kind: int(count) for kind, count in back["refused"].items()}
    unreached = refused.pop("502", 0) + refused.pop("503", 0)  # Pushpin, or away.py, says that Django was not reached
    bench.results.add("resume-rate", peer.name, number / back["seconds"])
    bench.results.add("resume-unreached", peer.name, unreached)
    bench.results.add("resume-5xx", peer.name, sum(count for kind, count in refused.items() if kind.startswith("5")))
    bench.results.add("resume-ended", peer.name, back["closed"] + after["closed"] + refused.get("closed", 0))
    bench.results.add("resume-missing", peer.name, number - after["connected"])
