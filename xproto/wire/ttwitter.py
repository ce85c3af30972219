"""The struct that stands before each message of TTwitter, once a connection is upgraded.

Source of the format: Finagle's tracing.thrift. A RequestHeader has a client's id (field 6, a struct with a name), contexts
(field 8, pairs of bytes) and a destination (field 9); a ResponseHeader has contexts and spans. Always in the binary
protocol here; Finagle writes it in the protocol of its messages.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from typing import Any

from xproto.plan import OpCode
from xproto.wire.base import WirePrimitive
from xproto.wire.thrift import LIST, STRING, STRUCT, Reader

CLIENT_ID, CONTEXTS, DEST = 6, 8, 9


class Pairs(list[tuple[str, str]]):
    """A header's contexts, its client's id as `client_id` and its destination as `dest`; `data` is all of it."""

    data: bytes


class TTwitterHeader(WirePrimitive):
    """A RequestHeader or ResponseHeader. Pairs without `data` are written as a RequestHeader's contexts."""

    opcode = OpCode.TTWITTER_HEADER
    kind = "block"

    def _parse(self, stream: Any, _context: Any, path: str) -> Pairs:
        start = stream.tell()
        Reader(stream, path, compact=False).struct(0)
        end = stream.tell()
        stream.seek(start)
        data = bytes(stream.read(end - start))
        pairs = Pairs(_pairs(data, path))
        pairs.data = data
        return pairs

    def _build(self, obj: Any, stream: Any, _context: Any, _path: str) -> Any:
        stream.write(header_bytes(obj))
        return obj


def header_bytes(header: Any) -> bytes:
    """The header as it stands on the wire: of `Pairs` from there what it was, else contexts."""
    if isinstance(header, Pairs) and hasattr(header, "data"):
        return header.data
    pairs = list(header.items() if hasattr(header, "items") else header or ())
    if not pairs:
        return b"\x00"
    elements = b"".join(b"\x0b\x00\x01" + _text(key) + b"\x0b\x00\x02" + _text(value) + b"\x00" for key, value in pairs)
    return b"\x0f\x00\x08\x0c" + struct.pack(">I", len(pairs)) + elements + b"\x00"


def _text(text: str) -> bytes:
    data = text.encode("utf-8", "surrogateescape")
    return struct.pack(">I", len(data)) + data


def _pairs(data: bytes, path: str) -> Iterator[tuple[str, str]]:
    for number, kind, value in _fields(Reader(io.BytesIO(data), path, compact=False)):
        if (number, kind) == (CLIENT_ID, STRUCT):
            inner = _fields(Reader(io.BytesIO(value), path, compact=False))
            yield from (("client_id", _said(v)) for n, k, v in inner if (n, k) == (1, STRING))
        elif (number, kind) == (CONTEXTS, LIST) and value[0] == STRUCT:
            elements = Reader(io.BytesIO(value[5:]), path, compact=False)
            for _ in range(int.from_bytes(value[1:5], "big")):
                texts = {n: v for n, k, v in _fields(elements) if k == STRING}
                if 1 in texts and 2 in texts:
                    yield _said(texts[1]), _said(texts[2])
        elif (number, kind) == (DEST, STRING):
            yield "dest", _said(value)


def _fields(reader: Reader) -> Iterator[tuple[int, int, bytes]]:
    """The fields of a struct: number, type, and the value's bytes."""
    while (kind := reader.take(1)[0]) != 0:
        number = int.from_bytes(reader.take(2), "big")
        start = reader.stream.tell()
        reader.value(kind, 1)
        end = reader.stream.tell()
        reader.stream.seek(start)
        yield number, kind, reader.take(end - start)


def _said(value: bytes) -> str:
    return value[4:].decode("utf-8", "surrogateescape")
