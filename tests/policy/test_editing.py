"""Headers edited as bytes: what may not be done, and what comes out where it may."""

from __future__ import annotations

import pytest

from proxy.filters.editing import FRAMING, edited, field, head_status
from proxy.filters.interface import Reply
from proxy.filters.replies import written
from tests.datapath import frames
from tests.datapath.world import REGISTRY
from xproto.spec import Fault

HTTP = REGISTRY["http1"].codec
BOLT = REGISTRY["bolt"].codec
HEAD = b"GET / HTTP/1.1\r\nHost: h\r\nX-A: 1\r\nx-a: 2\r\n\r\n"


@pytest.mark.parametrize(
    ("operation", "name", "value", "expected"),
    [
        ("set", "x-a", "3", b"Host: h\r\nx-a: 3"),
        ("append", "x-a", "3", b"Host: h\r\nX-A: 1\r\nx-a: 2\r\nx-a: 3"),
        ("remove", "X-A", "", b"Host: h"),
        ("set", "b", " \tspace ", b"Host: h\r\nX-A: 1\r\nx-a: 2\r\nb: space"),
    ],
)
def test_heads(operation: str, name: str, value: str, expected: bytes) -> None:
    made = edited(HTTP, HEAD, operation, name, value)
    assert made == b"GET / HTTP/1.1\r\n" + expected + b"\r\n\r\n"


@pytest.mark.parametrize("name", [*sorted(FRAMING), "Content-Length", "a b", "a:", "", "a\r\nb", "\u00e4"])
def test_names_that_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="field"):
        edited(HTTP, HEAD, "set", name, "1")


@pytest.mark.parametrize("value", ["a\r\nb: c", "a\nb", "a\0b"])
def test_values_that_are_refused(value: str) -> None:
    with pytest.raises(ValueError, match=r"^the value of 'x' has an end of a line in it$"):
        edited(HTTP, HEAD, "append", "x", value)


def test_fields_of_answers() -> None:
    head = b"HTTP/1.1 404 Not Found\r\nX-A: 1\r\nx-a:2\r\n\r\n"
    assert (head_status(head), field(HTTP, head, "X-a"), field(HTTP, head, "b")) == (404, "1,2", None)
    assert field(BOLT, frames.response(1), "a") is None


def test_pairs_of_bolt() -> None:
    frame = edited(BOLT, frames.request(7), "set", "env", "gray")
    assert BOLT.lookup(("service", "env")).find_bytes(frame) == (frames.SERVICE.encode(), b"gray")
    assert frames.id_of(frame) == 7
    assert BOLT.lookup(("env",)).find_bytes(edited(BOLT, frame, "remove", "env", "")) == (None,)
    assert BOLT.lookup(("env",)).find_bytes(edited(BOLT, frame, "append", "env", "b")) == (b"gray,b",)


def test_attachments_of_dubbo() -> None:
    dubbo = REGISTRY["dubbo"].codec
    frame = edited(dubbo, frames.dubbo_request(1), "set", "env", "gray")
    assert dubbo.lookup(("env",)).find_bytes(frame) == (b"gray",)


def test_protocols_without_headers_say_so() -> None:
    with pytest.raises(NotImplementedError, match="thrift: headers of requests cannot be edited"):
        edited(REGISTRY["thrift"].codec, b"", "set", "a", "b")
    with pytest.raises(NotImplementedError, match="thrift: headers of answers cannot be edited"):
        field(REGISTRY["thrift"].codec, b"", "a")


def test_answers_with_a_text_of_their_own() -> None:
    made = written(HTTP.reply(Fault.OVERLOAD, 0, 0, 0), Reply(Fault.OVERLOAD, 429, text="slow"))
    assert made.startswith(b"HTTP/1.1 429 Too Many Requests\r\n")
    assert made.endswith(b"\r\n\r\nslow\n")
    assert b"Content-Length: 5\r\n" in made


@pytest.mark.parametrize(
    "wrong",
    [{"fault": 99}, {"http_status": 99}, {"http_status": "200"}, {"grpc_status": 0}, {"text": "\udc80"}],
)
def test_answers_that_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        Reply(**wrong)
