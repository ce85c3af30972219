"""The struct before a message of TTwitter, read as any struct, and then looked into.

Source: Finagle's tracing.thrift. Of a RequestHeader field 6 is the client's id (a struct whose field 1 is a name), field 8
a list of contexts (structs of key 1 and value 2), field 9 the destination; each in the order of the wire, the last wins.
"""

from __future__ import annotations

from collections.abc import Iterator

from conformance.judges.walks.reading import Reading
from conformance.judges.walks.thrift import BINARY, Value, walk
from xproto.plan import Op

CLIENT_ID, CONTEXTS, DEST = 6, 8, 9
LIST = 15


def header(reading: Reading, op: Op) -> None:
    """A RequestHeader or a ResponseHeader."""
    for key, value in _pairs(walk(reading)):
        reading.pair(op, key, value)


def _pairs(found: Value) -> Iterator[tuple[bytes, bytes]]:
    for number, value in found.fields:
        if number == CLIENT_ID and value.kind == BINARY.struct:
            yield from ((b"client_id", name) for name in _texts(value, 1))
        elif number == CONTEXTS and value.kind == LIST and value.of == (BINARY.struct,):
            for context in value.items:
                keys, values = _texts(context, 1), _texts(context, 2)
                if keys and values:
                    yield keys[-1], values[-1]
        elif number == DEST and value.kind == BINARY.text:
            yield b"dest", value.raw


def _texts(found: Value, wanted: int) -> list[bytes]:
    return [value.raw for number, value in found.fields if number == wanted and value.kind == BINARY.text]
