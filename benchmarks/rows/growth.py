"""Does a room get slower with its messages: a million against a thousand."""

import http.client
import time
from statistics import median

from benchmarks.bench import Bench
from benchmarks.rows.resume import BEHIND

SMALL, LARGE, LARGE_QUICK = 1_000, 1_000_000, 10_000
BLOCKS = 4
PER_BLOCK = 100

# Copies of a room's first message and event, whatever columns they have, from an hour ago: the relay leaves them alone.
_FILL = """
insert into chat_message
    select copy.* from chat_room r join chat_message m on m.room_id = r.id, generate_series(2, {number}) n,
    lateral jsonb_populate_record(m, jsonb_build_object(
        'id', nextval(pg_get_serial_sequence('chat_message', 'id')), 'eid', n, 'created', m.created - interval '1 hour'
    )) copy where r.name = '{room}';
insert into chat_event
    select copy.* from chat_room r join chat_event e on e.room_id = r.id, generate_series(2, {number}) n,
    lateral jsonb_populate_record(e, jsonb_build_object(
        'id', nextval(pg_get_serial_sequence('chat_event', 'id')), 'eid', n, 'created', e.created - interval '1 hour',
        'data', replace(e.data, '"id":1,', '"id":' || n || ',')
    )) copy where r.name = '{room}';
update chat_room set counter = {number} where name = '{room}';
"""


def measure(bench: Bench) -> None:
    """One round. The first one fills the rooms."""
    rooms = {number: f"grown-{number}" for number in (SMALL, LARGE_QUICK if bench.options.quick else LARGE)}
    small, large = rooms
    database = bench.corkboard.database
    if not bench.postgres.sql(database, f"select 1 from chat_room where name = '{rooms[large]}'"):
        for number, room in rooms.items():
            bench.corkboard.say(room, "message of an ordinary length^")
            bench.postgres.sql(database, _FILL.format(room=room, number=number))
        bench.postgres.sql(database, "vacuum analyze chat_message")
        bench.postgres.sql(database, "vacuum analyze chat_event")
        bench.postgres.sql(database, "checkpoint")
    # In short blocks by turns, so that what else the machine does falls on both.
    times: dict[tuple[str, int], list[float]] = {}
    for _ in range(bench.options.times(BLOCKS)):
        for number, room in rooms.items():
            for kind, seconds in _block(bench, room).items():
                times.setdefault((kind, number), []).append(seconds)
    for kind in ("post", "resume", "history"):
        bench.results.add(f"growth-{kind}", "corkboard", median(times[kind, large]) / median(times[kind, small]))


def _block(bench: Bench, room: str) -> dict[str, float]:
    peer, number = bench.corkboard, bench.options.times(PER_BLOCK)
    post = bench.post(peer, room, posters=1, number=number, seconds=30)["median"]
    position = int(peer.token(room).rpartition(":")[2]) - BEHIND
    request = peer.stream_request(room, f"room-{room}:{position}")
    opened = bench.swarm.open(port=peer.stream_port, request=request, number=number, wanted=BEHIND, at_once=1)
    bench.swarm.do("close")
    return {"post": post, "resume": opened["seconds"], "history": _history(peer.port, room, number)}


def _history(port: int, room: str, number: int) -> float:
    """The median time of a page of history."""
    connection = http.client.HTTPConnection("127.0.0.1", port)
    times = []
    for _ in range(number):
        start = time.monotonic()
        connection.request("GET", f"/rooms/{room}/messages/")
        answer = connection.getresponse()
        answer.read()
        assert answer.status == 200
        times.append(time.monotonic() - start)
    connection.close()
    return median(times)
