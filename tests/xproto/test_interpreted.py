"""What only construct can read: where it may stand, what it gives to routes, and that it never raises anything else."""

from __future__ import annotations

import json
import zlib
from typing import Any

import pytest
from construct import (
    Adapter,
    Array,
    Bytes,
    Compressed,
    FixedSized,
    Float16b,
    GreedyBytes,
    GreedyRange,
    If,
    IfThenElse,
    Int8ub,
    Int16ub,
    Int32ub,
    PascalString,
    Rebuild,
    Sequence,
    Struct,
    this,
)

from conformance.judges.interpreter import run
from conformance.outcome import Complete
from tests.xproto.small import LEAD, actual, codec, declare, expected, refusal
from xproto.errors import MalformedError
from xproto.explain import explain
from xproto.lower.interpreted import MAX_INTERPRETED
from xproto.registry import register
from xproto.spec import first, header
from xproto.wire import Bounded, Until


class Json(Adapter):
    """Raises whatever json does."""

    def _decode(self, obj: bytes, context: Any, path: str) -> Any:
        return json.loads(obj)

    def _encode(self, obj: Any, context: Any, path: str) -> bytes:
        return json.dumps(obj).encode()


class Raising(Adapter):
    """Raises what it is told to."""

    def _decode(self, obj: bytes, context: Any, path: str) -> Any:
        raise {1: RecursionError, 2: MemoryError, 3: KeyboardInterrupt, 4: SystemExit, 5: StopIteration}[obj[0]]


def section(con: Any, most: int = 200) -> tuple[Any, Any]:
    return "size" / Bounded(Int16ub, 0, most), "headers" / FixedSized(this.size, con)


def framed(data: bytes) -> bytes:
    return LEAD + len(data).to_bytes(2, "big") + data


JSON = codec(*section(Json(GreedyBytes)), headers=this.headers, service=header("service"))


@pytest.mark.parametrize(
    ("headers", "found"),
    [
        ({"service": "s", "n": 5}, (b"s", b"5", None)),
        ({"service": "\N{SNOWMAN}\ud800", "n": -1}, ("\N{SNOWMAN}".encode() + b"\xed\xa0\x80", b"-1", None)),
        ({"service": None, "n": True, "x": 1.5}, (None, None, None)),
        ({"service": ["s"], "n": {"a": 1}, "x": ""}, (None, None, b"")),
        ([["service", "first"], ["service", "last"], [7, "x"]], (b"last", None, None)),
        ({}, (None, None, None)),
        (None, (None, None, None)),
    ],
)
def test_texts_and_integers_are_found_by_their_keys(headers: Any, found: tuple[bytes | None, ...]) -> None:
    assert JSON.lookup(("service", "n", "x")).find_bytes(framed(json.dumps(headers).encode())) == found


@pytest.mark.parametrize("data", [b"", b"{", b"\xff", b"5", b'["abc"]', b'[["a"]]', b"[" * 199, b'{"service": 1e9', b"nul"])
def test_what_construct_cannot_read_is_malformed(data: bytes) -> None:
    with pytest.raises(MalformedError, match="headers"):
        JSON.lookup(("service",)).find_bytes(framed(data))


@pytest.mark.parametrize("which", [1, 2, 3, 4, 5])
def test_whatever_is_raised_is_malformed(which: int) -> None:
    under_test = codec(*section(Raising(GreedyBytes)), headers=this.headers, service=header("service"))
    frame = framed(bytes((which,)))
    with pytest.raises(MalformedError):
        under_test.lookup(("service",)).find_bytes(frame)
    with pytest.raises(MalformedError, match="Raising cannot read it"):
        under_test.verify_bytes(frame)
    assert under_test.scan_bytes(frame).size == len(frame), "the frame's end does not depend on it"


def test_verify_reads_it_too_and_scan_does_not() -> None:
    good, bad = framed(b'{"service": "s"}'), framed(b'{"service": s}')
    assert JSON.verify_bytes(good) == len(good)
    with pytest.raises(MalformedError):
        JSON.verify_bytes(bad)
    assert JSON.scan_bytes(bad).size == len(bad)
    assert JSON.lookup(("other",)).find_bytes(good) == (None,)


def test_a_text_that_does_not_fit_the_scratch_space_is_malformed() -> None:
    under_test = codec(*section(Compressed(GreedyBytes, "zlib")), service=this.headers)
    fits, over = (framed(zlib.compress(b"x" * size)) for size in (4096, 4097))
    assert under_test.lookup(("service",)).find_bytes(fits) == (b"x" * 4096,)
    with pytest.raises(MalformedError):
        under_test.lookup(("service",)).find_bytes(over)


def test_construct_gets_no_byte_of_what_is_around() -> None:
    pairs = GreedyRange(Sequence(PascalString(Int8ub, "utf8"), PascalString(Int8ub, "utf8")))
    under_test = codec(*section(pairs), "body" / Bytes(3), headers=this.headers, service=header("k"))
    frame = framed(b"\x01k\x01v\x01k") + b"\x01kz"
    assert under_test.lookup(("service",)).find_bytes(frame) == (b"v",)


def test_the_interpreter_in_python_agrees() -> None:
    lowered = JSON.lowered
    good = framed(b'{"service": "s", "n": 7}')
    plan = lowered.lookup(("service", "n", "x")).plan
    assert sorted(run(plan, good).slots.items()) == [(0, b"s"), (1, b"7")]
    for data in (good, framed(b"{"), good[:-1]):
        found = run(lowered.verify, data).outcome
        assert (found.size if isinstance(found, Complete) else None) == (len(data) if data is good else None)


def test_one_source_among_others() -> None:
    fields = (*section(Json(GreedyBytes)), "name" / Until(b"\n", 9))
    under_test = codec(*fields, headers=this.headers, service=first(header("service"), this.name))
    lookup = under_test.lookup(("service",))
    assert lookup.find_bytes(framed(b'{"service": "json"}') + b"line\n") == (b"json",)
    assert lookup.find_bytes(framed(b"{}") + b"line\n") == (b"line",)


def test_what_is_explained() -> None:
    told = explain(register(declare(*section(Json(GreedyBytes)), "y" / Array(2, Float16b), headers=this.headers)))
    assert told.endswith(
        "Interpreted by construct: headers: Json, y: Array\n"
        "  headers is read in the data path, for each call that is routed by its headers\n"
    )
    assert "headers                  interpreted" in told


def test_what_may_not_be_asked() -> None:
    alone = "let it depend on its own bytes alone, and be of one construct under every If"
    around = "headers is interpreted by construct, and cannot be read without the fields around it"
    counted = ("n" / Int8ub, "headers" / FixedSized(8, Array(this.n, Float16b)))
    assert refusal(*counted, headers=this.headers) == ("headers", around, alone)
    nested = ("n" / Int8ub, *section(GreedyRange(Struct("v" / PascalString(Int8ub, "utf8"), "w" / Bytes(this._.n)))))
    assert refusal(*nested, headers=this.headers) == ("headers", around, alone)
    rooted = ("n" / Int8ub, *section(GreedyRange(Struct("w" / Bytes(this._root.n)))))
    assert refusal(*rooted, headers=this.headers) == ("headers", around, alone)
    either = ("n" / Int8ub, "headers" / FixedSized(4, IfThenElse(this.n == 1, Json(GreedyBytes), Array(2, Float16b))))
    assert refusal(*either, headers=this.headers) == ("headers", around, alone)
    long = ("size" / Bounded(Int32ub, 0, MAX_INTERPRETED + 1), "headers" / FixedSized(this.size, Json(GreedyBytes)))
    assert refusal(*long, headers=this.headers) == (
        "headers",
        f"headers can be {MAX_INTERPRETED + 1} bytes, and construct would read it for each call",
        f"bound its length: Bounded(…, 0, {MAX_INTERPRETED})",
    )


def test_what_refers_to_its_own_fields_only() -> None:
    inner = GreedyRange(Struct("k" / PascalString(Int8ub, "utf8"), "n" / Rebuild(Int8ub, 0), "v" / Bytes(this.n)))
    optional = ("n" / Int8ub, "headers" / If(this.n == 1, FixedSized(8, inner)))
    assert register(declare(*optional, service=header("k"), headers=this.headers))


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"aab"])
@pytest.mark.parametrize("wrapped", [False, True])
def test_until_is_construct_s(end: bytes, wrapped: bool) -> None:
    until = Until(end, 4)
    fields = ("x" / (FixedSized(8, until) if wrapped else until), "after" / Int8ub)
    under_test, frame = codec(*fields), declare(*fields).frame
    texts = [b"", b"a", b"ab", b"aa", b"\r", b"abcd", b"abcde", b"aaaa", b"aaaaa", b"\r\r\r\r", b"abcdefgh", b"\n\r"]
    seen = set()
    for text in texts:
        for tail in (b"", end, end + b"\0\0\0\0\0\0\0\0", end[:1], end[:1] + end):
            data = LEAD + text + tail
            for size in range(len(data) + 1):
                seen.add(answer := expected(frame, data[:size]))
                assert actual(under_test, data[:size]) == answer, data[:size]
                found = run(under_test.lowered.verify, data[:size]).outcome
                assert (found.size if isinstance(found, Complete) else None) == (answer if isinstance(answer, int) else None)
    assert {"need", "bad"} < seen


def test_until_gives_a_text() -> None:
    under_test = codec("x" / Until(b" ", 5), service=this.x)
    assert under_test.lookup(("service",)).find_bytes(LEAD + b"abc ") == (b"abc",)
    assert under_test.lookup(("service",)).find_bytes(LEAD + b" ") == (b"",)


def test_until_is_built_so_that_it_is_read_back() -> None:
    line = Until(b"\r\n", 4)
    assert line.build(b"a\rb") == b"a\rb\r\n"
    for wrong in (b"abcde", b"a\r\n", b"abc\r\n"):
        with pytest.raises(Exception, match="is over 4 bytes, or holds"):
            line.build(wrong)
    assert Until(b"aa", 4).parse(b"baa") == b"b"
    with pytest.raises(Exception, match="or holds"):
        Until(b"aa", 4).build(b"ba")


@pytest.mark.parametrize(("end", "most"), [(b"", 5), ("\n", 5), (b"\n", -1), (b"\n", 65_537)])
def test_until_refuses(end: Any, most: int) -> None:
    with pytest.raises(Exception, match="Until"):
        Until(end, most)
