"""HTTP/1.1 as a declaration: its Plan, held against construct, which reads heads with code of its own."""

from __future__ import annotations

from typing import Any

import pytest
from construct import ConstructError
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.http1.test_chunked import BODIES
from tests.http1.test_chunked import WRONG as WRONG_BODIES
from tests.http1.test_heads import LINES, PIECES, SMUGGLED, heads, request, response
from xproto.codecs.http1 import HTTP1
from xproto.errors import MalformedError, NeedMore, SpecError
from xproto.kernel import http1
from xproto.registry import register
from xproto.spec import Fault, Kind
from xproto.wire.http1 import FACTS

CODEC = register(HTTP1).codec
FORMS = ("none", "counted", "chunked", "until close")


def scanned(data: bytes, direction: int = 0) -> Any:
    try:
        return CODEC.scan_bytes(data, direction)
    except MalformedError:
        return None


def parsed(data: bytes, direction: int = 0) -> Any:
    """What construct reads; None for what it refuses, or what is not whole."""
    try:
        return HTTP1.frame.parse(data, from_upstream=direction)
    except ConstructError:
        return None


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES.keys())
def test_a_chunked_message_however_it_is_cut(body: bytes) -> None:
    data = request(b"POST / HTTP/1.1", b"Transfer-Encoding: chunked") + body
    found = scanned(data + b"GET / HTTP/1.1\r\n")
    assert (found.size, found.kind, found.body_at) == (len(data), Kind.REQUEST, len(data) - len(body))
    assert parsed(data).body == body
    for cut in range(len(data)):
        assert isinstance(scanned(data[:cut]), NeedMore)


def test_a_counted_message_says_how_many_bytes_it_needs() -> None:
    data = request(b"POST / HTTP/1.1", b"Content-Length: 5") + b"hello"
    assert scanned(data).size == len(data)
    assert scanned(data[:-3]).total == len(data)
    assert parsed(data).body == b"hello"
    assert scanned(request(b"POST / HTTP/1.1", b"Content-Length: 16777216")) is None, "over the limit"


@pytest.mark.parametrize("body", WRONG_BODIES.values(), ids=WRONG_BODIES.keys())
def test_bodies_that_are_malformed(body: bytes) -> None:
    data = request(b"POST / HTTP/1.1", b"Transfer-Encoding: chunked") + body
    assert scanned(data) is None
    assert parsed(data) is None


@pytest.mark.parametrize(
    ("body", "size", "limit"),
    [
        (lambda size: b"5;" + b"a" * size + b"\r\nhello\r\n0\r\n\r\n", "of one chunk's extensions", 1024),
        (lambda size: b"0\r\na: " + b"b" * (size - 7) + b"\r\n\r\n", "of all trailers, the empty line too", 8192),
    ],
    ids=["extensions", "trailers"],
)
def test_the_bytes_of_a_chunked_body_that_are_bounded(body: Any, size: str, limit: int) -> None:
    head = request(b"POST / HTTP/1.1", b"Transfer-Encoding: chunked")
    at, above = head + body(limit), head + body(limit + 1)
    assert scanned(at).size == len(at)
    assert parsed(at).body == body(limit)
    assert scanned(above) is None
    assert parsed(above) is None


@pytest.mark.parametrize("fields", SMUGGLED.values(), ids=SMUGGLED.keys())
def test_what_the_reader_refuses_the_reference_refuses_too(fields: tuple[bytes, ...]) -> None:
    assert parsed(request(b"POST / HTTP/1.1", *fields)) is None


@pytest.mark.parametrize("line", LINES.values(), ids=LINES.keys())
def test_first_lines(line: bytes) -> None:
    assert scanned(request(line)) is parsed(request(line)) is None


def same(data: bytes, direction: int) -> None:
    """The reader and the reference agree: both refuse it, or both find the same facts, target and fields."""
    fast = http1.read_bytes(data, bool(direction))
    if fast is None:
        return
    size = fast.size if isinstance(fast, http1.Head) else len(data)
    slow = parsed_head(data[:size], direction)
    if isinstance(fast, str):
        assert slow is None, (fast, slow)
        return
    assert slow is not None, fast
    assert (slow.fields, slow.target) == (list(fast.fields), fast.target)
    facts = (slow.form, slow.length, slow.minor, slow.closes, slow.upgrades, slow.awaits, slow.status)
    assert facts == (FORMS.index(fast.form), fast.length, fast.minor, fast.closes, fast.upgrades, fast.awaits, fast.status)


def parsed_head(data: bytes, direction: int) -> Any:
    try:
        return HTTP1.frame.head.parse(data, from_upstream=direction)
    except ConstructError:
        return None


@settings(max_examples=800, deadline=None)
@given(heads())
def test_requests_beside_the_reference(data: bytes) -> None:
    same(data, 0)


@settings(max_examples=500, deadline=None)
@given(st.lists(PIECES, max_size=5), st.sampled_from([b"HTTP/1.1 200 OK\r\n", b"HTTP/1.0 404 x\r\n", b"HTTP/1.1 204\r\n", b""]))
def test_responses_beside_the_reference(lines: list[bytes], first: bytes) -> None:
    same(first + b"".join(lines) + b"\r\n", 1)


def test_every_fact_is_where_the_layout_says() -> None:
    """Each bit-field of the packed number, by frames that differ in it."""
    assert [name for name, _ in FACTS] == ["form", "method", "minor", "closes", "upgrades", "awaits", "status", "web"]
    text = str(CODEC.lowered.verify)
    for name, width in FACTS:
        assert f"& {(1 << width) - 1:#x}" in next(line for line in text.splitlines() if line.endswith(f" head.{name}"))


def test_keys() -> None:
    data = request(b"GET /a?b=c HTTP/1.1", b"X-User: me", b"Accept: x", b"accept: y", host=b"Host: h:80")
    lookup = CODEC.lookup(("http_method", "path", "query.b", "host", "x-user", "Accept", "missing"))
    assert lookup.find_bytes(data) == (b"GET", b"/a", b"c", b"h", b"me", b"x,y", None)


@pytest.mark.parametrize("fault", list(Fault))
def test_replies_are_whole_responses(fault: Fault) -> None:
    frame = CODEC.reply(fault, 0, 0, 0)
    found = CODEC.scan_bytes(frame, 1)
    assert (found.size, found.kind) == (len(frame), Kind.RESPONSE)
    statuses = {1: 404, 2: 503, 3: 503, 4: 503, 5: 504, 6: 502, 7: 400, 8: 421, 9: 500}
    assert http1.read_bytes(frame, True).status == statuses[fault]
    assert frame.split(b"\r\n\r\n")[1].startswith(b"xproto: ")


def test_a_response_until_the_connection_closes_has_no_end() -> None:
    assert isinstance(scanned(response(b"HTTP/1.1 200 OK") + b"hello", 1), NeedMore)


def test_frames_without_an_id_need_an_order() -> None:
    from dataclasses import replace

    from xproto.spec import Order, Pool

    for wrong in (replace(HTTP1, order=Order.BY_ID), replace(HTTP1, pool=Pool.MULTIPLEXED)):
        with pytest.raises(SpecError, match="without an id"):
            register(wrong)
