"""People, and what programs sign in with."""

import secrets
from hashlib import sha256
from typing import ClassVar, Self

from django.contrib.auth.models import AbstractUser, UserManager
from django.contrib.auth.validators import UnicodeUsernameValidator
from django.core.exceptions import ValidationError
from django.db import models
from django.utils import timezone

from chat.names import PERSON_KEY_MAX, PERSON_NAME_MAX, is_key_of, is_segment, person_key


def validate_username(username: str) -> None:
    """Refuse what is no user name, and what no address can name. Raises ValidationError."""
    UnicodeUsernameValidator()(username)
    if not is_segment(username):
        raise ValidationError("A user name can't be dots alone: it is a part of addresses.")


def new_id() -> str:
    """An id for the wire that tells nothing."""
    return secrets.token_hex(8)


USERNAME_MAX = 150  # characters, as Django's model has it


class User(AbstractUser):
    """A person or a bot: an account with Django's own auth, or a guest (a nickname, no password)."""

    # On the wire, as the author of messages: it tells neither names nor row ids, and stays when the names change.
    public_id = models.CharField(max_length=16, unique=True, default=new_id, editable=False)
    username = models.CharField(
        max_length=150,
        unique=True,
        help_text="Letters, digits and @ . + - _",
        validators=[validate_username],
        error_messages={"unique": "A user with that username already exists."},
    )
    display_name = models.CharField(max_length=PERSON_NAME_MAX, blank=True)
    # The skeleton of the shown name (names.person_key): nobody speaks under a look-alike of it.
    name_key = models.CharField(max_length=PERSON_KEY_MAX, unique=True, editable=False)
    # The same of the user name, under which others address an account.
    username_key = models.CharField(max_length=PERSON_KEY_MAX, db_index=True, default="", editable=False)
    is_guest = models.BooleanField(default=False)
    is_bot = models.BooleanField(default=False)
    # Of a bot: the person who made it, and who makes its tokens.
    owner = models.ForeignKey("self", models.CASCADE, null=True, blank=True, related_name="bots", editable=False)
    # When a guest signed out or was closed: the session is all that a guest has, so nobody comes back after it.
    left_at = models.DateTimeField(null=True, blank=True, editable=False)

    # The token by which this person makes the request, after access; None by a session.
    token: "ApiToken | None" = None

    objects: ClassVar[UserManager[Self]] = UserManager()

    def save(self, *args: object, **kwargs: object) -> None:
        """Keep the skeletons true to the names. Raises ValidationError for a new one that no address can name."""
        if self._state.adding:
            validate_username(self.username)
        if not is_key_of(self.name_key, self.shown_name):
            self.name_key = person_key(self.shown_name)
        self.username_key = person_key(self.username)
        super().save(*args, **kwargs)  # type: ignore[arg-type]

    @classmethod
    def normalize_username(cls, username: str) -> str:
        """NFKC, as Django has it. What is cut off here is refused as too long all the same: of a longer text Unicode's
        normal forms take time by its square (see chat.confusables)."""
        return str(super().normalize_username(username[: USERNAME_MAX + 1]))

    def clean(self) -> None:
        """Keep a user name in plain letters, as Django does. Raises ValidationError for one that would read differently
        in them: it was never compared with the names that it looks like."""
        typed = self.username[: USERNAME_MAX + 1]
        super().clean()
        if person_key(typed) != person_key(self.username):
            raise ValidationError({"username": "A user name is kept in plain letters, and would read differently."})

    @property
    def shown_name(self) -> str:
        """The name others see, never longer than a name may be: Django takes 150 characters as a user name."""
        return (self.display_name or self.username)[:PERSON_NAME_MAX]


class HeldName(models.Model):
    """A name that somebody gave up. Until `until` nobody takes it but `user`, who had it last: what was said under it
    would read as said by somebody else."""

    key = models.CharField(max_length=PERSON_KEY_MAX, primary_key=True)  # the skeleton, as User.name_key
    user = models.ForeignKey(User, models.SET_NULL, null=True, related_name="held_names")
    until = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return f"name held until {self.until:%Y-%m-%d %H:%M}"


def digest_of(secret: str) -> str:
    """What is stored of a token or of an invite's link: both are random, so a plain hash is enough."""
    return sha256(secret.encode()).hexdigest()


class Scope(models.TextChoices):
    """What a token lets its person do. None of them holds another one."""

    READ = "read", "Read"  # streams, history, lists
    POST = "post", "Post"  # messages of one's own, joining rooms
    MANAGE = "manage", "Manage"  # rooms, members, moderation, tokens: everything else of the API


ALL_SCOPES = " ".join(Scope.values)
TOKEN_NAME_MAX = 60  # characters


class ApiTokenQuerySet(models.QuerySet["ApiToken"]):
    """Which tokens are good."""

    def good(self) -> Self:
        """Tokens whose time is not over, of accounts that are not closed."""
        now = timezone.now()
        return self.filter(models.Q(expires=None) | models.Q(expires__gt=now), user__is_active=True)


class ApiToken(models.Model):
    """What a program signs in with. Only a digest is stored; a token that is withdrawn has no row any more."""

    user = models.ForeignKey(User, models.CASCADE, related_name="tokens")
    digest = models.CharField(max_length=64, unique=True)
    name = models.CharField(max_length=TOKEN_NAME_MAX, blank=True, default="")
    # The values of Scope, with spaces between.
    scopes = models.CharField(max_length=40, default=ALL_SCOPES)
    # The last characters, by which its owner knows it again.
    hint = models.CharField(max_length=4, blank=True, default="")
    created = models.DateTimeField(default=timezone.now)
    expires = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)
    # Whether what it held was ended after its time was over (actions.end_expired_tokens).
    ended = models.BooleanField(default=False)
    # The token by which it was made: it goes with it, so that nobody keeps what they were given by a stolen one.
    parent = models.ForeignKey("self", models.CASCADE, null=True, blank=True, related_name="children")

    objects: ClassVar[ApiTokenQuerySet] = ApiTokenQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        indexes = (
            # What the relay looks for every second.
            models.Index(fields=["expires"], condition=models.Q(ended=False), name="token_to_end"),
        )

    def __str__(self) -> str:
        return f"token of {self.user}"

    @property
    def scope_list(self) -> list[str]:
        """The scopes, in their order."""
        return self.scopes.split()
