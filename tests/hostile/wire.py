"""Frames by hand, right and wrong: every length and flag can be lied about. Nothing here uses the package."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass

from tests.protocols.beacon_peer import decode as decode_beacon

ECHO = b"com.test.Echo"
OTHER = b"com.test.Other"

# -- Bolt -------------------------------------------------------------------------------------------------------------

SUCCESS, NO_PROCESSOR, BUSY, TIMED_OUT, CODEC, CLOSED = 0, 6, 4, 7, 9, 16
METHOD = b"sofa_head_method_name"


def counted(text: bytes | None) -> bytes:
    """A text of a header map; None is null."""
    return b"\xff\xff\xff\xff" if text is None else struct.pack(">i", len(text)) + text


def pairs(*items: tuple[bytes | None, bytes | None]) -> bytes:
    return b"".join(counted(key) + counted(value) for key, value in items)


def bolt(
    id: int = 1, *, service: bytes | None = ECHO, content: bytes = b"", proto: int = 1, ver1: int = 1, type: int = 1,
    command: int = 1, ver2: int = 1, codec: int = 1, switch: int = 0, timeout: int = 0, headers: bytes | None = None,
    name: bytes = b"abc", class_len: int | None = None, header_len: int | None = None, content_len: int | None = None,
    crc_error: int = 0,
) -> bytes:  # fmt: skip
    """One frame from downstream: a request unless `type` and `command` say otherwise.

    `crc_error` is xored onto the checksum, which is there when the switch says so in version 2.
    """
    if headers is None:
        headers = b"" if service is None else pairs((b"service", service))
    out = bytes([proto]) + (bytes([ver1]) if proto == 2 else b"")
    out += struct.pack(">BHBIB", type, command, ver2, id, codec) + (bytes([switch]) if proto == 2 else b"")
    out += struct.pack(">H", timeout) if type == 0 else struct.pack(">i", timeout)
    out += struct.pack(
        ">HHI",
        len(name) if class_len is None else class_len,
        len(headers) if header_len is None else header_len,
        len(content) if content_len is None else content_len,
    )
    out += name + headers + content
    if proto == 2 and switch & 1:
        out += struct.pack(">I", zlib.crc32(out) ^ crc_error)
    return out


def bolt_answer(request: bytes, content: bytes, *, status: int = SUCCESS, **fields: int) -> bytes:
    """The answer of a server to this request; `fields` change it."""
    v2 = request[0] == 2
    given: dict[str, int] = {
        "id": int.from_bytes(request[6:10] if v2 else request[5:9], "big"), "proto": request[0], "ver1": request[1],
        "type": 0, "command": 2, "codec": request[10 if v2 else 9], "switch": request[11] if v2 else 0,
        "timeout": status, **fields,
    }  # fmt: skip
    return bolt(service=None, name=b"", content=content, **given)  # type: ignore[arg-type]


def bolt_heartbeat(id: int, **fields: int) -> bytes:
    return bolt(id, service=None, name=b"", command=0, timeout=-1, **fields)  # type: ignore[arg-type]


# -- Dubbo ------------------------------------------------------------------------------------------------------------

OK, DUBBO_TIMEOUT, INACTIVE, BAD_REQUEST, NOT_FOUND, EXHAUSTED = 20, 31, 35, 40, 60, 100
READONLY = b"\x01R"


def short(text: bytes) -> bytes:
    """A Hessian2 string of up to 1,023 ASCII bytes."""
    assert len(text) < 1024
    return (bytes([len(text)]) if len(text) < 32 else bytes([0x30 + (len(text) >> 8), len(text) & 0xFF])) + text


def string(text: bytes) -> bytes:
    """A Hessian2 string of up to 65,535 ASCII bytes, in one piece."""
    return b"S" + struct.pack(">H", len(text)) + text


def pieces(*chunks: bytes) -> bytes:
    """A Hessian2 string in chunks."""
    out = b"".join(b"R" + struct.pack(">H", len(chunk)) + chunk for chunk in chunks[:-1])
    return out + string(chunks[-1])


def attach(*items: tuple[bytes, bytes]) -> bytes:
    """An attachments map; keys and values are Hessian2 already."""
    return b"H" + b"".join(key + value for key, value in items) + b"Z"


def call_body(
    *, service: bytes = ECHO, version: bytes = b"N", method: bytes = b"echo", types: bytes = b"", arguments: bytes = b"",
    attachments: bytes = b"HZ", path: bytes | None = None,
) -> bytes:  # fmt: skip
    """`version`, `arguments`, `attachments` and `path` (instead of `service`) are Hessian2; the rest is text."""
    shown = short(service) if path is None else path
    return short(b"2.0.2") + shown + version + short(method) + short(types) + arguments + attachments


def dubbo(id: int = 1, *, body: bytes | None = None, flags: int = 0xC2, status: int = 0, length: int | None = None,
          magic: int = 0xDABB, **call: bytes) -> bytes:  # fmt: skip
    """One frame: a two-way call in hessian2 unless said otherwise."""
    if body is None:
        body = call_body(**call)
    return struct.pack(">HBBQi", magic, flags, status, id, len(body) if length is None else length) + body


def dubbo_answer(request: bytes, content: bytes, *, status: int = OK, id: int | None = None) -> bytes:
    """A value: `content` as binary."""
    body = b"\x91B" + struct.pack(">H", len(content)) + content if len(content) < 0x10000 else content
    own = int.from_bytes(request[4:12], "big") if id is None else id
    return dubbo(own, body=body, flags=request[2] & 0x1F, status=status)


# -- reading ----------------------------------------------------------------------------------------------------------


def size_of(data: bytes) -> int | None:
    """The size of the frame that `data` begins with, of any of the three protocols; None while that is not known."""
    if not data:
        return None
    if data[0] == 0xDA:
        return 16 + int(struct.unpack_from(">i", data, 12)[0]) if len(data) >= 16 else None
    if data[0] == 0xAC:
        found = decode_beacon(data)
        return found[1] if found else None
    assert data[0] in (1, 2), f"no frame begins with {data[:16]!r}"
    v2 = data[0] == 2
    if len(data) < 2 + v2:
        return None
    at = (12 if data[1 + v2] == 0 else 14) + 2 * v2
    if len(data) < at + 8:
        return None
    lengths = struct.unpack_from(">HHI", data, at)
    return int(at + 8 + sum(lengths) + (4 if v2 and data[1] == 2 and data[11] & 1 else 0))


@dataclass(frozen=True)
class Answer:
    """What a client got. `who` is the fake that answered, empty for the proxy's own answers; `kind`: answer or ack."""

    protocol: str
    id: int
    status: int
    body: bytes
    kind: str = "answer"

    @property
    def who(self) -> bytes:
        return self.body.partition(b"|")[0] if b"|" in self.body else b""

    @property
    def told(self) -> bytes:
        """What the fake was sent."""
        return self.body.partition(b"|")[2]


def read_answer(frame: bytes) -> Answer:
    """A whole frame from the proxy to a client; a wrong CRC or a frame of another kind fails."""
    if frame[0] == 0xDA:
        _, flags, status, id, _ = struct.unpack_from(">HBBQi", frame)
        assert not flags & 0xC0, f"a Dubbo frame with flags {flags:x} is no answer"
        body = frame[16:]
        if body[:2] == b"\x91B":
            body = body[4:]
        return Answer("dubbo", id, status, body, "ack" if flags & 0x20 else "answer")
    if frame[0] == 0xAC:
        found = decode_beacon(frame)
        assert found is not None
        (read, _) = found
        assert not read.crc_error
        assert read.kind in (2, 4)
        return Answer("beacon", read.id, read.status, read.body, "answer" if read.kind == 2 else "ack")
    rest = frame[2:] if frame[0] == 2 else frame[1:]
    kind, command, _, id, _ = struct.unpack_from(">BHBIB", rest)
    assert (kind, command) in {(0, 2), (0, 0)}, f"a Bolt frame of type {kind}, command {command} is no answer"
    rest = rest[10:] if frame[0] == 2 else rest[9:]
    status, classes, headers, content = struct.unpack_from(">HHHI", rest)
    body = rest[10 + classes + headers :][:content]
    if frame[0] == 2 and frame[1] == 2 and frame[11] & 1:
        assert zlib.crc32(frame[:-4]) == int.from_bytes(frame[-4:], "big"), "a wrong CRC"
    return Answer("bolt", id, status, body, "answer" if command == 2 else "ack")
