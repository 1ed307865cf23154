"""What is read by a token ends with it, on every transport: withdrawn, expired, or a bot's whose owner goes."""

import time
from contextlib import ExitStack

import pytest

from tests.den import Den
from tests.integration.test_revocation import assert_cut
from tests.readers import TRANSPORTS

pytestmark = pytest.mark.timeout(90)
BOT = (
    "bot = actions.make_bot(bob, 'robo-' + suffix)\n"
    "Membership.objects.create(room=Room.objects.get(name=name), user=bot)\n"
    "result = actions.issue_token(bob, bot, 'x', ['read'])[1]"
)
OWN = "result = actions.issue_token(bob, bob, 'x', ['read'])[1]"
FIND = "token = bob.tokens.get(name='x')\n"
# How the token is made, what takes it, what its reader is answered then, and within how many seconds.
WAYS = {
    "withdrawn": (OWN, f"{FIND}actions.withdraw_token(bob, bob, token)", "USER_HAS_TO_LOGIN", 1.0),
    # The relay looks once a second.
    "expired": (OWN, f"{FIND}token.expires = timezone.now()\ntoken.save()", "USER_HAS_TO_LOGIN", 2.5),
    "a bot's owner is removed": (BOT, "actions.remove_member(alice, room(name, alice), bob)", "ROOM_INVALID", 1.0),
    "a bot's owner is closed": (BOT, "actions.close_account(bob, bob)", "USER_HAS_TO_LOGIN", 1.0),
}


@pytest.mark.parametrize("way", WAYS)
def test_what_is_read_by_a_token_ends_with_it_and_nobody_else_misses_anything(den: Den, way: str) -> None:
    make, take, code, within = WAYS[way]
    headers = {"Authorization": f"Bearer {den.act(make)}"}
    with ExitStack() as stack:
        readers = [stack.enter_context(den.follow("bob", transport, headers=headers)) for transport in TRANSPORTS]
        others = [stack.enter_context(den.follow("cleo", transport)) for transport in TRANSPORTS]
        den.say("1")
        for reader in (*readers, *others):
            reader.wait_for(["1"])
        den.act(take)
        for reader in readers:
            assert_cut(reader, code, within)
        den.say("2")
        for reader in others:
            reader.wait_for(["1", "2"])
        assert [reader.messages() for reader in readers] == [["1"]] * 3


def test_a_token_that_ends_while_it_waits_gives_no_second_batch(den: Den) -> None:
    """A long-poll in the air when the time ends: what comes next is a refusal."""
    secret = den.act(OWN)
    path, headers = f"/rooms/{den.room}/events/", {"Authorization": f"Bearer {secret}", "Accept": "application/json"}
    token = den.service.request("GET", path, headers=headers).json()["last-event-id"]
    den.act(f"{FIND}token.expires = timezone.now() + timedelta(seconds=2)\ntoken.save()")
    begin = time.monotonic()
    answer = den.service.request("GET", path, headers=headers | {"Last-Event-ID": token, "Prefer": "wait=25"})
    assert (answer.status, answer.json()["code"]) == (401, "USER_HAS_TO_LOGIN")
    assert 1 < time.monotonic() - begin < 6
