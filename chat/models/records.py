"""What is kept for the operator and against guessing."""

from django.db import models
from django.utils import timezone

from chat.models.people import User
from chat.models.rooms import Room


class Attempt(models.Model):
    """How often somebody tried what can't be tried without end, and until when that counts. Who and what: a digest."""

    key = models.CharField(max_length=64, unique=True)
    count = models.PositiveIntegerField()
    until = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return f"{self.count} attempts until {self.until:%H:%M}"


class AuditEntry(models.Model):
    """What somebody with power did, for the operator to read in the admin."""

    actor = models.ForeignKey(User, models.SET_NULL, null=True, related_name="audit_entries")
    action = models.CharField(max_length=40)
    room = models.ForeignKey(Room, models.SET_NULL, null=True, related_name="+")
    target = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    detail = models.CharField(max_length=300, blank=True)
    created = models.DateTimeField(default=timezone.now, db_index=True)

    class Meta:
        verbose_name_plural = "audit entries"

    def __str__(self) -> str:
        return f"{self.actor}: {self.action} {self.detail}".strip()
