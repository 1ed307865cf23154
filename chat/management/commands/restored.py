"""manage.py restored: what must happen after a backup was put back. Once, before or after the service starts."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from chat import actions


class Command(BaseCommand):
    """Makes everything that readers hold void, so that each of them starts anew."""

    help = "After restoring a backup: make every reader load the history again. Run it once for each restore."

    def handle(self, *args: Any, **options: Any) -> None:
        """Raise ids and rights, then close all streams."""
        rooms, told = actions.restored()
        self.stdout.write(f"{rooms} rooms start anew; streams closed on {told} of {len(settings.GRIP_PROXIES)} proxies")
