"""A POST to an address that a person gave: only to where this service may reach, and never for longer than it gets.

The name is looked up once, every address of it is checked, and the connection goes to a checked address: a name that
answers otherwise a moment later changes nothing. TLS still asks for the certificate of the name. No redirect is
followed, no proxy of the environment is used, and of the answer little more than the status is read.
"""

import ipaddress
import logging
import socket
import ssl
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from http.client import HTTPConnection, HTTPException, HTTPResponse
from urllib.parse import urlsplit

from chat import reach
from chat.reach import Address, address_in, is_allowed
from chat.times import seconds

logger = logging.getLogger(__name__)

URL_MAX = 2000
TOTAL = seconds(10)  # seconds for all of it: name, connection, TLS, request, status
CONNECT = seconds(5)  # seconds for one address
ADDRESSES_MAX = 4  # that are tried of one name
ANSWER_MAX = 16_384  # bytes of the answer's body that are read, so that the receiver can end in peace
PORTS = (80, 443)  # and from 1024 on: below are mail and other services that an HTTP request could harm

Lookup = Callable[[str, int], Sequence[str]]


class Unreachable(Exception):
    """The address can't be asked, in words that tell nothing of the network that this service is in."""


@dataclass(frozen=True)
class Target:
    """Where a URL leads: the host as it is looked up and named in TLS, and what is asked of it."""

    is_tls: bool
    host: str
    port: int
    path: str


@dataclass(frozen=True)
class Answer:
    """What came of a POST: a status, or an `error` in words. `retry_after` in seconds, as the receiver asked."""

    status: int | None
    error: str = ""
    ms: int = 0
    retry_after: float | None = None

    @property
    def is_taken(self) -> bool:
        """Whether the receiver has it."""
        return self.status is not None and 200 <= self.status < 300


def parse_url(url: str) -> Target:
    """Where `url` leads. Raises ValueError, with words for who wrote it."""
    if len(url) > URL_MAX or any(not "!" <= char <= "\U0010ffff" or char == "\\" for char in url):
        raise ValueError(f"An address has at most {URL_MAX} characters, no spaces among them.")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise ValueError("This is no address.") from None
    if parts.scheme not in ("http", "https") or not host:
        raise ValueError("An address begins with https:// or http:// and names a host.")
    if parts.username is not None or parts.password is not None:
        raise ValueError("An address can't hold a name and password: the signature says who calls.")
    path = parts.path + (f"?{parts.query}" if parts.query else "")
    if parts.fragment or not path.isascii() or not path.isprintable():
        raise ValueError("Behind its host an address has ASCII characters only, and no #.")
    is_tls = parts.scheme == "https"
    port = port if port is not None else (443 if is_tls else 80)
    if port not in PORTS and port < 1024:
        raise ValueError("The port of an address is 80, 443, or 1024 and above.")
    return Target(is_tls, _ascii_host(host), port, path if path.startswith("/") else f"/{path}")


@lru_cache(maxsize=4096)
def host_of(url: str) -> str:
    """The host of an address, as the shares of webhooks count it; "" for what is no address."""
    try:
        host = parse_url(url).host
        return str(address_in(host))
    except ValueError:
        return _host_name(url)


def _host_name(url: str) -> str:
    try:
        return parse_url(url).host.rstrip(".").lower()
    except ValueError:
        return ""


def check_url(url: str) -> None:
    """Raise ValueError, in words, for what is no address, or names a place here. Names are looked up when they are
    called, each time: today's answer says nothing about tomorrow's."""
    target = parse_url(url)
    try:
        address = address_in(target.host)
    except ValueError:
        name = target.host.rstrip(".").lower()
        is_open = True
        if f".{name}".endswith(".localhost"):
            is_open = any(is_allowed(ipaddress.ip_address(text)) for text in ("127.0.0.1", "::1"))
        elif name == reach.own_host():
            is_open = any(map(reach.is_listed, reach.own_addresses()))
    else:
        is_open = is_allowed(address)
    if not is_open:
        raise ValueError(
            "This address is not one that the service may call: the operator can allow its network, "
            "by HOOK_ALLOWED_NETWORKS."
        )


def look_up(host: str, port: int) -> list[str]:
    """The addresses of a name, by the system's resolver. Raises OSError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def post(
    url: str, body: bytes, headers: Mapping[str, str], *, total: float = TOTAL, lookup: Lookup | None = None
) -> Answer:
    """POST `body` to `url` and say what came of it, within `total` seconds. Never raises for what the receiver does."""
    began = time.monotonic()

    def answer(status: int | None, error: str = "", retry_after: float | None = None) -> Answer:
        return Answer(status, error, round((time.monotonic() - began) * 1000), retry_after)

    try:
        target = parse_url(url)
        addresses = _addresses(target, lookup or look_up)
        with _Call(target, began + total) as call:
            response = call.ask(addresses, body, headers)
            return answer(response.status, _words_of(response), _retry_after(response))
    except Unreachable as error:
        return answer(None, str(error))
    except TimeoutError:
        return answer(None, _TOO_LATE)
    except ssl.SSLError as error:
        late = time.monotonic() >= began + total
        reason = getattr(error, "verify_message", "") or "it speaks no TLS that is understood here"
        return answer(None, _TOO_LATE if late else f"The certificate or the encryption is not good: {reason}.")
    except (OSError, HTTPException, ValueError) as error:
        if time.monotonic() >= began + total:  # the end of the time closes the connection under the call
            return answer(None, _TOO_LATE)
        logger.debug("a call failed: %s", error)  # not its address: many receivers know callers by it
        broken = isinstance(error, HTTPException | ValueError)
        return answer(None, "The answer was no HTTP." if broken else "The connection failed.")


_TOO_LATE = "No answer in time."
# One sentence for a name that is unknown and for one that leads inside: else names of the network here could be tried.
_CLOSED = "The host has no address, or one that the service may not call."


def _addresses(target: Target, lookup: Lookup) -> list[Address]:
    """The addresses of the host, each allowed: a single one that is not refuses them all. Raises Unreachable."""
    try:
        addresses = [ipaddress.ip_address(text) for text in lookup(target.host, target.port)]
    except (OSError, ValueError):  # UnicodeError of a strange name among them
        raise Unreachable(_CLOSED) from None
    if not addresses or not all(map(is_allowed, addresses)):
        logger.warning("not called: %s leads to %s", target.host, ", ".join(map(str, addresses)) or "no address")
        raise Unreachable(_CLOSED)
    return addresses[:ADDRESSES_MAX]


class _Call:
    """One request on one connection. When the time is over the connection is cut, wherever the call is by then: an
    answer that drips would keep the timeouts of the single steps from ever being reached."""

    def __init__(self, target: Target, end: float) -> None:
        self._target = target
        self._end = end
        self._connection = HTTPConnection(target.host, target.port)
        self._connection.auto_open = 0  # by itself it would look the name up once more
        self._clock: threading.Timer | None = None
        self._wire: socket.socket | None = None

    def __enter__(self) -> "_Call":
        return self

    def __exit__(self, *error: object) -> None:
        if self._clock:
            self._clock.cancel()
        self._connection.close()
        if self._wire:
            self._wire.close()

    def ask(self, addresses: list[Address], body: bytes, headers: Mapping[str, str]) -> HTTPResponse:
        """Send the request to the first address that answers, and read the head of the answer."""
        self._connection.sock = self._connect(addresses)
        self._start_clock()
        self._connection.sock = self._secured(self._connection.sock)
        default = 443 if self._target.is_tls else 80
        host = f"[{self._target.host}]" if ":" in self._target.host else self._target.host
        named = host if self._target.port == default else f"{host}:{self._target.port}"
        fixed = {"Host": named, "Accept-Encoding": "identity", "Connection": "close"}
        self._connection.request("POST", self._target.path, body, {**fixed, **headers})
        response = self._connection.getresponse()
        try:
            response.read(ANSWER_MAX)
        except (OSError, HTTPException):  # the status counts
            pass
        return response

    def _connect(self, addresses: list[Address]) -> socket.socket:
        for address in addresses[:-1]:
            try:
                return self._open(address)
            except OSError:
                pass
        return self._open(addresses[-1])

    def _open(self, address: Address) -> socket.socket:
        return socket.create_connection((str(address), self._target.port), min(CONNECT, self._left()))

    def _start_clock(self) -> None:
        self._connection.sock.settimeout(self._left())
        self._wire = self._connection.sock.dup()  # TLS takes the first one over; cutting this one cuts both
        self._clock = threading.Timer(self._left(), self._cut)
        self._clock.daemon = True
        self._clock.start()

    def _secured(self, sock: socket.socket) -> socket.socket:
        if not self._target.is_tls:
            return sock
        return ssl.create_default_context().wrap_socket(sock, server_hostname=self._target.host)

    def _cut(self) -> None:
        try:
            if self._wire:
                self._wire.shutdown(socket.SHUT_RDWR)
        except OSError:  # closed already
            pass

    def _left(self) -> float:
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return left


def _words_of(response: HTTPResponse) -> str:
    if 200 <= response.status < 300:
        return ""
    if 300 <= response.status < 400:
        return "The receiver redirects. Redirects are not followed: give the address that it leads to."
    return f"The receiver answered {response.status}."


def _retry_after(response: HTTPResponse) -> float | None:
    """What the receiver asks for, in seconds: a number of them, or a date."""
    text = (response.getheader("Retry-After") or "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        moment = _moment(text)
    except (ValueError, OverflowError):
        return None
    return max(0.0, (moment - _time_of(response)).total_seconds())


def _moment(text: str) -> datetime:
    """A date of a header. Raises ValueError or OverflowError: of a year or a zone of many digits."""
    moment = parsedate_to_datetime(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _time_of(response: HTTPResponse) -> datetime:
    """The time by the receiver's clock, by which it means its other dates; by ours when it doesn't say."""
    try:
        return _moment(response.getheader("Date") or "")
    except (ValueError, OverflowError):
        return datetime.now(UTC)


def _ascii_host(host: str) -> str:
    """The host as DNS and TLS know it. Raises ValueError."""
    host = host.strip("[]")
    if ":" in host:  # an IPv6 address; a zone is none of the writer's business
        return str(ipaddress.IPv6Address(host.partition("%")[0]))
    try:
        ascii_host = host.encode("idna").decode()
    except UnicodeError:
        raise ValueError("The address names no host.") from None
    if not all(char.isalnum() or char in "-._" for char in ascii_host) or len(ascii_host) > 253:
        raise ValueError("The address names no host.")
    return ascii_host
