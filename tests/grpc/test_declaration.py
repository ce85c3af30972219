"""What the declaration of gRPC says: keys, timeouts, and what the proxy answers itself."""

from __future__ import annotations

from urllib.parse import unquote_to_bytes

import pytest

from conformance.judges.http1_texts import text_of
from xproto.codecs.grpc import GRPC, escaped
from xproto.codecs.http2 import HTTP2
from xproto.kernel.http1_forward import forwarded_bytes
from xproto.registry import register
from xproto.spec import Fault, Kind

CODEC = register(GRPC).codec


def request(path: str, *fields: str) -> bytes:
    lines = (f"POST {path} HTTP/1.1", "host: a", "content-type: application/grpc", *fields, "content-length: 0", "", "")
    return "\r\n".join(lines).encode()


def seen(data: bytes, *keys: str) -> list[bytes | None]:
    return list(CODEC.lookup(keys).find_bytes(data))


@pytest.mark.parametrize(
    ("path", "service", "method"),
    [
        ("/com.test.Echo/Say", b"com.test.Echo", b"Say"),
        ("/com.test.Echo/Say?q=/x/y", b"com.test.Echo", b"Say"),
        ("/a/b/c", b"a/b", b"c"),
        ("/com.test.%45cho/%53ay", b"com.test.Echo", b"Say"),
        ("//a", None, None),
        ("/a/", None, None),
        ("/a", None, None),
        ("/", None, None),
        ("http://b/a/c", b"a", b"c"),
    ],
)
def test_the_path_says_what_is_called(path: str, service: bytes | None, method: bytes | None) -> None:
    data = request(path, "service: wrong", "method: wrong")
    assert seen(data, "service", "method") == [service, method]
    head = GRPC.frame.parse(data, from_upstream=0).head
    assert [text_of(head, key) for key in (b"path:service", b"path:method")] == [service, method]


def test_the_path_is_unescaped_once_however_many_keys_ask_for_it() -> None:
    assert seen(request("/a.%%361/b"), "path", "service", "method", "path") == [b"/a.%61/b", b"a.%61", b"b", b"/a.%61/b"]


def test_keys_of_triple_have_the_names_of_dubbo() -> None:
    keys = ("version", "group", "tri-service-version")
    own = ("tri-service-version: 2.0", "tri-service-group: blue")
    assert seen(request("/a/b", *own, "version: 1.0", "group: red"), *keys) == [b"2.0", b"blue", b"2.0"]
    assert seen(request("/a/b", "version: 1.0"), *keys) == [b"1.0", None, None]


STATUSES = {
    Fault.NO_ROUTE: b"12", Fault.NO_HOST: b"14", Fault.CONNECT: b"14", Fault.OVERLOAD: b"8", Fault.TIMEOUT: b"4",
    Fault.CLOSED: b"14", Fault.MALFORMED: b"13", Fault.MISDIRECTED: b"14", Fault.FILTER: b"13",
}  # fmt: skip


@pytest.mark.parametrize("fault", Fault)
def test_local_replies_are_heads(fault: Fault) -> None:
    reply = CODEC.reply(fault, 0, CODEC.scan_bytes(request("/a/b")).echo, 0)
    assert CODEC.scan_bytes(reply, 1)[:2] == (len(reply), Kind.RESPONSE)
    line, *lines = reply.decode().split("\r\n")
    assert line == "HTTP/1.1 200 OK"
    fields = dict(each.split(": ", 1) for each in lines if each)
    assert (fields["content-type"], fields["grpc-status"].encode()) == ("application/grpc", STATUSES[fault])
    assert fields["grpc-message"].startswith("xproto: ")


@pytest.mark.parametrize("text", ["plain", "100 %", "\u00e9\r\n", "\x7f~ "])
def test_messages_are_escaped(text: str) -> None:
    said = escaped(text)
    assert all(0x20 <= byte < 0x7F for byte in said)
    assert unquote_to_bytes(said) == text.encode()
    assert b"\n" not in said


def test_http2_has_what_is_not_grpc() -> None:
    first, second = HTTP2.carries
    assert (first.name, first.media) == ("http2", b"")
    assert (second, second.media) == (GRPC, b"application/grpc")


@pytest.mark.parametrize(
    ("milliseconds", "text"),
    [
        (1, b"00000001m"),
        (99_999_999, b"99999999m"),
        (100_000_000, b"00100000S"),
        (100_000_001, b"00100001S"),
        (10**12, b"00277778H"),
        (10**17, b"99999999H"),
    ],
)
def test_how_a_timeout_is_written(milliseconds: int, text: bytes) -> None:
    data = request("/a/b", "grpc-timeout: 5S", "x: y", "Grpc-Timeout: 7S")
    assert forwarded_bytes(data, timeout=milliseconds).endswith(b"\r\ngrpc-timeout: " + text + b"\r\n\r\n")
    assert forwarded_bytes(data, timeout=milliseconds).lower().count(b"grpc-timeout") == 1
    assert forwarded_bytes(data, timeout=5, renewed=milliseconds) == forwarded_bytes(data, timeout=milliseconds)


def test_what_was_not_written_here_is_not_renewed() -> None:
    data = request("/a/b", "grpc-timeout: 5S")
    assert forwarded_bytes(data, renewed=7) == forwarded_bytes(data)
    assert b"grpc-timeout: 5S\r\n" in forwarded_bytes(data)
