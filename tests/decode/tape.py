"""Captures made by hand: a TCP conversation as packets, and these as a pcap or pcapng file. Shares no code with the reader."""

from __future__ import annotations

import ipaddress
import struct
from dataclasses import dataclass, field

FIN, SYN, RST, ACK = 1, 2, 4, 16
START = 1_700_000_000_000_000_000
STEP = 1_000_000
"""Nanoseconds between packets."""
CLIENT, SERVER = ("10.0.0.1", 40_000), ("10.0.0.2", 9_000)


@dataclass
class Tape:
    """Packets in the order in which they are written: (time in ns, link-layer bytes, bytes on the wire)."""

    link: str = "ethernet"
    packets: list[tuple[int, bytes, int]] = field(default_factory=list)

    def add(self, ip: bytes, version: int, cut: int = 0) -> None:
        framed = LINKS[self.link][1](version) + ip
        self.packets.append((START + STEP * len(self.packets), framed[: len(framed) - cut], len(framed)))

    def pcap(self, order: str = "<", unit: int = 1000) -> bytes:
        magic = 0xA1B2C3D4 if unit == 1000 else 0xA1B23C4D
        out = struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, 262_144, LINKS[self.link][0])
        for time, data, length in self.packets:
            out += struct.pack(order + "IIII", time // 10**9, time % 10**9 // unit, len(data), length) + data
        return out

    def pcapng(self, order: str = "<", resolution: int = 9) -> bytes:
        def block(kind: int, body: bytes) -> bytes:
            size = 12 + len(body)
            return struct.pack(order + "II", kind, size) + body + struct.pack(order + "I", size)

        options = struct.pack(order + "HHB3x", 9, 1, resolution) + struct.pack(order + "HH", 0, 0)
        out = block(0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1))
        out += block(1, struct.pack(order + "HHI", LINKS[self.link][0], 0, 0) + options)
        out += block(5, struct.pack(order + "III", 0, 0, 0))  # statistics, which nobody asked for
        for time, data, length in self.packets:
            ticks = time * 10**resolution // 10**9
            head = struct.pack(order + "IIIII", 0, ticks >> 32, ticks & 0xFFFFFFFF, len(data), length)
            out += block(6, head + data + bytes(-len(data) % 4))
        return out


LINKS = {
    "ethernet": (1, lambda v: bytes(12) + (b"\x08\x00" if v == 4 else b"\x86\xdd")),
    "vlan": (1, lambda v: bytes(12) + b"\x88\xa8\x00\x05\x81\x00\x00\x07" + (b"\x08\x00" if v == 4 else b"\x86\xdd")),
    "cooked": (113, lambda v: bytes(14) + (b"\x08\x00" if v == 4 else b"\x86\xdd")),
    "cooked2": (276, lambda v: (b"\x08\x00" if v == 4 else b"\x86\xdd") + bytes(18)),
    "null": (0, lambda v: struct.pack("<I", 2 if v == 4 else 30)),
    "loop": (108, lambda v: struct.pack(">I", 2 if v == 4 else 24)),
    "raw": (101, lambda _v: b""),
}


def ip_packet(source: str, destination: str, payload: bytes, *, protocol: int = 6, fragment: int = 0) -> tuple[bytes, int]:
    """The packet, and its version."""
    ends = ipaddress.ip_address(source).packed + ipaddress.ip_address(destination).packed
    if ":" in source:
        return struct.pack(">IHBB", 6 << 28, len(payload), protocol, 64) + ends + payload, 6
    head = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(payload), 1, fragment, 64, protocol, 0)
    return head + ends + payload, 4


@dataclass
class Talk:
    """One connection on a tape; each call adds packets. Sequence numbers wrap when they have to."""

    tape: Tape
    client: tuple[str, int] = CLIENT
    server: tuple[str, int] = SERVER
    seqs: list[int] = field(default_factory=lambda: [1000, 4_294_967_000])

    def packet(self, side: int, data: bytes = b"", flags: int = ACK, *, seq: int | None = None, cut: int = 0) -> None:
        """A packet from side 0, the client, or 1; `seq` is where it says that its data stand."""
        ends = (self.client, self.server) if side == 0 else (self.server, self.client)
        number = self.seqs[side] if seq is None else seq
        ports = struct.pack(">HH", ends[0][1], ends[1][1])
        head = struct.pack(">IIBBHHH", number & 0xFFFFFFFF, self.seqs[1 - side] & 0xFFFFFFFF, 8 << 4, flags, 65_535, 0, 0)
        self.tape.add(*ip_packet(ends[0][0], ends[1][0], ports + head + bytes(12) + data), cut=cut)
        if seq is None:
            self.seqs[side] += len(data) + bool(flags & SYN) + bool(flags & FIN)

    def open(self) -> Talk:
        self.packet(0, flags=SYN)
        self.packet(1, flags=SYN | ACK)
        self.packet(0)
        return self

    def send(self, side: int, data: bytes, most: int = 1460) -> Talk:
        for at in range(0, len(data), most):
            self.packet(side, data[at : at + most], ACK)
        return self

    def close(self) -> Talk:
        for side in (0, 1):
            self.packet(side, flags=FIN | ACK)
        return self
