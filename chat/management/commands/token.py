"""`manage.py token <username>`: make an API token for an account, for programs that sign in without a browser.

With `--withdraw` it makes none: all tokens of the account are withdrawn, and streams opened by them end.
"""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from chat import actions
from chat.actions import operators
from chat.models import User


class Command(BaseCommand):
    """Prints the token, which is shown this once, or withdraws all."""

    help = "Make an API token for an account and print it, or withdraw all of them."

    def add_arguments(self, parser: CommandParser) -> None:
        """Whose token it is."""
        parser.add_argument("username")
        parser.add_argument("--withdraw", action="store_true", help="withdraw all tokens of the account")

    def handle(self, *args: Any, **options: Any) -> None:
        """Make it, or withdraw all."""
        user = User.objects.filter(username=options["username"]).first()
        if user is None or not (user.is_active or options["withdraw"]):
            raise CommandError(f"There is no account called {options['username']!r}.")
        if options["withdraw"]:
            self.stdout.write(f"{operators.withdraw_tokens(None, user)} tokens withdrawn")
            return
        self.stdout.write(actions.make_token(user))
