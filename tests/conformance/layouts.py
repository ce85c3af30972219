"""Odd layouts: small protocols that nobody speaks, each made of constructs that the built-in codecs do not use.

What holds for Bolt and Dubbo must hold for whatever a third party declares, so each of these goes through the same
checks. Names say what is odd about them.
"""

from __future__ import annotations

import construct as c
from construct import this

from xproto.spec import Kind, Limits, Protocol, header
from xproto.wire import (
    Bounded,
    Chunked,
    HessianArguments,
    HessianMap,
    HessianText,
    KeyValues,
    Known,
    TrailingCrc32,
    size_of,
)

LIMIT = 600
_HEAD = ("type" / Known(c.Enum(c.Int8ub, ask=1, tell=2, answer=7)), "id" / c.Int16ub)


def _protocol(name, *fields, **roles) -> Protocol:
    return Protocol(
        name=name,
        frame=c.Struct(*_HEAD, *fields),
        id=this.id,
        kind={
            Kind.REQUEST: this.type == "ask",
            Kind.ONEWAY: this.type == "tell",
            Kind.RESPONSE: this.type == "answer",
        },
        limits=Limits(frame=LIMIT),
        **roles,
    )


def _numbered(name, *fields, lacking=None) -> Protocol:
    """One whose id is ``this.word.id``. lacking: which frames have none."""
    kinds = {} if lacking is None else {Kind.CONTROL: lacking}
    return Protocol(
        name=name,
        frame=c.Struct("type" / c.Int8ub, *fields),
        id=this.word.id,
        kind={**kinds, Kind.RESPONSE: this.type == 7, Kind.REQUEST: this.type != 7},
        limits=Limits(frame=LIMIT),
    )


_WORD32 = c.BitStruct("a" / c.BitsInteger(2), "b" / c.Flag, "id" / c.BitsInteger(29))
_PAIRS8 = KeyValues(c.Int8ub)
_INNER = c.Struct("a" / c.Int8ub, "rest" / c.GreedyBytes)

LAYOUTS = [
    _protocol("prefixed", "body" / c.Prefixed(c.Int16ub, c.Struct("a" / c.Int8ub, "b" / c.Int16ul))),
    _protocol("prefixed-counting-itself", "body" / c.Prefixed(c.Int16ul, c.GreedyBytes, includelength=True)),
    _protocol(
        "prefixed-thrice",
        "one" / c.Prefixed(c.Int8ub, c.Struct("two" / c.Prefixed(c.Int8ub, c.Prefixed(c.Int8ub, _INNER)), "x" / c.Int8ub)),
        "after" / c.Int16ub,
    ),
    _protocol(
        "switch",
        "value" / c.Switch(this.type, {"ask": c.Int8ub, "tell": c.Int32ul}, default=c.Pass),
        "end" / c.Const(0xBEEF, c.Int16ul),
    ),
    _protocol(
        "switch-on-number",
        "n" / c.Int8ub,
        "value" / c.Switch(this.n, {0: c.Bytes(1), 1: c.Bytes(2), 255: c.Const(b"zz")}, default=c.Int24ub),
    ),
    _protocol(
        "arithmetic",
        "a" / c.Int8ub,
        "b" / Bounded(c.Int8ub, 0, 9),
        "one" / c.Bytes((this.a & 15) * 2 + this.b),
        "two" / c.Bytes((this.a >> 4) % 3),
        "three" / c.Bytes((this.a << 2) // 100),
        "four" / c.Bytes((this.a ^ this.b) - 3),
    ),
    _protocol("tcp-offset", "word" / c.Int8ub, "options" / c.Bytes((this.word >> 4) * 4 - 4), "rest" / c.Bytes(this.word & 15)),
    _protocol("signed-length", "n" / Bounded(c.Int16sl, -5, 300), "data" / c.Bytes(this.n + 5), "m" / c.Int8sb),
    _protocol("negative-length", "n" / c.Int8sb, "data" / c.Bytes(this.n), "m" / c.Int32sl),
    _protocol("long-length", "n" / Bounded(c.Int64ub, 2, 400), "data" / c.Bytes(this.n - 2), "m" / Bounded(c.Int64sl, -9, 9)),
    _protocol("odd-widths", "a" / c.BytesInteger(3), "b" / c.BytesInteger(5, swapped=True, signed=True), "c" / c.Int24sl),
    _protocol("odd-widths-bounded", "a" / Bounded(c.BytesInteger(7), 1, 1 << 50), "b" / Bounded(c.Int24sb, -(1 << 22), 77)),
    _protocol(
        "bits",
        "bits"
        / c.BitStruct(
            "mark" / c.Const(5, c.BitsInteger(3)),
            "a" / Bounded(c.BitsInteger(7), 3, 90),
            c.Padding(2),
            "open" / c.Enum(c.BitsInteger(4), x=1, y=9),
            "shut" / Known(c.Enum(c.BitsInteger(2), p=0, q=2, r=3)),
            "b" / c.Flag,
            "n" / c.BitsInteger(5),
        ),
        "x" / c.If(this.bits.open == "y", c.Int8ub),
        "y" / c.If(this.bits.b & (this.bits.shut != "q"), c.Bytes(this.bits.n)),
    ),
    _protocol("padding", "n" / c.Bytes(2), c.Padding(3), "m" / c.Int8ub, c.Padding(this.m % 5)),
    _protocol("terminated", "body" / c.Prefixed(c.Int8ub, c.Struct("n" / c.Int8ub, "data" / c.Bytes(this.n), c.Terminated))),
    _protocol(
        "two-widths",
        "long" / Bounded(c.Int8ub, 0, 1),
        "n" / c.IfThenElse(this.long == 1, Bounded(c.Int32ub, 0, 500), c.Int8ub),
        "data" / c.Bytes(this.n),
    ),
    _protocol("varints", "a" / Bounded(c.VarInt, 0, 100), "b" / Bounded(c.VarInt, 5, 1 << 40), "data" / c.Bytes(this.a)),
    _protocol("varint-longest", "a" / Bounded(c.VarInt, 0, (1 << 62) - 1), "b" / Bounded(c.VarInt, 127, 128)),
    _protocol(
        "varint-sections",
        "headers" / c.Prefixed(Bounded(c.VarInt, 0, 300), _PAIRS8),
        "body" / c.Prefixed(Bounded(c.VarInt, 0, 0x3FFF), c.GreedyBytes),
        headers=this.headers,
        service=header("service"),
    ),
    _protocol("pairs-u8", "headers" / c.Prefixed(c.Int8ub, _PAIRS8), headers=this.headers, service=header("service")),
    _protocol("pairs-s16", "n" / Bounded(c.Int16ub, 0, 511), "h" / c.FixedSized(this.n, KeyValues(c.Int16sl)), headers=this.h),
    _protocol("pairs-u64", "headers" / c.Prefixed(c.Int8ub, KeyValues(c.Int64ub)), headers=this.headers),
    _protocol("pairs-s64", "headers" / c.Prefixed(c.Int8ub, KeyValues(c.Int64sl)), headers=this.headers),
    _protocol("pairs-u24", "headers" / c.Prefixed(c.Int8ub, KeyValues(c.Int24ul)), headers=this.headers),
    _protocol("text-at-root", "name" / HessianText(), "other" / HessianText(), "x" / c.Int8ub, service=this.name),
    _protocol("map-at-root", "map" / HessianMap(), "x" / c.Int8ub, headers=this.map, method=header("method")),
    _protocol(
        "arguments-in-section",
        "body" / c.Prefixed(c.Int16ub, c.Struct("types" / HessianText(), "values" / HessianArguments(this.types))),
        "tail" / c.Int8ub,
    ),
    _protocol("chunks-u8", "one" / Chunked(c.Int8ub), "two" / Chunked(c.Int32ub), "x" / c.Int8ub),
    _protocol("chunks-u24", "one" / Chunked(c.Int24ul), "crc" / TrailingCrc32()),
    _protocol("chunks-in-section", "body" / c.Prefixed(c.Int8ub, c.Struct("one" / Chunked(c.Int8ub), "x" / c.GreedyBytes))),
    _protocol("crc-sometimes", "n" / c.Int8ub, "data" / c.Bytes(this.n), "crc" / c.If(this.n > 3, TrailingCrc32(little=True))),
    _protocol(
        "scopes",
        "n" / Bounded(c.Int8ub, 0, 20),
        "outer"
        / c.Struct(
            "m" / Bounded(c.Int8ub, 0, 20),
            "inner" / c.Struct("k" / c.Int8ub, "data" / c.Bytes(this._.m + this._._.n), "more" / c.Bytes(this._root.n)),
            "after" / c.Bytes(this.inner.k & 7),
        ),
        "last" / c.Bytes(this.outer.m),
    ),
    _protocol(
        "conditions",
        "a" / c.Int8ub,
        "b" / c.Int8ub,
        "big" / c.Computed((this.a > 100) | (this.b == 7)),
        c.Check((this.a != 13) & (this.a + this.b >= 2)),
        "x" / c.If(this.big == 1, c.Int16ub),
        "y" / c.If(~(this.a <= this.b), c.Int8ub),
        "z" / c.IfThenElse((this.a < 50) & ~(this.b > 9), c.Const(b"yes"), c.Bytes(2)),
    ),
    _protocol("open-enum", "e" / c.Enum(c.Int16ub, a=1, b=600), "x" / c.If(this.e != "b", c.Int8ub)),
    _protocol("default", "d" / c.Default(c.Int8ub, 9), "e" / c.Default(c.Const(b"x"), b"x")),
    _protocol("signed-enum", "e" / Known(c.Enum(c.Int8sb, low=-100, zero=0, high=100)), "x" / c.If(this.e == "low", c.Int8ub)),
    _protocol(
        "rebuilt",
        "n" / c.Rebuild(Bounded(c.Int16ul, 0, 400), size_of("block", c.Struct("a" / c.Int8ub, "b" / c.Bytes(3)))),
        "block" / c.FixedSized(this.n, c.Struct("a" / c.Int8ub, "b" / c.Bytes(3))),
    ),
    _protocol(
        "empty-sections",
        "n" / c.Int8ub,
        "one" / c.FixedSized(this.n & 7, c.GreedyBytes),
        "two" / c.FixedSized(0, c.Pass),
    ),
    _protocol("records", "n" / Bounded(c.Int8ub, 0, 40), "x" / c.Array(this.n, c.Struct("a" / c.Int16ul, "b" / c.Int24sb))),
    _protocol(
        "records-of-one",
        "n" / c.Int8ub,
        "x" / c.Array(this.n // 4, c.Enum(c.Int32ub, one=1)),
        "body" / c.FixedSized(8, c.Struct("y" / c.Array(2, c.Int8sb), "z" / c.Array(3, c.Int16ul))),
    ),
    _protocol("records-fewer-than-none", "n" / c.Int8ub, "x" / c.Array(this.n - 3, c.Int16ub)),
    _numbered("id-in-bits", "word" / _WORD32, "data" / c.Bytes(this.type & 7)),
    _numbered("id-in-all-bits", "word" / c.BitStruct("id" / c.BitsInteger(16)), "after" / c.Int8ub),
    _numbered(
        "id-sometimes",
        "word" / c.If(this.type != 9, _WORD32),
        "data" / c.Bytes(this.type & 3),
        "crc" / TrailingCrc32(),
        lacking=this.type == 9,
    ),
    _protocol("nothing-else"),
]
