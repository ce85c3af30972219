"""Chunked bodies: where they end however they are cut, and what is no chunk."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xproto.kernel import http1_body, http1_chunked

BODIES = {
    "one chunk": b"5\r\nhello\r\n0\r\n\r\n",
    "none": b"0\r\n\r\n",
    "several zeros": b"000\r\n\r\n",
    "letters of both cases": b"a\r\n0123456789\r\nA\r\n0123456789\r\n0\r\n\r\n",
    "leading zeros": b"0005\r\nhello\r\n0\r\n\r\n",
    "CRLF in the data": b"4\r\n\r\n\r\n\r\n0\r\n\r\n",
    "extensions": b'5;a;b=c;d="e f"\r\nhello\r\n0;last\r\n\r\n',
    "trailers": b"0\r\nX-A: b\r\nX-B:\r\n\r\n",
    "trailers that are nearly something else": b"0\r\nContent-Lengt: 1\r\nHosts: a\r\nXHost: b\r\n\r\n",
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES.keys())
def test_whole(body: bytes) -> None:
    assert http1_chunked.chunked_bytes([body + b"GET / HTTP/1.1\r\n"]) == (len(body), True)
    for cut in range(len(body)):
        assert http1_chunked.chunked_bytes([body[:cut]]) == (cut, False)
        assert http1_chunked.chunked_bytes([body[:cut], body[cut:]]) == (len(body), True)
    assert http1_chunked.chunked_bytes([body[at : at + 1] for at in range(len(body))]) == (len(body), True)


WRONG = {
    "a signed size": b"+5\r\nhello\r\n",
    "a negative size": b"-5\r\nhello\r\n",
    "0x": b"0x5\r\nhello\r\n",
    "an empty size": b"\r\nhello",
    "a space before the size": b" 5\r\nhello\r\n",
    "a space behind the size": b"5 \r\nhello\r\n",
    "a tab behind the size": b"5\t;a\r\nhello\r\n",
    "16 digits": b"0000000000000005\r\n",
    "a bare LF behind the size": b"5\nhello\r\n",
    "a bare LF in an extension (llhttp#877)": b"5;a\nhello\r\n",
    "a bare CR in an extension": b"5;a\rb\r\n",
    "a NUL in an extension": b"5;\0\r\n",
    "an extension of 1,025 bytes": b"5;" + b"a" * 1025 + b"\r\n",
    "data longer than said": b"5\r\nhello!\r\n",
    "data without its CRLF": b"5\r\nhello0\r\n\r\n",
    "a bare LF behind the data": b"5\r\nhello\n0\r\n\r\n",
    "a bare CR behind the data": b"5\r\nhello\r0\r\n\r\n",
    "a bare LF at the end": b"0\r\n\n",
    "a bare CR at the end": b"0\r\n\rX",
    "a trailer without a name": b"0\r\n: a\r\n\r\n",
    "a trailer with a space before its colon": b"0\r\na : b\r\n\r\n",
    "a folded trailer": b"0\r\na: b\r\n c\r\n\r\n",
    "a trailer with a bare LF": b"0\r\na: b\n\r\n",
    "a length among the trailers": b"0\r\nContent-Length: 5\r\n\r\n",
    "an encoding among the trailers, in whatever case": b"0\r\nX: y\r\ntRANSFER-eNCODING:chunked\r\n\r\n",
    "a host among the trailers": b"0\r\nHost: b\r\n\r\n",
    "trailers of more than 8 KiB": b"0\r\na: " + b"b" * 8192,
}


@pytest.mark.parametrize("body", WRONG.values(), ids=WRONG.keys())
def test_malformed(body: bytes) -> None:
    assert http1_chunked.chunked_bytes([body]) == (-1, False)
    assert http1_chunked.chunked_bytes([body[at : at + 1] for at in range(len(body))]) == (-1, False)


def test_sizes_up_to_what_fits() -> None:
    assert http1_chunked.chunked_bytes([b"fffffffffffffff\r\n", b"x" * 1000]) == (1017, False)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.binary(min_size=1, max_size=40), max_size=6), st.data())
def test_however_it_is_cut(chunks: list[bytes], data: st.DataObject) -> None:
    body = b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n\r\n"
    cuts = sorted(data.draw(st.lists(st.integers(0, len(body)), max_size=8)))
    pieces = [body[a:b] for a, b in zip([0, *cuts], [*cuts, len(body)], strict=True)]
    assert http1_chunked.chunked_bytes([*pieces, b"and more"]) == (len(body), True)


PARTS = [
    (b"5\r\nhello\r\n1;a=b\r\n!\r\n0\r\n\r\n", b"hello!", b"\r\n"),
    (b"0\r\n\r\n", b"", b"\r\n"),
    (b"4\r\n\r\n\r\n\r\n0;last\r\nX-A: b\r\nX-B:\r\n\r\n", b"\r\n\r\n", b"X-A: b\r\nX-B:\r\n\r\n"),
]


@pytest.mark.parametrize(("body", "data", "trailers"), PARTS)
def test_its_data_and_trailers(body: bytes, data: bytes, trailers: bytes) -> None:
    assert http1_body.parts_of([body + b"GET / HTTP/1.1\r\n"]) == (data, trailers, True)
    for cut in range(len(body)):
        assert http1_body.parts_of([body[:cut], body[cut:]]) == (data, trailers, True)
        found = http1_body.parts_of([body[:cut]])
        assert found is not None
        assert not found[2]
        assert data.startswith(found[0])
    assert http1_body.parts_of([body[at : at + 1] for at in range(len(body))]) == (data, trailers, True)


@pytest.mark.parametrize("body", WRONG.values(), ids=WRONG.keys())
def test_no_parts_of_what_is_wrong(body: bytes) -> None:
    assert http1_body.parts_of([body]) is None


def test_a_counted_body_is_all_data() -> None:
    assert http1_body.parts_of([b"hel", b"lo!"], 5) == (b"hello", b"", True)
    assert http1_body.parts_of([b"hel"], 5) == (b"hel", b"", False)
    assert http1_body.parts_of([b"GET"], 0) == (b"", b"", True)
