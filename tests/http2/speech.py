"""Frames by hand, and blocks of fields that no table remembers."""

from __future__ import annotations

from typing import Any, NamedTuple

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, PRIORITY, RST, SETTINGS, PUSH, PING, GOAWAY, WINDOW, CONTINUATION = range(10)
END_STREAM, ACK, END_HEADERS, PADDED, PRIORITIZED = 1, 1, 4, 8, 32
(NO_ERROR, PROTOCOL, INTERNAL, FLOW, TIMEOUT, CLOSED, SIZE, REFUSED, CANCEL, COMPRESSION, CONNECT, CALM) = range(12)


class Frame(NamedTuple):
    type: int
    flags: int
    stream: int
    payload: bytes

    @property
    def number(self) -> int:
        return int.from_bytes(self.payload[:4], "big")


def frame(kind: int, flags: int = 0, stream: int = 0, payload: bytes = b"") -> bytes:
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


def u32(value: int) -> bytes:
    return value.to_bytes(4, "big")


def settings(*pairs: tuple[int, int]) -> bytes:
    return frame(SETTINGS, 0, 0, b"".join(name.to_bytes(2, "big") + u32(value) for name, value in pairs))


def frames_of(data: bytes) -> list[Frame]:
    found = []
    data = data.removeprefix(PREFACE)
    while data:
        size = int.from_bytes(data[:3], "big")
        assert len(data) >= 9 + size, data
        found.append(Frame(data[3], data[4], int.from_bytes(data[5:9], "big"), data[9 : 9 + size]))
        data = data[9 + size :]
    return found


def block(*fields: tuple[bytes | str, bytes | str]) -> bytes:
    """Literal, and never remembered."""
    return b"".join(b"\0" + sized(raw(name)) + sized(raw(value)) for name, value in fields)


def raw(text: bytes | str) -> bytes:
    return text if isinstance(text, bytes) else text.encode("latin-1")


def sized(text: bytes) -> bytes:
    """A string without Huffman, its length as an integer of 7 bits."""
    if len(text) < 127:
        return bytes([len(text)]) + text
    rest, said = len(text) - 127, b"\x7f"
    while rest >= 128:
        said += bytes([rest & 127 | 128])
        rest >>= 7
    return said + bytes([rest]) + text


REQUEST = b"\x83\x86\x84"
"""POST http /"""
ANSWER = b"\x88"
"""200"""


def heard(end: Any, kind: str) -> list[tuple[Any, ...]]:
    return [event[1:] for event in end.events if event[0] == kind]
