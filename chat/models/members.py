"""Who belongs to a room, who is in it, and who lost a right there."""

from typing import ClassVar, Self

from django.db import models
from django.utils import timezone

from chat.models.people import User
from chat.models.rooms import Room


class Membership(models.Model):
    """That a person belongs to a room, and as what."""

    class Role(models.TextChoices):
        """What a member may do; each role may do what those after it may."""

        OWNER = "owner"
        MODERATOR = "moderator"
        MEMBER = "member"

    room = models.ForeignKey(Room, models.CASCADE, related_name="memberships")
    user = models.ForeignKey(User, models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=16, choices=Role, default=Role.MEMBER)
    joined = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        constraints = (models.UniqueConstraint(fields=("room", "user"), name="membership_unique"),)

    def __str__(self) -> str:
        return f"{self.user} in {self.room} ({self.role})"


class Presence(models.Model):
    """That a person is in a room right now. `manage.py presence` keeps it true, and extends `until` while it runs."""

    room = models.ForeignKey(Room, models.CASCADE, related_name="presences", db_index=False)
    user = models.ForeignKey(User, models.CASCADE, related_name="presences")
    since = models.DateTimeField(default=timezone.now)
    until = models.DateTimeField()

    class Meta:
        constraints = (models.UniqueConstraint(fields=("room", "user"), name="presence_unique"),)

    def __str__(self) -> str:
        return f"{self.user} in {self.room}"


class RestrictionQuerySet(models.QuerySet["Restriction"]):
    """Which mutes and bans hold."""

    def good(self) -> Self:
        """Those whose time is not over."""
        return self.filter(models.Q(until=None) | models.Q(until__gt=timezone.now()))

    def bans(self) -> Self:
        """Bans whose time is not over."""
        return self.good().filter(kind=Restriction.Kind.BAN)


class Restriction(models.Model):
    """That somebody may not post in a room (mute), or neither post nor read as themselves (ban)."""

    class Kind(models.TextChoices):
        """What is taken away. The first one in the alphabet counts when there are both."""

        BAN = "ban"
        MUTE = "mute"

    room = models.ForeignKey(Room, models.CASCADE, related_name="restrictions")
    user = models.ForeignKey(User, models.CASCADE, null=True, blank=True, related_name="restrictions")
    # For who has no account: where they come from (requester.network). Empty for an account.
    address = models.CharField(max_length=45, blank=True)
    kind = models.CharField(max_length=8, choices=Kind)
    until = models.DateTimeField(null=True, blank=True)
    created_by = models.ForeignKey(User, models.SET_NULL, null=True, blank=True, related_name="+")
    created = models.DateTimeField(default=timezone.now, editable=False)

    objects: ClassVar[RestrictionQuerySet] = RestrictionQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        constraints = (
            models.CheckConstraint(condition=models.Q(user__isnull=True) ^ models.Q(address=""), name="restricted_one"),
        )
        indexes = (models.Index(fields=("room", "user")), models.Index(fields=("room", "address")))

    def __str__(self) -> str:
        return f"{self.kind} of {self.user or self.address} in {self.room}"


class InviteQuerySet(models.QuerySet["Invite"]):
    """Which invites are good."""

    def good(self) -> Self:
        """Those that were not withdrawn, and whose time is not over."""
        return self.filter(withdrawn_at=None, expires__gt=timezone.now())


class Invite(models.Model):
    """A link that makes its bearer a member of a room. Only a digest is stored."""

    room = models.ForeignKey(Room, models.CASCADE, related_name="invites")
    digest = models.CharField(max_length=64, unique=True, editable=False)
    created_by = models.ForeignKey(User, models.CASCADE, related_name="invites")
    created = models.DateTimeField(default=timezone.now, editable=False)
    expires = models.DateTimeField()
    withdrawn_at = models.DateTimeField(null=True, blank=True)

    objects: ClassVar[InviteQuerySet] = InviteQuerySet.as_manager()  # type: ignore[assignment]

    def __str__(self) -> str:
        return f"invite to {self.room}"


class Closing(models.Model):
    """That the holds made under a version of a room's rights must end. The relay repeats it for a minute."""

    room = models.ForeignKey(Room, models.CASCADE, related_name="closings")
    rights = models.PositiveIntegerField()
    created = models.DateTimeField(default=timezone.now, db_index=True)

    def __str__(self) -> str:
        return f"closing of {self.room} under rights {self.rights}"
