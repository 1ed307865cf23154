"""The relay: publishes recent events once more, so that a crash or a cut never leaves a reader waiting.

A process may die between commit and publish, and a proxy may be away. So each event of the log is published again
two seconds later, in order, on every proxy; Pushpin drops what it has (same channel and id within 60 s). Never
after REPEAT_UNTIL: by then Pushpin may have forgotten the id, and a reader could see the event twice.

What Pushpin itself loses can't be repaired that way, since it has seen the id. So a few seconds after a room's last
event its id goes out on the room's control channel, and clients who are behind resume.

When somebody lost a right, everything held under the old rights must end, also what was checked before and held after,
and on a proxy that was away: each closing is sent again every second, until a minute after the proxy took it. A token's
time ends by itself, so the relay looks every second whose is over, and ends what is held by it.
"""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from django.db import DatabaseError, InterfaceError, close_old_connections
from django.db.models import Q
from django.utils import timezone

from chat import actions, publish
from chat.models import Closing, Event, Room
from chat.publish import Proxy
from chat.times import pause

logger = logging.getLogger(__name__)

PAUSE = 0.25  # seconds between two looks at the log
REPEAT_AFTER = pause(2)  # gives the publish of the request its time
REPEAT_UNTIL = pause(45)  # Pushpin knows an id for 60 s
# A transaction is seen when it commits, with the date it began: so far back the relay looks for late ones.
LATE = timedelta(seconds=8)
# After a room's last event: soon, again for who lost the notice itself, then for who read slowly and has only now
# caught up.
NOTICE_AFTER = tuple(pause(usual) for usual in (2.5, 3.5, 12, 30, 60))
CLOSE_EVERY = pause(1)
# An answer that was made under old rights is held within this time: gunicorn gives up a request after half of it.
CLOSE_FOR = pause(60)
# For a proxy that was away. After that the links of the streams, 400 s at most, have shown that the rights are old.
CLOSE_WITHIN = pause(600)
SET_BACK = timedelta(seconds=1)  # less is the ordinary work of a clock's keeper
CLOSE_BATCH = 200  # closings in one publish: far below what a control port takes (1 MB, 1000 items of ZMQ)


@dataclass(frozen=True)
class Notice:
    """The newest id of a room that was repeated, and when to send it. A later event may still be on its way."""

    eid: int
    times: list[datetime]
    new_until: datetime | None  # until when it goes to who waits for the room to be made, too


class Relay:
    """Repeats the log on one proxy. `step` looks once; a proxy that is away is tried again at the next step."""

    def __init__(self, proxy: Proxy, started: datetime) -> None:
        self._proxy = proxy
        self._from = started - REPEAT_UNTIL
        self._done: dict[int, datetime] = {}  # event row -> when it was stored
        self._notices: dict[int, Notice] = {}  # by room row
        self._closed = started - CLOSE_EVERY
        self._now = started
        self._taken: dict[int, datetime] = {}  # closing -> when the proxy took it first

    def step(self, now: datetime) -> int:
        """Publish what is due at `now`. Returns how many events were repeated."""
        stored = self._set_back(now) if now < self._now - SET_BACK else Q()
        self._now = now
        self._close(now)
        self._from = max(self._from, now - REPEAT_UNTIL)
        until = now - REPEAT_AFTER
        due = Event.objects.filter(Q(created__gt=self._from, created__lte=until) | stored)
        unseen = [pk for pk in due.values_list("pk", flat=True) if pk not in self._done]
        repeated = 0
        for event in Event.objects.filter(pk__in=unseen).select_related("room").order_by("room_id", "eid"):
            room = event.room
            is_first = event.eid == room.pruned_through + 1 and room.visibility == Room.Visibility.OPEN
            times = [event.created + after for after in NOTICE_AFTER]
            before = self._notices.get(room.pk, Notice(0, [], None))
            self._notices[room.pk] = Notice(event.eid, times, times[-1] if is_first else before.new_until)
            items = publish.event_items(event, room.name, room.rights, room.name_key, is_first=is_first)
            if not self._proxy.deliver(items):
                return repeated
            self._done[event.pk] = event.created
            repeated += 1
        self._from = max(self._from, until - LATE)
        self._done = {pk: created for pk, created in self._done.items() if created > self._from}
        self._notify(now)
        return repeated

    def _set_back(self, now: datetime) -> Q:
        """The clock was set back: count from its time of now. Returns which events of before are still to be looked at:
        they have dates of the future."""
        stored = Q(created__gt=max(self._from, now), created__lte=self._now)
        self._from, self._closed = now - REPEAT_UNTIL, now - CLOSE_EVERY
        self._taken = dict.fromkeys(self._taken, now)
        times = [now + pause for pause in NOTICE_AFTER]
        self._notices = {
            pk: Notice(notice.eid, times, notice.new_until and times[-1]) for pk, notice in self._notices.items()
        }
        return stored

    def _close(self, now: datetime) -> None:
        """Nothing else uses the channels of old rights, so a close too many disturbs nobody."""
        if now - self._closed < CLOSE_EVERY:
            return
        self._closed = now
        lately = Q(created__gt=now - CLOSE_WITHIN, created__lte=now + CLOSE_WITHIN)
        recent = list(Closing.objects.filter(lately).order_by("pk"))
        self._taken = {closing.pk: self._taken[closing.pk] for closing in recent if closing.pk in self._taken}
        due = [closing for closing in recent if now - self._taken.get(closing.pk, now) < CLOSE_FOR]
        due.sort(key=lambda closing: closing.pk in self._taken)  # those that were never taken first
        for start in range(0, len(due), CLOSE_BATCH):
            batch = due[start : start + CLOSE_BATCH]
            items = [item for closing in batch for item in publish.close_items(closing.room_id, closing.rights)]
            if not self._proxy.deliver(items):
                return
            for closing in batch:
                self._taken.setdefault(closing.pk, now)

    def _notify(self, now: datetime) -> None:
        due = [room_id for room_id, notice in self._notices.items() if notice.times[0] <= now]
        for room in Room.objects.filter(pk__in=due) if due else ():
            notice = self._notices[room.pk]
            items = publish.newest_items(room, notice.eid)
            if notice.new_until and now <= notice.new_until and room.visibility == Room.Visibility.OPEN:
                items += publish.wake_items(room.name, room.name_key, notice.eid)
            if not room.deleted_at and not self._proxy.deliver(items):
                return
            if times := [time for time in notice.times if time > now]:
                self._notices[room.pk] = replace(notice, times=times)
            else:
                del self._notices[room.pk]


def run(connect: Callable[[dict[str, Any]], Proxy], entries: list[dict[str, Any]]) -> None:
    """Relay to every proxy until the process ends, each in a thread of its own: one that hangs delays no other."""
    threads = [threading.Thread(target=_forever, args=(connect, entry), daemon=True) for entry in entries]
    threads.append(threading.Thread(target=_end_tokens, daemon=True))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _end_tokens() -> None:
    """End what is held by tokens whose time is over, within a second of it."""
    while True:
        try:
            actions.end_expired_tokens()
        except (DatabaseError, InterfaceError) as error:
            logger.warning("the database doesn't answer: %s", type(error).__name__)
            close_old_connections()
        except Exception:  # as below: it must not end unnoticed
            logger.exception("ending expired tokens failed; it is tried again")
        time.sleep(CLOSE_EVERY.total_seconds())


def _forever(connect: Callable[[dict[str, Any]], Proxy], entry: dict[str, Any]) -> None:
    relay = Relay(connect(entry), timezone.now())
    while True:
        try:
            relay.step(timezone.now())
        except (DatabaseError, InterfaceError) as error:
            logger.warning("the database doesn't answer: %s", type(error).__name__)
            close_old_connections()
        except Exception:  # a relay that ends unnoticed would leave its proxy without repeats
            logger.exception("the relay stumbled and goes on")
        time.sleep(PAUSE)
