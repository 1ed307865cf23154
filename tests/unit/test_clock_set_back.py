"""A server's clock that was ahead and is set back: nothing of the future refuses, grants or waits for years."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.conf import settings
from django.utils import timezone

from chat import actions
from chat.actions import deliveries
from chat.actions.clock import begin_anew
from chat.actions.limits import Limit, attempt
from chat.actions.pairing import is_there
from chat.hooks import due, waiting
from chat.models import (
    ApiToken,
    Closing,
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
from chat.problems import Problem
from chat.relay import Relay
from tests.unit.conftest import RecordingProxy, sign_in

pytestmark = pytest.mark.django_db

MINUTE, DAY, TEN_YEARS = 60, 86_400, 3652 * 86_400
AHEAD = (6, MINUTE, 3600, 2 * 3600, DAY, 40 * DAY, TEN_YEARS)


def set_back(monkeypatch: pytest.MonkeyPatch, seconds: float) -> datetime:
    moment: datetime = timezone.now() - timedelta(seconds=seconds)
    monkeypatch.setattr(timezone, "now", lambda: moment)
    return moment


@pytest.mark.parametrize("ahead", AHEAD)
@pytest.mark.parametrize("window", [1, 10, MINUTE, 3600, DAY])
def test_a_count_of_the_future_begins_anew(ahead: int, window: int, monkeypatch: pytest.MonkeyPatch) -> None:
    limits = [Limit("do", "ann", 2, window), Limit("do from", "here", 3, window)]
    attempt(limits)
    attempt(limits)
    with pytest.raises(Problem):
        attempt(limits)
    set_back(monkeypatch, ahead)
    attempt(limits)
    attempt(limits)
    with pytest.raises(Problem) as refusal:
        attempt(limits)
    assert 1 <= (refusal.value.retry_after or 0) <= window


@pytest.mark.parametrize("skew", [0.001, 0.5, 4.9])
def test_clocks_that_differ_a_little_lose_no_count_and_lengthen_no_window(
    skew: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit = Limit("do", "ann", 2, 10)
    attempt([limit])
    set_back(monkeypatch, skew)
    attempt([limit])
    with pytest.raises(Problem) as refusal:
        attempt([limit])
    assert 1 <= (refusal.value.retry_after or 0) <= 10


@pytest.mark.parametrize("ahead", [2 * DAY, 40 * DAY, TEN_YEARS])
def test_a_session_of_the_future_lasts_as_long_as_others_once_it_is_used(ahead: int, people: dict[str, User]) -> None:
    client = sign_in(people["alice"])
    Session.objects.update(expire_date=timezone.now() + timedelta(days=settings.SESSION_DAYS, seconds=ahead))
    assert client.get("/accounts/me/").status_code == 200
    left = Session.objects.get().expire_date - timezone.now()
    assert left <= timedelta(days=settings.SESSION_DAYS)
    assert left > timedelta(days=settings.SESSION_DAYS - 1)


@pytest.mark.parametrize("ahead", [2 * 3600, DAY, TEN_YEARS])
@pytest.mark.parametrize("change", [actions.delete_message, lambda *of: actions.edit_message(*of, "other words")])
def test_a_message_of_the_future_can_not_be_changed_without_end(
    ahead: int, change: Any, people: dict[str, User], monkeypatch: pytest.MonkeyPatch
) -> None:
    posted = actions.post_message(people["alice"], "den", "hi")
    set_back(monkeypatch, ahead)
    with pytest.raises(Problem) as refusal:
        change(people["alice"], Room.objects.get(name="den"), posted.message["id"])
    assert refusal.value.code == "TOO_LATE"


@pytest.mark.parametrize("ahead", [5 * 3600, DAY, TEN_YEARS])
@pytest.mark.parametrize("field", ["retry_at", "lease_until", "tried_at"])
def test_a_webhook_waits_for_no_moment_of_the_future(ahead: int, field: str, people: dict[str, User]) -> None:
    actions.post_message(people["alice"], "den", "hi")
    now = timezone.now()
    later = {field: now + timedelta(seconds=ahead)} | ({"lease": "gone"} if field == "lease_until" else {})
    fields = {"url": "https://example.com/", "created_by": people["alice"], "position": 0, **later}
    hook = OutgoingHook.objects.create(room=Room.objects.get(name="den"), **fields)
    assert [one.pk for one in due(now, "me", [one.pk for one in waiting(now, "me", [])])] == [hook.pk]
    assert deliveries.take(hook, "me", now)
    hook.refresh_from_db()
    assert hook.lease_until == now + deliveries.LEASE
    assert hook.tried_at == now


@pytest.mark.parametrize("ahead", [MINUTE, DAY, TEN_YEARS])
def test_a_stranger_of_the_future_is_not_there_without_end(ahead: int, people: dict[str, User]) -> None:
    actions.make_room("own")
    seen = timezone.now() + timedelta(seconds=ahead)
    Stranger.objects.create(user=people["bob"], room=Room.objects.get(name="own"), seen_at=seen)
    assert not Stranger.objects.filter(is_there(timezone.now())).exists()


@pytest.mark.parametrize("ahead", [2, MINUTE, 3600, TEN_YEARS])
def test_the_relay_goes_on_after_its_clock_was_set_back(ahead: int, people: dict[str, User]) -> None:
    proxy, later = RecordingProxy(), timezone.now() + timedelta(seconds=ahead)
    relay = Relay(proxy, later)
    actions.post_message(people["alice"], "den", "before")
    Event.objects.update(created=later)
    relay.step(later)  # too early: the request publishes it first
    actions.post_message(people["alice"], "den", "after")
    assert relay.step(timezone.now()) >= 1  # what was stored last by the old time
    assert relay.step(timezone.now() + timedelta(seconds=3)) >= 1
    assert {event["id"] for items in proxy.delivered for event in items if "id" in event} >= {"1", "2"}
    room = Room.objects.get(name="den")
    Closing.objects.create(room=room, rights=room.rights, created=timezone.now())
    sent = len(proxy.delivered)
    relay.step(timezone.now() + timedelta(seconds=5))
    assert len(proxy.delivered) > sent


@pytest.mark.parametrize("ahead", [3600, DAY, 40 * DAY, TEN_YEARS])
def test_pruning_lets_begin_anew_what_begins_in_the_future(ahead: int, people: dict[str, User]) -> None:
    actions.post_message(people["alice"], "den", "hi")
    now, room, alice = timezone.now(), Room.objects.get(name="den"), people["alice"]
    later = now + timedelta(seconds=ahead)
    hour = later + timedelta(hours=1)
    Restriction.objects.create(room=room, user=people["bob"], kind="mute", created=later, until=hour)
    Restriction.objects.create(room=room, user=people["sam"], kind="ban", created=later, until=None)
    Invite.objects.create(room=room, digest="a", created_by=alice, created=later, expires=hour)
    ApiToken.objects.create(user=alice, digest="b", created=later, expires=hour)
    HeldName.objects.create(key="zoe", user=alice, until=later + timedelta(days=30))
    Closing.objects.create(room=room, rights=1, created=later)
    Tally.objects.create(key="c", count=3, until=int((later + timedelta(days=400)).timestamp() * 1000))
    Event.objects.update(created=later)
    sign_in(alice)
    Session.objects.update(expire_date=later + timedelta(days=max(settings.SESSION_DAYS, settings.GUEST_DAYS)))
    User.objects.filter(pk=alice.pk).update(date_joined=later, left_at=later)
    begin_anew(now)
    soon = now + timedelta(hours=1)
    assert Restriction.objects.get(kind="mute").until == soon
    assert Restriction.objects.get(kind="ban").until is None
    assert Invite.objects.get().expires == soon
    assert ApiToken.objects.get().expires == soon
    assert HeldName.objects.get().until == now + timedelta(days=30)
    assert Closing.objects.get().created == now
    assert not Tally.objects.exists()
    assert Event.objects.get().created < now
    assert Session.objects.get().expire_date == now + timedelta(days=max(settings.SESSION_DAYS, settings.GUEST_DAYS))
    alice.refresh_from_db()
    assert (alice.date_joined, alice.left_at) == (now, now)
    begin_anew(now)
    assert Restriction.objects.get(kind="mute").until == soon


@pytest.mark.parametrize("sent", ["date", "created", "timestamp", "time", "edited"])
def test_times_from_clients_are_not_believed(sent: str, people: dict[str, User]) -> None:
    client = sign_in(people["alice"])
    answer = client.post("/rooms/den/messages/", {"text": "hi", sent: "2001-01-01T00:00:00Z"})
    assert answer.status_code == 201
    assert "2001" not in answer.text
