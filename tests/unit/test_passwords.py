"""Few hashes at once: whoever signs in, in whatever number, leaves threads to everybody else."""

import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from types import SimpleNamespace
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth import hashers
from django.contrib.auth.hashers import PBKDF2PasswordHasher, check_password, make_password
from django.test import Client

from chat import passwords
from chat.actions.people import setup_token
from chat.models import Tally, User
from chat.passwords import Hasher, Turns
from chat.problems import Problem
from server.settings import PASSWORD_HASHERS
from tests.unit.conftest import OWN_PAGE, sign_in

PASSWORD = "correct horse battery"


@pytest.fixture
def hashing(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The service's own hasher, made quick."""
    settings.PASSWORD_HASHERS = PASSWORD_HASHERS
    monkeypatch.setattr(Hasher, "iterations", 10)
    monkeypatch.setattr(passwords, "WAIT", 0.05)


@pytest.fixture
def alice(hashing: None, db: None) -> User:
    return User.objects.create_user("alice", password=PASSWORD, is_staff=True, is_superuser=True)


@pytest.fixture
def all_taken(hashing: None) -> Iterator[None]:
    """Nobody gets a turn: other threads have them."""
    with ExitStack() as held:
        for _ in range(settings.HASHES_AT_ONCE):
            held.enter_context(taken(passwords.TURNS))
        yield


@contextmanager
def taken(turns: Turns) -> Iterator[None]:
    """Another thread has a turn."""
    has_it, done = threading.Event(), threading.Event()

    def take() -> None:
        with turns.turn(0):
            has_it.set()
            done.wait(30)

    thread = threading.Thread(target=take)
    thread.start()
    assert has_it.wait(30)
    try:
        yield
    finally:
        done.set()
        thread.join(30)


class TestTurns:
    @pytest.mark.parametrize("most", [1, 2, 5])
    def test_so_many_work_as_many_wait_and_the_rest_is_refused(self, most: int) -> None:
        turns, go, lock = Turns(most), threading.Event(), threading.Lock()
        at_once, most_at_once, outcomes = 0, 0, []

        def work() -> None:
            nonlocal at_once, most_at_once
            try:
                with turns.turn(30):
                    with lock:
                        at_once += 1
                        most_at_once = max(most_at_once, at_once)
                    go.wait(30)
                    with lock:
                        at_once -= 1
                    outcome = "worked"
            except Problem as problem:
                outcome = problem.code
            with lock:
                outcomes.append(outcome)

        threads = [threading.Thread(target=work) for _ in range(10 * most)]
        for thread in threads:
            thread.start()
        _until(lambda: len(outcomes) == 8 * most)
        go.set()
        for thread in threads:
            thread.join(30)
        assert (outcomes.count("worked"), outcomes.count("SERVICE_UNAVAILABLE")) == (2 * most, 8 * most)
        assert most_at_once == most
        with turns.turn(0):  # all were given back
            pass

    def test_nobody_waits_for_longer_than_the_wait(self) -> None:
        turns = Turns(1)
        with taken(turns):
            began = time.monotonic()
            with pytest.raises(Problem) as refused, turns.turn(0.2):
                pass
        assert time.monotonic() - began >= 0.2
        assert (refused.value.status, refused.value.headers["Retry-After"]) == (503, "5")

    def test_a_turn_within_a_turn_is_the_same_one(self) -> None:
        turns = Turns(1)
        with turns.turn(0):
            with turns.turn(0):
                pass
            with ThreadPoolExecutor(1) as other, pytest.raises(Problem):  # the outer one is still taken
                other.submit(turns.turn(0).__enter__).result()
        with taken(turns):
            pass

    def test_a_fault_in_a_turn_gives_it_back(self) -> None:
        turns = Turns(1)
        for _ in range(3):
            with pytest.raises(ValueError, match="oh"), turns.turn(0):
                raise ValueError("oh")


def _until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_the_bound_is_a_quarter_of_the_threads() -> None:
    assert settings.HASHES_AT_ONCE == 2
    assert PASSWORD_HASHERS == ["chat.passwords.Hasher"]


def test_hashes_of_before_are_still_good(hashing: None) -> None:
    old = PBKDF2PasswordHasher().encode(PASSWORD, "salt", 20)
    assert check_password(PASSWORD, old)
    assert not check_password("wrong", old)
    assert make_password(PASSWORD).startswith("pbkdf2_sha256$10$")
    assert hashers.get_hasher("default").algorithm == "pbkdf2_sha256"


def test_what_computes_a_hash_steps_back_behind_what_serves(hashing: None, monkeypatch: pytest.MonkeyPatch) -> None:
    priorities = []

    def look(*arguments: Any) -> str:
        priorities.append(os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))
        return ""

    monkeypatch.setattr(PBKDF2PasswordHasher, "encode", look)
    make_password("x")
    look()
    assert priorities == [priorities[1] + passwords.NICE, priorities[1]]


def test_hashes_never_exceed_the_bound(hashing: None, monkeypatch: pytest.MonkeyPatch) -> None:
    under_way, most, lock = 0, 0, threading.Lock()

    def slow(self: Any, password: str, salt: str, iterations: int | None = None) -> str:
        nonlocal under_way, most
        with lock:
            under_way += 1
            most = max(most, under_way)
        time.sleep(0.02)
        with lock:
            under_way -= 1
        return f"pbkdf2_sha256$10${salt}$x"

    monkeypatch.setattr(PBKDF2PasswordHasher, "encode", slow)
    monkeypatch.setattr(passwords, "connection", SimpleNamespace(in_atomic_block=False))
    encoded = "pbkdf2_sha256$10$salt$y"
    works = [lambda: make_password("x"), lambda: check_password("x", encoded)]

    def work(number: int) -> bool:
        try:
            works[number % 2]()
        except Problem as problem:
            return problem.code != "SERVICE_UNAVAILABLE"
        return True

    with ThreadPoolExecutor(40) as pool:
        done = list(pool.map(work, range(80)))
    assert most == settings.HASHES_AT_ONCE
    assert 0 < sum(done) < 80


FIELDS = {
    "username": "alice",
    "password": PASSWORD + "!",
    "old": PASSWORD,
    "old_password": PASSWORD,
    "new_password1": "another one, quite long",
    "new_password2": "another one, quite long",
    "password1": "another one, quite long",
    "password2": "another one, quite long",
    "usable_password": "true",
    "display_name": "Somebody",
}


def own(user: User) -> Client:
    client = sign_in(user)
    client.defaults["HTTP_ACCEPT"] = "text/html"
    return client


@pytest.mark.django_db
class TestDoors:
    """Every way to have a password hashed answers in words, and does and counts nothing."""

    @pytest.mark.parametrize(
        ("path", "fields"),
        [
            ("/accounts/sign-in/", {}),
            ("/accounts/sign-in/", {"username": "nobody"}),
            ("/accounts/sign-up/", {"username": "newcomer"}),
            ("/admin/login/", {}),
        ],
    )
    def test_of_visitors(self, alice: User, all_taken: None, path: str, fields: dict[str, str]) -> None:
        client = Client(headers={**OWN_PAGE, "Accept": "text/html"})
        self.refused(client.post(path, FIELDS | fields))
        assert not Tally.objects.exclude(key__in=self.counted("sign up")).exists()
        assert User.objects.count() == 1

    def counted(self, what: str) -> list[str]:
        """Trying to make an account counts, whatever comes of it."""
        from chat.actions.limits import Limit

        return [Limit(what, "127.0.0.1", 30, 3600).key]

    def refused(self, answer: Any) -> None:
        assert (answer.status_code, answer["Retry-After"]) == (503, "5"), answer.text[:500]
        assert "Too many people sign in at this moment" in answer.text
        assert answer["Content-Type"].startswith("text/html")

    @pytest.mark.parametrize("path", ["/accounts/password/", "/accounts/close/"])
    def test_of_people(self, alice: User, all_taken: None, path: str) -> None:
        self.refused(own(alice).post(path, FIELDS))
        alice.refresh_from_db()
        assert alice.is_active
        assert not Tally.objects.exists()

    def test_of_a_guest_who_becomes_an_account(self, alice: User, all_taken: None) -> None:
        guest = User(username="guest-1", display_name="Gina", is_guest=True)
        guest.set_unusable_password()
        guest.save()
        self.refused(own(guest).post("/accounts/become/", FIELDS | {"username": "gina"}))
        guest.refresh_from_db()
        assert guest.is_guest

    def test_of_the_first_administrator(self, hashing: None, all_taken: None) -> None:
        link = f"/accounts/setup/{setup_token()}/"
        self.refused(Client(headers={"Accept": "text/html"}).post(link, FIELDS))
        assert not User.objects.exists()

    def test_of_operators(self, alice: User, all_taken: None) -> None:
        bob = User(username="bob")
        bob.password = "x"
        bob.save()
        client = own(alice)
        for path in ("/admin/chat/user/add/", f"/admin/chat/user/{bob.pk}/password/", "/admin/password_change/"):
            answer = client.post(path, FIELDS | {"username": "carol"}, follow=True)
            assert "Too many people sign in at this moment" in answer.text, path
        assert set(User.objects.values_list("username", "password")) == {("alice", alice.password), ("bob", "x")}

    def test_a_free_turn_lets_them_in(self, alice: User) -> None:
        client = Client(headers=OWN_PAGE)
        assert client.post("/accounts/sign-in/", FIELDS).status_code == 422
        assert client.post("/accounts/sign-in/", FIELDS | {"password": PASSWORD}).status_code == 303
