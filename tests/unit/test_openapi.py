"""The API against its own schema: what it documents is all that it answers, for whatever is sent."""

import re
from collections import Counter

import pytest
import schemathesis
from django.test import Client
from hypothesis import HealthCheck, settings
from ninja import Schema
from schemathesis.checks import (
    content_type_conformance,
    not_a_server_error,
    response_schema_conformance,
    status_code_conformance,
)

from chat import actions
from chat.models import Membership, Room, User
from server.wsgi import application
from tests.scope import ALL, API_EXAMPLES

schema = schemathesis.openapi.from_wsgi("/api/openapi.json", application)
schema.config.phases.coverage.enabled = ALL  # some 24 requests more for each operation: every bound of every field
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]


def test_every_schema_has_a_name_of_its_own() -> None:
    # Of two with one name ninja documents one, and says nothing.
    waiting, names = [Schema], Counter[str]()
    while waiting:
        found = waiting.pop().__subclasses__()
        names.update(each.__name__ for each in found if each.__module__.startswith("chat."))
        waiting += found
    assert len(names) > 30
    assert [name for name, count in names.items() if count > 1] == []


@pytest.mark.django_db
@schema.parametrize()
@settings(max_examples=API_EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
def test_every_answer_is_one_that_the_schema_names(case: schemathesis.Case) -> None:
    case.call_and_validate(checks=CHECKS, headers={"Host": "localhost"})


@pytest.mark.django_db
@schema.parametrize()
@settings(max_examples=API_EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
def test_and_so_for_somebody_who_may_do_everything_in_a_room_that_is_there(
    case: schemathesis.Case, people: dict[str, User]
) -> None:
    den = {"name": "den", "title": "den", "visibility": "staff", "deleted_at": None, "archived_at": None}
    room, _ = Room.objects.update_or_create(name_key="den", defaults=den)
    for name in ("sam", "bob"):
        Membership.objects.update_or_create(room=room, user=people[name], defaults={"role": "owner"})
    if "name" in case.path_parameters:
        case.path_parameters["name"] = "den"
    if "username" in case.path_parameters:
        case.path_parameters["username"] = "bob"
    bearer = f"Bearer {actions.make_token(people['sam'])}"
    case.call_and_validate(checks=CHECKS, headers={"Host": "localhost", "Authorization": bearer})


def test_the_schema_names_codes_and_both_operations() -> None:
    document = schema.raw_schema
    assert document["openapi"].startswith("3.")
    assert set(document["paths"]["/rooms/{name}/messages/"]) == {"get", "post"}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            assert {"401", "404", "503"} <= set(operation["responses"]), (method, path)


def test_its_page_needs_no_other_site(client: Client) -> None:
    page = client.get("/api/docs")
    assert page.status_code == 200
    assert not re.findall(r'(?:src|href)="https?:', page.text)
    assert "script-src" not in page["Content-Security-Policy"]  # default-src 'self' holds
