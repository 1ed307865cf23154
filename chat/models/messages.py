"""Messages, and the log of events that readers follow."""

from typing import ClassVar, Self

from django.db import models
from django.utils import timezone

from chat.models.people import User
from chat.models.rooms import Room
from chat.names import PERSON_KEY_MAX, PERSON_NAME_MAX


class MessageQuerySet(models.QuerySet["Message"]):
    """Messages, paged by their id and never by time."""

    def before(self, eid: int | None) -> Self:
        """Newest first, starting below `eid` (or at the newest one)."""
        older = self if eid is None else self.filter(eid__lt=eid)
        return older.order_by("-eid")

    def after(self, eid: int) -> Self:
        """Oldest first, starting above `eid`."""
        return self.filter(eid__gt=eid).order_by("eid")


class Message(models.Model):
    """What somebody said in a room. Its id on the wire is the id of its `message` event."""

    class Type(models.IntegerChoices):
        """Kinds of messages, each shown in its own style."""

        MESSAGE = 0
        WARNING = 1
        ALERT = 2
        MUTED = 3
        ENTER = 4
        LEAVE = 5

    room = models.ForeignKey(Room, models.CASCADE, related_name="messages")
    eid = models.BigIntegerField(editable=False)
    # NULL for a post without a session: then `name` is the name as it was posted, and nobody has verified it.
    author = models.ForeignKey(User, models.SET_NULL, null=True, blank=True, related_name="messages")
    name = models.CharField(max_length=PERSON_NAME_MAX)
    # Whether a bot said it: for the badge, and so that bots need not answer each other.
    is_bot = models.BooleanField(default=False, db_default=False, editable=False)
    type = models.PositiveSmallIntegerField(choices=Type, default=Type.MESSAGE)
    text = models.TextField()
    # Who posted, as the scope of the key that makes a repeated post answer the first message.
    poster = models.CharField(max_length=PERSON_KEY_MAX + 2, editable=False)
    # Where somebody without an account posted from (requester.network), for a ban; empty for an account.
    address = models.CharField(max_length=45, blank=True, editable=False)
    idempotency_key = models.CharField(max_length=128, null=True, blank=True, editable=False)
    created = models.DateTimeField(default=timezone.now, editable=False)
    edited_at = models.DateTimeField(null=True, blank=True, editable=False)
    deleted_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects: ClassVar[MessageQuerySet] = MessageQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("room", "eid"), name="message_eid_unique"),
            models.UniqueConstraint(
                fields=("room", "poster", "idempotency_key"),
                condition=models.Q(idempotency_key__isnull=False),
                name="message_idempotency",
            ),
        )

    def __str__(self) -> str:
        return f"message {self.eid} of {self.name}"  # without its text: this goes into the admin's own log


class Event(models.Model):
    """One entry of a room's log. `data` is the JSON text exactly as every transport sends it: encoded once."""

    room = models.ForeignKey(Room, models.CASCADE, related_name="events", db_index=False)
    eid = models.BigIntegerField()
    type = models.CharField(max_length=32)
    data = models.TextField()
    created = models.DateTimeField(default=timezone.now, db_index=True)

    class Meta:
        constraints = (models.UniqueConstraint(fields=("room", "eid"), name="event_eid_unique"),)

    def __str__(self) -> str:
        return f"{self.type} {self.room_id}:{self.eid}"
