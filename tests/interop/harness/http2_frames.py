"""HTTP/2's frames cut out of a stream and read by hand; nothing of the project takes part."""

from __future__ import annotations

import struct
from typing import Any

from .relay import TO_SERVER, Recorded, Relay

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
HEADER = 9
TYPES = (
    "data", "headers", "priority", "rst_stream", "settings", "push_promise", "ping", "goaway", "window_update", "continuation",
)  # fmt: skip
FLAGS = {
    "data": {1: "end_stream", 8: "padded"},
    "headers": {1: "end_stream", 4: "end_headers", 8: "padded", 32: "priority"},
    "settings": {1: "end_stream"},
    "ping": {1: "end_stream"},
    "continuation": {4: "end_headers"},
    "push_promise": {4: "end_headers", 8: "padded"},
}
ABOUT = {"settings", "ping", "goaway"}
"""Types that are of the connection."""


class Http2Relay(Relay):
    """A relay that keeps whole frames, the preface as one of them."""

    def _keep(self, index: int, direction: str, buffer: bytearray) -> None:
        with self._news:
            while size := frame_size(bytes(buffer[:HEADER]), from_client=direction == TO_SERVER):
                if len(buffer) < size:
                    break
                self._frames.append(Recorded(index, direction, bytes(buffer[:size])))
                del buffer[:size]
            self._news.notify_all()


def frame_size(head: bytes, *, from_client: bool) -> int:
    """Of the frame that begins like this; 0 where more bytes are needed to say."""
    if len(head) < HEADER:
        return 0
    if from_client and head == PREFACE[:HEADER]:
        return len(PREFACE)
    return HEADER + int.from_bytes(head[:3], "big")


def http2_facts(data: bytes, direction: str) -> dict[str, Any]:
    """The kind, the stream's number (None where the frame is of none), the type, the flags and what the payload says."""
    if data == PREFACE:
        return {"kind": "handshake", "stream": None, "type": "preface"}
    size, kind, flags, word = int.from_bytes(data[:3], "big"), TYPES[data[3]], data[4], int.from_bytes(data[5:9], "big")
    payload, stream = data[9:], word & 0x7FFFFFFF
    assert len(payload) == size
    set_ = sorted(name for bit, name in FLAGS.get(kind, {}).items() if flags & bit)
    found: dict[str, Any] = {"type": kind, "length": size, "flags": set_}
    found["stream"] = None if kind in ABOUT else stream
    match kind:
        case "headers":
            found["kind"] = direction
        case "ping":
            found |= {"kind": "heartbeat_ack" if flags & 1 else "heartbeat", "opaque": payload}
        case "goaway":
            last, error = struct.unpack_from(">II", payload)
            found |= {"kind": "goaway", "last": last, "error": error, "debug": payload[8:]}
        case "settings":
            found |= {"kind": "control", "settings": [struct.unpack_from(">HI", payload, at) for at in range(0, size, 6)]}
        case "window_update":
            found |= {"kind": "part" if stream else "control", "increment": int.from_bytes(payload, "big")}
        case "priority":
            found["kind"] = "control"
        case "rst_stream":
            found |= {"kind": "part", "error": int.from_bytes(payload, "big")}
        case _:
            found["kind"] = "part"
    return found
