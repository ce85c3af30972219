"""Bytes for the scripts: Bolt v1 by hand, so that nothing here depends on what is tested."""

from __future__ import annotations

import struct

SERVICE = "com.test.Echo:1.0"


def _text(value: str) -> bytes:
    data = value.encode()
    return struct.pack(">i", len(data)) + data


def request(
    id: int, *, service: str | None = SERVICE, content: bytes = b"", timeout: int = 0, oneway: bool = False,
    headers: bytes | None = None, codec: int = 1,
) -> bytes:  # fmt: skip
    if headers is None:
        headers = b"" if service is None else _text("service") + _text(service)
    kind = 2 if oneway else 1
    head = struct.pack(">BBHBIBiHHI", 1, kind, 1, 1, id, codec, timeout, 3, len(headers), len(content))
    return head + b"abc" + headers + content


def response(id: int, *, status: int = 0, content: bytes = b"", codec: int = 1) -> bytes:
    return struct.pack(">BBHBIBHHHI", 1, 0, 2, 1, id, codec, status, 0, 0, len(content)) + content


def heartbeat(id: int) -> bytes:
    return struct.pack(">BBHBIBiHHI", 1, 1, 0, 1, id, 1, -1, 0, 0, 0)


def ack(id: int) -> bytes:
    return struct.pack(">BBHBIBHHHI", 1, 0, 0, 1, id, 1, 0, 0, 0, 0)


def goaway(id: int = 1) -> bytes:
    return struct.pack(">BBHBIBiHHI", 1, 1, 100, 1, id, 1, -1, 0, 0, 0)


def announcing(id: int, content_length: int) -> bytes:
    """Only the head of a request."""
    return struct.pack(">BBHBIBiHHI", 1, 1, 1, 1, id, 1, 0, 0, 0, content_length)


def id_of(frame: bytes) -> int:
    return int(struct.unpack_from(">I", frame, 5)[0])


def status_of(frame: bytes) -> int:
    return int(struct.unpack_from(">H", frame, 10)[0])


def content_of(frame: bytes) -> bytes:
    at = 12 if frame[1] == 0 else 14
    classes, headers, content = struct.unpack_from(">HHI", frame, at)
    start = at + 8 + classes + headers
    return frame[start : start + content]


def size_of(data: bytes) -> int | None:
    """The length of the frame that `data` begins with; None while that is not known."""
    if len(data) < 2 or len(data) < (22 if data[1] else 20):
        return None
    at = 14 if data[1] else 12
    classes, headers, content = struct.unpack_from(">HHI", data, at)
    return int(at + 8 + classes + headers + content)


# -- Dubbo, for 64-bit ids and a timeout among the attachments ------------------------------------------------------


def _short(value: str) -> bytes:
    data = value.encode()
    assert len(data) < 1024
    return (bytes([len(data)]) if len(data) < 32 else bytes([0x30 + (len(data) >> 8), len(data) & 255])) + data


def dubbo_request(id: int, *, service: str = SERVICE, attachments: dict[str, str] | None = None) -> bytes:
    body = b"".join(_short(text) for text in ("2.0.2", service, "1.0", "echo", "")) + b"H"
    for key, value in (attachments or {}).items():
        body += _short(key) + _short(value)
    body += b"Z"
    return struct.pack(">HBBQi", 0xDABB, 0xC2, 0, id, len(body)) + body


def dubbo_response(id: int) -> bytes:
    return struct.pack(">HBBQi", 0xDABB, 0x02, 20, id, 1) + b"\x92"


def dubbo_readonly() -> bytes:
    return struct.pack(">HBBQi", 0xDABB, 0xA2, 0, 0, 2) + b"\x01R"


def dubbo_id(frame: bytes) -> int:
    return int(struct.unpack_from(">Q", frame, 4)[0])


def dubbo_size(data: bytes) -> int | None:
    return None if len(data) < 16 else 16 + int(struct.unpack_from(">i", data, 12)[0])
