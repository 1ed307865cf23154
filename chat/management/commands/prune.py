"""manage.py prune: remove what is old: events of the log (messages stay), idle guests, sessions that are over, and what
was said in quiet rooms of visitors."""

import logging
import signal
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser
from django.db import DatabaseError, InterfaceError, close_old_connections
from django.utils import timezone

from chat import actions, eventlog
from chat.actions.clock import begin_anew
from chat.actions.deliveries import prune_deliveries
from chat.actions.limits import prune_tallies
from chat.sessions import SessionStore

CLOSINGS_KEPT = timedelta(hours=1)  # the relay looks back ten minutes
OVERWRITE_EVERY = 30  # seconds between two looks for what was deleted meanwhile

logger = logging.getLogger(__name__)


class Command(BaseCommand):
    """Prunes once, or every so often until it is told to end."""

    help = "Remove what is over: old events, sessions, held names, counts, idle guests; empty quiet visitors' rooms."

    def add_arguments(self, parser: CommandParser) -> None:
        """--every SECONDS keeps it running."""
        parser.add_argument("--every", type=int, metavar="SECONDS", help="prune again and again with this pause")

    def handle(self, *args: Any, **options: Any) -> None:
        """Prune."""
        if not options["every"]:
            events, guests, rooms = self._prune()
            self.stdout.write(f"{events} events removed, {guests} guests removed, {rooms} visitors' rooms emptied")
            return
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        while True:
            self._try(self._prune)
            next_time = time.monotonic() + options["every"]
            while (left := next_time - time.monotonic()) > 0:
                time.sleep(min(left, OVERWRITE_EVERY))
                self._try(actions.overwrite_deleted)

    def _try(self, step: Callable[[], object]) -> None:
        try:
            step()
        except (DatabaseError, InterfaceError) as error:
            logger.warning("the database doesn't answer: %s", type(error).__name__)
            close_old_connections()

    def _prune(self) -> tuple[int, int, int]:
        now = timezone.now()
        begin_anew(now)
        events = eventlog.prune(now - timedelta(hours=settings.RETENTION_HOURS))
        guests = actions.prune_guests(now - timedelta(days=settings.GUEST_DAYS))
        actions.prune_held_names(now)
        rooms = actions.empty_quiet_rooms(now - timedelta(days=settings.VISITOR_ROOM_DAYS))
        actions.prune_strangers()
        actions.forget_closings(now - CLOSINGS_KEPT)
        prune_tallies(now)
        prune_deliveries(now)
        actions.forget_expired(now)
        SessionStore.clear_expired()
        actions.overwrite_deleted()
        return events, guests, rooms
