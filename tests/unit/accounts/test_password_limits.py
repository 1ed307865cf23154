"""Limits on wrong passwords: by name, by address, by browser, and from everywhere."""

import contextlib
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from chat import actions
from chat.actions.limits import Limit, attempt, forget, give_back, prune_tallies, slow_down
from chat.models import Closing, Tally, User
from chat.problems import Problem
from tests.unit.accounts.conftest import PASSWORD, enter, from_address
from tests.unit.conftest import HTML, sign_in

pytestmark = pytest.mark.django_db


class TestLimits:
    def test_wrong_passwords_for_one_name_from_one_address(self, alice: User) -> None:
        client = from_address("192.0.2.1")
        assert [enter(client, password="wrong").status_code for _ in range(6)] == [422] * 5 + [429]
        response = enter(client)  # the right one is not looked at
        assert response.status_code == 429
        assert "tried too often" in response.text
        assert 290 < int(response["Retry-After"]) <= 300
        # The same spelt otherwise, and the admin's sign-in, count together.
        assert enter(client, "ALICE").status_code == 429
        admin = client.post("/admin/login/", {"username": "alice", "password": PASSWORD}, headers=HTML)
        assert (admin.status_code, "tried too often" in admin.text, "Retry-After" in admin.headers) == (429, True, True)
        # Other people, and other addresses, go on.
        assert enter(client, "nobody").status_code == 422
        assert enter(from_address("192.0.2.2")).status_code == 303

    def test_the_admins_sign_in_is_limited_by_itself(self, alice: User) -> None:
        client = from_address("192.0.2.1")
        answers = [
            client.post("/admin/login/", {"username": "alice", "password": "wrong"}).status_code for _ in range(6)
        ]
        assert answers == [200] * 5 + [429]

    def test_many_names_from_one_address(self) -> None:
        client = from_address("192.0.2.1")
        answers = [enter(client, f"name{number}", "wrong").status_code for number in range(51)]
        assert answers == [422] * 50 + [429]

    def test_an_account_of_ones_own_buys_no_tries_at_others(self, alice: User, people: dict[str, User]) -> None:
        client = from_address("192.0.2.1")
        answers = []
        for number in range(60):
            answers.append(enter(client, f"victim{number}", "wrong").status_code)
            if number % 4 == 0:
                client.cookies.pop("device", None)
                enter(client)
                client.cookies.pop("sessionid", None)
                client.cookies.pop("device", None)
        assert answers == [422] * 50 + [429] * 10

    def test_nobody_is_locked_out_of_a_browser_they_use(self, alice: User) -> None:
        known, attacker = from_address("192.0.2.1"), from_address("192.0.2.1")
        assert enter(known).status_code == 303
        known.post("/accounts/sign-out/")
        for number in range(60):
            enter(attacker, "alice" if number < 10 else f"x{number}", "wrong")
        assert enter(attacker).status_code == 429
        assert enter(known).status_code == 303
        known.post("/accounts/sign-out/")
        # It has limits too, and is good for its own account only.
        assert [enter(known, password="wrong").status_code for _ in range(6)] == [422] * 5 + [429]
        assert enter(known, "bob", "wrong").status_code == 429

    @pytest.mark.parametrize("cookie", ["x", "", "a:b:c", "WyJhbGljZSIsICJ4Il0:1abcde:x"])
    def test_a_made_up_device_is_none(self, alice: User, cookie: str) -> None:
        client = from_address("192.0.2.1")
        for _ in range(6):
            client.cookies["device"] = cookie
            response = enter(client, password="wrong")
        assert response.status_code == 429

    def test_the_time_is_over_after_five_minutes_however_often_it_is_tried(
        self, alice: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        client = from_address("192.0.2.1")
        start = timezone.now()
        for minute in (0, 1, 2, 3, 4):
            monkeypatch.setattr(timezone, "now", lambda minute=minute: start + timedelta(minutes=minute))
            for _ in range(4):
                last = enter(client, password="wrong").status_code
        assert last == 429
        monkeypatch.setattr(timezone, "now", lambda: start + timedelta(minutes=5, seconds=1))
        assert enter(client).status_code == 303

    def test_a_good_sign_in_clears_the_count(self, alice: User) -> None:
        client = from_address("192.0.2.1")
        for _ in range(3):
            assert [enter(client, password="wrong").status_code for _ in range(4)] == [422] * 4
            assert enter(client).status_code == 303
            client.cookies.clear()

    @pytest.mark.parametrize(
        ("one", "other", "together"),
        [
            ("192.0.2.1", "192.0.2.1", True),
            ("192.0.2.1", "192.0.2.2", False),
            ("2001:db8::1", "2001:db8::ffff:2", True),
            ("2001:db8::1", "2001:db8:0:1::1", False),
            ("1.1.1.1, 192.0.2.1", "2.2.2.2, 192.0.2.1", True),  # only Pushpin's own entry counts
            ("nonsense", "nonsense", True),
        ],
    )
    def test_what_is_one_address(self, alice: User, one: str, other: str, together: bool) -> None:
        for _ in range(6):
            enter(from_address(one), password="wrong")
        assert (enter(from_address(other)).status_code == 429) == together

    def test_guesses_from_very_many_addresses_are_slowed_down(self, alice: User) -> None:
        anywhere = Limit("sign in anywhere", "alice", 50, 600)
        looked_at = 0
        for number in range(300):
            try:
                slow_down(anywhere)
                looked_at += 1
            except Problem:
                assert number >= 50
        assert 110 < looked_at < 230  # 50, and then 50 in as many as were looked at: about 166
        answers: list[Any] = []
        while not answers or answers[-1].status_code != 429:
            answers.append(enter(from_address(f"198.51.100.{len(answers)}"), password="wrong"))
        assert (answers[-1]["Retry-After"], "only some tries" in answers[-1].text) == ("5", True)
        assert enter(from_address("192.0.2.1"), "bob", "wrong").status_code == 422

    def test_while_a_name_is_guessed_its_owner_gets_in(self, alice: User) -> None:
        known = from_address("192.0.2.1")
        assert enter(known).status_code == 303
        known.post("/accounts/sign-out/")
        for _ in range(150):
            with contextlib.suppress(Problem):
                slow_down(Limit("sign in anywhere", "alice", 50, 600))
        assert enter(known).status_code == 303  # at once
        new = from_address("192.0.2.2")
        answers = []
        while 303 not in answers and len(answers) < 50:
            answers.append(enter(new).status_code)
        assert answers[-1] == 303, answers  # what chance refused has not used up the address's own five

    def test_one_address_slows_nobody_down(self, alice: User) -> None:
        attacker = from_address("198.51.100.1")
        for _ in range(60):
            enter(attacker, password="wrong")
        assert [enter(from_address(f"192.0.2.{n}")).status_code for n in range(10)] == [303] * 10

    def test_signing_in_and_out_is_limited_by_the_right_password_only(self, alice: User, make_room: Any) -> None:
        make_room("x-den", visibility="private", members=(alice,))
        browser = from_address("192.0.2.1")
        answers = []
        for _ in range(32):
            answers.append(enter(browser).status_code)
            assert browser.post("/accounts/sign-out/").status_code == 303
        assert answers == [303] * 30 + [429] * 2
        assert Closing.objects.count() == 30
        Tally.objects.all().delete()
        for number in range(40):
            enter(from_address(f"198.51.100.{number}"), password="wrong")
        assert enter(browser).status_code == 303

    def test_a_session_ends_once(self, alice: User, make_room: Any) -> None:
        make_room("x-den", visibility="private", members=(alice,))
        client = sign_in(alice)
        key = client.session.session_key
        for _ in range(3):
            actions.end_session(alice, key)
        assert Closing.objects.count() == 1
        assert client.get("/accounts/profile/").status_code == 303

    def test_changes_of_a_password_are_limited(self, alice: User) -> None:
        client, old = sign_in(alice), PASSWORD
        answers = []
        for number in range(21):
            new = f"another good one {number}"
            fields = {"old": old, "password": new}
            answers.append(client.post("/accounts/password/", fields).status_code)
            old = new if answers[-1] == 303 else old
        assert answers == [303] * 20 + [429]

    def test_past_the_proxy_a_header_chooses_no_address(self, alice: User) -> None:
        for number in range(6):
            enter(from_address(f"192.0.2.{number}", signed=False), password="wrong")
        assert enter(from_address("192.0.2.99", signed=False)).status_code == 429

    def test_with_proxies_in_front_their_clients_are_told_apart(self, alice: User, settings: Any) -> None:
        settings.TRUSTED_PROXIES = 1
        for number in range(6):
            enter(from_address(f"10.0.0.{number}, 192.0.2.1, 127.0.0.1"), password="wrong")
        assert enter(from_address("192.0.2.1, 127.0.0.1")).status_code == 429
        assert enter(from_address("192.0.2.2, 127.0.0.1")).status_code == 303
        assert from_address("192.0.2.3").get("/accounts/sign-in/").status_code == 200

    def test_an_attempt_counts_once_and_what_is_over_is_removed(self) -> None:
        limit = Limit("test", "me", 2, 60)
        attempt([limit])
        attempt([limit])
        with pytest.raises(Problem):
            attempt([limit])
        give_back([limit])
        give_back([limit])
        attempt([limit])
        forget(limit)
        give_back([limit])
        attempt([limit, Limit("test", "you", 2, 60)])
        assert Tally.objects.count() == 2
        prune_tallies(timezone.now() + timedelta(seconds=61))
        assert not Tally.objects.exists()

    def test_neither_names_nor_addresses_are_stored(self, alice: User) -> None:
        enter(from_address("192.0.2.1"), password="wrong")
        keys = list(Tally.objects.values_list("key", flat=True))
        assert len(keys) == 3
        assert not [key for key in keys if "alice" in key or ("192" in key and len(key) != 64)]
