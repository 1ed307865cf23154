"""What a post and a resume ask of the database, BEGIN and COMMIT included, by PostgreSQL's own count."""

from benchmarks.bench import Bench
from benchmarks.peers.peer import Peer
from benchmarks.rows.resume import BEHIND

NUMBER = 50


def measure(bench: Bench) -> None:
    """One round."""
    bench.corkboard.stop("relay")  # it looks at the log by itself
    try:
        for peer in (bench.tutorial, bench.channels, bench.corkboard):
            _measure(bench, peer)
    finally:
        bench.corkboard.start("relay")


def _measure(bench: Bench, peer: Peer) -> None:
    room = bench.room(peer)
    # Every worker and thread opens its connection, which takes statements of its own.
    bench.post(peer, room, posters=16, number=20, seconds=30)
    before = bench.postgres.statements(peer.database)
    stored = bench.post(peer, room, posters=1, number=NUMBER, seconds=30)["stored"]
    posts = bench.postgres.statements(peer.database) - before
    bench.results.add("statements-post", peer.name, posts / stored)
    if peer is bench.channels:
        return
    token = peer.token(room)
    bench.post(peer, room, posters=1, number=BEHIND, seconds=30)
    before = bench.postgres.statements(peer.database)
    request = peer.stream_request(room, token)
    bench.swarm.open(port=peer.stream_port, request=request, number=NUMBER, wanted=BEHIND, at_once=1)
    resumes = bench.postgres.statements(peer.database) - before
    bench.swarm.do("close")
    bench.results.add("statements-resume", peer.name, resumes / NUMBER)
