"""The Tars peers, which all take the same commands, and Tars frames cut and read by hand.

Nothing of the project takes part: vectors must not depend on what they test.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

from .processes import PEERS, Peer, PeerError, tars
from .relay import Recorded, Relay

if TYPE_CHECKING:
    from pathlib import Path

GO = PEERS / "tarsgo" / "build" / "peer"
LANGUAGES = ("node", "go")
SERVANTS = {"node": "Test.NodeServer.EchoObj", "go": "Test.GoServer.EchoObj"}
TUP = (2, 3)


def client(language: str, folder: Path) -> Peer:
    """A client in that language."""
    log = folder / f"tars client {language}.log"
    return tars("client.js", log) if language == "node" else _go(log, "client")


def server(language: str, folder: Path, servant: str = "") -> Peer:
    """A server in that language, of that servant."""
    log, servant = folder / f"tars server {language}.log", servant or SERVANTS[language]
    return tars("server.js", log, "0", servant) if language == "node" else _go(log, "server", servant)


def _go(log: Path, *args: str) -> Peer:
    if not GO.exists():
        raise PeerError("the Go peers of Tars are not built; run tests/interop/setup.sh")
    return Peer(f"tarsgo {args[0]}", [str(GO), *args], log)


class TarsRelay(Relay):
    """A relay that keeps whole Tars frames."""

    def _keep(self, index: int, direction: str, buffer: bytearray) -> None:
        with self._news:
            while len(buffer) >= 4 and len(buffer) >= (size := struct.unpack_from(">I", buffer)[0]) >= 4:
                self._frames.append(Recorded(index, direction, bytes(buffer[:size])))
                del buffer[:size]
            self._news.notify_all()


class _Reader:
    """jce values, read from the front."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def take(self, size: int) -> bytes:
        self.at += size
        if self.at > len(self.data):
            raise ValueError(f"{self.at} bytes of {len(self.data)}")
        return self.data[self.at - size : self.at]

    def field(self) -> tuple[int, Any]:
        """The next field's tag and value; the value of a structure's end is None."""
        first = self.take(1)[0]
        tag, kind = first >> 4, first & 15
        if tag == 15:
            tag = self.take(1)[0]
        return tag, self._value(kind)

    def _value(self, kind: int) -> Any:
        if kind < 4:
            return int.from_bytes(self.take(1 << kind), "big", signed=True)
        if kind in (4, 5):
            return struct.unpack(">f" if kind == 4 else ">d", self.take(4 if kind == 4 else 8))[0]
        if kind in (6, 7):
            return self.take(int.from_bytes(self.take(1 if kind == 6 else 4), "big")).decode()
        if kind in (8, 9):
            values = [self.field()[1] for _ in range(self.field()[1] * (2 if kind == 8 else 1))]
            return dict(zip(values[::2], values[1::2], strict=True)) if kind == 8 else values
        if kind == 12:
            return 0
        if kind == 13:
            self.take(1)
            return self.take(self.field()[1])
        raise ValueError(f"type {kind} is in no packet")


def fields(frame: bytes) -> dict[int, Any]:
    """Every field of a packet by its tag."""
    if struct.unpack_from(">I", frame)[0] != len(frame):
        raise ValueError(f"not one frame: {frame[:16].hex()}")
    reader, found = _Reader(frame[4:]), {}
    while reader.at < len(reader.data):
        tag, value = reader.field()
        found[tag] = value
    return found


def facts(frame: bytes, direction: str) -> dict[str, Any]:
    """What a frame that went in that direction ("request", "response") says."""
    found = fields(frame)
    common = {"variant": "tup" if found[1] in TUP else "tars", "version": found[1], "packet_type": found[2]}
    if direction == "response" and found[1] not in TUP:
        leaving = found[3] == 0 and found.get(8) == "_reconnect_"
        kind = "goaway" if leaving else "response"
        return {"kind": kind, **common, "id": found[3], "code": found[5], "description": found.get(8, "")}
    if direction == "response":
        return {"kind": "response", **common, "id": found[4], "status": found.get(10, {})}
    kind = "oneway" if found[2] else "heartbeat" if found[6] == "tars_ping" else "request"
    named = {"service": found[5], "method": found[6], "timeout": found[8], "headers": found.get(9, {})}
    return {"kind": kind, **common, "id": found[4], **named}
