"""API tokens: make, withdraw, end. The secret is shown once; a digest of it is stored."""

import secrets
from collections.abc import Collection, Iterable
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from chat import access, requester
from chat.actions.people import sign_out
from chat.models import ALL_SCOPES, TOKEN_NAME_MAX, ApiToken, Scope, User, digest_of
from chat.names import has_control_characters
from chat.problems import Problem
from chat.requester import Person

PREFIX = "cork_"  # by which scanners for secrets find one that was published
TOKEN_DAYS = 90  # how long one is good if nobody says otherwise
DAYS_MAX = 3650  # where the operator sets no limit
TOKENS_MAX = 20  # good ones of one account
USED_EVERY = timedelta(hours=1)
FORGET_AFTER = timedelta(days=30)  # an expired one is shown for so long


def make_token(user: User) -> str:
    """A token of `user` with all scopes and without an end: what operators make on the server."""
    return _store(user, "", ALL_SCOPES.split(), None)[1]


def issue_token(
    person: Person, user: User, name: str, scopes: Collection[str], days: int | None = TOKEN_DAYS
) -> tuple[ApiToken, str]:
    """A token of `user`, who is `person` or a bot of theirs: the row, and the secret that is shown once.

    `days` None is a token without an end. One that is made by a token can do no more than it, ends no later, and goes
    with it. Raises Problem.
    """
    actor = access.check_token_owner(person, user)
    name = " ".join(name.split())
    if not name or len(name) > TOKEN_NAME_MAX or has_control_characters(name):
        raise Problem("NAME_INVALID", f"A token needs a name of at most {TOKEN_NAME_MAX} characters: what it is for.")
    if not scopes or not set(scopes) <= set(Scope.values):
        raise Problem("PARAMETER_INVALID", f"A token has one or more of the scopes {', '.join(Scope.values)}.")
    for scope in scopes:
        requester.check_scope(actor, Scope(scope))
    _check_days(days)
    with transaction.atomic():
        _lock(actor, user)
        ApiToken.objects.filter(user=user, expires__lt=timezone.now() - FORGET_AFTER).delete()
        if ApiToken.objects.good().filter(user=user).count() >= TOKENS_MAX:
            raise Problem("ROOM_ACCESS_DENIED", f"An account has at most {TOKENS_MAX} tokens: withdraw some.")
        return _store(user, name, scopes, days, actor.token)


def withdraw_token(person: Person, user: User, token: ApiToken) -> None:
    """Withdraw a token of `user`, who is `person` or a bot of theirs. What was opened by it ends. Raises Problem."""
    access.check_token_owner(person, user)
    drop_tokens([token])


def drop_tokens(tokens: Iterable[ApiToken]) -> int:
    """Remove tokens, and those that were made by them; what all of them opened ends. How many of `tokens`."""
    pks = [token.pk for token in tokens]
    with transaction.atomic():
        users = _users_of(pks)
        sign_out(*users)
        # From here on nobody makes a token by one of these: it would be left behind without a parent.
        list(_locked(user.pk for user in users))
        count = ApiToken.objects.filter(pk__in=pks).count()
        ApiToken.objects.filter(pk__in=pks).delete()
    return count


def end_expired_tokens() -> int:
    """End what is held by tokens whose time is over. The relay asks this every second. How many tokens."""
    due = ApiToken.objects.filter(ended=False, expires__lte=timezone.now()).select_related("user")
    ended = 0
    for token in due:
        with transaction.atomic():
            sign_out(token.user)
            if ApiToken.objects.filter(pk=token.pk, ended=False).update(ended=True):
                ended += 1
            else:  # another relay was faster
                transaction.set_rollback(True)
    return ended


def token_used(token: ApiToken) -> None:
    """Note that a token was used, at most once an hour."""
    now = timezone.now()
    if token.last_used_at is None or abs(now - token.last_used_at) >= USED_EVERY:
        ApiToken.objects.filter(pk=token.pk).update(last_used_at=now)


def _users_of(pks: Collection[int]) -> list[User]:
    """Whose streams end with tokens: their own users', and if they could make others, those of the users' bots."""
    tokens = ApiToken.objects.filter(pk__in=pks)
    makers = tokens.filter(scopes__contains=Scope.MANAGE.value)
    users = User.objects.filter(Q(pk__in=tokens.values("user")) | Q(owner__in=makers.values("user")))
    return list(users.order_by("pk"))


def _locked(pks: Iterable[int]) -> QuerySet[User]:
    """Accounts that are not closed, locked in one order: what is counted, made and withdrawn of theirs waits."""
    return User.objects.select_for_update(no_key=True).filter(pk__in=set(pks), is_active=True).order_by("pk")


def _lock(actor: User, user: User) -> None:
    """Before a token of `user` is made by `actor`. Raises Problem when either, or the token used, is gone by now."""
    found = {account.pk for account in _locked([actor.pk, user.pk])}
    is_good = actor.token is None or ApiToken.objects.good().filter(pk=actor.token.pk).exists()
    if found != {actor.pk, user.pk} or not is_good:
        raise Problem("USER_HAS_TO_LOGIN", "The account was closed, or the token withdrawn.")


def _store(
    user: User, name: str, scopes: Collection[str], days: int | None, parent: ApiToken | None = None
) -> tuple[ApiToken, str]:
    secret = f"{PREFIX}{secrets.token_urlsafe(32)}"
    expires = None if days is None else timezone.now() + timedelta(days=days)
    if parent is not None and parent.expires is not None:
        expires = min(expires or parent.expires, parent.expires)
    token = ApiToken.objects.create(
        user=user,
        digest=digest_of(secret),
        name=name,
        scopes=" ".join(scope for scope in Scope.values if scope in scopes),
        hint=secret[-4:],
        expires=expires,
        parent=parent,
    )
    return token, secret


def _check_days(days: int | None) -> None:
    most = settings.TOKEN_DAYS_MAX
    if days is None and most:
        raise Problem("PARAMETER_INVALID", f"A token has an end here: it is good for at most {most} days.")
    if days is not None and not 1 <= days <= (most or DAYS_MAX):
        raise Problem("PARAMETER_INVALID", f"A token is good for 1 to {most or DAYS_MAX} days.")
