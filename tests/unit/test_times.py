"""Times of the engine: their values wherever Corkboard runs, and that one number divides Pushpin's part alike."""

import os
import re
import subprocess
import tempfile
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import LazySettings

from chat import outbound, presence, pushpin_stats, relay, times
from chat.actions import deliveries
from chat.stream import longpoll, sse, websocket
from chat.stream import presence as holds

ROOT = Path(__file__).resolve().parents[2]
# What docs/protocol.md, docs/how-it-works.md and docs/operating.md promise, in seconds.
DOCUMENTED: dict[str, tuple[Any, Any]] = {
    "grace": (presence.GRACE, 12),
    "grace after a hold was ended": (presence.GRACE_ENDED, 27),
    "age at which a hold is ended": (presence.RENEW, (35, 50)),
    "pause of a big room": (presence.BIG_ROOM_PAUSE, 10),
    "word of a proxy": (pushpin_stats.TTL, 60),
    "repeat after": (relay.REPEAT_AFTER, timedelta(seconds=2)),
    "repeat until": (relay.REPEAT_UNTIL, timedelta(seconds=45)),
    "notices": (relay.NOTICE_AFTER, tuple(timedelta(seconds=seconds) for seconds in (2.5, 3.5, 12, 30, 60))),
    "closings": (relay.CLOSE_EVERY, timedelta(seconds=1)),
    "closings of a proxy that took them": (relay.CLOSE_FOR, timedelta(minutes=1)),
    "closings of a proxy that was away": (relay.CLOSE_WITHIN, timedelta(minutes=10)),
    "keep-alive": (sse.KEEP_ALIVE_SECONDS, 20),
    "keep-alive of sockets": (websocket.KEEP_ALIVE_SECONDS, 20),
    "link of a busy room": (sse.LINK_SECONDS_BUSY, 25),
    "links of idle rooms": (list(sse.LINK_SECONDS_IDLE), list(range(180, 420, 20))),
    "reconnection": (sse.RETRY_MS, (1000, 3000)),
    "attempt of a delivery": ((outbound.TOTAL, outbound.CONNECT), (10, 5)),
    "lease of a webhook": ((deliveries.LEASE, deliveries.ATTEMPT), (timedelta(seconds=20), timedelta(seconds=12))),
    "wait of a long-poll": ((longpoll.WAIT_MIN, longpoll.WAIT_MAX), (5, 25)),
    "wait of a hold of presence": (holds.WAIT_SECONDS, 20),
}


@pytest.mark.parametrize("name", DOCUMENTED)
def test_a_time_has_its_documented_value(name: str) -> None:
    value, documented = DOCUMENTED[name]
    assert value == documented


def test_one_number_divides_them(settings: LazySettings) -> None:
    settings.TIMES_DIVISOR = 10
    assert (times.seconds(12), times.pause(45)) == (1.2, timedelta(seconds=4.5))
    assert (times.whole_seconds(25), times.whole_seconds(5), times.whole_seconds(20, at_least=5)) == (2, 1, 5)


@pytest.mark.parametrize("divisor", ["", "1", "10"])
def test_pushpins_part_is_divided_by_it_too(tmp_path: Path, divisor: str) -> None:
    with tempfile.TemporaryDirectory() as rundir:  # short enough for names of sockets
        assert_divided(tmp_path, Path(rundir), divisor)


def assert_divided(programs: Path, rundir: Path, divisor: str) -> None:
    """Pushpin's configuration in `rundir` has its times divided, as pushpin/entrypoint.sh writes it."""
    fake = programs / "pushpin"
    fake.write_text("#!/bin/sh\n")
    fake.chmod(0o755)
    environment = {
        "PATH": f"{programs}:{os.environ['PATH']}",
        "GRIP_KEY": "g" * 32,
        "PUSHPIN_RUNDIR": str(rundir),
        "TIMES_DIVISOR": divisor,
    }
    subprocess.run(
        ["sh", str(ROOT / "pushpin" / "entrypoint.sh")], env=environment, check=True, stderr=subprocess.DEVNULL
    )
    rendered = (rundir / "pushpin.conf").read_text()
    found = dict(re.findall(r"^(message_wait|subscription_linger|stats_subscription_ttl)=(\d+)$", rendered, re.M))
    ttl = round(pushpin_stats.TTL / int(divisor or 1))
    assert found == {
        "message_wait": str(5000 // int(divisor or 1)),
        "subscription_linger": str(ttl),
        "stats_subscription_ttl": str(ttl),
    }
