"""What the fixed offsets of a Bolt or a Dubbo frame say, read by hand: nothing of the project reads what judges it."""

from __future__ import annotations

import struct
from typing import Any

DUBBO_REQUEST, DUBBO_TWO_WAY, DUBBO_EVENT = 0x80, 0x40, 0x20


def bolt_facts(data: bytes) -> dict[str, Any]:
    """What fixed offsets of a Bolt frame say: kind, variant, id, codec, timeout or status, class, headers."""
    v2 = data[0] == 2
    at = 1 if v2 else 0
    kind, command = data[1 + at], struct.unpack_from(">H", data, 2 + at)[0]
    facts: dict[str, Any] = {
        "kind": _bolt_kind(kind, command),
        "variant": f"v{data[0]}",
        "ver1": data[1] if v2 else None,
        "crc": v2 and data[1] == 2 and bool(data[11] & 1),
        "id": struct.unpack_from(">I", data, 5 + at)[0],
        "codec": data[9 + at],
    }
    at = 12 if v2 else 10
    if kind == 0:
        facts["status"] = struct.unpack_from(">H", data, at)[0]
        at += 2
    else:
        facts["timeout"] = struct.unpack_from(">i", data, at)[0]
        at += 4
    class_length, header_length, content_length = struct.unpack_from(">HHI", data, at)
    at += 8
    facts["class"] = data[at : at + class_length].decode()
    at += class_length
    facts["headers"] = header_map(data[at : at + header_length])
    facts["content_length"] = content_length
    return facts


def _bolt_kind(kind: int, command: int) -> str:
    if command == 0:
        return "heartbeat_ack" if kind == 0 else "heartbeat"
    return {0: "response", 1: "request", 2: "oneway"}[kind]


def header_map(block: bytes) -> dict[str, str]:
    """A SOFARPC header block as SOFARPC reads it: a later key wins, a pair with a null is dropped."""
    values: dict[str, str] = {}
    at = 0
    while at < len(block):
        pair: list[str | None] = []
        for _ in range(2):
            length = int(struct.unpack_from(">i", block, at)[0])
            at += 4
            pair.append(None if length < 0 else block[at : at + length].decode())
            at += max(length, 0)
        key, value = pair
        if key is not None and value is not None:
            values[key] = value
    return values


def dubbo_facts(data: bytes) -> dict[str, Any]:
    """What fixed offsets of a Dubbo frame say, and the attachments where their strings are short."""
    flags, status = data[2], data[3]
    body = data[16:]
    facts: dict[str, Any] = {"id": struct.unpack_from(">Q", data, 4)[0], "serialization": flags & 0x1F}
    if flags & DUBBO_EVENT:
        quiet = {True: "heartbeat", False: "heartbeat_ack"}[bool(flags & DUBBO_REQUEST)]
        facts["kind"] = "readonly" if body == b"\x01R" else quiet
        if not flags & DUBBO_REQUEST:
            facts["status"] = status
    elif flags & DUBBO_REQUEST:
        facts["kind"] = "request" if flags & DUBBO_TWO_WAY else "oneway"
        facts["attachments"] = trailing_map(body)
    else:
        facts["kind"] = "response"
        facts["status"] = status
        if status == 20:
            facts["flag"] = body[0] - 0x90
            if facts["flag"] >= 3:
                facts["attachments"] = trailing_map(body)
    return facts


def trailing_map(body: bytes) -> dict[str, str] | None:
    """The map of short strings that ends a Hessian2 body, found from its end; None when there is none."""
    for at in range(len(body) - 2, -1, -1):
        if body[at] == ord("H") and (found := _short_strings(body, at + 1)) is not None:
            return found
    return None


def _short_strings(body: bytes, at: int) -> dict[str, str] | None:
    strings: list[str] = []
    while at < len(body) - 1:
        length = body[at]
        if 0x30 <= length <= 0x33:
            length, at = (length - 0x30) << 8 | body[at + 1], at + 1
        elif length > 0x1F:
            return None
        text = body[at + 1 : at + 1 + length]
        if len(text) < length or any(byte < 0x20 or byte > 0x7E for byte in text):
            return None
        strings.append(text.decode())
        at += 1 + length
    if at != len(body) - 1 or body[at] != ord("Z") or len(strings) % 2:
        return None
    return dict(zip(strings[::2], strings[1::2], strict=True))
