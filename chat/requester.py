"""Who makes a request: by a token, or by the session of a page of ours; from where, and with which scopes.

What they may do then is chat.access.
"""

import ipaddress
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.db.models import Exists, OuterRef
from django.http import HttpRequest

from chat.models import ApiToken, Scope, User, digest_of
from chat.problems import Problem

Person = User | AnonymousUser
# What a page says of itself in the header Acting-As when nobody was signed in when it was loaded.
VISITOR = "visitor"


def address_of(request: HttpRequest) -> str:
    """Where the request comes from: Pushpin writes the header anew, so its last part is not the client's to choose,
    and with TRUSTED_PROXIES in front of it as many parts before that. Past Pushpin the peer itself is the last of them.
    """
    parts = request.headers.get("X-Forwarded-For", "").split(",")
    if not request.grip.signed:  # type: ignore[attr-defined]
        parts = [*(parts if settings.TRUSTED_PROXIES else ()), str(request.META.get("REMOTE_ADDR", ""))]
    return parts[max(0, len(parts) - 1 - settings.TRUSTED_PROXIES)].strip()[:45]


def network_of(request: HttpRequest) -> str:
    """Where the request comes from, as limits and bans know it."""
    return network(address_of(request))


def network(address: str) -> str:
    """An address as limits and bans know it, see parse_network. What is no address stays as it is."""
    try:
        return parse_network(address)
    except ValueError:
        return address


def parse_network(text: str) -> str:
    """An address of IPv4, or of IPv6 the network of 64 bits that one customer has, by itself or by an address in it.
    Raises ValueError for anything else."""
    found = ipaddress.ip_interface(text.partition("%")[0])
    if isinstance(found, ipaddress.IPv4Interface):
        return str(ipaddress.IPv4Address(text))
    if found.ip.ipv4_mapped is not None:  # as a socket for both kinds tells of IPv4
        return str(found.ip.ipv4_mapped)
    if found.network.prefixlen not in (64, 128):
        raise ValueError("a network of IPv6 has 64 bits here")
    return str(ipaddress.IPv6Network((found.ip, 64), strict=False))


def person_of(request: HttpRequest, scope: Scope = Scope.MANAGE, *, acting_as: str = "") -> Person:
    """Who makes this request that changes something. `scope` is what a token must have for it.

    With a header Acting-As, or `acting_as` of a form that can't send it, the request says whose it is: the id of a
    person, or VISITOR. From anybody else it is refused: the tabs of a browser share one session, and what somebody
    wrote in one of them must not become the words of who signed in in another.

    With `Authorization: Bearer` the token says it. A session counts only when the browser says that the request
    comes from a page of ours (Origin or Sec-Fetch-Site); from a page of another site on the list it is ignored, from
    any other refused even without a cookie; with neither header (curl) the session is ignored. Raises Problem.
    """
    check_origin(request)
    if (bearer := _bearer(request)) is not None:
        check_scope(bearer, scope)
        return bearer
    person = _session(request) if is_from_own_page(request) else AnonymousUser()
    _check_acting_as(person, request.headers.get("Acting-As", acting_as))
    return person


def id_of(person: Person) -> str:
    """What a page for `person` says of itself in Acting-As."""
    return person.public_id if isinstance(person, User) else VISITOR


def _check_acting_as(person: Person, said: str) -> None:
    if said in ("", id_of(person)):
        return
    if isinstance(person, User):
        raise Problem("PERSON_CHANGED", f"In this browser you are signed in as {person.shown_name} now.")
    raise Problem("USER_HAS_TO_LOGIN", "You are not signed in any more.")


def reader_of(request: HttpRequest, scope: Scope = Scope.READ) -> Person:
    """Who makes this request that only reads: by token, which must have the `scope`, or by the session. Raises Problem
    for a bad token."""
    if (bearer := _bearer(request)) is not None:
        check_scope(bearer, scope)
        return bearer
    return AnonymousUser() if _is_foreign(request) else _session(request)


def viewer_of(request: HttpRequest) -> Person:
    """Who looks at this page. A link on another site that leads here opens our page in a tab of its own, which the
    other site can't read: there the session counts, as long as nothing is changed. Raises Problem for a bad token."""
    is_navigation = request.method in ("GET", "HEAD") and request.headers.get("Sec-Fetch-Dest") == "document"
    if is_navigation and "Origin" not in request.headers and "Authorization" not in request.headers:
        return _session(request)
    return reader_of(request)


def has_scope(person: Person, scope: Scope) -> bool:
    """Whether `person` comes by a session, or by a token with this scope."""
    token = getattr(person, "token", None)
    return token is None or scope in token.scope_list


def check_scope(person: Person, scope: Scope) -> None:
    """Raise Problem SCOPE_INSUFFICIENT when `person` comes by a token without this scope."""
    if not has_scope(person, scope):
        raise Problem("SCOPE_INSUFFICIENT", f"This token can't do that: it lacks the scope {scope.value}.")


def hook_secret_of(request: HttpRequest) -> str:
    """The secret that a program sends along, "" for none: as an API token, and yet it is none."""
    return _bearer_token(request) or ""


def check_origin(request: HttpRequest) -> None:
    """Raise Problem ORIGIN_DENIED for a page of another site that is not on the list CORS_ORIGINS."""
    if _is_foreign(request) and request.headers.get("Origin") not in settings.CORS_ALLOWED_ORIGINS:
        raise Problem("ORIGIN_DENIED", "Requests from pages of other sites are not accepted.")


def _is_foreign(request: HttpRequest) -> bool:
    origin, site = request.headers.get("Origin"), request.headers.get("Sec-Fetch-Site")
    return (origin is not None and not _is_own_origin(request, origin)) or site in ("cross-site", "same-site")


def is_from_own_page(request: HttpRequest) -> bool:
    """Whether the browser says that the request comes from a page of ours."""
    origin, site = request.headers.get("Origin"), request.headers.get("Sec-Fetch-Site")
    return not _is_foreign(request) and (origin is not None or site is not None)


def _session(request: HttpRequest) -> Person:
    return request.user if isinstance(request.user, User) else AnonymousUser()


def _bearer(request: HttpRequest) -> User | None:
    """The person of `Authorization: Bearer <token>`; None without that header. Raises Problem for a bad token."""
    token = _bearer_token(request)
    if token is None:
        return None
    if not hasattr(request, "bearer"):  # asked once a request, however many commands it carries
        found = ApiToken.objects.good().select_related("user").filter(digest=digest_of(token)).first()
        request.bearer = found.user if found else None  # type: ignore[attr-defined]
        if found:
            found.user.token = found
    user: User | None = request.bearer  # type: ignore[attr-defined]
    if user is None:
        raise Problem("USER_HAS_TO_LOGIN", "This token is not good: withdrawn, expired, or not complete.")
    return user


def token_digest_of(request: HttpRequest) -> str:
    """What is stored of the API token that the request came with; "" without one."""
    token = _bearer_token(request)
    return "" if token is None else digest_of(token)


def _bearer_token(request: HttpRequest) -> str | None:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


def _is_own_origin(request: HttpRequest, origin: str) -> bool:
    try:
        parts = urlsplit(origin)
    except ValueError:
        return False
    own = {request.get_host(), urlsplit(settings.PUBLIC_URL).netloc} - {""}
    return parts.scheme in ("http", "https") and parts.netloc in own


def check_unchanged(request: HttpRequest, user: User) -> None:
    """Raise Problem when `user`, as the request was found to come from, was changed or signed out since. One query."""
    now = User.objects.filter(pk=user.pk, is_active=True, is_staff=user.is_staff, password=user.password)
    if hasattr(request, "bearer"):
        digest = digest_of(_bearer_token(request) or "")
        now = now.filter(Exists(ApiToken.objects.good().filter(user=OuterRef("pk"), digest=digest)))
    else:
        now = now.filter(sessions=request.session.session_key)
    if not now.exists():
        raise Problem("USER_HAS_TO_LOGIN", "You are not signed in any more.")
