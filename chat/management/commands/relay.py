"""manage.py relay: the companion that publishes recent events again (see chat.relay)."""

import signal
import sys
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from chat import publish, relay


class Command(BaseCommand):
    """Runs until it is told to end."""

    help = "Publish recent events again, so that a crash or a cut never leaves a reader waiting."

    def handle(self, *args: Any, **options: Any) -> None:
        """Run the relay on every configured proxy."""
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        self.stdout.write(f"relay: {len(settings.GRIP_PROXIES)} proxies")
        relay.run(publish.connect, settings.GRIP_PROXIES)
