"""Cutting a recorded byte stream into frames, for the relay and the tests.

Deliberately naive and apart from the project's own codecs: vectors must not depend on what they test.
"""

from __future__ import annotations

import struct

DUBBO_HEADER = 16
BOLT_V1 = {"request": 22, "response": 20}
BOLT_V2 = {"request": 24, "response": 22}
CRC_SIZE = 4


def dubbo_length(data: bytes) -> int:
    """The length of the Dubbo frame at the start of `data`; 0 when more bytes are needed."""
    if len(data) < DUBBO_HEADER:
        return 0
    if data[:2] != b"\xda\xbb":
        raise ValueError(f"not a Dubbo frame: {data[:16].hex()}")
    total = DUBBO_HEADER + int(struct.unpack_from(">i", data, 12)[0])
    return total if len(data) >= total else 0


def bolt_length(data: bytes) -> int:
    """The length of the Bolt frame at the start of `data`; 0 when more bytes are needed."""
    if len(data) < 3:
        return 0
    proto = data[0]
    if proto not in (1, 2):
        raise ValueError(f"not a Bolt frame: {data[:24].hex()}")
    kind = data[1] if proto == 1 else data[2]
    header = (BOLT_V1 if proto == 1 else BOLT_V2)["response" if kind == 0 else "request"]
    if len(data) < header:
        return 0
    class_length, header_length, content_length = struct.unpack_from(">HHI", data, header - 8)
    checked = proto == 2 and data[1] == 2 and data[11] & 1
    total = header + class_length + header_length + content_length + (CRC_SIZE if checked else 0)
    return total if len(data) >= total else 0


def frame_length(data: bytes) -> int:
    """The length of the frame at the start of `data`, of either protocol; 0 when more bytes are needed."""
    if len(data) < 2:
        return 0
    return dubbo_length(data) if data[0] == 0xDA else bolt_length(data)


def is_event(data: bytes) -> bool:
    """Whether the frame is a heartbeat, its acknowledgement or another event, of either protocol."""
    if data[0] == 0xDA:
        return bool(data[2] & 0x20)
    command = data[2:4] if data[0] == 1 else data[3:5]
    return command == b"\0\0"
