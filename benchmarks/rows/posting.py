"""How many messages a second are stored and published: 4 posters, one reader."""

from benchmarks.bench import Bench
from benchmarks.peers.peer import Peer

POSTERS = 4


def measure(bench: Bench) -> None:
    """One round. Channels takes posts at its own door: over HTTP as the others, and by sockets."""
    _post(bench, bench.tutorial, "posting", direct=False)
    _post(bench, bench.channels, "posting", direct=True)
    _post(bench, bench.corkboard, "posting", direct=False)
    _post(bench, bench.corkboard, "posting-direct", direct=True)
    _post(bench, bench.channels, "posting-socket", direct=False)


def _post(bench: Bench, peer: Peer, row: str, *, direct: bool) -> None:
    room = bench.room(peer)
    bench.open(peer, room, 1)
    bench.swarm.do("start")
    cpu = bench.cpu(peer)
    with bench.metered(row, peer) as others:
        posted = bench.post(peer, room, direct=direct, posters=POSTERS, seconds=bench.options.seconds(5))
        others.append(posted["cpu"])
    got = bench.swarm.do("wait", expected=posted["stored"], seconds=10)["deliveries"]
    bench.results.add(f"{row}-rate", peer.name, posted["stored"] / posted["seconds"])
    bench.results.add(f"{row}-cpu", peer.name, (bench.cpu(peer) - cpu) / posted["stored"] * 1000)
    bench.results.add(f"{row}-delivered", peer.name, got / posted["stored"] * 100)
    bench.results.add(f"{row}-failed", peer.name, posted["failed"])
