"""What the companion of outgoing webhooks writes: who delivers for which webhook, what was taken, what failed."""

import logging
import random
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Count, F, Q
from django.utils import timezone

from chat.actions.log import audit
from chat.models import Delivery, OutgoingHook
from chat.outbound import TOTAL, Answer
from chat.times import pause

logger = logging.getLogger(__name__)

# For so long a companion delivers for a webhook alone. It begins no attempt that could outlast it.
LEASE = pause(20)
ATTEMPT = timedelta(seconds=TOTAL) + pause(2)
RETRY_FIRST, RETRY_MOST = 1.0, 3600.0  # seconds until the next attempt, before chance has its part
GIVE_UP = timedelta(days=3)  # of failures without a success
LOG_KEPT = timedelta(days=7)
LOG_MAX = 200  # attempts kept of a webhook
GONE = 410  # a receiver's word that it wants no more


def free(holder: str, now: datetime) -> Q:
    """Webhooks that nobody else delivers for. One that ends later than any could is of a clock set back."""
    is_over = Q(lease_until__lte=now) | Q(lease_until__gt=now + 2 * LEASE)
    return Q(lease="") | Q(lease=holder) | is_over


def is_due(now: datetime) -> Q:
    """Webhooks that wait for no later attempt; one further away than any pause is of a clock that was set back."""
    return Q(retry_at=None) | Q(retry_at__lte=now) | Q(retry_at__gt=now + 2 * timedelta(seconds=RETRY_MOST))


def take(hook: OutgoingHook, holder: str, now: datetime) -> bool:
    """Deliver for the webhook alone from now on. False when somebody else does, or it has moved on meanwhile."""
    if hook.lease == holder and hook.lease_until and ATTEMPT < hook.lease_until - now <= LEASE:
        return True  # still, after the last one
    same = OutgoingHook.objects.filter(free(holder, now), pk=hook.pk, position=hook.position, disabled_at=None)
    return bool(same.update(lease=holder, lease_until=now + LEASE, tried_at=now))


def release(holder: str) -> None:
    """Leave everything to another companion: this one ends."""
    OutgoingHook.objects.filter(lease=holder).update(lease="", lease_until=None)


def skip(hook: OutgoingHook, position: int) -> None:
    """Move on over events that webhooks are not told."""
    OutgoingHook.objects.filter(pk=hook.pk, position=hook.position).update(position=position)


def taken(hook: OutgoingHook, holder: str, kind: str, eid: int, answer: Answer) -> None:
    """The receiver has it: the position moves, and only now. While more is to come the lease goes on, which saves a
    write; after the last one it ends, so that a companion that is killed then keeps nobody waiting."""
    now = timezone.now()
    fine: dict[str, object] = {"failures": 0, "failing_since": None, "retry_at": None, "tried_at": now}
    more = kind != "test" and hook.room.counter > eid
    fine |= {"lease_until": now + LEASE} if more else {"lease": "", "lease_until": None}
    moved: dict[str, object] = {"test_asked_at": None} if kind == "test" else {"position": eid}
    with transaction.atomic():
        if OutgoingHook.objects.filter(pk=hook.pk, lease=holder).update(**fine, **moved):
            _note(hook, kind, eid, hook.failures + 1, answer)


def failed(hook: OutgoingHook, holder: str, kind: str, eid: int, answer: Answer) -> None:
    """The receiver has it not: it is tried again later, and not for ever. A test is tried once."""
    now = timezone.now()
    since = min(hook.failing_since or now, now)
    changes: dict[str, object] = {"lease": "", "lease_until": None}
    if kind == "test":
        changes["test_asked_at"] = None
    else:
        wait = pause_after(hook.failures + 1, answer.retry_after)
        changes |= {"failures": F("failures") + 1, "failing_since": since, "retry_at": now + timedelta(seconds=wait)}
    with transaction.atomic():
        if not OutgoingHook.objects.filter(pk=hook.pk, lease=holder).update(**changes):
            return
        _note(hook, kind, eid, 1 if kind == "test" else hook.failures + 1, answer)
        if answer.status == GONE:
            switch_off(hook, "The receiver answered 410: it wants no more.")
        elif now - since >= GIVE_UP:
            switch_off(hook, f"It failed for {GIVE_UP.days} days. The last attempt: {answer.error}")


def switch_off(hook: OutgoingHook, why: str) -> None:
    """Deliver nothing more until an owner switches the webhook on again; the page says why."""
    on = OutgoingHook.objects.filter(pk=hook.pk, disabled_at=None)
    if on.update(disabled_at=timezone.now(), disabled_why=why[:200], lease="", lease_until=None):
        logger.warning("webhook %s was switched off: %s", hook.public_id, why)
        audit(None, "switch off webhook", hook.room, hook.created_by, why)


def pause_after(failures: int, asked: float | None = None) -> float:
    """Seconds until the next attempt: twice as long each time, shaken so that receivers are not all called at once. A
    receiver may ask for longer, not for more than RETRY_MOST."""
    pause: float = min(RETRY_MOST, RETRY_FIRST * 2 ** min(failures - 1, 20)) * random.uniform(0.75, 1.25)  # noqa: S311
    return min(RETRY_MOST, max(pause, asked or 0.0))


def prune_deliveries(now: datetime) -> None:
    """Remove old entries of the log, and of each webhook all but the newest."""
    Delivery.objects.filter(created__lt=now - LOG_KEPT).delete()
    long = Delivery.objects.values("hook").annotate(count=Count("pk")).filter(count__gt=LOG_MAX).order_by()
    for hook_id in list(long.values_list("hook", flat=True)):
        newest = Delivery.objects.filter(hook=hook_id).order_by("-pk").values_list("pk", flat=True)
        Delivery.objects.filter(hook=hook_id, pk__lt=newest[LOG_MAX - 1]).delete()


def _note(hook: OutgoingHook, kind: str, eid: int, attempt: int, answer: Answer) -> None:
    Delivery.objects.create(
        hook_id=hook.pk,
        type=kind,
        eid=eid,
        attempt=attempt,
        status=answer.status,
        error=answer.error[:200],
        ms=answer.ms,
    )
