"""manage.py presence: the companion that knows who is in which room (see chat.presence)."""

import signal
import sys
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from chat import presence


class Command(BaseCommand):
    """Runs until it is told to end."""

    help = "Keep who is present in which room, from what the proxies say about subscriptions."

    def handle(self, *args: Any, **options: Any) -> None:
        """Listen to every configured proxy."""
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        self.stdout.write(f"presence: {len(settings.GRIP_STATS)} proxies")
        presence.run(settings.GRIP_STATS)
