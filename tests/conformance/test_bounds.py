"""Wire primitives at the bounds that their formats have: one less, at the bound, one more; all readers say the same.

Each case gives the bytes for a number; the greatest that is good stands beside it.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from conformance.checks import agreement as checks
from conformance.outcome import Complete, Outcome
from conformance.subject import Subject
from tests.conformance.subjects import KEYS, subject
from xproto.wire.jce import head, integer_field, text_field
from xproto.wire.theader import varint

LONG = 4096
"""Bytes from which on a frame is not cut at every place."""
STRICT = b"\x80\x01\x00\x01\0\0\0\1m\0\0\0\7"
COMPACT = b"\x82\x21\x07\x01m"


def unframed(struct: bytes) -> bytes:
    return STRICT + struct


def compact(struct: bytes) -> bytes:
    return COMPACT + struct


def call(rest: bytes) -> bytes:
    """A call of Tars with these fields behind the last one that it must have."""
    body = integer_field(1, 1) + b"".join(integer_field(tag, 0) for tag in (2, 3, 4))
    body += text_field(5, b"s") + text_field(6, b"f") + head(7, 13) + head(0, 0) + integer_field(0, 0) + integer_field(8, 0)
    return (4 + len(body) + len(rest)).to_bytes(4, "big") + body + rest


def request(*fields: bytes, line: bytes = b"GET / HTTP/1.1") -> bytes:
    return b"".join(each + b"\r\n" for each in (line, b"Host: a", *fields, b""))


def chunked(body: bytes) -> bytes:
    return request(b"Transfer-Encoding: chunked") + body


def twitter(header: bytes) -> bytes:
    return (len(header) + len(STRICT) + 1).to_bytes(4, "big") + header + STRICT + b"\0"


Bytes = Callable[[int], bytes]
BOUNDS: dict[str, tuple[str, Bytes, int]] = {
    "structs in structs": ("thrift-unframed", lambda n: unframed(b"\x0c\0\1" * (n - 1) + b"\0" * n), 64),
    "compact structs": ("thrift-unframed-compact", lambda n: compact(b"\x1c" * (n - 1) + b"\0" * n), 64),
    "lists in lists": (
        "thrift-unframed", lambda n: unframed(b"\x0f\0\1" + b"\x0f\0\0\0\1" * (n - 1) + b"\2\0\0\0\1\1" + b"\0"), 64
    ),
    "lists of lists of nothing": (
        "thrift-unframed", lambda n: unframed(b"\x0f\0\1" + b"\x0f\0\0\0\1" * (n - 1) + b"\x0c\0\0\0\0" + b"\0"), 64
    ),
    "compact lists in lists": (
        "thrift-unframed-compact", lambda n: compact(b"\x19" + b"\x19" * (n - 1) + b"\x13\1" + b"\0"), 64
    ),
    "maps in maps": (
        "thrift-unframed",
        lambda n: unframed(b"\x0d\0\1" + b"\2\x0d\0\0\0\1\1" * (n - 1) + b"\2\2\0\0\0\1\1\1" + b"\0"), 63,
    ),
    "bytes of a compact 16-bit integer": (
        "thrift-unframed-compact", lambda n: compact(b"\x14" + b"\x80" * (n - 1) + b"\1\0"), 5
    ),
    "bytes of a compact 64-bit integer": (
        "thrift-unframed-compact", lambda n: compact(b"\x16" + b"\x80" * (n - 1) + b"\1\0"), 10
    ),
    "bytes of a compact field's number": (
        "thrift-unframed-compact", lambda n: compact(b"\1" + b"\x80" * (n - 1) + b"\1\0"), 3
    ),
    "bytes of a compact length": (
        "thrift-unframed-compact", lambda n: compact(b"\x18" + b"\x80" * (n - 1) + b"\0\0"), 5
    ),
    "bytes of a compact id": ("thrift-unframed-compact", lambda n: b"\x82\x21" + b"\x80" * (n - 1) + b"\1\1m\0", 5),
    "structs in a header": ("thrift-twitter", lambda n: twitter(b"\x0c\0\1" * (n - 1) + b"\0" * n), 64),
    "structs of jce": ("tars", lambda n: call(b"\xba" * n + b"\x0b" * n), 64),
    "lists of jce": ("tars", lambda n: call(b"\xb9\0\1" + b"\x09\0\1" * (n - 1) + b"\x0c"), 64),
    "a list's claim": ("tars", lambda n: call(head(11, 9) + integer_field(0, n) + b"\x0c\x0c\x0c"), 3),
    "the version of Tars": ("tars", lambda n: call(b"")[:4] + integer_field(1, n) + call(b"")[6:], 5),
    "fields of a head": ("http1", lambda n: request(*[b"a: b"] * (n - 1)), 128),
    "bytes of a method": ("http1", lambda n: request(line=b"A" * n + b" / HTTP/1.1"), 32),
    "bytes of a head": ("http1", lambda n: request(b"a: " + b"b" * (n - len(request(b"a: ")))), 65_536),
    "digits of a length": ("http1", lambda n: request(b"Content-Length: " + b"0" * n), 18),
    "digits of a port": ("http1", lambda n: request(line=b"GET http://a:" + b"1" * n + b"/ HTTP/1.1"), 5),
    "digits of a chunk's size": ("http1", lambda n: chunked(b"0" * n + b"\r\n\r\n"), 15),
    "a chunk's extensions": ("http1", lambda n: chunked(b"0;" + b"a" * n + b"\r\n\r\n"), 1024),
    "trailers": ("http1", lambda n: chunked(b"0\r\na:" + b"b" * (n - 6) + b"\r\n\r\n"), 8192),
    "info blocks": (
        "thrift-header",
        lambda n: _theader(b"\0\0" + bytes((n,)) + b"\0" + bytes(4)), 2,
    ),
    "pairs of a block": ("thrift-header", lambda n: _theader(b"\0\0\1" + varint(n) + b"\0" * 4), 2),
}  # fmt: skip


JCE_VALUES = [b"\0", bytes(2), bytes(4), bytes(8), bytes(4), bytes(8), b"\0", bytes(4), b"\x0c", b"\x0c", b"\x0b"]
JCE_VALUES += [b"", b"", b"\0\x0c", b"", b""]
"""A value of each type, the shortest."""
TYPES: dict[str, tuple[Bytes, set[int]]] = {
    "thrift-unframed": (lambda n: unframed(bytes((n, 0, 1)) + bytes(17)), {0, 2, 3, 4, 6, 8, *range(10, 17)}),
    "thrift-unframed-compact": (lambda n: compact(bytes((0x10 | n,)) + bytes(17)), set(range(1, 14))),
    "tars": (lambda n: call(bytes((0xB0 | n,)) + JCE_VALUES[n]), {*range(11), 12, 13}),
}


def _theader(header: bytes) -> bytes:
    body = b"\x0f\xff\0\0\0\0\0\7" + (len(header) // 4).to_bytes(2, "big") + header + STRICT + b"\0"
    return len(body).to_bytes(4, "big") + body


@pytest.mark.parametrize("case", BOUNDS)
def test_bounds(case) -> None:
    name, made, most = BOUNDS[case]
    for number in (most - 1, most, most + 1):
        data = made(number)
        found = checks.check_all(subject(name), data, KEYS) if len(data) < LONG else _read_once(subject(name), data)
        assert (found == Complete(len(data))) is (number <= most), (number, found, data[:200].hex())
        for size in {len(data) // 3, len(data) // 2, len(data) - 1}:
            _read_once(subject(name), data[:size])


def _read_once(found: Subject, data: bytes) -> Outcome:
    """All readers, on bytes that came at once."""
    checks.check_scan(found, data)
    checks.check_lookup(found, data, KEYS)
    checks.check_interpreter(found, data)
    return checks.check_verify(found, data)


@pytest.mark.parametrize("name", TYPES)
def test_the_types_that_a_field_may_have(name) -> None:
    made, good = TYPES[name]
    outcomes = {number: checks.check_all(subject(name), made(number), KEYS) for number in range(256 if good & {16} else 16)}
    assert {number for number, outcome in outcomes.items() if isinstance(outcome, Complete)} == good
