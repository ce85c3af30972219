"""What routes see of a request."""

from __future__ import annotations

import pytest

from tests.http1.test_heads import request
from xproto.codecs.http1 import HTTP1
from xproto.errors import MalformedError
from xproto.registry import register

CODEC = register(HTTP1).codec
PLAIN = ("http_method", "path", "query", "host")


def seen(data: bytes, *keys: str) -> list[bytes | None]:
    return list(CODEC.lookup(keys).find_bytes(data))


@pytest.mark.parametrize(
    ("target", "host", "path", "query"),
    [
        (b"/", b"a", b"/", None),
        (b"/a/b?c=d&e", b"a", b"/a/b", b"c=d&e"),
        (b"/?", b"a", b"/", b""),
        (b"/a?b?c/d", b"a", b"/a", b"b?c/d"),
        (b"//b/c", b"a", b"//b/c", None),
        (b"http://b:80/c?d", b"b", b"/c", b"d"),
        (b"http://b", b"b", b"/", None),
        (b"http://b?c", b"b", b"/", b"c"),
        (b"https://[::1]:443/", b"[::1]", b"/", None),
        (b"http://Shop.TEST.:80/A", b"shop.test", b"/A", None),
        (b"/%61%7edm%49n/%2F%25/%6", b"a", b"/a~dmIn/%2F%25/%6", None),
        (b"/%g1%", b"a", b"/%g1%", None),
    ],
)
def test_targets(target: bytes, host: bytes, path: bytes, query: bytes | None) -> None:
    assert seen(request(b"PUT " + target + b" HTTP/1.1"), *PLAIN) == [b"PUT", path, query, host]


@pytest.mark.parametrize(
    ("said", "host"),
    [
        (b"a:8080", b"a"),
        (b"a", b"a"),
        (b"[::1]:80", b"[::1]"),
        (b"[::1]", b"[::1]"),
        (b"1.2.3.4", b"1.2.3.4"),
        (b"", b""),
        (b"A.b.:1", b"a.b"),
        (b".", b""),
    ],
)
def test_a_host_is_without_its_port(said: bytes, host: bytes) -> None:
    assert seen(request(host=b"Host: " + said), "host") == [host]


@pytest.mark.parametrize(
    ("target", "said", "authority"),
    [
        (b"/", b"a:8080", b"a:8080"),
        (b"/", b"a", b"a"),
        (b"/", b"a:", b"a"),
        (b"/", b"Shop.TEST:81", b"shop.test:81"),
        (b"/", b"shop.test.:81", b"shop.test:81"),
        (b"/", b"[::1]:80", b"[::1]:80"),
        (b"/", b"[::1]", b"[::1]"),
        (b"/", b"", b""),
        (b"http://b:80/", b"a", b"b:80"),
        (b"http://b", b"a:1", b"b"),
    ],
)
def test_an_authority_has_its_port(target: bytes, said: bytes, authority: bytes) -> None:
    data = request(b"GET " + target + b" HTTP/1.1", host=b"Host: " + said)
    assert seen(data, ":authority", "host", ":host") == [authority, *seen(data, "host", "host")]


def test_no_field_poses_behind_a_colon() -> None:
    data = request(b"GET /p?a=1 HTTP/1.1", b"authority: x", b"Path: y")
    assert seen(data, "authority", ":authority", ":path", ":query.a", ":http_method") == [b"x", b"a", b"/p", b"1", b"GET"]
    assert seen(data, ":accept", ":x") == [None, None]


def test_connect_and_options() -> None:
    assert seen(request(b"CONNECT b:443 HTTP/1.1"), "host", "http_method") == [b"b", b"CONNECT"]
    assert seen(request(b"OPTIONS * HTTP/1.1"), "path", "host") == [b"*", b"a"]


def test_parameters() -> None:
    data = request(b"GET /?a=1&b&a=2&c=&%61=3&=4&d=x=y HTTP/1.1")
    keys = ("query.a", "query.b", "query.c", "query.d", "query.", "query.e", "query.%61", "query.A")
    assert seen(data, *keys) == [b"1", b"", b"", b"x=y", b"4", None, b"3", None]
    assert seen(request(), "query.a") == [None]


def test_cookies() -> None:
    data = request(b"GET / HTTP/1.1", b"cookie: a=1; b=x=y;c;d= 4 ;\te=5", b"Cookie: a=2; f=6 ;; =7", b"X: a=9")
    keys = [f"cookie.{name}" for name in ("a", "b", "c", "d", "e", "f", "", "g", "A", "1")]
    assert seen(data, *keys) == [b"1", b"x=y", None, b" 4", b"5", b"6", b"7", None, None, None]
    assert seen(request(), "cookie.a", "cookie.") == [None, None]
    assert seen(data, "cookie") == [b"a=1; b=x=y;c;d= 4 ;\te=5,a=2; f=6 ;; =7"]


def test_fields_in_whatever_case_and_joined() -> None:
    data = request(b"GET / HTTP/1.1", b"X-User: a", b"accept: x", b"ACCEPT: y", b"Accept:", b"Empty:")
    assert seen(data, "x-user", "X-USER", "Accept", "empty", "missing", "user") == [b"a", b"a", b"x,y,", b"", None, None]


def test_joined_ones_that_are_too_long_are_not_cut() -> None:
    assert seen(request(b"GET / HTTP/1.1", b"A: " + b"x" * 9000), "a") == [b"x" * 9000]
    with pytest.raises(MalformedError):
        seen(request(b"GET / HTTP/1.1", b"A: " + b"x" * 4095, b"A: y"), "a")


def test_what_is_no_head_has_no_keys() -> None:
    for data in (b"", b"GET / HTTP/1.1\r\n", request(host=b"")):
        with pytest.raises(MalformedError):
            seen(data, "path")
