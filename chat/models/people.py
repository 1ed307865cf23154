"""People, and what programs sign in with."""

from hashlib import sha256
from typing import ClassVar, Self

from django.contrib.auth.models import AbstractUser, UserManager
from django.db import models
from django.utils import timezone

from chat.names import PERSON_KEY_MAX, PERSON_NAME_MAX, is_key_of, person_key


class User(AbstractUser):
    """A person or a bot: an account with Django's own auth, or a guest (a nickname, no password)."""

    display_name = models.CharField(max_length=PERSON_NAME_MAX, blank=True)
    # The skeleton of the shown name (names.person_key): nobody speaks under a look-alike of it.
    name_key = models.CharField(max_length=PERSON_KEY_MAX, unique=True, editable=False)
    # The same of the user name, under which others address an account.
    username_key = models.CharField(max_length=PERSON_KEY_MAX, db_index=True, default="", editable=False)
    is_guest = models.BooleanField(default=False)
    is_bot = models.BooleanField(default=False)
    last_seen_at = models.DateTimeField(null=True, blank=True)

    objects: ClassVar[UserManager[Self]] = UserManager()

    def save(self, *args: object, **kwargs: object) -> None:
        """Keep the skeletons true to the names."""
        if not is_key_of(self.name_key, self.shown_name):
            self.name_key = person_key(self.shown_name)
        self.username_key = person_key(self.username)
        super().save(*args, **kwargs)  # type: ignore[arg-type]

    @property
    def shown_name(self) -> str:
        """The name others see, never longer than a name may be: Django takes 150 characters as a user name."""
        return (self.display_name or self.username)[:PERSON_NAME_MAX]


def digest_of(secret: str) -> str:
    """What is stored of a token or of an invite's link: both are random, so a plain hash is enough."""
    return sha256(secret.encode("utf-8", "replace")).hexdigest()


class ApiToken(models.Model):
    """What a program signs in with. Only a digest is stored."""

    user = models.ForeignKey(User, models.CASCADE, related_name="tokens")
    digest = models.CharField(max_length=64, unique=True)
    created = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return f"token of {self.user}"
