"""Frames of Tars: TARS and TUP, calls and answers, and fields in forms that a writer need not choose."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any

from conformance.generate.curated.example import Example
from conformance.generate.jce_values import JceWriter
from xproto.codecs.tars import RECONNECT
from xproto.lower import Lowered
from xproto.templates import merge
from xproto.wire.jce import BYTES, I8, I16, I32, I64, LIST, MAP, STRING4, head, integer_field, text_field

_CONTEXT = [("group", "g"), ("k", ""), ("group", "last"), ("\N{SNOWMAN}", "\udcff")]
_BASE = {
    "version": 1, "oneway": 0, "message_type": 0, "id": 7, "answer_type": 0, "code": 0, "servant": b"App.Server.EchoObj",
    "function": b"echo", "result": b"answer", "buffer": b"arguments", "answer_status": [], "timeout": 3000, "context": [],
    "status": [], "rest": b"",
}  # fmt: skip


def tars(_lowered: Lowered, direction: int) -> Sequence[Example]:
    """What a client or a server sends."""
    rng = random.Random(3)  # noqa: S311 - test data
    own: list[Mapping[str, Any]] = [{}, {"version": 3, "id": 128}, {"version": 2, "id": -1}, {"version": 5, "id": 0}]
    own += [{"id": (1 << 31) - 1, "rest": JceWriter(rng).fields(11)} for _ in range(4)]
    if direction:
        own += [
            {"code": -7, "answer_status": _CONTEXT, "id": 1 << 16}, {"id": 0, "rest": RECONNECT},
            {"id": 5, "rest": RECONNECT}, {"id": 0, "version": 3, "rest": RECONNECT}, {"result": b"x" * 300},
        ]  # fmt: skip
    else:
        own += [
            {"context": _CONTEXT, "status": _CONTEXT, "id": 1 << 16, "timeout": 0}, {"oneway": 1, "id": 0},
            {"function": b"tars_ping"}, {"function": b"tars_ping", "oneway": 1}, {"servant": b"s" * 300, "buffer": b""},
            {"oneway": -1, "version": 3}, {"function": b"tars_pings"},
        ]  # fmt: skip
    built: list[Example] = [{"body": merge(_BASE, each)} for each in own]
    return [*built, *map(_framed, _odd_answers() if direction else _odd_calls())]


def _framed(body: bytes) -> bytes:
    return (4 + len(body)).to_bytes(4, "big") + body


def _odd_calls() -> list[bytes]:
    """Wide integers, a long text, a list for bytes, maps of other things, maps that are not there."""
    wide = head(1, I32) + (1).to_bytes(4, "big") + head(2, I8) + b"\0" + head(3, I16) + b"\0\0"
    texts = text_field(5, b"App.Echo") + head(6, STRING4) + b"\0\0\0\4echo"
    listed = head(7, LIST) + integer_field(0, 2) + integer_field(0, 1) + integer_field(0, 300)
    counted = head(7, BYTES) + head(0, I8) + head(0, I32) + b"\0\0\0\1x"
    mixed = head(9, MAP) + integer_field(0, 3)
    mixed += text_field(0, b"k") + integer_field(1, 5) + integer_field(0, 5) + text_field(1, b"k")
    mixed += text_field(0, b"group") + head(1, STRING4) + b"\0\0\0\1g"
    number, timeout = head(4, I64) + (9).to_bytes(8, "big"), head(8, I8) + b"\5"
    return [
        wide + number + texts + counted + timeout,
        wide + head(4, I16) + b"\0\1" + texts + listed + timeout + mixed,
        wide + head(4, I8) + b"\0" + texts + listed + timeout + head(10, MAP) + integer_field(0, 0) + head(200, I8) + b"\1",
    ]


def _odd_answers() -> list[bytes]:
    start = integer_field(1, 1) + integer_field(2, 0)
    ending = integer_field(4, 0) + integer_field(5, 0) + head(6, BYTES) + head(0, I8) + integer_field(0, 1) + b"x"
    return [
        start + head(3, I64) + (9).to_bytes(8, "big") + ending,
        start + head(3, I32) + (1).to_bytes(4, "big") + ending + RECONNECT,
        start + head(3, I8) + b"\0" + ending + RECONNECT,
    ]
