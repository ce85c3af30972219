"""Captures as tcpdump and its like write them: pcap and pcapng, as packets.

Sources of the formats: libpcap's pcap-savefile(5) and the IETF drafts of pcap and pcapng. A reader of our own, since the
formats are small and the light ones to be had do not say how long a packet was on the wire: behind them nobody could tell a
short packet from one that was cut.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple, Protocol

from xproto.errors import XprotoError

MAX_PACKET = 1 << 20
"""libpcap writes at most 262,144 bytes of a packet; more is a damaged file."""
MAX_BLOCK = 16 << 20
MAX_INTERFACES = 4096
_ORDERS = {b"\xd4\xc3\xb2\xa1": ("<", 1000), b"\xa1\xb2\xc3\xd4": (">", 1000)}
_ORDERS |= {b"\x4d\x3c\xb2\xa1": ("<", 1), b"\xa1\xb2\x3c\x4d": (">", 1)}
"""pcap's magic: the byte order, and the nanoseconds of the smaller unit of time."""
_PCAPNG = b"\x0a\x0d\x0d\x0a"
_BYTE_ORDER = 0x1A2B3C4D
_SECTION, _INTERFACE, _OLD_PACKET, _SIMPLE, _PACKET = 0x0A0D0D0A, 1, 2, 3, 6
_RESOLUTION, _OFFSET = 9, 14
"""Options of an interface: the unit of its timestamps, and the seconds that they count from."""


class Readable(Protocol):
    """What bytes are read from; fewer than asked for only at its end."""

    def read(self, size: int = -1, /) -> bytes: ...


class CaptureError(XprotoError):
    """A file that is no capture, or is one no further than the offset that the text names."""


class Packet(NamedTuple):
    """What was captured of a packet. time: ns since 1970, or None; link: its LINKTYPE; length: on the wire, in bytes."""

    time: int | None
    link: int
    data: bytes
    length: int


def is_capture(beginning: bytes) -> bool:
    """Whether these first four bytes are those of a pcap or pcapng file."""
    return beginning[:4] in _ORDERS or beginning[:4] == _PCAPNG


def packets(stream: Readable) -> Iterator[Packet]:
    """The packets of a capture, one after the other; raises `CaptureError` where they cannot be read any further."""
    magic = stream.read(4)
    if magic in _ORDERS:
        return _pcap(_File(stream, 4), *_ORDERS[magic])
    if magic == _PCAPNG:
        return _Pcapng(_File(stream, 4)).packets()
    raise CaptureError("neither pcap nor pcapng")


class _File:
    def __init__(self, stream: Readable, at: int) -> None:
        self.stream, self.at = stream, at

    def read(self, size: int, what: str) -> bytes:
        data = self.stream.read(size)
        if len(data) < size:
            raise CaptureError(f"the capture ends in the middle of {what}, at offset {self.at + len(data)}")
        self.at += size
        return data

    def next(self, size: int, what: str) -> bytes:
        """The same; nothing at the file's end."""
        data = self.stream.read(size)
        self.at += len(data)
        return data + self.read(size - len(data), what) if data and len(data) < size else data


def _pcap(file: _File, order: str, unit: int) -> Iterator[Packet]:
    _major, _minor, _zone, _figures, _snaplen, link = struct.unpack(order + "HHiIII", file.read(20, "its header"))
    while head := file.next(16, "a packet's header"):
        seconds, part, kept, length = struct.unpack(order + "IIII", head)
        if kept > MAX_PACKET:
            raise CaptureError(f"a packet of {kept} bytes, at offset {file.at - 16}: the capture is damaged")
        yield Packet(seconds * 10**9 + part * unit, link & 0xFFFF, file.read(kept, "a packet"), max(length, kept))


class _Interface(NamedTuple):
    link: int
    snaplen: int
    ticks: int
    """In a second."""
    offset: int

    def time(self, high: int, low: int) -> int:
        return (high << 32 | low) * 10**9 // self.ticks + self.offset * 10**9


class _Pcapng:
    def __init__(self, file: _File) -> None:
        self.file = file
        self.order = "<"
        self.interfaces: list[_Interface] = []

    def packets(self) -> Iterator[Packet]:
        kind = _PCAPNG
        while kind:
            body = self._section() if kind == _PCAPNG else self._block()
            found = self._one(struct.unpack(self.order + "I", kind)[0], body)
            if found is not None:
                yield found
            kind = self.file.next(4, "a block")

    def _section(self) -> bytes:
        length, mark = self.file.read(4, "a block"), self.file.read(4, "a block")
        self.order = "<" if struct.unpack("<I", mark)[0] == _BYTE_ORDER else ">"
        if struct.unpack(self.order + "I", mark)[0] != _BYTE_ORDER:
            raise CaptureError(f"a section without its byte order, at offset {self.file.at - 4}")
        self.interfaces = []
        return self._rest(int(struct.unpack(self.order + "I", length)[0]), read=12)

    def _block(self) -> bytes:
        return self._rest(int(struct.unpack(self.order + "I", self.file.read(4, "a block"))[0]), read=8)

    def _rest(self, length: int, read: int) -> bytes:
        if not read + 4 <= length <= MAX_BLOCK or length % 4:
            raise CaptureError(f"a block of {length} bytes, at offset {self.file.at - read}: the capture is damaged")
        return self.file.read(length - read, "a block")[:-4]

    def _one(self, kind: int, body: bytes) -> Packet | None:
        try:
            if kind == _INTERFACE:
                self._interface(body)
            elif kind == _PACKET:
                number, high, low, kept, length = struct.unpack_from(self.order + "IIIII", body)
                return self._packet(number, high, low, kept, length, body)
            elif kind == _OLD_PACKET:
                number, _drops, high, low, kept, length = struct.unpack_from(self.order + "HHIIII", body)
                return self._packet(number, high, low, kept, length, body)
            elif kind == _SIMPLE:
                (length,) = struct.unpack_from(self.order + "I", body)
                interface = self.interfaces[0]
                kept = min(length, interface.snaplen or length, len(body) - 4)
                return Packet(None, interface.link, body[4 : 4 + kept], length)
        except (struct.error, IndexError, ZeroDivisionError):
            raise CaptureError(f"a block of type {kind} that cannot be read, before offset {self.file.at}") from None
        return None

    def _packet(self, number: int, high: int, low: int, kept: int, length: int, body: bytes) -> Packet:
        interface = self.interfaces[number]
        if kept > len(body) - 20:
            raise IndexError
        return Packet(interface.time(high, low), interface.link, body[20 : 20 + kept], max(length, kept))

    def _interface(self, body: bytes) -> None:
        if len(self.interfaces) >= MAX_INTERFACES:
            raise CaptureError(f"more than {MAX_INTERFACES} interfaces")
        link, _reserved, snaplen = struct.unpack_from(self.order + "HHI", body)
        ticks, offset, at = 10**6, 0, 8
        while at + 4 <= len(body):
            code, size = struct.unpack_from(self.order + "HH", body, at)
            value = body[at + 4 : at + 4 + size]
            if code == _RESOLUTION and len(value) == 1:
                ticks = 1 << (value[0] & 0x7F) if value[0] & 0x80 else 10 ** value[0]
            elif code == _OFFSET and len(value) == 8:
                (offset,) = struct.unpack(self.order + "q", value)
            at += 4 + size + -size % 4
        self.interfaces.append(_Interface(link, snaplen, ticks, offset))
