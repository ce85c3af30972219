"""TCP connections as a capture file, segment by segment.

The classic format of libpcap: a header, then each packet behind its time and its size. Link type 101 is raw IP.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from pathlib import Path

SYN, FIN, ACK, PUSH = 0x02, 0x01, 0x10, 0x08
CLIENT, SERVER = 0, 1
MAX_SEGMENT = 1400


@dataclass
class Capture:
    """Packets in the order in which they were sent."""

    packets: list[bytes] = field(default_factory=list)

    def connect(self, client_port: int, server_port: int) -> Connection:
        first = 10_000 * len(self.packets) % (1 << 31)
        connection = Connection(self, (client_port, server_port), [first + 1000, first + 2000])
        connection.packet(CLIENT, SYN)
        connection.packet(SERVER, SYN | ACK)
        connection.packet(CLIENT, ACK)
        return connection

    def write(self, path: Path) -> Path:
        with path.open("wb") as file:
            file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 101))
            for number, packet in enumerate(self.packets):
                file.write(struct.pack("<IIII", 1_700_000_000 + number // 1000, number % 1000 * 1000, len(packet), len(packet)))
                file.write(packet)
        return path


@dataclass
class Connection:
    """One connection; what either side sends goes into its segments as it is given."""

    capture: Capture
    ports: tuple[int, int]
    sent: list[int]
    """The sequence number of what either side sends next."""

    def send(self, side: int, *parts: bytes, segment: int = MAX_SEGMENT) -> None:
        """Each part in segments of its own, of at most so many bytes."""
        for part in parts:
            for at in range(0, len(part), segment):
                self.packet(side, ACK | PUSH, part[at : at + segment])

    def close(self) -> None:
        for side in (SERVER, CLIENT):
            self.packet(side, FIN | ACK)

    def packet(self, side: int, flags: int, data: bytes = b"") -> None:
        hosts = (b"\x0a\x00\x00\x01", b"\x0a\x00\x00\x02")
        ends = (*self.ports, *hosts)[side::2], (*self.ports, *hosts)[1 - side :: 2]
        (source_port, source), (port, host) = ends
        heard = self.sent[1 - side] if flags & ACK else 0
        tcp = struct.pack(">HHIIBBHHH", source_port, port, self.sent[side], heard, 5 << 4, flags, 65535, 0, 0)
        number = len(self.capture.packets) & 0xFFFF
        ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 40 + len(data), number, 0x4000, 64, 6, 0, source, host)
        self.capture.packets.append(ip + tcp + data)
        self.sent[side] = (self.sent[side] + len(data) + bool(flags & (SYN | FIN))) % (1 << 32)
