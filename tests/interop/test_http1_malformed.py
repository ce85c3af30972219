"""Requests that could be read in two ways: each is refused, and what follows it on its connection is not read."""

from __future__ import annotations

import pytest
from harness.web import Web
from harness.wire_http import Wire, is_served

GET = "GET /echo HTTP/1.1\r\nHost: 127.0.0.1\r\n"
POST = "POST /echo HTTP/1.1\r\nHost: 127.0.0.1\r\n"
MALFORMED = {
    "no host": "GET /echo HTTP/1.1\r\n\r\n",
    "two hosts": f"{GET}Host: b\r\n\r\n",
    "bare LF": "GET /echo HTTP/1.1\nHost: 127.0.0.1\n\n",
    "space before a colon": f"{GET}A : b\r\n\r\n",
    "folded": f"{GET}A: b\r\n c\r\n\r\n",
    "NUL": f"{GET}A: b\0c\r\n\r\n",
    "space in the target": "GET /echo /b HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    "length and chunked": f"{POST}Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "two lengths": f"{POST}Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
    "no number": f"{POST}Content-Length: +3\r\n\r\nabc",
    "another coding": f"{POST}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "chunked in HTTP/1.0": "POST /echo HTTP/1.0\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
}
BAD_CHUNKS = {
    "bare LF": b"3\nabc\r\n0\r\n\r\n",
    "too short": b"3\r\nabcd\r\n0\r\n\r\n",
    "no end": b"3\r\nabc0\r\n\r\n",
    "prefix": b"0x3\r\nabc\r\n0\r\n\r\n",
    "sign": b"-3\r\nabc\r\n0\r\n\r\n",
    "overflow": b"fffffffffffffffff\r\nabc\r\n0\r\n\r\n",
    "extension with LF": b"3;a\nb\r\nabc\r\n0\r\n\r\n",
}


@pytest.mark.parametrize("case", list(MALFORMED))
def test_a_malformed_request(web: Web, case: str) -> None:
    """400, and the connection ends: what follows on it cannot be told apart."""
    with Wire(web.at("proxy")) as wire:
        wire.send(MALFORMED[case].encode())
        answer = wire.answer()
        assert answer.status in ((400, 501) if case == "another coding" else (400,))
        assert answer.get("connection").lower() == "close"
        assert wire.is_closed()


@pytest.mark.parametrize("case", list(BAD_CHUNKS))
def test_a_malformed_chunk(web: Web, case: str) -> None:
    """Its request is on its way already: that ends, too, and what follows is no request."""
    with Wire(web.at("proxy")) as wire:
        wire.begin("/echo", "chunked", 0)
        wire.send(BAD_CHUNKS[case] + f"{GET}\r\n".encode())
        assert wire.answer().status == 400
        assert wire.is_closed()


def test_a_request_behind_a_malformed_one_is_not_served(web: Web) -> None:
    """What was asked before is answered first."""
    with Wire(web.at("proxy")) as wire:
        wire.send(f"{GET}\r\n{GET}A : b\r\n\r\nGET /hang?name=smuggled HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
        assert [wire.answer().status, wire.answer().status] == [200, 400]
        assert wire.is_closed()
    is_served(web.at("proxy"), 1)
    assert web.node.ok("count", name="begun smuggled")["count"] == 0
