"""Publishes ready-made items to a Pushpin over ZMQ, as fast as it takes them or so many a second.

`python -m benchmarks.load.publisher PORT RATE AT` reads lines from stdin, each a JSON list of the items of one message;
RATE 0 is a burst. It begins when the clock says AT (seconds since 1970), or at once when that has passed. The time of
sending is put in place of the zeros. Prints one line of JSON.
"""

import json
import sys
import time

import zmq

from benchmarks.load import ZERO, mark


def main() -> None:
    """Publish what stdin names."""
    port, rate, at = int(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3])
    messages = [[b"J" + item.encode() for item in json.loads(line)] for line in sys.stdin]
    zero = mark(0).encode()
    assert ZERO.encode() in zero
    context = zmq.Context()
    push = context.socket(zmq.PUSH)
    push.set(zmq.SNDHWM, 0)
    push.connect(f"tcp://127.0.0.1:{port}")
    push.poll(2000, zmq.POLLOUT)
    time.sleep(max(0.2, at - time.time()))
    start = due = time.monotonic()
    for items in messages:
        if rate:
            time.sleep(max(0.0, due - time.monotonic()))
            due += 1 / rate
        now = mark(time.monotonic_ns()).encode()
        for item in items:
            push.send(item.replace(zero, now))
    end = time.monotonic()
    push.close(linger=10_000)
    context.term()
    print(json.dumps({"first": start, "last": end, "cpu": time.process_time()}))


if __name__ == "__main__":
    main()
