"""A clock that was ahead and is set back: what it dated into the future begins anew.

What is compared at every request mends itself there (chat.actions.limits, chat.sessions, the leases of webhooks). The
rest is mended here, each time that old things are pruned.
"""

from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import F, Model

from chat.actions.deliveries import LEASE, RETRY_MOST
from chat.actions.held_names import HELD
from chat.models import (
    ApiToken,
    Closing,
    Delivery,
    Event,
    HeldName,
    Invite,
    OutgoingHook,
    Restriction,
    Room,
    Session,
    Stranger,
    Tally,
    User,
)

SKEW = timedelta(minutes=1)  # by which the clocks of two machines may differ
REPEATED = timedelta(minutes=10)  # events that are so old are never published again
TALLY_MOST = timedelta(days=400)  # no window is longer
# Moments at which something began, or was done last.
_PAST: tuple[tuple[type[Model], str], ...] = (
    (Closing, "created"),
    (Delivery, "created"),
    (OutgoingHook, "tried_at"),
    (OutgoingHook, "failing_since"),
    (OutgoingHook, "test_asked_at"),
    (Room, "last_event_at"),
    (Room, "deleted_at"),
    (Stranger, "since"),
    (Stranger, "seen_at"),
    (User, "date_joined"),
    (User, "left_at"),
)
# Rows that last from the moment at which they were made, for as long as somebody chose.
_LASTING: tuple[tuple[type[Model], str], ...] = ((Restriction, "until"), (Invite, "expires"), (ApiToken, "expires"))


def begin_anew(now: datetime) -> None:
    """Let begin now what begins in the future. Messages keep their dates, which people have read."""
    for model, field in _PAST:
        _at_most(model, field, now)
    days = timedelta(days=max(settings.SESSION_DAYS, settings.GUEST_DAYS))
    _at_most(Session, "expire_date", now + days)
    _at_most(HeldName, "until", now + HELD)
    _at_most(OutgoingHook, "retry_at", now + timedelta(seconds=RETRY_MOST))
    _at_most(OutgoingHook, "lease_until", now + LEASE)
    Event.objects.filter(created__gt=now + SKEW).update(created=now - REPEATED)
    Tally.objects.filter(until__gt=int((now + TALLY_MOST).timestamp() * 1000)).delete()
    for model, field in _LASTING:
        _shift(model, field, now)


def _at_most(model: type[Model], field: str, latest: datetime) -> None:
    model._default_manager.filter(**{f"{field}__gt": latest + SKEW}).update(**{field: latest})


def _shift(model: type[Model], field: str, now: datetime) -> None:
    """Let it last for as long as it was meant to, from now on."""
    early: Any = model._default_manager.filter(created__gt=now + SKEW)
    for pk, created in list(early.values_list("pk", "created")):
        early.filter(pk=pk).update(**{field: F(field) - (created - now)}, created=now)
