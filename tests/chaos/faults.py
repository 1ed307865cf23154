"""How each fault of the plan is done."""

import os
import signal
from collections.abc import Callable

from tests.chaos import orders
from tests.chaos.parts import Parts
from tests.chaos.plan import Fault
from tests.chaos.writers import Ledger

CUT_SECONDS = (2.0, 8.0)


def inflict(fault: Fault, parts: Parts, ledger: Ledger) -> str:
    """Do it. Returns what was done in words; nothing when there was nobody to harm (not started again yet)."""
    match fault.kind:
        case "control port cut":
            seconds = CUT_SECONDS[0] + fault.draw * (CUT_SECONDS[1] - CUT_SECONDS[0])
            parts.command_forwarder(f"cut {seconds:.1f}")
            return f"for {seconds:.1f} s"
        case "worker dies before the commit":
            return _order(ledger, orders.DIE_BEFORE_COMMIT)
        case "worker dies after the commit":
            return _order(ledger, orders.DIE_AFTER_COMMIT)
        case "kill -9 of PostgreSQL":
            return parts.kill_postgres()
        case "graceful reload of gunicorn":
            return _send(signal.SIGHUP, [parts.master("gunicorn")] if _alive(parts, "gunicorn") else [])
    return _send(signal.SIGKILL, _VICTIMS[fault.kind](parts, fault.draw))


def _order(ledger: Ledger, harm: str) -> str:
    ledger.orders.append(harm)
    return "at the next post"


def _workers(parts: Parts, draw: float) -> list[int]:
    workers = [pid for pid in parts.pids("gunicorn", "") if pid != parts.master("gunicorn")]
    return [workers[int(draw * len(workers))]] if workers else []


def _master(part: str) -> Callable[[Parts, float], list[int]]:
    return lambda parts, draw: [parts.master(part)] if _alive(parts, part) else []


def _all(part: str) -> Callable[[Parts, float], list[int]]:
    return lambda parts, draw: parts.pids(part, "")


def _program(name: str) -> Callable[[Parts, float], list[int]]:
    return lambda parts, draw: parts.pids("pushpin", name)


_VICTIMS: dict[str, Callable[[Parts, float], list[int]]] = {
    "kill -9 of a gunicorn worker": _workers,
    "kill -9 of the gunicorn master": _master("gunicorn"),
    "kill -9 of all of gunicorn": _all("gunicorn"),
    "kill -9 of pushpin": _program("pushpin"),
    "kill -9 of condure": _program("condure"),
    "kill -9 of pushpin-proxy": _program("pushpin-proxy"),
    "kill -9 of pushpin-handler": _program("pushpin-handler"),
    "kill -9 of zurl": _program("zurl"),
    "kill -9 of all of Pushpin": _all("pushpin"),
    "kill -9 of the relay": _master("relay"),
}


def _alive(parts: Parts, part: str) -> bool:
    return parts.processes[part].poll() is None


def _send(signum: signal.Signals, pids: list[int]) -> str:
    sent = []
    for pid in pids:
        try:
            os.kill(pid, signum)
        except ProcessLookupError:
            continue
        sent.append(str(pid))
    return f"process {', '.join(sent)}" if sent else ""
