"""Heads on their way to the next hop: what goes on, what does not, and what this hop says."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.http1.test_heads import heads, read, request, response
from xproto.kernel import http1
from xproto.kernel.http1_forward import forwarded_bytes


def lines(data: bytes) -> list[bytes]:
    assert data.endswith(b"\r\n\r\n")
    return data[:-4].split(b"\r\n")


def forwarded(*fields: bytes, line: bytes = b"GET / HTTP/1.1", host: bytes = b"Host: a", **how: object) -> list[bytes]:
    """The lines behind the first two, which are the request line and the host."""
    first, second, *others = lines(forwarded_bytes(request(line, *fields, host=host), **how))
    assert first.endswith(b" HTTP/1.1")
    assert second.startswith(b"Host: ")
    return others


def test_what_is_for_the_end_goes_on_as_it_came() -> None:
    fields = (b"Accept: */*", b"Cookie: a=b; c", b"X-Empty: ", b"Content-Length: 5", b"Expect: 100-continue", b"Trailer: x")
    assert forwarded(*fields) == list(fields)
    assert forwarded(b"Transfer-Encoding: chunked") == [b"Transfer-Encoding: chunked"]


def test_what_is_for_this_hop_does_not() -> None:
    said = (b"Connection: keep-alive, X-Hop, upgrade", b"Keep-Alive: timeout=5", b"Proxy-Connection: close", b"TE: trailers",
            b"x-hop: 1", b"Upgrade: h2c", b"HTTP2-Settings: AAA", b"X-End: 2")  # fmt: skip
    assert forwarded(*said) == [b"HTTP2-Settings: AAA", b"X-End: 2"]


@pytest.mark.parametrize(
    ("target", "goes_on", "host"),
    [
        (b"/a?b", b"/a?b", b"a"),
        (b"http://b/c?d", b"/c?d", b"b"),
        (b"http://b", b"/", b"b"),
        (b"https://b:8443?x", b"/?x", b"b:8443"),
        (b"HTTP://[::1]:80/", b"/", b"[::1]:80"),
    ],
)
def test_a_target_with_an_authority_says_the_host(target: bytes, goes_on: bytes, host: bytes) -> None:
    """RFC 9112, 3.2.2: whatever the field Host says."""
    first, second = lines(forwarded_bytes(request(b"GET " + target + b" HTTP/1.1")))
    assert (first, second) == (b"GET " + goes_on + b" HTTP/1.1", b"Host: " + host)


def test_options_of_a_whole_host() -> None:
    assert lines(forwarded_bytes(request(b"OPTIONS http://b HTTP/1.1")))[0] == b"OPTIONS * HTTP/1.1"
    assert lines(forwarded_bytes(request(b"OPTIONS * HTTP/1.1")))[0] == b"OPTIONS * HTTP/1.1"


def test_version_one_point_zero_goes_on_as_one_point_one() -> None:
    assert lines(forwarded_bytes(request(b"GET / HTTP/1.0", host=b""))) == [b"GET / HTTP/1.1", b"Host: "]


def test_who_the_client_is() -> None:
    ours = {"client": b"10.0.0.1", "proto": b"http", "request_id": b"new"}
    said = (
        b"X-Forwarded-For: 1.1.1.1, 2.2.2.2", b"x-forwarded-for: 3.3.3.3", b"X-Forwarded-Proto: https", b"X-Request-ID: old"
    )  # fmt: skip
    plain = [b"X-Forwarded-For: 10.0.0.1", b"X-Forwarded-Proto: http", b"X-Request-Id: new"]
    assert forwarded(**ours) == plain
    assert forwarded(*said, **ours) == plain, "who is not believed says nothing of itself"
    assert forwarded(*said, **ours, believes=True) == [
        b"X-Forwarded-For: 1.1.1.1, 2.2.2.2, 3.3.3.3, 10.0.0.1", b"X-Forwarded-Proto: https", b"X-Request-ID: old"
    ]  # fmt: skip
    assert forwarded(*said) == []
    assert forwarded(*said, b"Connection: x-forwarded-for, x-request-id", **ours, believes=True) == [
        b"X-Forwarded-For: 10.0.0.1", b"X-Forwarded-Proto: https", b"X-Request-Id: new"
    ]  # fmt: skip


def test_via() -> None:
    assert forwarded(b"Via: 1.0 fred", b"via: 1.1 p") == [b"Via: 1.0 fred, 1.1 p"]
    assert forwarded(b"Via: 1.0 fred", via=b"mesh") == [b"Via: 1.0 fred, 1.1 mesh"]
    assert forwarded(via=b"mesh") == [b"Via: 1.1 mesh"]
    answered = response(b"HTTP/1.1 200 OK", b"Via: 1.1 x")
    assert lines(forwarded_bytes(answered, response=True, via=b"m"))[1:] == [b"Via: 1.1 x, 1.1 m"]


def test_an_upgrade_goes_on_where_it_may() -> None:
    said = (b"Upgrade: websocket", b"Connection: Upgrade", b"Sec-WebSocket-Key: x")
    assert forwarded(*said) == [b"Sec-WebSocket-Key: x"]
    assert forwarded(*said, upgrades=True) == [b"Sec-WebSocket-Key: x", b"Upgrade: websocket", b"Connection: upgrade"]
    assert forwarded(b"Upgrade: websocket", upgrades=True) == [], "without Connection it asks for nothing"
    granted = response(b"HTTP/1.1 101 Switching Protocols", b"Upgrade: websocket", b"Connection: upgrade")
    assert lines(forwarded_bytes(granted, response=True, upgrades=True)) == [
        b"HTTP/1.1 101 Switching Protocols", b"Upgrade: websocket", b"Connection: upgrade"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("how", "last"), [({}, []), ({"closes": True}, [b"Connection: close"]), ({"old": True}, [b"Connection: keep-alive"])]
)
def test_responses(how: dict[str, bool], last: list[bytes]) -> None:
    said = response(b"HTTP/1.0 404 Not Found", b"Connection: close", b"Content-Length: 0", b"Set-Cookie: a", b"Set-Cookie: b")
    first, *fields = lines(forwarded_bytes(said, response=True, **how))
    assert first == b"HTTP/1.1 404 Not Found"
    assert fields == [b"Content-Length: 0", b"Set-Cookie: a", b"Set-Cookie: b", *last]


@settings(max_examples=400, deadline=None)
@given(heads(), st.booleans())
def test_what_goes_on_is_well_formed_and_of_the_same_framing(data: bytes, believes: bool) -> None:
    found = http1.read_bytes(data)
    if not isinstance(found, http1.Head):
        return
    ours = {"client": b"::1", "proto": b"https", "via": b"x", "request_id": b"y" * 36}
    again = read(forwarded_bytes(data, **ours, believes=believes, upgrades=True))
    assert (again.method, again.form, again.length, again.minor) == (found.method, found.form, found.length, 1)
    assert again.closes is False
    assert read(forwarded_bytes(forwarded_bytes(data))) == read(forwarded_bytes(data)), "once more changes nothing"
