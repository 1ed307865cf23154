"""A name that somebody gave up is nobody else's for 30 days: what was said under it would read as said by another."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from chat import access, actions
from chat.actions import operators
from chat.models import HeldName, Message, Room, User
from chat.names import person_key
from chat.problems import Problem
from tests.unit.conftest import OWN_PAGE, code, sign_in

pytestmark = [pytest.mark.sampled(4), pytest.mark.django_db]
URL = "/rooms/den/messages/"
PASSWORD = "correct horse battery"


def guest_client(name: str) -> tuple[Client, User]:
    client = Client(headers=OWN_PAGE)
    assert client.post("/accounts/guest/", {"display_name": name}).status_code == 303
    return client, User.objects.get(display_name=name)


def root() -> User:
    return User.objects.create_user("root", is_staff=True, is_superuser=True)


def much_later(days: int, monkeypatch: pytest.MonkeyPatch) -> None:
    now = timezone.now() + timedelta(days=days)
    monkeypatch.setattr(timezone, "now", lambda: now)


# The ways in which a name is given up. Each makes somebody called Vera who posted, and takes the name from them.


def rename(_: pytest.MonkeyPatch) -> None:
    user = actions.sign_up("vera1", PASSWORD, "Vera")
    actions.post_message(user, "den", "hi")
    actions.change_name(user, "Someone")


def rename_by_operator(_: pytest.MonkeyPatch) -> None:
    operators.rename(root(), actions.sign_up("vera1", PASSWORD, "Vera"), "Someone")


def rename_of_who_is_shown_by_the_user_name(_: pytest.MonkeyPatch) -> None:
    user = actions.sign_up("Vera", PASSWORD)
    actions.change_name(user, "Someone")
    operators.remove(root(), user)  # the user name kept it until now


def rename_a_guest(_: pytest.MonkeyPatch) -> None:
    client, guest = guest_client("Vera")
    client.post(URL, {"text": "hi"})
    actions.change_name(guest, "Someone")


def sign_a_guest_out(monkeypatch: pytest.MonkeyPatch) -> None:
    client, _ = guest_client("Vera")
    client.post(URL, {"text": "hi"})
    client.post("/accounts/sign-out/", {"confirm": "1"})


def close_a_guest(monkeypatch: pytest.MonkeyPatch) -> None:
    client, _ = guest_client("Vera")
    client.post(URL, {"text": "hi"})
    client.post("/accounts/close/")


def prune_a_guest(monkeypatch: pytest.MonkeyPatch) -> None:
    client, guest = guest_client("Vera")
    client.post(URL, {"text": "hi"})
    guest.sessions.all().delete()
    User.objects.filter(pk=guest.pk).update(left_at=timezone.now() - timedelta(days=99))
    call_command("prune")
    assert not User.objects.filter(pk=guest.pk).exists()


def end_the_sessions_of_a_guest(monkeypatch: pytest.MonkeyPatch) -> None:
    client, guest = guest_client("Vera")
    client.post(URL, {"text": "hi"})
    operators.end_sessions(root(), guest)


def delete_an_account(_: pytest.MonkeyPatch) -> None:
    operators.remove(root(), actions.sign_up("vera1", PASSWORD, "Vera"))


def delete_an_account_of_the_user_name(_: pytest.MonkeyPatch) -> None:
    operators.remove(root(), actions.sign_up("Vera", PASSWORD, "Another"))


def delete_the_owner_of_a_bot(_: pytest.MonkeyPatch) -> None:
    owner = actions.sign_up("owner", PASSWORD)
    actions.make_bot(owner, "robo", "Vera")
    operators.remove(root(), owner)


def withdraw_a_webhook(_: pytest.MonkeyPatch) -> None:
    owner = actions.sign_up("owner", PASSWORD)
    room = actions.create_room(owner, "hall", title="Hall")
    hook, _secret = actions.make_incoming_hook(owner, room, "Vera")
    actions.post_message(hook.user, "hall", "hi")
    actions.withdraw_hook(owner, room, hook)


WAYS = [
    rename,
    rename_by_operator,
    rename_of_who_is_shown_by_the_user_name,
    rename_a_guest,
    sign_a_guest_out,
    close_a_guest,
    prune_a_guest,
    end_the_sessions_of_a_guest,
    delete_an_account,
    delete_an_account_of_the_user_name,
    delete_the_owner_of_a_bot,
    withdraw_a_webhook,
]


# The ways to take a name. Each says whether it was given.


def take_by_a_post(name: str) -> bool:
    answer = Client().post(URL, {"from": name, "text": "it's me"})
    if answer.status_code != 201:
        assert code(answer) == (409, "NAME_TAKEN")
    return answer.status_code == 201


def take_by_the_page(name: str) -> bool:
    return Client().get("/den", {"user": name}).status_code == 200


def take_by_side(name: str) -> bool:
    return Client().get("/-/", {"room": "den", "user": name}).status_code == 200


def take_by_guest(name: str) -> bool:
    return Client(headers=OWN_PAGE).post("/accounts/guest/", {"display_name": name}).status_code == 303


def take_by_account(name: str) -> bool:
    return given(lambda: actions.sign_up("newcomer", PASSWORD, name))


def take_by_user_name(name: str) -> bool:
    return given(lambda: actions.sign_up(name, PASSWORD, "Newcomer"))


def take_by_rename(name: str) -> bool:
    user = actions.sign_up("newcomer", PASSWORD)
    return given(lambda: actions.change_name(user, name))


def take_by_bot(name: str) -> bool:
    owner = actions.sign_up("newcomer", PASSWORD)
    return given(lambda: actions.make_bot(owner, "newbot", name))


def take_by_webhook(name: str) -> bool:
    owner = actions.sign_up("newcomer", PASSWORD)
    room = actions.create_room(owner, "court", title="Court")
    return given(lambda: actions.make_incoming_hook(owner, room, name))


def take_by_administrator(name: str) -> bool:
    User.objects.filter(is_superuser=True).delete()
    return given(lambda: actions.make_first_administrator(name, PASSWORD))


TAKES = [
    take_by_a_post,
    take_by_the_page,
    take_by_side,
    take_by_guest,
    take_by_account,
    take_by_user_name,
    take_by_rename,
    take_by_bot,
    take_by_webhook,
    take_by_administrator,
]


def given(act: Callable[[], object]) -> bool:
    try:
        act()
    except (ValidationError, Problem):
        return False
    return True


@pytest.mark.parametrize("take", TAKES)
@pytest.mark.parametrize("give_up", WAYS)
def test_nobody_else_takes_a_name_that_was_given_up(
    give_up: Callable[..., None], take: Callable[[str], bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    give_up(monkeypatch)
    assert not take("Vera")


@pytest.mark.parametrize("alike", ["vera", "VERA", "V e r a", "V\u0435ra", "\u0474era", "Véra"])
@pytest.mark.parametrize("take", [take_by_a_post, take_by_guest, take_by_rename])
def test_nor_one_that_looks_like_it(alike: str, take: Callable[[str], bool], monkeypatch: pytest.MonkeyPatch) -> None:
    rename(monkeypatch)
    assert person_key(alike) == person_key("Vera")
    assert not take(alike)


@pytest.mark.parametrize("take", TAKES)
@pytest.mark.parametrize("give_up", [rename, prune_a_guest, delete_an_account])
def test_it_is_free_after_thirty_days(
    give_up: Callable[..., None], take: Callable[[str], bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    give_up(monkeypatch)
    much_later(29, monkeypatch)
    assert access.is_name_taken("Vera")
    much_later(2, monkeypatch)
    assert take("Vera")


def test_its_last_holder_takes_it_back_and_nobody_else_gets_it_then(people: dict[str, User]) -> None:
    alice = people["alice"]
    actions.change_name(alice, "Alba")
    actions.change_name(alice, "Berta")
    # The user name is still theirs: nothing of it is held.
    assert list(HeldName.objects.values_list("key", flat=True)) == [person_key("alba")]
    client = sign_in(alice)
    assert client.post("/accounts/profile/", {"display_name": "ALBA"}).status_code == 303
    assert not take_by_a_post("alba")
    assert not take_by_a_post("berta")
    assert list(HeldName.objects.values_list("key", flat=True)) == [person_key("berta")]


def test_a_guest_who_is_an_account_now_keeps_what_was_held(people: dict[str, User]) -> None:
    client, guest = guest_client("Vera")
    client.post(URL, {"text": "hi"})
    actions.change_name(guest, "Other")
    client.post("/accounts/become/", {"username": "vera1", "password": PASSWORD})
    assert client.post("/accounts/profile/", {"display_name": "Vera"}).status_code == 303


def test_a_name_spelt_otherwise_is_the_same_and_holds_nothing(people: dict[str, User]) -> None:
    actions.change_name(people["alice"], "A l i c e")
    assert not HeldName.objects.exists()


def test_the_maker_of_a_webhook_may_give_its_name_to_the_next_one() -> None:
    owner = actions.sign_up("owner", PASSWORD)
    room = actions.create_room(owner, "hall", title="Hall")
    for _ in range(2):
        hook, _secret = actions.make_incoming_hook(owner, room, "Vera")
        actions.post_message(hook.user, "hall", "hi")
        assert not take_by_a_post("vera")
        actions.withdraw_hook(owner, room, hook)
    with pytest.raises(Problem):  # which does not let a webhook be called as its maker
        actions.make_incoming_hook(owner, room, "owner")


# Who never posted said nothing that could be taken for another's.


def never_posted_and_signs_out() -> None:
    guest_client("Vera")[0].post("/accounts/sign-out/", {"confirm": "1"})


def never_posted_and_is_closed() -> None:
    guest_client("Vera")[0].post("/accounts/close/")


def never_posted_and_is_renamed() -> None:
    actions.change_name(guest_client("Vera")[1], "Someone")


def never_posted_and_is_pruned() -> None:
    _, guest = guest_client("Vera")
    guest.sessions.all().delete()
    User.objects.filter(pk=guest.pk).update(date_joined=timezone.now() - timedelta(days=99))
    call_command("prune")


def posted_among_strangers_only() -> None:
    client, guest = guest_client("Vera")
    other = User.objects.create_user("other")
    for one in (guest, other):
        actions.meet(one)
    pair = Room.objects.get(kind="strangers", stranger=None)
    actions.post_message(guest, pair.name, "hello stranger")
    assert Message.objects.filter(author=guest).exists()
    client.post("/accounts/sign-out/", {"confirm": "1"})


@pytest.mark.parametrize("take", TAKES)
@pytest.mark.parametrize(
    "leave",
    [
        never_posted_and_signs_out,
        never_posted_and_is_closed,
        never_posted_and_is_renamed,
        never_posted_and_is_pruned,
        posted_among_strangers_only,
    ],
)
def test_a_guest_who_never_posted_frees_the_name_at_once(
    leave: Callable[[], None], take: Callable[[str], bool]
) -> None:
    leave()
    assert take("Vera")


def test_prune_forgets_what_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    rename(monkeypatch)
    call_command("prune")
    assert HeldName.objects.count() == 1
    much_later(31, monkeypatch)
    call_command("prune")
    assert not HeldName.objects.exists()


def test_nobody_holds_names_without_end(people: dict[str, User]) -> None:
    client = sign_in(people["alice"])
    answers = [client.post("/accounts/profile/", {"display_name": f"Name {'x' * n}"}).status_code for n in range(1, 23)]
    assert answers == [303] * 20 + [429] * 2
    assert HeldName.objects.count() == 19  # the first one was the user name


def test_a_closed_account_keeps_its_name_for_good(people: dict[str, User], monkeypatch: pytest.MonkeyPatch) -> None:
    actions.close_account(people["alice"], people["alice"])
    much_later(400, monkeypatch)
    assert not take_by_a_post("alice")


def test_asking_for_a_held_name_costs_a_post_no_statement(
    make_room: Any, django_assert_num_queries: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_room("den")
    rename(monkeypatch)
    with django_assert_num_queries(5):  # begin, limits, claim, roll-back, end
        Client().post(URL, {"from": "Vera", "text": "hi"})
    with django_assert_num_queries(1):
        access.is_name_taken("Vera")
