"""The companion of outgoing webhooks: tells receivers what is said in rooms, in order, until they have it.

The log of events is the queue. Each webhook has a position in it, which moves when the receiver has answered 2xx, so a
companion that is killed tells an event twice and never leaves one out. A post does nothing for webhooks: the companion
looks at the log a few times a second, and asks one question for all webhooks at once, and one more when some have
something to tell.

One thread talks to the database. Each attempt has a thread of its own, and makers and hosts have shares of them (see
chat.shares), so a receiver that hangs holds up nobody else; and there is one attempt at most for each webhook: so its
events stay in order. Two companions, as during a deploy, share the work by leases.
"""

import base64
import hashlib
import hmac
import logging
import queue
import secrets
import threading
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime

from django.db import DatabaseError, InterfaceError, close_old_connections
from django.db.models import F, OuterRef, Q, QuerySet, Subquery
from django.utils import timezone

from chat import access, eventlog, outbound
from chat.actions import deliveries, iso
from chat.channels import ROOM_PREFIX
from chat.models import Event, OutgoingHook
from chat.outbound import Answer, host_of
from chat.shares import Errand, choose
from chat.wire import encode

logger = logging.getLogger(__name__)

PAUSE = 0.25  # seconds between two looks at the log
AT_ONCE = 50  # attempts under way
SLOW_MS = 1000  # an attempt that takes longer is slow
LAST_ANSWERS = 3.0  # seconds that attempts under way get when the companion ends
TYPES = ("message", "message-edited", "message-deleted")

Post = Callable[[str, bytes, dict[str, str]], Answer]


@dataclass(frozen=True)
class Parcel:
    """What a receiver is told. `eid` is the position after it was taken; `key` is the same in every attempt."""

    kind: str
    eid: int
    key: str
    body: bytes


def waiting(now: datetime, holder: str, under_way: Collection[int], slow: Collection[int] = ()) -> list[Errand]:
    """The webhooks that have something to tell now, the one that was not tried for longest first. One query."""
    longest_first = F("tried_at").asc(nulls_first=True)
    found = _wanted(now, holder).exclude(pk__in=under_way).order_by(longest_first, "pk")
    rows = found.values_list("pk", "created_by", "url")
    return [Errand(pk, maker, host_of(url), pk in slow) for pk, maker, url in rows]


def due(now: datetime, holder: str, chosen: Collection[int]) -> list[OutgoingHook]:
    """Those of the chosen webhooks that have something to tell now, in this order, each with its next event, its room
    and who made it. One query.

    One statement sees one state of the log: what was pruned, what comes next, and who has which right belong together.
    """
    coming = Event.objects.filter(room=OuterRef("room"), eid__gt=OuterRef("position"), type__in=TYPES).order_by("eid")
    following = {f"next_{field}": Subquery(coming.values(field)[:1]) for field in ("eid", "type", "data")}
    following["next_created"] = Subquery(coming.values("created")[:1])
    hooks = access.with_maker(_wanted(now, holder).filter(pk__in=chosen)).annotate(**following)
    by_pk = {hook.pk: hook for hook in hooks}
    return [by_pk[pk] for pk in chosen if pk in by_pk]


def _wanted(now: datetime, holder: str) -> QuerySet[OutgoingHook]:
    """The webhooks that have something to tell, and that this companion may deliver for."""
    wanted = Q(test_asked_at__isnull=False) | (Q(room__counter__gt=F("position")) & deliveries.is_due(now))
    return OutgoingHook.objects.filter(wanted, deliveries.free(holder, now), disabled_at=None)


def parcel_for(hook: OutgoingHook, now: datetime) -> Parcel | None:
    """What to tell the receiver next; None when what is new is not for webhooks. `hook` is of `due`."""
    room = hook.room
    if hook.test_asked_at:
        data = encode({"room": room.name})
        key = f"test-{hook.test_asked_at.timestamp() * 1000:.0f}"
        return _parcel(hook, "test", hook.position, key, now, data)
    if room.pruned_through > hook.position:  # what lies between was pruned before it was told: never a silent gap
        token = eventlog.token(room.name, room.pruned_through)
        data = encode({"channels": [f"{ROOM_PREFIX}{room.name}"], "last-event-id": token})
        return _parcel(hook, "stream-reset", room.pruned_through, f"reset-{room.pruned_through}", now, data)
    if hook.next_eid is None or hook.next_created is None:
        return None
    return _parcel(hook, hook.next_type, hook.next_eid, str(hook.next_eid), hook.next_created, hook.next_data)


def _parcel(hook: OutgoingHook, kind: str, eid: int, key: str, moment: datetime, data: str) -> Parcel:  # noqa: PLR0913
    token = eventlog.token(hook.room.name, eid)
    body = f'{{"type":"{kind}","timestamp":"{iso(moment)}","id":"{token}","data":{data}}}'
    return Parcel(kind, eid, f"{hook.public_id}-{key}", body.encode())


def signed_headers(secret: str, key: str, body: bytes, now: int) -> dict[str, str]:
    """The headers of a delivery, signed as the Standard Webhooks specification says. `now`: seconds since 1970."""
    bytes_of_secret = base64.b64decode(secret.partition("_")[2])
    signature = hmac.digest(bytes_of_secret, f"{key}.{now}.".encode() + body, hashlib.sha256)
    return {
        "Content-Type": "application/json",
        "User-Agent": "Corkboard-Webhooks/1",
        "webhook-id": key,
        "webhook-timestamp": str(now),
        "webhook-signature": f"v1,{base64.b64encode(signature).decode()}",
    }


class Courier:
    """Delivers for all webhooks that nobody else delivers for. `step` looks once, and never waits for a receiver."""

    def __init__(self, post: Post = outbound.post) -> None:
        self._holder = secrets.token_hex(16)
        self._post = post
        self._under_way: dict[int, tuple[OutgoingHook, Parcel]] = {}
        self._slow: set[int] = set()  # webhooks whose last attempt was
        self._answers: queue.SimpleQueue[tuple[int, Answer]] = queue.SimpleQueue()
        self.is_stopped = False

    def stop(self, *_: object) -> None:
        """End after this look. It handles signals, so it takes no lock: the thread that they interrupt may hold it."""
        self.is_stopped = True

    @property
    def is_idle(self) -> bool:
        """Whether no attempt is under way."""
        return not self._under_way

    def step(self, now: datetime) -> int:
        """Begin what is due. Returns how many attempts were begun."""
        begun = 0
        for hook in self._next(now):
            if why := access.hook_refusal(hook):
                deliveries.switch_off(hook, why)
            elif (parcel := parcel_for(hook, now)) is None:
                deliveries.skip(hook, hook.room.counter)
            elif deliveries.take(hook, self._holder, now):
                self._begin(hook, parcel)
                begun += 1
        return begun

    def _next(self, now: datetime) -> list[OutgoingHook]:
        """Those that begin now, within the shares."""
        wait = waiting(now, self._holder, self._under_way, self._slow)
        busy = [
            Errand(pk, hook.created_by_id, host_of(hook.url), pk in self._slow)
            for pk, (hook, _) in self._under_way.items()
        ]
        chosen = [errand.pk for errand in choose(wait, busy, AT_ONCE)]
        return due(now, self._holder, chosen) if chosen else []

    def settle(self, seconds: float) -> None:
        """Wait so long for an answer, and write down all that came."""
        try:
            self._write(*self._answers.get(timeout=seconds))
            while True:
                self._write(*self._answers.get_nowait())
        except queue.Empty:
            pass

    def end(self) -> None:
        """Let attempts under way come to an end, and leave the rest to the next companion."""
        end = time.monotonic() + LAST_ANSWERS
        while not self.is_idle and (left := end - time.monotonic()) > 0:
            self.settle(left)
        deliveries.release(self._holder)

    def _begin(self, hook: OutgoingHook, parcel: Parcel) -> None:
        self._under_way[hook.pk] = hook, parcel
        threading.Thread(target=self._attempt, args=(hook, parcel), daemon=True).start()

    def _attempt(self, hook: OutgoingHook, parcel: Parcel) -> None:
        """Runs in a thread of its own, without the database."""
        headers = signed_headers(hook.secret, parcel.key, parcel.body, int(time.time()))
        try:
            answer = self._post(hook.url, parcel.body, headers)
        except Exception:  # an attempt without an answer would hold its webhook for ever
            logger.exception("an attempt stumbled")
            answer = Answer(None, "The service stumbled over this attempt.")
        self._answers.put((hook.pk, answer))

    def _write(self, pk: int, answer: Answer) -> None:
        """What can't be written is forgotten: then the event is told once more when the lease is over."""
        hook, parcel = self._under_way.pop(pk)
        (self._slow.add if answer.ms >= SLOW_MS else self._slow.discard)(pk)
        note = deliveries.taken if answer.is_taken else deliveries.failed
        note(hook, self._holder, parcel.kind, parcel.eid, answer)


def run(courier: Courier) -> None:
    """Deliver until the courier is stopped."""
    while not courier.is_stopped:
        try:
            began = time.monotonic()
            courier.step(timezone.now())
            courier.settle(max(0.0, began + PAUSE - time.monotonic()))
        except (DatabaseError, InterfaceError) as error:
            logger.warning("the database doesn't answer: %s", type(error).__name__)
            close_old_connections()
            time.sleep(PAUSE)
        except Exception:  # a companion that ends unnoticed would tell nobody anything
            logger.exception("the webhooks stumbled and go on")
            time.sleep(PAUSE)
    try:
        courier.end()
    except (DatabaseError, InterfaceError) as error:
        logger.warning("the database doesn't answer: %s", type(error).__name__)
