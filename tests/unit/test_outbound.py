"""Where webhooks may go: addresses, names that change, redirects, and how long a receiver may take."""

import ipaddress
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from chat import outbound, reach
from tests.receiver import HOST, NETWORK, Receiver
from tests.scope import FUZZ_EXAMPLES

PUBLIC = ["1.1.1.1", "8.8.8.8", "93.184.215.14", "2606:4700:4700::1111", "2a00:1450:4001:81b::200e", "64:ff9b::8.8.8.8"]
CLOSED = """
    0.0.0.0 0.1.2.3 10.0.0.1 100.64.0.1 100.127.255.254 127.0.0.1 127.1.2.3 169.254.169.254 172.16.0.1 172.31.255.255
    192.0.0.1 192.0.0.170 192.0.2.1 192.88.99.1 192.168.1.1 198.18.0.1 198.19.255.255 198.51.100.1 203.0.113.1
    224.0.0.1 239.255.255.255 240.0.0.1 255.255.255.255
    :: ::1 ::127.0.0.1 ::ffff:127.0.0.1 ::ffff:10.0.0.1 ::ffff:169.254.169.254 ::ffff:0:127.0.0.1
    64:ff9b::127.0.0.1 64:ff9b::10.0.0.1 64:ff9b:1::1 64:ff9b:1:7f00::1 100::1 2001::1 2001:0:7f00:1:: 2001:20::1
    2001:db8::1 2002:7f00:1:: 2002:a00:1::1 3fff::1 5f00::1 fc00::1 fd12:3456::1 fe80::1 fe80::1%lo fec0::1 ff02::1
    ff0e::1
""".split()


@pytest.fixture
def receiver(settings: Any) -> Iterator[Receiver]:
    settings.HOOK_ALLOWED_NETWORKS = [ipaddress.ip_network(NETWORK)]
    with Receiver() as running:
        yield running


def send(url: str, **options: object) -> outbound.Answer:
    return outbound.post(url, b"{}", {"Content-Type": "application/json"}, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("address", PUBLIC)
def test_the_public_internet_may_be_called(address: str) -> None:
    assert reach.is_allowed(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", CLOSED)
def test_no_other_address_may_be_called_however_it_is_written(address: str) -> None:
    assert not reach.is_allowed(ipaddress.ip_address(address))


def test_the_operator_may_open_networks_and_nothing_else_is_open_then(settings: Any) -> None:
    settings.HOOK_ALLOWED_NETWORKS = [ipaddress.ip_network(one) for one in ("10.1.0.0/16", "fd00::/8")]
    for address in ("10.1.2.3", "::ffff:10.1.2.3", "fd00::7"):
        assert reach.is_allowed(ipaddress.ip_address(address)), address
    for address in ("10.2.0.1", "127.0.0.1", "fc00::1", "169.254.169.254", "::1"):
        assert not reach.is_allowed(ipaddress.ip_address(address)), address


@pytest.mark.parametrize(
    "url",
    [
        "",
        "example.org/hook",
        "ftp://example.org/",
        "file:///etc/passwd",
        "gopher://example.org:70/_",
        "http://",
        "https:///path",
        "https://user:secret@example.org/",
        "https://user@example.org/",
        "https://@example.org/",
        "https://example.org:25/",
        "https://example.org:22/",
        "https://example.org:0/",
        "https://example.org:99999/",
        "https://example.org:port/",
        "https://example.org/#fragment",
        "https://example.org/a b",
        "https://example.org/\r\nHost: inside",
        "https://example.org\t/",
        "https://exa\\mple.org/",
        "https://example.org/ü",
        "https://[::1/",
        "https://example.org/" + "a" * 2000,
        "https://127.0.0.1/",
        "http://127.1/",
        "http://0x7f.1/",
        "http://2130706433/",
        "http://[::1]/",
        "http://[::ffff:127.0.0.1]/",
        "http://[fe80::1%25eth0]/",
        "http://169.254.169.254/latest/meta-data/",
        "http://localhost:8000/",
        "http://localhost./",
        "http://a.localhost/",
        "http://LOCALHOST/",
        "http://ⓛocalhost/",
        "http://１２７.０.０.１/",
        "http://127。0。0。1/",
        "http://ex%61mple.org/",
        "http://.../",
        "http://\x00example.org/",
    ],
)
def test_what_is_no_address_of_a_receiver_is_refused_in_words(url: str) -> None:
    with pytest.raises(ValueError, match=r"\.$"):
        outbound.check_url(url)


@pytest.mark.parametrize(
    ("url", "host", "port", "path"),
    [
        ("https://example.org", "example.org", 443, "/"),
        ("http://Example.org:8080/a?b=c", "example.org", 8080, "/a?b=c"),
        ("https://bücher.example/%20", "xn--bcher-kva.example", 443, "/%20"),
        ("https://[2606:4700:4700::1111]:8443/x", "2606:4700:4700::1111", 8443, "/x"),
        ("https://example.org?x=1", "example.org", 443, "/?x=1"),
    ],
)
def test_what_is_one_is_read(url: str, host: str, port: int, path: str) -> None:
    outbound.check_url(url)
    assert outbound.parse_url(url) == outbound.Target(url.startswith("https"), host, port, path)


@given(st.one_of(st.text(), st.text().map("http://{}".format), st.from_regex(r"https?://[^/]{1,20}[:/?#].*")))
@example("http://[v1.x]/")
@example("http://[::ffff:1.2.3.4%a]/")
@example("http://\u2100.com/")
@example("http://xn--/")
@hypothesis_settings(deadline=None, max_examples=FUZZ_EXAMPLES)
def test_whatever_is_given_as_an_address_is_read_or_refused_in_words(url: str) -> None:
    try:
        target = outbound.parse_url(url)
        outbound.check_url(url)
    except ValueError:
        return
    assert target.host.isascii()
    assert target.path.startswith("/")
    assert target.path.isprintable()
    answer = send(url, lookup=lambda *_: ["127.0.0.1"])
    assert (answer.status, answer.error) == (None, outbound._CLOSED)


@pytest.mark.parametrize("host", ["127.1", "2130706433", "0x7f.0.0.1", "0177.0.0.1", "017700000001", "0", "localhost"])
def test_other_spellings_of_loopback_lead_nowhere(host: str, settings: Any) -> None:
    with Receiver("127.0.0.1") as forbidden:
        answer = send(f"http://{host}:{forbidden.port}/")
        assert (answer.status, answer.error) == (None, outbound._CLOSED)
        assert not forbidden.got


def test_a_name_that_is_public_first_and_private_then_is_connected_to_as_it_was_checked(receiver: Receiver) -> None:
    """DNS rebinding: the second look-up would lead to a forbidden address. There is none."""
    with Receiver("127.0.0.1", receiver.port) as forbidden:
        answers = iter([[HOST], ["127.0.0.1"], ["127.0.0.1"]])
        answer = send(f"http://rebind.example:{receiver.port}/", lookup=lambda host, port: next(answers))
        assert answer.is_taken
        assert (len(receiver.got), len(forbidden.got)) == (1, 0)
        assert receiver.got[0][0]["host"] == f"rebind.example:{receiver.port}"  # the name, not the address
        again = send(f"http://rebind.example:{receiver.port}/", lookup=lambda host, port: next(answers))
        assert (again.status, again.error, len(forbidden.got)) == (None, outbound._CLOSED, 0)


def test_one_forbidden_address_among_good_ones_refuses_the_name(receiver: Receiver) -> None:
    for addresses in ([HOST, "127.0.0.1"], ["127.0.0.1", HOST], [HOST, "fe80::1%lo"], [HOST, "nonsense"], []):
        assert send(f"http://two.example:{receiver.port}/", lookup=lambda *_, a=addresses: a).error == outbound._CLOSED
    assert not receiver.got


def test_an_unknown_name_and_an_inner_one_are_refused_in_the_same_words() -> None:
    def unknown(host: str, port: int) -> list[str]:
        raise socket.gaierror

    inner = send("http://db.internal/", lookup=lambda *_: ["10.0.0.5"])
    assert (inner.status, inner.error) == (None, send("http://no.such.name/", lookup=unknown).error)
    assert "10.0" not in inner.error


def test_the_next_address_is_tried_when_one_does_not_answer(receiver: Receiver, settings: Any) -> None:
    settings.HOOK_ALLOWED_NETWORKS = [ipaddress.ip_network("127.0.0.0/29")]
    assert send(f"http://two.example:{receiver.port}/", lookup=lambda *_: ["127.0.0.3", HOST]).is_taken


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(status: int, receiver: Receiver) -> None:
    with Receiver("127.0.0.1") as forbidden:
        receiver.status, receiver.location = status, forbidden.url
        answer = send(receiver.url)
        assert (answer.status, answer.is_taken) == (status, False)
        assert "redirect" in answer.error
        assert not forbidden.got


@pytest.mark.parametrize("way", ["hang", "drip"])
def test_a_receiver_that_hangs_or_drips_gets_no_more_than_its_time(way: str, receiver: Receiver) -> None:
    receiver.hang, receiver.drip = (30, False) if way == "hang" else (0, True)
    began = time.monotonic()
    answer = send(receiver.url, total=0.5)
    assert time.monotonic() - began < 1.5
    assert (answer.status, answer.error) == (None, "No answer in time.")
    assert 400 <= answer.ms < 1500


def test_a_body_without_end_costs_no_more_than_its_time_and_the_status_counts(settings: Any) -> None:
    settings.HOOK_ALLOWED_NETWORKS = [ipaddress.ip_network(NETWORK)]
    with socket.create_server((HOST, 0)) as listener:

        def flood() -> None:
            peer, _ = listener.accept()
            try:
                peer.recv(4096)
                peer.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
                while True:
                    peer.sendall(b"x" * 65536)
            except OSError:
                peer.close()

        threading.Thread(target=flood, daemon=True).start()
        assert send(f"http://{HOST}:{listener.getsockname()[1]}/", total=2).status == 200


@pytest.mark.parametrize("said", [b"SSH-2.0-OpenSSH\r\n\r\n", b"", b"HTTP/1.1 twohundred\r\n\r\n", b"\xff" * 100_000])
def test_what_speaks_no_http_is_said_in_words(said: bytes, settings: Any) -> None:
    settings.HOOK_ALLOWED_NETWORKS = [ipaddress.ip_network(NETWORK)]
    with socket.create_server((HOST, 0)) as listener:

        def speak() -> None:
            peer, _ = listener.accept()
            with peer:
                peer.recv(4096)
                peer.sendall(said)

        threading.Thread(target=speak, daemon=True).start()
        answer = send(f"http://{HOST}:{listener.getsockname()[1]}/", total=2)
        assert answer.status is None
        assert answer.error in ("The answer was no HTTP.", "The connection failed.")


def test_a_closed_port_is_said_in_words(receiver: Receiver) -> None:
    with socket.create_server((HOST, 0)) as listener:
        port = listener.getsockname()[1]
    assert send(f"http://{HOST}:{port}/").error == "The connection failed."


def test_proxies_of_the_environment_are_not_used(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    with Receiver("127.0.0.1") as proxy:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        assert send(receiver.url).is_taken
        assert not proxy.got


@pytest.mark.parametrize(("text", "seconds"), [("120", 120), ("0", 0), ("-5", None), ("soon", None), ("", None)])
def test_retry_after_is_read_in_seconds(text: str, seconds: float | None, receiver: Receiver) -> None:
    receiver.status, receiver.retry_after = 503, text
    assert send(receiver.url).retry_after == seconds


@pytest.mark.parametrize("year", ["2026", "99999999999999999999"])
def test_a_date_that_can_not_be_is_none_and_the_answer_counts(receiver: Receiver, year: str) -> None:
    receiver.retry_after = f"Mon, 01 Jan {year} 00:00:00 +99999999999999999999"
    answer = send(receiver.url)
    assert (answer.is_taken, answer.retry_after) == (True, None)


def test_retry_after_is_read_as_a_date(receiver: Receiver) -> None:
    receiver.status, receiver.retry_after = 503, "Wed, 21 Oct 2015 07:28:00 GMT"
    assert send(receiver.url).retry_after == 0


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate of hook.example that signs itself, with its key."""
    path = tmp_path_factory.mktemp("tls") / "hook.pem"
    command = "openssl req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=hook.example -addext"
    command = [*command.split(), "subjectAltName=DNS:hook.example", "-keyout", str(path), "-out", str(path) + ".crt"]
    subprocess.run(command, check=True, capture_output=True)
    path.write_text(path.read_text() + Path(f"{path}.crt").read_text())
    return path


def test_tls_asks_for_the_certificate_of_the_name_at_the_checked_address(
    receiver: Receiver, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    receiver._server.socket = context.wrap_socket(receiver._server.socket, server_side=True)
    receiver._server.handle_error = lambda *_: None  # type: ignore[method-assign]
    monkeypatch.setenv("SSL_CERT_FILE", f"{certificate}.crt")
    lookup = lambda *_: [HOST]  # noqa: E731
    assert send(f"https://hook.example:{receiver.port}/", lookup=lookup).is_taken
    other = send(f"https://other.example:{receiver.port}/", lookup=lookup)
    assert other.status is None
    assert "certificate" in other.error
    monkeypatch.setenv("SSL_CERT_FILE", "/dev/null")
    assert send(f"https://hook.example:{receiver.port}/", lookup=lookup).status is None
    assert len(receiver.got) == 1
    assert send(f"https://hook.example:{receiver.port}/", lookup=lookup, total=0.0).error == "No answer in time."
