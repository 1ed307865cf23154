"""Webhooks: addresses that programs post to, addresses that are told what is said in a room, and the log of telling."""

from datetime import datetime

from django.db import models
from django.utils import timezone

from chat.models.people import User, new_id
from chat.models.rooms import Room


class IncomingHook(models.Model):
    """An address under which a program posts into a room, as `user`, who is of this hook alone. Of its secret only a
    digest is stored."""

    room = models.ForeignKey(Room, models.CASCADE, related_name="incoming_hooks")
    user = models.OneToOneField(User, models.CASCADE, related_name="incoming_hook")
    # On the wire: row ids would count the hooks of all rooms.
    public_id = models.CharField(max_length=16, unique=True, default=new_id, editable=False)
    digest = models.CharField(max_length=64, editable=False)
    created_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    created = models.DateTimeField(default=timezone.now, editable=False)

    # What its maker is in the room, and whether they are banned, after access.with_maker.
    maker_role: str | None = None
    maker_banned: bool = False

    def __str__(self) -> str:
        return f"incoming webhook of {self.room}"


class OutgoingHook(models.Model):
    """An address that is told the messages of a room. The room's log is its queue, `position` the id of the last event
    that it took."""

    room = models.ForeignKey(Room, models.CASCADE, related_name="outgoing_hooks")
    public_id = models.CharField(max_length=16, unique=True, default=new_id, editable=False)
    url = models.CharField(max_length=2000)
    # As it is: it signs every delivery.
    secret = models.CharField(max_length=64, editable=False)
    # Who answers for it: it is told what this person may read, for as long as they own the room.
    created_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    created = models.DateTimeField(default=timezone.now, editable=False)
    position = models.BigIntegerField(editable=False)
    # Attempts since the last one that was taken, since when, and when the next one is due.
    failures = models.PositiveIntegerField(default=0, editable=False)
    failing_since = models.DateTimeField(null=True, editable=False)
    retry_at = models.DateTimeField(null=True, editable=False)
    tried_at = models.DateTimeField(null=True, editable=False)
    test_asked_at = models.DateTimeField(null=True, editable=False)
    disabled_at = models.DateTimeField(null=True, editable=False)
    disabled_why = models.CharField(max_length=200, blank=True, editable=False)
    # The companion that delivers for it now: two at once would break the order.
    lease = models.CharField(max_length=32, blank=True, editable=False)
    lease_until = models.DateTimeField(null=True, editable=False)

    # What its maker is in the room, and whether they are banned, after access.with_maker.
    maker_role: str | None = None
    maker_banned: bool = False
    # The next event to tell, after chat.hooks.due.
    next_eid: int | None = None
    next_type: str = ""
    next_data: str = ""
    next_created: datetime | None = None

    def __str__(self) -> str:
        return f"outgoing webhook of {self.room}"


class Delivery(models.Model):
    """One attempt to deliver something to an outgoing webhook, for the owner to read."""

    hook = models.ForeignKey(OutgoingHook, models.CASCADE, related_name="deliveries", db_index=False)
    type = models.CharField(max_length=32)
    eid = models.BigIntegerField()
    attempt = models.PositiveIntegerField()
    status = models.PositiveIntegerField(null=True)
    error = models.CharField(max_length=200, blank=True)
    ms = models.PositiveIntegerField()
    created = models.DateTimeField(default=timezone.now, db_index=True)

    class Meta:
        verbose_name_plural = "deliveries"
        indexes = (models.Index(fields=("hook", "-id"), name="delivery_by_hook"),)

    def __str__(self) -> str:
        return f"{self.type} {self.eid}, attempt {self.attempt}"
