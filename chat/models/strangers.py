"""Strangers who meet: visitors of the queue, whom they blocked, and what they reported."""

from typing import ClassVar, Self

from django.db import models
from django.utils import timezone

from chat.models.people import User, new_id
from chat.models.rooms import Room
from chat.names import PERSON_NAME_MAX


class StrangerQuerySet(models.QuerySet["Stranger"]):
    """Visitors of the queue."""

    def whole(self) -> Self:
        """With all that is said of them on the wire. One query."""
        return self.select_related("user", "room", "pair_room", "partner")


class Stranger(models.Model):
    """A person who came to meet strangers: waits, is one of a pair, or does neither.

    `room` is theirs alone. What becomes of them is said there, as events.
    """

    class State(models.TextChoices):
        """What a visitor does."""

        IDLE = "idle"
        WAITING = "waiting"
        PAIRED = "paired"

    class Reason(models.TextChoices):
        """Why somebody is idle."""

        NONE = ""
        LEFT = "partner-left"
        GONE = "partner-gone"
        AWAY = "away"
        BARRED = "barred"

    user = models.OneToOneField(User, models.CASCADE, related_name="stranger")
    room = models.OneToOneField(Room, models.CASCADE, related_name="stranger")
    state = models.CharField(max_length=8, choices=State, default=State.IDLE)
    reason = models.CharField(max_length=16, choices=Reason, blank=True)
    # Unique, so that nobody is the partner of two.
    partner = models.OneToOneField("self", models.SET_NULL, null=True, blank=True, related_name="+")
    pair_room = models.ForeignKey(Room, models.SET_NULL, null=True, blank=True, related_name="pair")
    # Under which the partner knows them: another one in each pair.
    alias = models.CharField(max_length=PERSON_NAME_MAX, blank=True)
    last_partner = models.ForeignKey(User, models.SET_NULL, null=True, blank=True, related_name="+")
    # What they called the last partner: who blocks them knows them again by it.
    last_alias = models.CharField(max_length=PERSON_NAME_MAX, blank=True)
    since = models.DateTimeField(default=timezone.now)
    # The last sign of life by a request. Who is present in `room` needs none.
    seen_at = models.DateTimeField(default=timezone.now)
    # An operator keeps them from meeting anybody.
    barred_at = models.DateTimeField(null=True, blank=True)

    objects: ClassVar[StrangerQuerySet] = StrangerQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        constraints = (
            models.CheckConstraint(
                condition=models.Q(state="paired") | models.Q(partner=None, pair_room=None), name="stranger_alone"
            ),
        )
        indexes = (models.Index(fields=("state",), name="stranger_state"),)

    def __str__(self) -> str:
        return f"{self.user} ({self.state})"


class Block(models.Model):
    """That somebody does not want to be paired with somebody again. It holds in both directions."""

    by = models.ForeignKey(User, models.CASCADE, related_name="blocks")
    whom = models.ForeignKey(User, models.CASCADE, related_name="+")
    # On the wire, and what `by` called them: who it was is not for them to know.
    public_id = models.CharField(max_length=16, unique=True, default=new_id, editable=False)
    alias = models.CharField(max_length=PERSON_NAME_MAX, blank=True)
    created = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = (models.UniqueConstraint(fields=("by", "whom"), name="block_unique"),)

    def __str__(self) -> str:
        return f"{self.by} blocked {self.whom}"


class Report(models.Model):
    """What somebody reported of a stranger, for the operator. The room dies with the pair: this is what is kept."""

    by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    whom = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    reason = models.TextField(blank=True)
    excerpt = models.TextField(blank=True)
    created = models.DateTimeField(default=timezone.now, db_index=True)
    settled_at = models.DateTimeField(null=True, blank=True)
    settled_by = models.ForeignKey(User, models.SET_NULL, null=True, blank=True, related_name="+")

    def __str__(self) -> str:
        return f"report of {self.created:%Y-%m-%d %H:%M}"
