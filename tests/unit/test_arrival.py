"""When a request is whole: all of its bytes go to the parser, and none behind it, however they come."""

import random

import pytest
from gunicorn.config import Config
from gunicorn.http.errors import NoMoreData, ParseException
from gunicorn.http.parser import RequestParser

from server.arrival import CHUNKING_SLACK, CHUNKS_MAX, DROPPED_MAX, HEAD_MAX, Arrival

BODY_MAX = 1000
GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: x\r\n"
NEXT = b"GET /next HTTP/1.1\r\nHost: x\r\n\r\n"


def with_length(*lengths: object, body: bytes = b"hello") -> bytes:
    return POST + b"".join(f"Content-Length: {length}\r\n".encode() for length in lengths) + b"\r\n" + body


def in_chunks(body: bytes) -> bytes:
    return POST + b"Transfer-Encoding: chunked\r\n\r\n" + body


WHOLE = {
    "GET": GET,
    "GET with an empty body": b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n",
    "length": with_length(5),
    "length in small letters": POST + b"content-length:5\r\n\r\nhello",
    "length with blanks": POST + b"Content-Length: \t5 \t\r\n\r\nhello",
    "body that looks like an end": with_length(10, body=b"a\r\n\r\nb\r\n\r\n"),
    "no chunk": in_chunks(b"0\r\n\r\n"),
    "chunks": in_chunks(b"5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n"),
    "chunk with an extension": in_chunks(b'5;a=b;c="d"\r\nhello\r\n0\r\n\r\n'),
    "chunk of large letters": in_chunks(b"A\r\n0123456789\r\n0\r\n\r\n"),
    "chunk with leading zeros": in_chunks(b"0005\r\nhello\r\n000\r\n\r\n"),
    "chunk that looks like the last one": in_chunks(b"7\r\n\r\n0\r\n\r\n\r\n0\r\n\r\n"),
    "trailers": in_chunks(b"5\r\nhello\r\n0\r\nX: y\r\n\r\n"),
}
DOUBTFUL = {
    "two lengths": with_length(5, 3),
    "the same length twice": with_length(5, 5),
    "length and chunks": POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    "chunks and length": POST + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    "two codings": POST + b"Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "length that is none": with_length("five"),
    "negative length": with_length(-5),
    "signed length": with_length("+5"),
    "list of lengths": with_length("5, 5"),
    "empty length": with_length(""),
    "length with a blank before the colon": POST + b"Content-Length : 5\r\n\r\nhello",
    "chunk that is none": in_chunks(b"hello\r\n0\r\n\r\n"),
    "chunk with a sign": in_chunks(b"+5\r\nhello\r\n0\r\n\r\n"),
    "chunk of a negative size": in_chunks(b"-5\r\nhello\r\n0\r\n\r\n"),
    "chunk without an end": in_chunks(b"5\r\nhello5\r\nhello\r\n0\r\n\r\n"),
    "size line without an end": in_chunks(b"5;" + b"x" * 9000),
    "trailers without an end": in_chunks(b"0\r\n" + b"X: y\r\n" * 4000),
    "head without an end": b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 20_000,
}


def arrive(data: bytes, sizes: list[int]) -> tuple[Arrival, bool]:
    """`data` in pieces of these sizes, again and again, until the parser can have it."""
    arrival, at, number = Arrival(BODY_MAX), 0, 0
    while at < len(data):
        size = sizes[number % len(sizes)]
        if arrival.add(data[at : at + size]):
            return arrival, True
        at, number = at + size, number + 1
    return arrival, False


def parse(data: bytes) -> bytes:
    """The body that gunicorn's parser finds, which must be all there."""
    request = next(RequestParser(Config(), iter([data]), ("127.0.0.1", 1)))
    return bytes(request.body.read())


@pytest.mark.parametrize("sizes", [[1], [2, 3], [7], [10**6]], ids=str)
@pytest.mark.parametrize("case", WHOLE)
def test_request_is_whole_with_its_last_byte_and_not_before(case: str, sizes: list[int]) -> None:
    data = WHOLE[case]
    arrival, is_whole = arrive(data, sizes)
    assert is_whole
    assert arrival.request == data
    assert not arrival.is_cut
    parse(arrival.request)
    for end in range(len(data)):
        assert not arrive(data[:end], sizes)[1]


@pytest.mark.parametrize("sizes", [[1], [3, 50], [10**6]], ids=str)
@pytest.mark.parametrize("case", WHOLE)
def test_bytes_behind_a_request_are_left_out(case: str, sizes: list[int]) -> None:
    arrival, is_whole = arrive(WHOLE[case] + NEXT, sizes)
    assert is_whole
    assert arrival.request == WHOLE[case]


@pytest.mark.parametrize("sizes", [[1], [10**6]], ids=str)
@pytest.mark.parametrize("case", DOUBTFUL)
def test_parser_gets_and_refuses_what_is_in_doubt(case: str, sizes: list[int]) -> None:
    arrival, is_whole = arrive(DOUBTFUL[case], sizes)
    assert is_whole, "a peer would be waited for"
    with pytest.raises((ParseException, NoMoreData, StopIteration)):
        parse(arrival.request)


OVER = BODY_MAX + HEAD_MAX + CHUNKING_SLACK


@pytest.mark.parametrize(
    "data",
    [
        with_length(BODY_MAX + 1, body=b"x" * (BODY_MAX + 1)),
        with_length(5 * OVER, body=b"x" * 5 * OVER),
        in_chunks(b"%x\r\n" % (2 * OVER) + b"x" * (2 * OVER) + b"\r\n0\r\n\r\n"),
        in_chunks(b"1\r\nx\r\n" * (OVER // 3) + b"0\r\n\r\n"),
        in_chunks(b"5;a=b\r\nx\r\nxx\r\n" * (OVER // 9) + b"0\r\na: b\r\n\r\n"),
    ],
    ids=["one byte too many", "a length", "one chunk", "many chunks", "chunks with more to them"],
)
@pytest.mark.parametrize("size", [4096, 65_521])
def test_body_over_the_limit_is_read_to_its_end_and_not_kept(data: bytes, size: int) -> None:
    arrival, is_whole = arrive(data, [size])
    assert is_whole
    assert not arrival.is_cut
    assert len(arrival) < OVER + size + 1000
    assert not arrive(data[: -len(b"0\r\na: b\r\n\r\n") - 1], [size])[1]


@pytest.mark.parametrize(
    "data",
    [
        with_length(DROPPED_MAX + 1, body=b""),
        with_length(10**14, body=b"x" * 50),
        with_length("9" * 5000, body=b"x" * 50),
        POST + b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n" % (BODY_MAX + 1),
        in_chunks(b"%x\r\n" % 10**9 + b"x" * (DROPPED_MAX + 2 * OVER)),
        in_chunks(b"1\r\nx\r\n" * (CHUNKS_MAX + OVER)),
    ],
    ids=[
        "a large length",
        "a huge length",
        "a length of many digits",
        "a length that is asked about",
        "one chunk",
        "tiny chunks",
    ],
)
def test_body_far_over_the_limit_is_not_waited_for(data: bytes) -> None:
    arrival, is_whole = arrive(data, [65_536])
    assert is_whole
    assert arrival.is_cut
    assert not arrival.expects_continue
    assert len(arrival) < OVER + 70_000


@pytest.mark.parametrize("size", [1, 100, BODY_MAX])
def test_body_within_the_limit_is_waited_for(size: int) -> None:
    arrival, is_whole = arrive(with_length(size, body=b"x" * size), [64])
    assert is_whole
    assert not arrival.is_cut


def test_peer_that_expects_a_word_is_noticed() -> None:
    arrival, _ = arrive(POST + b"Content-Length: 5\r\nexpect: 100-Continue\r\n\r\n", [1000])
    assert arrival.expects_continue


def test_arbitrary_bytes_agree_with_the_parser() -> None:
    """Pieces of requests in any order: what counts as whole is what the parser reads, or refuses."""
    draw = random.Random(11)
    pieces = [
        *(b"GET / HTTP/1.1\r\n", b"POST / HTTP/1.1\r\n", b"Host: x\r\n", b"Content-Length: 5\r\n", b"\r\n", b"hello"),
        *(
            b"Transfer-Encoding: chunked\r\n",
            b"5\r\n",
            b"0\r\n",
            b"5\r\nhello\r\n",
            b"0\r\n\r\n",
            b"Content-Length: 2\r\n",
        ),
    ]
    for _ in range(4000):
        data = b"".join(draw.choices(pieces, k=draw.randrange(2, 9)))
        arrival, is_whole = arrive(data, [draw.randrange(1, 40)])
        if not is_whole:
            continue
        try:
            parse(arrival.request)
        except (ParseException, NoMoreData, StopIteration):
            continue
        rest = data[len(arrival.request) :]
        assert data == arrival.request + rest
