"""What a recorded Thrift message says, read by hand in each form; nothing of the project takes part.

Unframed messages have no length to cut them by, so they are recorded one at a time: what passed until the answer was
there, or until the server had the oneway.
"""

from __future__ import annotations

import struct
import zlib
from typing import Any

from .relay import Recorded, Relay

TYPES = {1: "call", 2: "reply", 3: "exception", 4: "oneway"}
KINDS = {"call": "request", "reply": "response", "exception": "response", "oneway": "oneway"}
BINARY, COMPACT = 0, 2


class Tap(Relay):
    """A relay that keeps bytes as they pass, whatever they are."""

    def _keep(self, index: int, direction: str, buffer: bytearray) -> None:
        with self._news:
            self._frames.append(Recorded(index, direction, bytes(buffer)))
            self._news.notify_all()
        buffer.clear()

    def passed(self, direction: str) -> bytes:
        return b"".join(chunk.data for chunk in self.frames(direction))


def thrift_facts(data: bytes, protocol: str) -> dict[str, Any]:
    """Kind, type, id, name and, for a request, its service and method; THeader's transforms and info besides."""
    facts: dict[str, Any] = {}
    message = data
    if not protocol.startswith("thrift-unframed"):
        if struct.unpack_from(">I", data)[0] != len(data) - 4:
            raise ValueError(f"not one frame: {data[:16].hex()}")
        message = data[4:]
    compact = protocol.endswith("-compact")
    if protocol == "dubbothrift":
        message, facts = _dubbo(message)
    if protocol.startswith("thrift-header"):
        inside, message, facts = _unwrapped(message)
        if inside != (COMPACT if compact else BINARY):
            raise ValueError(f"protocol {inside} inside: {data[:32].hex()}")
    begin = _compact(message) if compact else _old(message) if protocol.endswith("-old") else _strict(message)
    return _message(*begin, facts)


def strict_message(data: bytes) -> dict[str, Any]:
    """The facts of a message of the strict binary protocol that is in no frame."""
    return _message(*_strict(data), {})


def _message(kind: int, name: str, seqid: int, wrapping: dict[str, Any]) -> dict[str, Any]:
    """A message's facts with those of what it is wrapped in."""
    facts = {"kind": KINDS[TYPES[kind]], "type": TYPES[kind], "id": seqid, **wrapping, "seqid": seqid, "message": name}
    if facts["kind"] != "response":
        service, colon, method = name.partition(":")
        said = wrapping.get("header_service", wrapping.get("info", {}).get("service"))
        facts["service"], facts["method"] = (service, method) if colon else (said, name)
    return facts


def _dubbo(data: bytes) -> tuple[bytes, dict[str, Any]]:
    """The message inside a frame of Dubbo's, and what Dubbo's header says."""
    magic, size, head, version, length = struct.unpack_from(">HIHBI", data)
    if (magic, size, version, head) != (0xDABC, len(data), 1, 21 + length):
        raise ValueError(f"not dubbothrift: {data[:32].hex()}")
    service = data[13 : 13 + length].decode()
    return data[head:], {"id": struct.unpack_from(">Q", data, 13 + length)[0], "header_service": service}


def _strict(data: bytes) -> tuple[int, str, int]:
    if data[:3] != b"\x80\x01\x00":
        raise ValueError(f"not strict: {data[:16].hex()}")
    size = struct.unpack_from(">I", data, 4)[0]
    return data[3], data[8 : 8 + size].decode(), struct.unpack_from(">I", data, 8 + size)[0]


def _old(data: bytes) -> tuple[int, str, int]:
    size = struct.unpack_from(">I", data)[0]
    return data[4 + size], data[4 : 4 + size].decode(), struct.unpack_from(">I", data, 5 + size)[0]


def _compact(data: bytes) -> tuple[int, str, int]:
    if data[0] != 0x82 or data[1] & 0x1F != 1:
        raise ValueError(f"not compact: {data[:16].hex()}")
    seqid, at = _varint(data, 2)
    size, at = _varint(data, at)
    return data[1] >> 5, data[at : at + size].decode(), seqid


def _unwrapped(data: bytes) -> tuple[int, bytes, dict[str, Any]]:
    """Which protocol is inside a THeader frame, its payload in plain form, and what its header says."""
    magic, flags, seq, words = struct.unpack_from(">HHIH", data)
    if magic != 0x0FFF:
        raise ValueError(f"not THeader: {data[:16].hex()}")
    end = 10 + 4 * words
    inside, at = _varint(data, 10)
    count, at = _varint(data, at)
    transforms = []
    for _ in range(count):
        transform, at = _varint(data, at)
        transforms.append(transform)
    info: dict[str, str] = {}
    if at < end and data[at] == 1:
        pairs, at = _varint(data, at + 1)
        for _ in range(pairs):
            key, at = _string(data, at)
            info[key], at = _string(data, at)
    payload = data[end:]
    for transform in reversed(transforms):
        if transform != 1:
            raise ValueError(f"transform {transform}")
        payload = zlib.decompress(payload)
    return inside, payload, {"id": seq, "flags": flags, "transforms": transforms, "info": info}


def _string(data: bytes, at: int) -> tuple[str, int]:
    size, at = _varint(data, at)
    return data[at : at + size].decode(), at + size


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while data[at] & 0x80:
        value |= (data[at] & 0x7F) << shift
        at, shift = at + 1, shift + 7
    return value | data[at] << shift, at + 1
