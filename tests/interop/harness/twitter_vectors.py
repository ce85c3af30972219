"""What a recorded TTwitter frame says, read by hand; nothing of the project takes part.

Once a connection is upgraded, every frame is a header and then a message of plain Thrift: a RequestHeader on the way to
the server, a ResponseHeader on the way back. A message begins with 80 01, which no header does: its first byte is a
field's type.
"""

from __future__ import annotations

import struct
from typing import Any

from .relay import Recorded, Relay
from .thrift_vectors import strict_message

INTEGERS = {2: ">b", 3: ">b", 6: ">h", 8: ">i", 10: ">q"}
STRING, STRUCT, LIST = 11, 12, 15
UPGRADE = "__can__finagle__trace__v3__"
REQUEST_HEADER = {
    1: "trace_id", 2: "span_id", 3: "parent_span_id", 5: "sampled", 6: "client_id", 7: "flags", 8: "contexts", 9: "dest",
    10: "delegations", 11: "trace_id_high",
}  # fmt: skip
RESPONSE_HEADER = {1: "spans", 2: "contexts"}


class TwitterRelay(Relay):
    """A relay that keeps whole frames of framed Thrift."""

    def _keep(self, index: int, direction: str, buffer: bytearray) -> None:
        with self._news:
            while len(buffer) >= 4 and len(buffer) >= (size := 4 + struct.unpack_from(">I", buffer)[0]):
                self._frames.append(Recorded(index, direction, bytes(buffer[:size])))
                del buffer[:size]
            self._news.notify_all()


def twitter_facts(data: bytes) -> dict[str, Any]:
    """What plain Thrift's facts are, and besides the `header`, null where the frame has none."""
    if struct.unpack_from(">I", data)[0] != len(data) - 4:
        raise ValueError(f"not one frame: {data[:16].hex()}")
    header, at = (None, 4) if data[4:6] == b"\x80\x01" else _struct(data, 4)
    facts = strict_message(data[at:])
    facts["upgrade"] = facts["message"] == UPGRADE
    names = RESPONSE_HEADER if facts["kind"] == "response" else REQUEST_HEADER
    facts["header"] = None if header is None else _named(header, names)
    facts["header_size"] = at - 4
    return facts


def _named(header: dict[int, Any], names: dict[int, str]) -> dict[str, Any]:
    """Identifiers as sixteen hexadecimal digits, contexts and delegations as pairs, contexts' values in hexadecimal."""
    named = {names[tag]: value for tag, value in header.items()}
    for key in ("trace_id", "span_id", "parent_span_id"):
        if key in named:
            named[key] = f"{named[key] % (1 << 64):016x}"
    if "client_id" in named:
        named["client_id"] = named["client_id"][1].decode()
    if "contexts" in named:
        named["contexts"] = [[pair[1].decode(), pair[2].hex()] for pair in named["contexts"]]
    if "delegations" in named:
        named["delegations"] = [[pair[1].decode(), pair[2].decode()] for pair in named["delegations"]]
    return named


def _struct(data: bytes, at: int) -> tuple[dict[int, Any], int]:
    """A struct's fields by their ids, and where it ends."""
    fields: dict[int, Any] = {}
    while data[at]:
        kind, tag = struct.unpack_from(">bh", data, at)
        fields[tag], at = _value(data, at + 3, kind)
    return fields, at + 1


def _value(data: bytes, at: int, kind: int) -> tuple[Any, int]:
    if kind in INTEGERS:
        return struct.unpack_from(INTEGERS[kind], data, at)[0], at + struct.calcsize(INTEGERS[kind])
    if kind == STRING:
        end = at + 4 + struct.unpack_from(">I", data, at)[0]
        return data[at + 4 : end], end
    if kind == STRUCT:
        return _struct(data, at)
    if kind != LIST:
        raise ValueError(f"type {kind} is in no header")
    inner, count = struct.unpack_from(">bI", data, at)
    values, at = [], at + 5
    for _ in range(count):
        value, at = _value(data, at, inner)
        values.append(value)
    return values, at
