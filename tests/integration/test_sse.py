"""Server-sent events on real parts: headers, refusals, and what is refused past the proxy."""

import http.client

import pytest

from tests.service import Service

pytestmark = pytest.mark.timeout(60)


def test_the_answer_is_not_cached_or_buffered_and_names_its_start(service: Service, room: str) -> None:
    service.say(room, "hi")
    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=10)
    connection.request("GET", f"/rooms/{room}/events/")
    response = connection.getresponse()
    assert response.getheader("Content-Type") == "text/event-stream"
    assert "no-cache" in (response.getheader("Cache-Control") or "")
    assert response.getheader("X-Accel-Buffering") == "no"
    assert response.getheader("Last-Event-ID") == f"room-{room}:1"
    assert response.getheader("Grip-Hold") is None
    assert response.getheader("Grip-Link") is None
    assert response.readline().startswith(b"retry: ")
    connection.close()


def test_malformed_tokens_are_refused_in_the_words_of_an_event_stream(service: Service, room: str) -> None:
    refused = service.get(f"/rooms/{room}/events/", {"Accept": "text/event-stream", "Last-Event-ID": "garbage"})
    assert refused.status == 200
    assert b"event: stream-error" in refused.body
    assert b"TOKEN_INVALID" in refused.body
    assert service.get(f"/rooms/{room}/events/?lastEventId=garbage").status == 400
    assert service.get(f"/rooms/{room}/events/", {"Last-Event-ID": "error"}).status == 400


def test_streams_are_refused_past_the_proxy_and_forged_signatures_do_not_help(service: Service, room: str) -> None:
    for headers in ({}, {"Grip-Sig": "forged"}, {"Accept": "text/event-stream"}):
        answer = service.request("GET", f"/rooms/{room}/events/", headers=headers, base=service.web_url, signed=False)
        assert (answer.status, answer.json()["code"]) == (501, "PROXY_REQUIRED")
    forged = {"Grip-Last": "r1.1; last-id=0"}
    assert service.get("/recover/", forged).status == 404
    unsigned = service.request("GET", "/recover/", headers=forged, base=service.web_url, signed=False)
    assert (unsigned.status, unsigned.json()["code"]) == (403, "REQUEST_UNSIGNED")
