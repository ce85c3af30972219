"""The header of the PROXY protocol: whose connection it is, said by a balancer in front of it.

Version 1 is a line of text, version 2 is binary; HAProxy's doc/proxy-protocol.txt describes both. Read once for a
connection, so it is plain Python. Strict, since what it says is believed: lengths that do not fit each other are refused
before they are used (CVE-2026-47692), and so is every second way to write a port or an address.

What always holds: the answer depends on the bytes alone, not on how they were cut; no more than LONGEST bytes are ever
asked for; nothing behind the header is looked at.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

from xproto.autodetect.strangers import PROXY1, PROXY2
from xproto.errors import MalformedError

LONGEST_V1 = 107
"""The specification's: two IPv6 addresses at their longest."""
SHORTEST_V1 = len(b"PROXY UNKNOWN\r\n")
LONGEST = 4096
"""Of version 2, with everything that follows the addresses; those in use have a few hundred bytes."""
FIXED = 16
_LOCAL, _PROXY = 0x20, 0x21
_WIDTHS = {0: 0, 1: 4, 2: 16, 3: 108}
"""Bytes of an address, by family: unspecified, IPv4, IPv6, Unix."""
_UNIX = 3
_STREAMS = 2
"""Transports: unspecified, stream, datagram."""
_CRC32C = 0x03


class Endpoint(NamedTuple):
    """One end of the connection. `host`: an address of IPv4 or IPv6; of a Unix socket ``unix:`` and its path, and no port."""

    host: str
    port: int | None

    def __str__(self) -> str:
        if self.port is None:
            return self.host
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Preamble:
    """What a header says, and its size in bytes. No ends: the connection is the balancer's own, or it does not know."""

    source: Endpoint | None
    destination: Endpoint | None
    size: int


def read(data: bytes) -> Preamble | int | None:
    """The header; None where none begins; or how many bytes in all are needed to say more. Raises `MalformedError`."""
    for beginning, rest in ((PROXY1, _line), (PROXY2, _binary)):
        if data.startswith(beginning):
            return rest(data)
        if beginning.startswith(data):
            return len(beginning)
    return None


def _bad(path: str, offset: int, why: str) -> MalformedError:
    return MalformedError("PROXY", path, offset, why)


def _line(data: bytes) -> Preamble | int:
    end = data.find(b"\n", 0, LONGEST_V1)
    if end < 0:
        if len(data) >= LONGEST_V1:
            raise _bad("line", LONGEST_V1, f"no end in {LONGEST_V1} bytes")
        return max(SHORTEST_V1, len(data) + 1)
    line = data[: end + 1]
    if line.find(b"\r") != end - 1:
        raise _bad("line", end, "does not end with one CR and LF")
    words = line[:-2].split(b" ")
    if words[1] == b"UNKNOWN":
        return Preamble(None, None, len(line))
    if len(words) != 6 or words[1] not in {b"TCP4", b"TCP6"}:
        raise _bad("line", len(PROXY1), f"is not TCP4 or TCP6, two addresses and two ports: {line!r}")
    version = 4 if words[1] == b"TCP4" else 6
    hosts = [_host(word, version) for word in words[2:4]]
    source, destination = (Endpoint(host, _port(word)) for host, word in zip(hosts, words[4:], strict=True))
    return Preamble(source, destination, len(line))


def _host(word: bytes, version: int) -> str:
    try:
        address = ipaddress.ip_address(word.decode("ascii"))
    except ValueError:
        address = None
    if address is None or address.version != version or b"%" in word:
        raise _bad("address", len(PROXY1), f"is none of IPv{version}: {word!r}")
    return str(address)


def _port(word: bytes) -> int:
    if not word.isdigit() or len(word) > 5 or int(word) > 0xFFFF or (word[:1] == b"0" and word != b"0"):
        raise _bad("port", len(PROXY1), f"is no port: {word!r}")
    return int(word)


def _binary(data: bytes) -> Preamble | int:
    if len(data) > 12 and data[12] not in (_LOCAL, _PROXY):
        raise _bad("command", 12, f"version and command are 0x{data[12]:02x}")
    if len(data) < FIXED:
        return FIXED
    size = FIXED + int.from_bytes(data[14:16], "big")
    if size > LONGEST:
        raise _bad("length", 14, f"{size} bytes are over the limit of {LONGEST}")
    if data[12] == _LOCAL:  # whatever it says of addresses is to be ignored
        return Preamble(None, None, size) if len(data) >= size else size
    family, transport = divmod(data[13], 16)
    if family not in _WIDTHS or transport > _STREAMS:
        raise _bad("family", 13, f"is 0x{data[13]:02x}")
    addresses = FIXED + _taken(family)
    if size < addresses:
        raise _bad("length", 14, f"{size} bytes are too few for the addresses")
    if len(data) < size:
        return size
    if not _WIDTHS[family]:  # unspecified: nor is it said where anything else would begin
        return Preamble(None, None, size)
    _check_values(data[:size], addresses)
    return Preamble(*_ends(data, family), size)


def _taken(family: int) -> int:
    """Bytes of both addresses, and of their ports."""
    width = _WIDTHS[family]
    return 2 * width + (4 if width and family != _UNIX else 0)


def _ends(data: bytes, family: int) -> tuple[Endpoint | None, Endpoint | None]:
    width = _WIDTHS[family]
    source, destination = data[FIXED : FIXED + width], data[FIXED + width : FIXED + 2 * width]
    if family == _UNIX:
        return _unix(source), _unix(destination)
    at = FIXED + 2 * width
    ports = int.from_bytes(data[at : at + 2], "big"), int.from_bytes(data[at + 2 : at + 4], "big")
    hosts = str(ipaddress.ip_address(source)), str(ipaddress.ip_address(destination))
    return Endpoint(hosts[0], ports[0]), Endpoint(hosts[1], ports[1])


def _unix(path: bytes) -> Endpoint | None:
    """None for a client that has no path, as most have none. An abstract name begins with a zero, and is written with @."""
    named = path.rstrip(b"\0")
    text = named.replace(b"\0", b"@", 1) if named.startswith(b"\0") else named.partition(b"\0")[0]
    return Endpoint("unix:" + text.decode("ascii", "backslashreplace"), None) if named else None


def _check_values(header: bytes, at: int) -> None:
    """The type-length-values behind the addresses: each must end within the header; a checksum must be right."""
    while at < len(header):
        if len(header) - at < 3:
            raise _bad("value", at, "its type and length are cut off")
        start, length = at + 3, int.from_bytes(header[at + 1 : at + 3], "big")
        if length > len(header) - start:
            raise _bad("value", at, f"of {length} bytes runs past the end of the header")
        if header[at] == _CRC32C:
            told = header[start : start + length]
            if length != 4 or crc32c(header[:start] + bytes(4) + header[start + 4 :]) != int.from_bytes(told, "big"):
                raise _bad("checksum", at, f"{told.hex()} is not that of the header")
        at = start + length


def crc32c(data: bytes) -> int:
    """Castagnoli's CRC-32, as in RFC 3720."""
    crc, table = 0xFFFFFFFF, _crc_table()
    for byte in data:
        crc = crc >> 8 ^ table[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF


@cache
def _crc_table() -> tuple[int, ...]:
    def entry(byte: int) -> int:
        for _ in range(8):
            byte = byte >> 1 ^ (0x82F63B78 if byte & 1 else 0)
        return byte

    return tuple(map(entry, range(256)))
