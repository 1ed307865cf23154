"""Every pair of Unicode's table of confusables that has an ASCII letter: nobody gets a twin of a name that is taken."""

import importlib
import string
import unicodedata
from collections.abc import Callable

import pytest
from confusable_homoglyphs.confusables import confusables_data
from django.apps import apps
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import ValidationError
from django.test import Client

from chat import access, actions
from chat.actions.people import make_bot_account
from chat.models import Message, User
from chat.names import clean_person_name, distinct_key, person_key, person_keys
from chat.problems import Problem

PASSWORD = "correct horse battery"
LETTERS = set(string.ascii_letters)
# What was normalised away before the table was asked.
LOST = "ϲϹſͺ˛￨ẛ"


def _pairs() -> set[tuple[str, str]]:
    """A look-alike and its ASCII letter; the table holds most pairs in both directions."""
    found = set()
    for text, entries in confusables_data.items():
        for entry in entries:
            one, other = (part.replace("\u200e", "") for part in (text, entry["c"]))
            found |= {(one, other)} if other in LETTERS else set()
            found |= {(other, one)} if one in LETTERS else set()
    return found


PAIRS = sorted(_pairs())

SOME_PAIRS = PAIRS[::12] + [pair for pair in PAIRS if pair[0] in LOST]


def visitor(name: str) -> None:
    actions.post_message(AnonymousUser(), "den", "hi", name=name)


def guest(name: str) -> None:
    actions.make_guest(name)


def another_shown_name(name: str) -> None:
    actions.change_name(User.objects.get(username="bob"), name)


def shown_name(name: str) -> None:
    actions.sign_up("somebody", PASSWORD, name)


def user_name(name: str) -> None:
    actions.sign_up(name, PASSWORD, "Somebody")


def first_administrator(name: str) -> None:
    actions.make_first_administrator(name, PASSWORD)


def bot(name: str) -> None:
    make_bot_account(User.objects.get(username="bob"), name, "Some bot")


def bots_shown_name(name: str) -> None:
    make_bot_account(User.objects.get(username="bob"), "some-bot", name)


def incoming_hook(name: str) -> None:
    bob = User.objects.get(username="bob")
    actions.make_incoming_hook(bob, access.find_room(bob, "bobs"), name)


WAYS = (
    visitor, guest, another_shown_name, shown_name, user_name, first_administrator, bot, bots_shown_name, incoming_hook,
)  # fmt: skip


@pytest.fixture
def bobs(people: dict[str, User]) -> None:
    """A room of Bob's, who makes bots and webhooks."""
    actions.create_room(people["bob"], "bobs", visibility="open")


def test_the_table_has_its_pairs() -> None:
    assert len(PAIRS) > 1200
    assert ("ϲ", "c") in PAIRS


def test_a_twin_of_an_ascii_letter_has_its_skeleton() -> None:
    for twin, letter in PAIRS:
        plain = f"z{letter}z"
        for name in {f"z{twin}z", clean_person_name(f"z{twin}z")}:
            assert person_key(plain) in person_keys(name), (twin, letter)
            assert person_key(name) in person_keys(plain), (twin, letter)


@pytest.mark.django_db
@pytest.mark.usefixtures("bobs")
@pytest.mark.parametrize("way", WAYS)
def test_nobody_gets_the_twin_of_a_name(way: Callable[[str], None]) -> None:
    for letter in string.ascii_lowercase.replace("i", ""):  # which reads like l
        User.objects.create_user(f"z{letter}z")
    before = set(User.objects.values_list("username", "display_name", "name_key"))
    for twin, _ in PAIRS if way in (visitor, user_name, another_shown_name) else SOME_PAIRS:
        with pytest.raises((Problem, ValidationError)):
            way(f"z{twin}z"), twin
    assert set(User.objects.values_list("username", "display_name", "name_key")) == before
    assert not Message.objects.exists()


@pytest.mark.django_db
@pytest.mark.usefixtures("bobs")
@pytest.mark.parametrize("way", WAYS)
def test_a_name_that_is_free_is_given(way: Callable[[str], None]) -> None:
    User.objects.create_user("zaz")
    way("zbz")


@pytest.mark.sampled(4)
@pytest.mark.django_db
@pytest.mark.usefixtures("bobs")
@pytest.mark.parametrize("way", [way for way in WAYS if way is not visitor])
@pytest.mark.parametrize("char", LOST)
@pytest.mark.parametrize("taken", [False, True])
def test_no_name_is_stored_that_reads_in_two_ways(char: str, way: Callable[[str], None], taken: bool) -> None:
    name = f"ali{char}e"
    if taken:  # what it is when it is decomposed
        actions.make_guest(unicodedata.normalize("NFKC", name))
    with pytest.raises((Problem, ValidationError)):
        way(name)


@pytest.mark.django_db
@pytest.mark.parametrize("char", LOST)
@pytest.mark.parametrize("path", ["sign-up", "bots"])
def test_the_forms_look_at_a_user_name_as_it_was_typed(char: str, path: str, people: dict[str, User]) -> None:
    client, number = Client(), User.objects.count()
    if path == "bots":
        client.force_login(people["bob"])
    sent = {"username": f"ali{char}e", "password": PASSWORD, "display_name": "Somebody Else"}
    answer = client.post(f"/accounts/{path}/", sent, headers={"Accept": "text/html", "Sec-Fetch-Site": "same-origin"})
    assert answer.status_code in (200, 400, 409, 422)
    assert User.objects.count() == number


@pytest.mark.django_db
@pytest.mark.parametrize("char", LOST)
def test_the_admin_looks_at_a_user_name_as_it_was_typed(char: str, people: dict[str, User]) -> None:
    client, number = Client(), User.objects.count()
    root = User.objects.create_superuser("root", password=PASSWORD)
    client.force_login(root)
    sent = {"username": f"ali{char}e", "usable_password": "true", "password1": PASSWORD, "password2": PASSWORD}
    answer = client.post("/admin/chat/user/add/", {**sent, "display_name": ""}, headers={"Accept": "text/html"})
    assert answer.status_code == 200
    assert User.objects.count() == number + 1
    client.post("/admin/chat/user/add/", {**sent, "username": "ordinary", "display_name": ""})
    assert User.objects.filter(username="ordinary").exists()


@pytest.mark.django_db
def test_the_migration_gives_names_the_skeletons_of_what_was_written(people: dict[str, User]) -> None:
    old = {}
    for number, (name, key) in enumerate({"aliϲe": "alloe", "Mouϲe": "mouoe", "Zoe": "zoe"}.items()):
        user = User.objects.create(username=f"old{number}", display_name=f"x{number}")
        User.objects.filter(pk=user.pk).update(display_name=name, name_key=person_key(key))
        old[name] = user.pk
    kept = dict(User.objects.exclude(pk__in=old.values()).values_list("pk", "name_key"))
    recompute = importlib.import_module("chat.migrations.0018_name_keys").recompute
    for _ in range(2):
        recompute(apps, None)
    keys = dict(User.objects.values_list("pk", "name_key"))
    assert keys[old["aliϲe"]] == distinct_key(person_key("alice"), old["aliϲe"])
    assert keys[old["Mouϲe"]] == person_key("mouce")
    assert keys[old["Zoe"]] == "zoe"
    assert {pk: keys[pk] for pk in kept} == kept
