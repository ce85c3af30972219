"""Frames of HTTP/2: each type, with and without what its flags add; and the preface."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import construct as c
from hypothesis import strategies as st

from conformance.generate.curated.example import Example
from conformance.generate.strategies import Draw, Override
from xproto.codecs.http2 import PREFACE
from xproto.lower import Lowered

_NONE = {
    "unused_80_40": 0, "priority": 0, "unused_10": 0, "padded": 0, "end_headers": 0, "unused_02": 0, "end_stream": 0,
}  # fmt: skip
_STREAM = {"reserved": 0, "id": 0x7FFFFFFF}
_GET = b"\x82\x86\x84\x41\x06a.test"
_AFTER = {"exclusive": 1, "dependency": 3, "weight": 255}


def http2(_lowered: Lowered, direction: int) -> Sequence[Example]:
    """What either side sends; only a client begins with the preface."""
    found: list[Example] = [{"opens": 0, "frame": frame} for frame in _frames()]
    odd = bytes.fromhex("000003 42 ff 80000001") + b"odd"  # a type that nobody knows, every flag, the reserved bit
    nothing = bytes.fromhex("000000 ff 00 00000000")
    return [*found, odd, nothing, *(() if direction else (PREFACE,))]


def _frames() -> Sequence[Mapping[str, Any]]:
    connection = {"no_stream": {"reserved": 0}}

    def flags(*names: str) -> Mapping[str, int]:
        return {**_NONE, **dict.fromkeys(names, 1)}

    def of(kind: str, *names: str, stream: int = 1, **payload: Any) -> Mapping[str, Any]:
        return {"type": kind, "flags": flags(*names), "stream": {"reserved": 0, "id": stream}, kind: payload}

    def about(kind: str, *names: str, **payload: Any) -> Mapping[str, Any]:
        return {"type": kind, "flags": flags(*names), **connection, kind: payload}

    settings = [{"identifier": "initial_window_size", "value": 1 << 20}, {"identifier": 0x0A0A, "value": 1}]
    return [
        of("data", data=b"hello"),
        of("data", "end_stream", data=b""),
        of("data", "padded", "end_stream", stream=3, data=b"hello", padding=bytes(3)),
        of("data", "padded", data=b"", padding=b""),
        of("data", "padded", data=b"", padding=bytes(255)),
        of("headers", "end_headers", "end_stream", fragment=_GET),
        of("headers", fragment=b""),
        of("headers", "end_headers", "padded", "priority", fragment=_GET, padding=bytes(9), priority=_AFTER),
        of("priority", stream=5, priority=_AFTER),
        {**of("rst_stream", error="cancel"), "stream": {"reserved": 1, "id": 7}},
        of("rst_stream", error=0xFFFFFFFF),
        about("settings", entries=[]),
        about("settings", entries=settings),
        about("settings", "end_stream", entries=[]),
        of("push_promise", "end_headers", promised=_STREAM, fragment=_GET),
        of("push_promise", "padded", promised={"reserved": 1, "id": 2}, fragment=b"", padding=b"\0"),
        about("ping", opaque=b"\x01\x02\x03\x04\x05\x06\x07\x08"),
        about("ping", "end_stream", opaque=bytes(8)),
        about("goaway", last=_STREAM, error="no_error", debug=b""),
        about("goaway", last={"reserved": 1, "id": 9}, error="enhance_your_calm", debug=b"too_many_pings"),
        of("window_update", window={"reserved": 0, "increment": 0x7FFFFFFF}),
        of("window_update", stream=0, window={"reserved": 1, "increment": 1}),
        of("continuation", "end_headers", fragment=_GET),
        of("continuation", fragment=b""),
    ]


def stream(draw: Draw, bits: c.Container) -> int:
    """A stream's number: of frames that may be of the connection, zero too."""
    least = 1 if bits._.of_stream else 0
    return int(draw(st.sampled_from((least, 1, 3, 0x7FFFFFFE, 0x7FFFFFFF)) | st.integers(least, 0x7FFFFFFF)))


DRAWN: dict[str, Override] = {"frame.stream.id": stream}
"""Fields whose values depend on others in a way that the layout does not say."""
