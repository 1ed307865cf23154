"""How evenly the web server's workers get the requests of few connections and of many."""

from benchmarks.bench import Bench

CONNECTIONS = (4, 16, 64)


def measure(bench: Bench) -> None:
    """One round, through Pushpin and straight to the web server, whose log says which worker answered what."""
    peer = bench.corkboard
    peer.count_requests(True)
    room = bench.room(peer)
    for number in CONNECTIONS:
        for where in ("proxied", "direct"):
            before = peer.requests("POST")
            bench.post(peer, room, direct=where == "direct", posters=number, seconds=bench.options.seconds(3))
            got = peer.requests("POST") - before
            bench.results.add(f"workers-{where}-{number}", peer.name, max(got.values()) / got.total() * 100)
    peer.count_requests(bench.options.quick)
