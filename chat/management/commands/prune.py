"""manage.py prune: remove events older than RETENTION_HOURS from the log. Messages stay."""

import logging
import signal
import sys
import time
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser
from django.db import DatabaseError, InterfaceError, close_old_connections
from django.utils import timezone

from chat import actions, eventlog

CLOSINGS_KEPT = timedelta(hours=1)  # the relay looks back ten minutes

logger = logging.getLogger(__name__)


class Command(BaseCommand):
    """Prunes once, or every so often until it is told to end."""

    help = "Remove events that are older than RETENTION_HOURS; readers with older positions reload."

    def add_arguments(self, parser: CommandParser) -> None:
        """--every SECONDS keeps it running."""
        parser.add_argument("--every", type=int, metavar="SECONDS", help="prune again and again with this pause")

    def handle(self, *args: Any, **options: Any) -> None:
        """Prune."""
        if not options["every"]:
            self.stdout.write(f"{self._prune()} events removed")
            return
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        while True:
            try:
                self._prune()
            except (DatabaseError, InterfaceError) as error:
                logger.warning("the database doesn't answer: %s", type(error).__name__)
                close_old_connections()
            time.sleep(options["every"])

    def _prune(self) -> int:
        now = timezone.now()
        actions.forget_closings(now - CLOSINGS_KEPT)
        return eventlog.prune(now - timedelta(hours=settings.RETENTION_HOURS))
