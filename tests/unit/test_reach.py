"""What is inside for webhooks besides special networks: this machine's own addresses, and the service's own host."""

import ipaddress
import socket
from itertools import pairwise
from typing import Any

import pytest

from chat import outbound, reach

PUBLIC_4, PUBLIC_6 = "93.184.216.34", "2606:2800:220:1::1"


def interface_addresses() -> list[str]:
    """Every address of every interface, loopback among them, as the kernel lists them."""
    found = ["127.0.0.1", "127.0.0.2", "127.9.9.9"]
    with open("/proc/net/fib_trie") as trie:
        lines = [line.strip() for line in trie]
    found += [above.split()[-1] for above, line in pairwise(lines) if "host LOCAL" in line]
    with open("/proc/net/if_inet6") as six:
        found += [
            str(ipaddress.IPv6Address(bytes.fromhex(row.split()[0]))) for row in six if not row.startswith("fe80")
        ]
    return sorted(set(found))


@pytest.fixture
def everything_public(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if this machine's addresses were of the public internet."""
    monkeypatch.setattr(reach, "_CLOSED_4", ())
    monkeypatch.setattr(reach, "_CLOSED_6", ())
    monkeypatch.setattr(reach, "_OPEN_6", ipaddress.IPv6Network("::/0"))
    monkeypatch.setattr(reach, "_NAT64", ipaddress.IPv6Network("64:ff9b::/96"))


@pytest.mark.usefixtures("everything_public")
@pytest.mark.parametrize("address", interface_addresses())
def test_every_address_of_an_interface_is_inside(address: str, settings: Any) -> None:
    settings.HOOK_ALLOWED_NETWORKS = []
    host = f"[{address}]" if ":" in address else address
    assert not reach.is_allowed(ipaddress.ip_address(address))
    with pytest.raises(ValueError, match="may call"):
        outbound.check_url(f"https://{host}/")
    answer = outbound.post("https://hooks.example/", b"", {}, lookup=lambda *_: [address])
    assert answer.error == outbound._CLOSED
    if ":" not in address:
        assert not reach.is_allowed(ipaddress.ip_address(f"::ffff:{address}"))
        assert not reach.is_allowed(ipaddress.IPv6Address(int(reach._NAT64[0]) + int(ipaddress.ip_address(address))))
    settings.HOOK_ALLOWED_NETWORKS = [ipaddress.ip_network(address)]
    assert reach.is_allowed(ipaddress.ip_address(address))
    outbound.check_url(f"https://{host}/")


@pytest.mark.usefixtures("everything_public")
@pytest.mark.parametrize("address", [PUBLIC_4, "1.1.1.1", "203.0.113.77", "8.8.8.8", PUBLIC_6, "2001:4860:4860::8888"])
def test_the_addresses_of_others_are_not(address: str) -> None:
    assert reach.is_allowed(ipaddress.ip_address(address))


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """A resolver that knows these."""
    known: dict[str, list[str]] = {}

    def getaddrinfo(host: str, *more: Any, **kwargs: Any) -> list[Any]:
        if host not in known:
            raise socket.gaierror
        return [(None, None, None, "", (address, 0)) for address in known[host]]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    monkeypatch.setattr(reach, "_known", ("", 0.0, ()))
    return known


@pytest.mark.parametrize(
    "public_url",
    [
        "https://chat.example.org",
        "https://chat.example.org:8443",
        "https://CHAT.example.org.",
        "http://chat.example.org",
    ],
)
@pytest.mark.parametrize(
    "url",
    [
        "https://chat.example.org/rooms/den/messages/",
        "http://chat.example.org:8000/",
        "https://CHAT.EXAMPLE.ORG./",
        f"https://{PUBLIC_4}/",
        f"https://[{PUBLIC_6}]/",
        f"https://[::ffff:{PUBLIC_4}]/",
        f"https://{int(ipaddress.ip_address(PUBLIC_4))}/",
        "https://0x5db8d822/",
    ],
)
def test_the_services_own_host_is_inside(public_url: str, url: str, names: dict[str, list[str]], settings: Any) -> None:
    settings.PUBLIC_URL, settings.HOOK_ALLOWED_NETWORKS = public_url, []
    for name in ("chat.example.org", "chat.example.org.", "other.example"):
        names[name] = [PUBLIC_4, PUBLIC_6]
    with pytest.raises(ValueError, match="may call"):
        outbound.check_url(url)
    for called in (url, "https://other.example/"):  # another name that leads to it
        assert outbound.post(called, b"", {}).error == outbound._CLOSED
    settings.HOOK_ALLOWED_NETWORKS = [ipaddress.ip_network(PUBLIC_4), ipaddress.ip_network(PUBLIC_6)]
    outbound.check_url(url)


def test_an_address_as_public_url_is_inside(settings: Any) -> None:
    settings.PUBLIC_URL, settings.HOOK_ALLOWED_NETWORKS = f"http://{PUBLIC_4}:7999", []
    assert not reach.is_allowed(ipaddress.ip_address(PUBLIC_4))
    assert reach.is_allowed(ipaddress.ip_address("1.1.1.1"))


def test_what_was_known_of_the_own_host_stays_while_the_resolver_is_away(
    names: dict[str, list[str]], settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.PUBLIC_URL = "https://chat.example.org"
    names["chat.example.org"] = [PUBLIC_4]
    assert reach.own_addresses() == (ipaddress.ip_address(PUBLIC_4),)
    del names["chat.example.org"]
    monkeypatch.setattr(reach, "_known", (*reach._known[:1], 0.0, *reach._known[2:]))
    assert reach.own_addresses() == (ipaddress.ip_address(PUBLIC_4),)
