"""Does a room get slower with its messages: a million against a thousand."""

import http.client
import time
from statistics import median

from benchmarks.bench import Bench
from benchmarks.rows.resume import BEHIND

SMALL, LARGE = 1_000, 1_000_000
BLOCKS = 4
PER_BLOCK = 100

_FILL = """
insert into chat_room (name, name_key, title, topic, kind, visibility, created, rights, counter, pruned_through)
    values ('{room}', '{room}', '{room}', '', 'room', 'open', now(), 1, {number}, 0);
insert into chat_message (room_id, eid, name, type, text, poster, created)
    select r.id, n, 'ann', 0, 'message number ' || n || ' of an ordinary length', 'n:ann', now() - interval '1 hour'
    from chat_room r, generate_series(1, {number}) n where r.name = '{room}';
insert into chat_event (room_id, eid, type, data, created)
    select r.id, n, 'message', '{{"id":' || n || ',"room":"{room}","from":"ann","date":"2026-11-21T05:20:52.974Z",'
        || '"text":"message number ' || n || ' of an ordinary length^","type":0,"verified":false}}',
        now() - interval '1 hour'
    from chat_room r, generate_series(1, {number}) n where r.name = '{room}';
"""


def measure(bench: Bench) -> None:
    """One round. The first one fills the rooms."""
    rooms = {SMALL: f"grown-{SMALL}", LARGE: f"grown-{LARGE}"}
    database = bench.corkboard.database
    if not bench.postgres.sql(database, f"select 1 from chat_room where name = '{rooms[LARGE]}'"):
        for number, room in rooms.items():
            bench.postgres.sql(database, _FILL.format(room=room, number=number))
        bench.postgres.sql(database, "vacuum analyze chat_message")
        bench.postgres.sql(database, "vacuum analyze chat_event")
        bench.postgres.sql(database, "checkpoint")
    # In short blocks by turns, so that what else the machine does falls on both.
    times: dict[tuple[str, int], list[float]] = {}
    for _ in range(BLOCKS):
        for number, room in rooms.items():
            for kind, seconds in _block(bench, room).items():
                times.setdefault((kind, number), []).append(seconds)
    for kind in ("post", "resume", "history"):
        bench.results.add(f"growth-{kind}", "corkboard", median(times[kind, LARGE]) / median(times[kind, SMALL]))


def _block(bench: Bench, room: str) -> dict[str, float]:
    peer = bench.corkboard
    post = bench.post(peer, room, posters=1, number=PER_BLOCK, seconds=30)["median"]
    position = int(peer.token(room).rpartition(":")[2]) - BEHIND
    request = peer.stream_request(room, f"room-{room}:{position}")
    opened = bench.swarm.open(port=peer.stream_port, request=request, number=PER_BLOCK, wanted=BEHIND, at_once=1)
    bench.swarm.do("close")
    return {"post": post, "resume": opened["seconds"], "history": _history(peer.port, room)}


def _history(port: int, room: str) -> float:
    """The median time of a page of history."""
    connection = http.client.HTTPConnection("127.0.0.1", port)
    times = []
    for _ in range(PER_BLOCK):
        start = time.monotonic()
        connection.request("GET", f"/rooms/{room}/messages/")
        answer = connection.getresponse()
        answer.read()
        assert answer.status == 200
        times.append(time.monotonic() - start)
    connection.close()
    return median(times)
