"""The admin's strangers and reports."""

import pytest
from django.test import Client

from chat import actions
from chat.models import Report, Room, Stranger, User
from tests.unit.operators import act, audited, operator, url_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def report(people: dict[str, User]) -> Report:
    """Alice met Bob and reported him."""
    actions.meet(people["alice"])
    pair = actions.meet(people["bob"]).pair_room
    assert pair
    actions.post_message(people["bob"], pair.name, "something rude")
    actions.report_stranger(people["alice"], "He was rude.")
    return Report.objects.get()


@pytest.fixture(params=["superuser", "plain staff"])
def client(request: pytest.FixtureRequest) -> Client:
    """Who may do all this: a superuser, or by Django's permissions."""
    verbs = [f"{verb}_{model}" for verb in ("view", "change") for model in ("report", "stranger")]
    return operator() if request.param == "superuser" else operator(*verbs)


def test_a_report_is_read_settled_and_its_person_barred(client: Client, report: Report) -> None:
    assert "He was rude." in client.get(url_of(Report, "changelist")).text
    page = client.get(url_of(report, "change")).text
    assert "Reported: something rude" in page
    act(client, "settle", report)
    act(client, "bar", report)
    report.refresh_from_db()
    assert report.settled_at is not None
    bob = Stranger.objects.get(user__username="bob")
    assert bob.barred_at is not None
    assert "bob" in client.get(url_of(Stranger, "changelist")).text
    act(client, "admit", bob)
    act(client, "bar", bob)
    assert [(what, whom) for what, _, whom, _ in audited()] == [
        ("settle report", "bob"),
        ("bar from strangers", "bob"),
        ("admit to strangers", "bob"),
        ("bar from strangers", "bob"),
    ]


def test_who_may_only_look_changes_nothing(report: Report) -> None:
    client = operator("view_report", "view_stranger")
    for row in (report, Stranger.objects.get(user__username="bob")):
        assert client.get(url_of(type(row), "changelist")).status_code == 200
        for action in ("settle", "bar"):
            act(client, action, row)
        assert client.post(url_of(row, "delete"), {"post": "yes"}).status_code == 403
    assert audited() == []
    assert Stranger.objects.filter(barred_at=None).count() == 2


def test_rooms_of_strangers_are_on_no_list(people: dict[str, User]) -> None:
    one = actions.meet(people["alice"])
    actions.meet(people["bob"])
    client = operator()
    assert one.room.name not in client.get(url_of(Room, "changelist")).text
    assert client.get(url_of(one.room, "change"), follow=True).redirect_chain
