"""Messages of Thrift in every form: of each type, with a service and without, with all kinds of values inside."""

from __future__ import annotations

import random
import zlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from conformance.generate.curated.example import Example
from conformance.generate.thrift_values import ThriftWriter
from xproto.codecs.thrift.message import UPGRADE, binary_exception, compact_exception
from xproto.lower import Lowered
from xproto.templates import build_frame, merge
from xproto.wire import Raw
from xproto.wire.ttwitter import Pairs

Fields = Mapping[str, Any]
_INFO = [("service", "Echo"), ("group", "g"), ("k", ""), ("group", "last"), ("\N{SNOWMAN}", "\udcff")]


def _messages(direction: int, *, compact: bool = False, raw: bool = False) -> list[Fields]:
    """The messages that a client or a server sends. raw: their structs are read as such."""
    rng = random.Random(1)  # noqa: S311 - test data
    struct = ThriftWriter(rng, compact).struct
    exception = compact_exception if compact else binary_exception
    made: list[tuple[str, bytes, int, bytes]]
    if direction:
        made = [
            ("reply", b"echo", 0, struct()),
            ("reply", b"", 1 << 31, b"\0"),
            ("exception", b"echo", 7, exception(6, "late")),
        ]
    else:
        made = [
            ("call", b"Echo:echo", 7, struct()), ("call", b"echo", 0xFFFFFFFF, struct()), ("call", b"a:b:c", 127, struct()),
            ("call", b"", 128, b"\0"), ("oneway", b":x", 0, struct()), ("call", UPGRADE, 1, b"\0"),
            ("call", UPGRADE[:-1] + b"_", 1, b"\0"), ("call", b"m" * 200, 0x0FFFFFFF, struct()),
        ]  # fmt: skip

    def fields(type_: str, name: bytes, seqid: int, body: bytes) -> Fields:
        kind = {"head": {"type": type_}} if compact else {"type": type_}
        return {**kind, "name": name, "seqid": seqid, "body": Raw(body) if raw else body}

    return [fields(*message) for message in made]


def plain(*, compact: bool = False, raw: bool = False) -> Callable[[Lowered, int], Sequence[Example]]:
    """A form without an envelope of its own."""

    def build(_lowered: Lowered, direction: int) -> Sequence[Example]:
        return _messages(direction, compact=compact, raw=raw)

    return build


def theader(*, compact: bool) -> Callable[[Lowered, int], Sequence[Example]]:
    """THeader, with headers, without them, compressed, and in blocks that construct does not write."""
    number = 2 if compact else 0
    header: Fields = {"protocol": number, "transforms": 0, "info": [], "rest": b""}

    def build(lowered: Lowered, direction: int) -> Sequence[Example]:
        messages = [{"flags": 0, "seq": 5, "header": header, **m} for m in _messages(direction, compact=compact)]
        first = build_frame(lowered, messages[0])
        said = [merge(each, {"seq": 0xFFFFFFFF, "header": {"info": _INFO}}) for each in messages[:3]]
        odd = b"\2\1\1k\1v\1\2\5group\1g\5group\1h"  # first those that stay, then two others; no padding is needed
        return [
            *messages, *said, _reheaded(first, bytes((number, 0)) + odd),
            _reheaded(first, bytes((number, 0)) + bytes(10)),
            _reheaded(first, bytes((number, 1, 1)), zlib.compress),
        ]  # fmt: skip

    return build


def _reheaded(frame: bytes, header: bytes, change: Callable[[bytes], bytes] = lambda payload: payload) -> bytes:
    """The frame with another header, padded, and another payload."""
    words = int.from_bytes(frame[12:14], "big")
    header += bytes(-len(header) % 4)
    body = frame[4:12] + (len(header) // 4).to_bytes(2, "big") + header + change(frame[14 + 4 * words :])
    return len(body).to_bytes(4, "big") + body


def dubbothrift(_lowered: Lowered, direction: int) -> Sequence[Example]:
    """Dubbo's envelope."""
    numbers = (1, 0, 1 << 63, (1 << 64) - 1)
    messages = _messages(direction)
    services = (b"com.test.Echo", b"")
    return [{**m, "service": services[i % 2], "id": numbers[i % len(numbers)]} for i, m in enumerate(messages)]


def ttwitter(_lowered: Lowered, direction: int) -> Sequence[Example]:
    """Upgrades, and messages behind headers of all kinds."""
    writer = ThriftWriter(random.Random(2))  # noqa: S311 - test data
    made: list[Fields] = [
        {"plain": 1, "type": "reply" if direction else "call", "seqid": 0, "body": b"\0"},
        {"plain": 0, "header": [], **_messages(direction)[0]},
        {"plain": 0, "header": [("service", "s"), ("k", "v"), ("k", "last")], **_messages(direction)[1]},
    ]
    for message in _messages(direction) * 2:
        header = Pairs()
        header.data = writer.header()
        made.append({"plain": 0, "header": header, **message})
    return made


FORMS: Mapping[str, Callable[[Lowered, int], Sequence[Example]]] = {
    "thrift": plain(),
    "thrift-old": plain(),
    "thrift-compact": plain(compact=True),
    "thrift-unframed": plain(raw=True),
    "thrift-unframed-old": plain(raw=True),
    "thrift-unframed-compact": plain(compact=True, raw=True),
    "thrift-header": theader(compact=False),
    "thrift-header-compact": theader(compact=True),
    "dubbothrift": dubbothrift,
    "thrift-twitter": ttwitter,
}
