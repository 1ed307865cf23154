"""A process between Django and Pushpin's control port that loses, delays and doubles publishes, and can be cut off.

Like the port that it stands for it takes nothing while Pushpin is away, so that ZMQ refuses to send. Commands come on
standard input, a line each: `cut SECONDS`, `calm` (from now on pass everything). It ends with its input, and writes
what it did to standard output, as JSON.
"""

import argparse
import heapq
import json
import random
import sys
import time
from collections import Counter

import zmq
from zmq.utils.monitor import recv_monitor_message

LATE_SECONDS = (0.2, 6.0)  # some beyond Pushpin's message_wait of 5 s
CONNECTED: dict[int, bool] = {zmq.Event.HANDSHAKE_SUCCEEDED: True, zmq.Event.DISCONNECTED: False}


class Forwarder:
    """Takes publishes on one port and passes them to another, with chances of harm."""

    def __init__(self, listen: int, to: int, seed: str, chance: float) -> None:
        self.counts: Counter[str] = Counter()
        self._address = f"tcp://127.0.0.1:{listen}"
        self._rng = random.Random(seed)
        self._chance = chance
        self._context = zmq.Context()
        self._push = self._context.socket(zmq.PUSH)
        for option, value in (
            (zmq.IMMEDIATE, 1),
            (zmq.SNDTIMEO, 0),
            (zmq.LINGER, 0),
            (zmq.RECONNECT_IVL, 50),
            (zmq.RECONNECT_IVL_MAX, 100),
        ):
            self._push.set(option, value)
        self._monitor = self._push.get_monitor_socket()
        self._push.connect(f"tcp://127.0.0.1:{to}")
        self._pull: zmq.Socket[bytes] | None = None
        self._connected = False
        self._cut_until = 0.0
        self._late: list[tuple[float, int, bytes]] = []

    def run(self) -> None:
        """Forward until standard input ends."""
        poller = zmq.Poller()
        poller.register(self._monitor, zmq.POLLIN)
        poller.register(sys.stdin.fileno(), zmq.POLLIN)
        while True:
            self._open_or_close(poller)
            ready = dict(poller.poll(20))
            if sys.stdin.fileno() in ready and not self._command(sys.stdin.readline()):
                return
            while self._monitor in ready and self._monitor.poll(0):
                event = recv_monitor_message(self._monitor)["event"]
                self._connected = CONNECTED.get(event, self._connected)
            if self._pull is not None and self._pull in ready:
                self._take(self._pull)
            while self._late and self._late[0][0] <= time.monotonic():
                self._pass(heapq.heappop(self._late)[2])

    def _open_or_close(self, poller: zmq.Poller) -> None:
        wanted = self._connected and time.monotonic() >= self._cut_until
        if wanted and self._pull is None:
            self._pull = self._context.socket(zmq.PULL)
            self._pull.set(zmq.LINGER, 0)
            self._pull.bind(self._address)
            poller.register(self._pull, zmq.POLLIN)
        elif not wanted and self._pull is not None:
            poller.unregister(self._pull)
            self._pull.close()
            self._pull = None

    def _command(self, line: str) -> bool:
        match line.split():
            case ["cut", seconds]:
                self._cut_until = time.monotonic() + float(seconds)
            case ["calm"]:
                self._chance = 0.0
            case []:
                return False
        return True

    def _take(self, pull: "zmq.Socket[bytes]") -> None:
        for _ in range(100):  # then look at the rest again
            try:
                item = pull.recv(zmq.NOBLOCK)
            except zmq.Again:
                return
            self._harm(item)

    def _harm(self, item: bytes) -> None:
        draw = self._rng.random()
        if draw < self._chance:
            self.counts["lost"] += 1
            return
        if draw < 2 * self._chance:
            self.counts["late"] += 1
            self._later(item)
            return
        if draw < 3 * self._chance:
            self.counts["doubled"] += 1
            self._later(item)
        self._pass(item)

    def _later(self, item: bytes) -> None:
        due = time.monotonic() + self._rng.uniform(*LATE_SECONDS)
        heapq.heappush(self._late, (due, self.counts["late"] + self.counts["doubled"], item))

    def _pass(self, item: bytes) -> None:
        try:
            self._push.send(item)
            self.counts["passed"] += 1
        except zmq.Again:
            self.counts["refused by Pushpin"] += 1


def main() -> None:
    """Parse the command line and forward."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--listen", type=int, required=True)
    parser.add_argument("--to", type=int, required=True)
    parser.add_argument("--seed", required=True)
    parser.add_argument("--chance", type=float, required=True, help="of each of lost, late and doubled")
    options = parser.parse_args()
    forwarder = Forwarder(options.listen, options.to, options.seed, options.chance)
    forwarder.run()
    sys.stdout.write(json.dumps(forwarder.counts) + "\n")


if __name__ == "__main__":
    main()
