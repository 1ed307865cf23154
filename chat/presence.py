"""The companion that knows who is in which room, and says so: no browser has to send a sign of life.

A person who is in a room holds a connection on a channel of their own (chat.stream.presence). Pushpin tells which
channels are subscribed: at once when the first subscriber comes or the last one goes, and again every 45 s. So each
proxy gives a lease on a person in a room. Who has a lease from any proxy is present; who has none for GRACE is gone.
A reload, a change of proxies or of networks is over by then, and nobody hears of it.

Nothing has to arrive for a person to go: what a proxy does not repeat runs out, and so a dead proxy's people do. The
rows in the database outlive this process; when it starts again it gives them one TTL to be confirmed.

A machine that loses power says nothing, and its connection looks alive for a quarter of an hour. So a hold that is
RENEW old is ended: a browser that is there comes back within seconds.
"""

import logging
import random
import time
from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.db import DatabaseError, InterfaceError, close_old_connections

from chat import access, publish
from chat.actions import presence as rows
from chat.actions import strangers
from chat.actions.presence import Place
from chat.channels import PersonChannel
from chat.models import Presence, Room
from chat.pushpin_stats import TTL, Source, Stats, Subscription
from chat.times import seconds

logger = logging.getLogger(__name__)

PAUSE = seconds(0.5)  # seconds between two steps
GRACE = seconds(12)  # how long somebody may be without a connection
GRACE_ENDED = seconds(27)  # the same after we ended it ourselves, so that nobody leaves when Django restarts meanwhile
RENEW = (seconds(35), seconds(50))  # the age at which a hold is ended, drawn for each so that they spread
AGAIN = seconds(5)  # a hold that goes on after its end was published is told again
SLACK = 2.0  # a lease runs out a little later than its repetition is due: what a busy machine may be late
EXTEND = seconds(15)  # how often the rows are extended
LEASE = timedelta(seconds=TTL)  # of a row: without this process nobody is listed for longer
SWEEP = seconds(5)  # how often it is looked for strangers who are gone without a word
BIG_ROOM_PAUSE = seconds(10)  # a big room hears of its number of people that often at most


@dataclass
class Lease:
    """One proxy's word that a person is subscribed, under one version of the room's rights. Times: monotonic."""

    channel: PersonChannel
    mode: str
    end_at: float
    until: float = 0
    is_ended: bool = False

    def is_due(self, now: float, *, is_stale: bool) -> bool:
        """Whether its holds must be ended: they are old, or under rights that are the room's no more.

        A long-poll ends by itself before it is old.
        """
        if is_stale and not self.is_ended:
            return True
        return now >= self.end_at and (is_stale or self.mode != "response")


class Companion:
    """Keeps who is present. `hear` takes what proxies say, `step` does what follows from it at `now`."""

    def __init__(self, now: float) -> None:
        self._leases: dict[Place, dict[tuple[Source, int], Lease]] = defaultdict(dict)
        self._present: set[Place] = set()
        self._leaving: dict[Place, float] = {}  # when who has no lease is gone
        self._grace: dict[Place, float] = {}
        self._rights: dict[int, int] = {}
        self._told: dict[int, float] = {}
        self._sweep_at = now + SWEEP
        self._extend(now)
        # Rooms that have not heard their number of people: a companion before this one may have died before saying it.
        self._untold = {room for _, room in self._present}

    def hear(self, said: Subscription, now: float) -> None:
        """Take what a proxy said."""
        channel, source = said.channel, said.source
        place = (channel.user_id, channel.room_id)
        leases, key = self._leases[place], (source, channel.rights)
        if said.ttl:
            end_at = now + random.uniform(*RENEW)  # noqa: S311 - spreads load
            leases.setdefault(key, Lease(channel, source.mode, end_at)).until = now + said.ttl + SLACK
        elif lease := leases.pop(key, None):
            # The subscription of a long-poll lingers for 60 s in Pushpin: that was its grace.
            self._grace[place] = 0 if source.mode == "response" else GRACE_ENDED if lease.is_ended else GRACE

    def step(self, now: float) -> None:
        """Find who came and who went, store it, and say it."""
        self._expire(now)
        room_ids = {room for _, room in (*self._leases, *self._present)}
        rooms = {room.pk: room for room in Room.objects.filter(pk__in=room_ids)} if room_ids else {}
        without_right = self._without_right(rooms)
        held = self._held(rooms)
        self._arrive(held - self._present, rooms)
        for place in held:
            self._leaving.pop(place, None)
        for place in self._present - held - set(self._leaving):
            self._leaving[place] = now + self._grace.pop(place, GRACE)
        due = {place for place, moment in self._leaving.items() if moment <= now}
        self._depart((due | without_right) & self._present, rooms)
        self._rights = {room.pk: room.rights for room in rooms.values()}
        self._end_holds(rooms, now)
        self._tell(rooms, now)
        if now >= self._sweep_at:
            strangers.sweep()
            self._sweep_at = now + SWEEP
        if now >= self._extend_at:
            self._extend(now)

    def _expire(self, now: float) -> None:
        for place, leases in list(self._leases.items()):
            for key in [key for key, lease in leases.items() if lease.until <= now]:
                del leases[key]
                self._grace[place] = 0  # the proxy has been silent for longer than any grace
            if not leases:
                del self._leases[place]

    def _held(self, rooms: dict[int, Room]) -> set[Place]:
        """Who has a lease under the rights as they are now."""
        return {
            place
            for place, leases in self._leases.items()
            if (room := rooms.get(place[1])) and any(rights == room.rights for _, rights in leases)
        }

    def _without_right(self, rooms: dict[int, Room]) -> set[Place]:
        """Of the rooms whose rights changed: who is present and may not read any more. The others get their grace."""
        changed = [room for room in rooms.values() if self._rights.get(room.pk) != room.rights]
        lost: set[Place] = {place for place in self._present if place[1] not in rooms}
        for room in changed:
            places = {place for place in self._present if place[1] == room.pk}
            readers = access.readers_among(room, {user for user, _ in places}) if places else set()
            lost |= {place for place in places if place[0] not in readers}
            self._grace.update(dict.fromkeys(places, GRACE_ENDED))
        return lost

    def _arrive(self, places: set[Place], rooms: dict[int, Room]) -> None:
        if not places:
            return
        new = rows.arrive(places, LEASE)
        self._present |= places
        self._announce("enter", new, rooms)

    def _depart(self, places: set[Place], rooms: dict[int, Room]) -> None:
        if not places:
            return
        gone = rows.depart(places)
        strangers.gone([user for user, room in places if room in rooms and rooms[room].kind == Room.Kind.STRANGERS])
        self._present -= places
        for place in places:
            self._leaving.pop(place, None)
            self._grace.pop(place, None)
        self._announce("leave", gone, rooms)

    def _announce(self, kind: str, people: list[Presence], rooms: dict[int, Room]) -> None:
        """Say in small rooms who came or went; in all of them that the number changed."""
        numbers = Counter(room for _, room in self._present)
        for row in people:
            room = rooms.get(row.room_id)
            if room is None or room.deleted_at:
                continue
            self._untold.add(room.pk)
            if settings.NOTICES and room.notices and numbers[room.pk] <= settings.NOTICES_MAX:
                data = {"room": room.name, "name": row.user.shown_name, "username": row.user.username}
                publish.send(publish.notice_items(room, kind, data))

    def _tell(self, rooms: dict[int, Room], now: float) -> None:
        """Say the numbers that changed."""
        if not self._untold:
            return
        numbers = Counter(room for _, room in self._present)
        for room_id in list(self._untold):
            room, count = rooms.get(room_id), numbers[room_id]
            if count > settings.NOTICES_MAX and now - self._told.get(room_id, -BIG_ROOM_PAUSE) < BIG_ROOM_PAUSE:
                continue
            self._untold.discard(room_id)
            self._told[room_id] = now
            if room and not room.deleted_at:
                publish.send(publish.notice_items(room, "presence", {"room": room.name, "count": count}))

    def _end_holds(self, rooms: dict[int, Room], now: float) -> None:
        """End what is due, and with it all that the same people hold: a hold of several rooms has several leases."""
        rights = {room.pk: room.rights for room in rooms.values()}
        held = [lease for leases in self._leases.values() for lease in leases.values()]
        due = {
            lease.channel.user_id
            for lease in held
            if lease.is_due(now, is_stale=rights.get(lease.channel.room_id) != lease.channel.rights)
        }
        for lease in held:
            if lease.channel.user_id in due:
                publish.send(publish.close_person_items(lease.channel))
                lease.is_ended, lease.end_at = True, now + AGAIN

    def _extend(self, now: float) -> None:
        """Extend the rows, and agree with them: who is missing comes again, who is unknown has to be confirmed."""
        stored = rows.stay(LEASE)
        for place in stored - self._present:
            self._leaving[place] = now + TTL + SLACK
        self._present = stored
        self._leaving = {place: moment for place, moment in self._leaving.items() if place in stored}
        self._extend_at = now + EXTEND


def run(addresses: list[str]) -> None:
    """Keep who is present until the process ends."""
    stats = Stats(addresses)
    companion: Companion | None = None
    while True:
        end = time.monotonic() + PAUSE
        try:
            companion = companion or Companion(time.monotonic())
            while (left := end - time.monotonic()) > 0:
                for said in stats.read(left):
                    companion.hear(said, time.monotonic())
            companion.step(time.monotonic())
        except (DatabaseError, InterfaceError) as error:
            logger.warning("the database doesn't answer: %s", type(error).__name__)
            close_old_connections()
            time.sleep(PAUSE)
        except Exception:  # a companion that ends unnoticed would leave everybody present, or nobody
            logger.exception("presence stumbled and goes on")
            time.sleep(PAUSE)
