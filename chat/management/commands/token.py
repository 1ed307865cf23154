"""`manage.py token <username>`: make an API token for an account, for programs that sign in without a browser."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from chat import actions
from chat.models import User


class Command(BaseCommand):
    """Prints the token. It is shown this once."""

    help = "Make an API token for an account and print it."

    def add_arguments(self, parser: CommandParser) -> None:
        """Whose token it is."""
        parser.add_argument("username")

    def handle(self, *args: Any, **options: Any) -> None:
        """Make it."""
        user = User.objects.filter(username=options["username"], is_active=True).first()
        if user is None:
            raise CommandError(f"There is no account called {options['username']!r}.")
        self.stdout.write(actions.make_token(user))
