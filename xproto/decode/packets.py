"""Packets as TCP segments: link headers, VLAN tags, IPv4 and IPv6.

Sources of the formats: the LINKTYPE pages of tcpdump.org, IEEE 802.1Q, RFC 791, 8200 and 9293.
"""

from __future__ import annotations

import ipaddress
import struct
from functools import lru_cache
from typing import NamedTuple

from xproto.autodetect.proxy_protocol import Endpoint
from xproto.decode.capture import Packet

FIN, SYN, RST, ACK = 1, 2, 4, 16
TCP = 6
NULL, ETHERNET, RAW_BSD, RAW_OPENBSD, RAW, LOOP, COOKED, IPV4, IPV6, COOKED_2 = 0, 1, 12, 14, 101, 108, 113, 228, 229, 276
_IP, _IP6 = 0x0800, 0x86DD
_TAGS = {0x8100, 0x88A8, 0x9100}
_FAMILIES = {2: _IP, 10: _IP6, 24: _IP6, 28: _IP6, 30: _IP6}
"""AF_INET and AF_INET6, as the systems number them that write such captures."""
_OPTIONS, _ROUTING, _FRAGMENT, _AUTHENTICATION, _DESTINATION = 0, 43, 44, 51, 60
MAX_EXTENSIONS = 16


class Segment(NamedTuple):
    """What one packet adds to a connection.

    cut: bytes of its data, the last ones, that were on the wire and are not in the capture. time: ns since 1970, or None.
    """

    time: int | None
    source: Endpoint
    destination: Endpoint
    seq: int
    ack: int
    flags: int
    data: bytes
    cut: int


def segment(packet: Packet) -> Segment | str | None:
    """The segment; None where the packet is not of TCP; or why it cannot be read."""
    try:
        kind, at = _link(packet.link, packet.data)
        if kind is None:
            return f"link type {packet.link} is not known"
        if kind == _IP:
            return _ipv4(packet, at)
        return _ipv6(packet, at) if kind == _IP6 else None
    except (struct.error, IndexError):
        return f"a packet of {packet.length} bytes of which {len(packet.data)} were captured: too few for its headers"


def _link(link: int, data: bytes) -> tuple[int | None, int]:
    """The ether type and where its bytes begin; None for a link that is not known."""
    if link in {NULL, LOOP}:
        order = ">" if link == LOOP or data[0] == 0 else "<"
        return _FAMILIES.get(struct.unpack_from(order + "I", data)[0], 0), 4
    if link in {RAW, RAW_BSD, RAW_OPENBSD, IPV4, IPV6}:
        return {4: _IP, 6: _IP6}.get(data[0] >> 4, 0), 0
    if link == COOKED_2:
        return _tagged(struct.unpack_from(">H", data)[0], data, 20)
    if link == COOKED:
        return _tagged(struct.unpack_from(">H", data, 14)[0], data, 16)
    if link == ETHERNET:
        return _tagged(struct.unpack_from(">H", data, 12)[0], data, 14)
    return None, 0


def _tagged(kind: int, data: bytes, at: int) -> tuple[int, int]:
    while kind in _TAGS:
        (kind,) = struct.unpack_from(">H", data, at + 2)
        at += 4
    return kind, at


@lru_cache(4096)
def _address(packed: bytes) -> str:
    return str(ipaddress.ip_address(packed))


def _ipv4(packet: Packet, at: int) -> Segment | str | None:
    data = packet.data
    first, _service, total, _number, fragment, _hops, protocol = struct.unpack_from(">BBHHHBB", data, at)
    if protocol != TCP:
        return None
    if fragment & 0x3FFF:
        return "a fragment of an IPv4 packet: fragments are not put together"
    if first & 15 < 5:
        return "an IPv4 header without its addresses"
    end = at + total if total else packet.length  # zero: the card was to cut it up, and would have filled it in
    return _tcp(packet, data[at + 12 : at + 16], data[at + 16 : at + 20], at + 4 * (first & 15), end)


def _ipv6(packet: Packet, at: int) -> Segment | str | None:
    data = packet.data
    _first, size, following, _hops = struct.unpack_from(">IHBB", data, at)
    end = at + 40 + size if size else packet.length
    here = at + 40
    for _ in range(MAX_EXTENSIONS):
        if following == TCP:
            return _tcp(packet, data[at + 8 : at + 24], data[at + 24 : at + 40], here, end)
        if following == _FRAGMENT:
            if struct.unpack_from(">H", data, here + 2)[0] & 0xFFF9:
                return "a fragment of an IPv6 packet: fragments are not put together"
            length = 8
        elif following in {_OPTIONS, _ROUTING, _DESTINATION}:
            length = 8 * (data[here + 1] + 1)
        elif following == _AUTHENTICATION:
            length = 4 * (data[here + 1] + 2)
        else:
            return None
        following, here = data[here], here + length
    return "an IPv6 packet with too many extension headers"


def _tcp(packet: Packet, source: bytes, destination: bytes, at: int, end: int) -> Segment | str:
    data = packet.data
    sender, receiver, seq, ack, offset, flags = struct.unpack_from(">HHIIBB", data, at)
    start = at + 4 * (offset >> 4)
    if offset >> 4 < 5 or start > end:
        return "a TCP header whose length does not fit its packet"
    payload = data[start:end]
    ends = Endpoint(_address(source), sender), Endpoint(_address(destination), receiver)
    return Segment(packet.time, *ends, seq, ack, flags, payload, end - start - len(payload))
