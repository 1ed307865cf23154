"""manage.py setup: what a new database needs beside its tables. Safe to run at every start."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from django.urls import reverse

from chat import actions


class Command(BaseCommand):
    """Makes the first room and says how the first administrator signs up."""

    help = "Make the first room, and print the one-time link of the first administrator while there is none."

    def handle(self, *args: Any, **options: Any) -> None:
        """Idempotent."""
        actions.make_room(actions.DEFAULT_ROOM, title="Lobby")
        if token := actions.setup_token():
            base = settings.PUBLIC_URL or f"http://localhost:{settings.PORT}"
            self.stdout.write(f"First administrator: {base}{reverse('setup', args=[token])}")
