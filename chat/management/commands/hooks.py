"""manage.py hooks: the companion that delivers outgoing webhooks (see chat.hooks)."""

import signal
from typing import Any

from django.core.management.base import BaseCommand

from chat import hooks


class Command(BaseCommand):
    """Runs until it is told to end."""

    help = "Tell the receivers of outgoing webhooks what is said in their rooms."

    def handle(self, *args: Any, **options: Any) -> None:
        """Deliver for all webhooks."""
        courier = hooks.Courier()
        for end in (signal.SIGTERM, signal.SIGINT):
            signal.signal(end, courier.stop)
        self.stdout.write("hooks: delivering")
        hooks.run(courier)
