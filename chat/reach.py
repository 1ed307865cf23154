"""Where this service may connect to at somebody's word: the public internet, and what the operator allows.

The addresses of this machine and of the service are inside, also where they are public: behind them are this service,
its proxy's control ports, and whatever else trusts what comes from here.
"""

import ipaddress
import re
import socket
import threading
import time
from urllib.parse import urlsplit

from django.conf import settings

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
KEPT = 60.0  # seconds for which the answer of the resolver is kept

# Python's `is_global` differs between its versions (CVE-2024-4032) and takes multicast for global. So what may not be
# reached is written out, by IANA's registries of special addresses.
_CLOSED_4 = tuple(
    map(
        ipaddress.IPv4Network,
        "0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24 192.0.2.0/24"
        " 192.88.99.0/24 192.168.0.0/16 198.18.0.0/15 198.51.100.0/24 203.0.113.0/24 224.0.0.0/4 240.0.0.0/4".split(),
    )
)
# Of IPv6 only this is the public internet, without these: Teredo and other protocols, documentation, 6to4.
_OPEN_6 = ipaddress.IPv6Network("2000::/3")
_CLOSED_6 = tuple(map(ipaddress.IPv6Network, "2001::/23 2001:db8::/32 2002::/16 3fff::/20".split()))
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")

_FAMILY = {4: socket.AF_INET, 6: socket.AF_INET6}
# Where these can be bound, all can (net.ipv4.ip_nonlocal_bind).
_NOBODYS: dict[int, Address] = {4: ipaddress.IPv4Address("240.0.0.1"), 6: ipaddress.IPv6Address("100::1")}

_lock = threading.Lock()
_known: tuple[str, float, tuple[Address, ...]] = ("", 0.0, ())


def address_in(host: str) -> Address:
    """`host` as an address, also in the forms that only resolvers know: 127.1, 0x7f.0.0.1, 2130706433. Raises
    ValueError for a name."""
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        if not re.fullmatch(r"[0-9a-fx.]+", host, re.ASCII | re.IGNORECASE):
            raise
    try:
        return ipaddress.IPv4Address(socket.inet_aton(host))
    except OSError:
        raise ValueError("This is a name.") from None


def is_listed(address: Address) -> bool:
    """Whether the operator allows `address`, by HOOK_ALLOWED_NETWORKS."""
    return any(address in network for network in settings.HOOK_ALLOWED_NETWORKS)


def is_allowed(address: Address) -> bool:
    """Whether this service may connect to `address`: the public internet but for this machine's own addresses, and
    HOOK_ALLOWED_NETWORKS."""
    return is_listed(address) or (_is_public(address) and not is_own(address))


def _is_public(address: Address) -> bool:
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:  # the kernel connects to the other one
            return is_allowed(address.ipv4_mapped)
        if address in _NAT64:  # what networks without IPv4 make of public addresses
            return is_allowed(ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF))
        return address.scope_id is None and address in _OPEN_6 and not any(address in net for net in _CLOSED_6)
    return not any(address in network for network in _CLOSED_4)


def is_own(address: Address) -> bool:
    """Whether `address` is one of an interface of this machine, or of where PUBLIC_URL leads."""
    return _is_of_interface(address) or address in own_addresses()


def own_host() -> str:
    """The host of PUBLIC_URL as DNS knows it, "" without one."""
    name = (urlsplit(settings.PUBLIC_URL).hostname or "").rstrip(".").lower()
    try:
        return name.encode("idna").decode()
    except UnicodeError:
        return name


def own_addresses() -> tuple[Address, ...]:
    """Where PUBLIC_URL leads. Behind a router or in a container no interface has them."""
    global _known
    name = own_host()
    if not name:
        return ()
    with _lock:
        kept, until, found = _known
        if kept == name and time.monotonic() < until:
            return found
    try:
        entries = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
        found = tuple({ipaddress.ip_address(str(entry[4][0])) for entry in entries})
    except (OSError, ValueError):  # it is asked again, and what was known stays
        found = found if kept == name else ()
    with _lock:
        _known = name, time.monotonic() + KEPT, found
    return found


def _is_of_interface(address: Address) -> bool:
    """Every route to an interface's address begins at that address, and only such ones can be bound: also those of a
    network that is as a whole this machine's. No packet is sent."""
    return _begins_at(address) or (_can_bind(address) and not _can_bind(_NOBODYS[address.version]))


def _begins_at(address: Address) -> bool:
    try:
        with socket.socket(_FAMILY[address.version], socket.SOCK_DGRAM) as probe:
            probe.connect((str(address), 9))
            return ipaddress.ip_address(probe.getsockname()[0]) == address
    except (OSError, ValueError):  # there is no way to it
        return False


def _can_bind(address: Address) -> bool:
    try:
        with socket.socket(_FAMILY[address.version], socket.SOCK_DGRAM) as probe:
            probe.bind((str(address), 0))
            return True
    except OSError:
        return False
