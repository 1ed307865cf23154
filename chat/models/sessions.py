"""Sessions that know whose they are."""

from django.contrib.sessions.base_session import AbstractBaseSession
from django.db import models

from chat.models.people import User


class Session(AbstractBaseSession):
    """A browser's session, as chat.sessions keeps it.

    With the person in a field of its own one statement reads both, and a person's sessions can be found and ended.
    """

    user = models.ForeignKey(User, models.CASCADE, null=True, related_name="sessions")

    class Meta(AbstractBaseSession.Meta):
        abstract = False

    def __str__(self) -> str:
        return f"session of {self.user}"  # the key is as good as a password
