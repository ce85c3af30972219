"""The frames of a simulation: four protocols (HTTP/1.1 is apart, in `http_speech`), one way to write and read them.

Every call carries its number in its body, ``<call 17>``, and so does its answer: a frame that goes astray shows. What a
proxy may change (id, deadline, checksum) is masked before frames are compared; a checksum must be right by itself.
"""

from __future__ import annotations

import re
import struct
import zlib
from typing import NamedTuple

from tests.hostile.speech import SPEECHES, beacon_answer
from tests.hostile.wire import attach, bolt, bolt_heartbeat, dubbo, short
from tests.protocols import beacon_peer

PROTOCOLS = ("bolt", "boltv2", "dubbo", "beacon", "http1")
LOADED = {"bolt": "bolt", "boltv2": "bolt", "dubbo": "dubbo", "beacon": "beacon", "http1": "http1"}
ID_BITS = {"bolt": 32, "boltv2": 32, "dubbo": 64, "beacon": 16, "http1": 32}
STREAMED = {"beacon"}
BIG = 256 * 1024
"""Bytes from which a frame of those may be passed on in pieces."""
V2 = {"proto": 2, "ver1": 2, "switch": 1}
SERVICE = b"com.test.Echo"
NUMBER = re.compile(rb"<call (\d+)>")
BEACON_KINDS = {
    beacon_peer.REQUEST: "call", beacon_peer.ONEWAY: "oneway", beacon_peer.HEARTBEAT: "beat", beacon_peer.ACK: "ack"
}  # fmt: skip
OK = {"bolt": 0, "dubbo": 20, "beacon": 0}
REFUSALS = {
    name: {speech.closed, speech.timeout, speech.connect, speech.no_host, speech.overload} for name, speech in SPEECHES.items()
}
"""Statuses with which the proxy itself answers a call that is well-formed and has a route."""
FAILED = {"bolt": 1, "dubbo": 80, "beacon": 5}
"""And with which it answers one that a filter has failed."""


class Read(NamedTuple):
    """A frame that a server got. kind: call, oneway, beat or ack."""

    kind: str
    id: int
    number: int


def content(number: int, size: int) -> bytes:
    word = b"<call %d>" % number
    return word + (b"%d." % number) * (max(size - len(word), 0) // (len(str(number)) + 1))


def number_of(data: bytes) -> int:
    found = NUMBER.search(data)
    return int(found[1]) if found else -1


def request(protocol: str, id: int, body: bytes, oneway: bool, timeout: int) -> bytes:
    """`timeout` is in milliseconds; 0 is none."""
    if protocol == "dubbo":
        extra = attach((short(b"timeout"), short(b"%d" % timeout))) if timeout else b"HZ"
        return dubbo(id, flags=0x82 if oneway else 0xC2, types=b"[B", arguments=binary(body), attachments=extra)
    if protocol == "beacon":
        kind = beacon_peer.ONEWAY if oneway else beacon_peer.REQUEST
        chunks = beacon_peer.chunked(body, 4096)
        return beacon_peer.Frame(kind, id, service=SERVICE, timeout=timeout or None, chunks=chunks).encode()
    return bolt(id, content=body, timeout=timeout, type=2 if oneway else 1, **(V2 if protocol == "boltv2" else {}))


def binary(body: bytes) -> bytes:
    """Hessian2 binary, in as many chunks as it needs."""
    parts = [body[i : i + 0xFFFF] for i in range(0, len(body), 0xFFFF)] or [b""]
    marks = b"A" * (len(parts) - 1) + b"B"
    return b"".join(struct.pack(">BH", mark, len(part)) + part for mark, part in zip(marks, parts, strict=True))


def heartbeat(protocol: str, id: int) -> bytes:
    if protocol == "dubbo":
        return dubbo(id, flags=0xE2, body=b"N")
    if protocol == "beacon":
        return beacon_peer.Frame(beacon_peer.HEARTBEAT, id).encode()
    return bolt_heartbeat(id, **(V2 if protocol == "boltv2" else {}))


def goaway(frame: bytes) -> bytes:
    """What asks the proxy to leave a connection that it sent this frame on; b"" where the protocol has none."""
    if frame[0] == 0xDA:
        return dubbo(0, flags=0xA2, body=b"\x01R")
    return beacon_peer.Frame(beacon_peer.GOAWAY).encode() if frame[0] == 0xAC else b""


def name(frame: bytes) -> str:
    return {0xDA: "dubbo", 0xAC: "beacon"}.get(frame[0], "bolt")


def answer(frame: bytes, body: bytes) -> bytes:
    if frame[0] == 0xAC:
        return beacon_answer(frame, b"", chunks=beacon_peer.chunked(body))
    return SPEECHES[name(frame)].answer(frame, body)


def acknowledge(frame: bytes) -> bytes:
    return SPEECHES[name(frame)].ack(frame)


def other_version(frame: bytes) -> bytes:
    """An answer that does not fit the connection it comes on; garbage where a protocol has no versions."""
    return bolt(7, type=0, command=2, service=None, name=b"") if frame[0] == 2 else b"\xff" * 24


def read(frame: bytes) -> Read:
    """Fails for a frame that the proxy should not have sent to a server."""
    if frame[0] == 0xDA:
        event, two_way = frame[2] & 0x20, frame[2] & 0x40
        if not frame[2] & 0x80:
            return Read("ack", int.from_bytes(frame[4:12], "big"), -1)
        kind = "beat" if event else "call" if two_way else "oneway"
        return Read(kind, int.from_bytes(frame[4:12], "big"), number_of(frame))
    if frame[0] == 0xAC:
        return Read(BEACON_KINDS[frame[2] >> 3 & 7], int.from_bytes(frame[4:6], "little"), number_of(frame))
    rest = frame[2:] if frame[0] == 2 else frame[1:]
    kind = "beat" if rest[:3] == b"\x01\x00\x00" else {0: "ack", 1: "call", 2: "oneway"}[rest[0]]
    return Read(kind, int.from_bytes(rest[4:8], "big"), number_of(frame))


def masked(frame: bytes) -> bytes:
    """What nobody between caller and server may change. A wrong checksum fails here."""
    if frame[0] == 0xDA:
        return frame[:4] + frame[12:]
    if frame[0] == 0xAC:
        assert zlib.crc32(frame[:-4]) == int.from_bytes(frame[-4:], "little"), "a wrong checksum"
        timed = 6 + 4 * (frame[2] >> 2 & 1)
        return frame[:4] + frame[timed:-4]
    if frame[0] == 2:
        assert zlib.crc32(frame[:-4]) == int.from_bytes(frame[-4:], "big"), "a wrong checksum"
        return frame[:6] + frame[10:12] + frame[16:-4]
    return frame[:5] + frame[9:10] + frame[14:]
