"""Whose connection it is, as a balancer says it; and what hostile peers say."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xproto.autodetect.proxy_protocol import LONGEST, LONGEST_V1, Endpoint, Preamble, crc32c, read
from xproto.errors import MalformedError

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
V4 = ipaddress.ip_address("10.1.2.3").packed + ipaddress.ip_address("10.9.9.9").packed + bytes((0x1F, 0x90, 0, 80))
V6 = ipaddress.ip_address("2001:db8::7").packed + ipaddress.ip_address("::1").packed + bytes((0x1F, 0x90, 0, 80))
CLIENT, FRONT = Endpoint("10.1.2.3", 8080), Endpoint("10.9.9.9", 80)


def v2(rest=b"", family=0x11, command=0x21, length=None):
    size = len(rest) if length is None else length
    return SIGNATURE + bytes((command, family)) + size.to_bytes(2, "big") + rest


def tlv(kind, value, length=None):
    return bytes((kind,)) + (len(value) if length is None else length).to_bytes(2, "big") + value


def checked(rest):
    """With its checksum, in front of what else is told."""
    bare = v2(V4 + tlv(3, bytes(4)) + rest)
    return v2(V4 + tlv(3, crc32c(bare).to_bytes(4, "big")) + rest)


GOOD = {
    "TCP4": (b"PROXY TCP4 10.1.2.3 10.9.9.9 8080 80\r\n", CLIENT, FRONT),
    "TCP6": (b"PROXY TCP6 2001:db8::7 ::1 8080 80\r\n", Endpoint("2001:db8::7", 8080), Endpoint("::1", 80)),
    "UNKNOWN": (b"PROXY UNKNOWN\r\n", None, None),
    "UNKNOWN with more": (b"PROXY UNKNOWN ffff::1 whatever\r\n", None, None),
    "port 0": (b"PROXY TCP4 10.1.2.3 10.9.9.9 0 65535\r\n", Endpoint("10.1.2.3", 0), Endpoint("10.9.9.9", 65535)),
    "the longest line": (
        b"PROXY TCP6 " + b" ".join([b"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"] * 2) + b" 65535 65535\r\n",
        *[Endpoint("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 65535)] * 2,
    ),
    "IPv4": (v2(V4), CLIENT, FRONT),
    "IPv4 datagrams": (v2(V4, 0x12), CLIENT, FRONT),
    "IPv6": (v2(V6, 0x21), Endpoint("2001:db8::7", 8080), Endpoint("::1", 80)),
    "Unix": (v2(b"/run/a".ljust(108, b"\0") + bytes(108), 0x31), Endpoint("unix:/run/a", None), None),
    "Unix, abstract": (v2(b"\0a".ljust(108, b"\0") * 2, 0x31), *[Endpoint("unix:@a", None)] * 2),
    "of nobody": (v2(b"", 0x00), None, None),
    "of nobody, with something": (v2(b"\x01\xff", 0x00), None, None),
    "local": (v2(b"", 0x00, command=0x20), None, None),
    "local, whatever else it says": (v2(b"xyz", 0x99, command=0x20), None, None),
    "values": (v2(V4 + tlv(1, b"h2") + tlv(4, b"")), CLIENT, FRONT),
    "a checksum": (checked(tlv(2, b"example.org")), CLIENT, FRONT),
    "as long as it may be": (v2(V4 + tlv(4, bytes(LONGEST - 16 - 12 - 3))), CLIENT, FRONT),
}
BAD = {
    "a line without end": b"PROXY TCP4 " + b"1" * LONGEST_V1,
    "an end behind the limit": b"PROXY UNKNOWN " + b"x" * (LONGEST_V1 - 15) + b"\r\n",
    "LF alone": b"PROXY UNKNOWN\n",
    "CR inside": b"PROXY UNKNOWN\r \r\n",
    "another protocol": b"PROXY TCP5 10.1.2.3 10.9.9.9 8080 80\r\n",
    "two spaces": b"PROXY TCP4  10.1.2.3 10.9.9.9 8080 80\r\n",
    "a space at the end": b"PROXY TCP4 10.1.2.3 10.9.9.9 8080 80 \r\n",
    "no destination": b"PROXY TCP4 10.1.2.3 8080\r\n",
    "IPv6 where IPv4 is told": b"PROXY TCP4 ::1 10.9.9.9 8080 80\r\n",
    "IPv4 where IPv6 is told": b"PROXY TCP6 10.1.2.3 ::1 8080 80\r\n",
    "a zone": b"PROXY TCP6 fe80::1%eth0 ::1 8080 80\r\n",
    "an address with zeros in front": b"PROXY TCP4 010.1.2.3 10.9.9.9 8080 80\r\n",
    "an address that is none": b"PROXY TCP4 10.1.2 10.9.9.9 8080 80\r\n",
    "an address that is no text": b"PROXY TCP4 10.1.2.\xb3 10.9.9.9 8080 80\r\n",
    "a port too high": b"PROXY TCP4 10.1.2.3 10.9.9.9 65536 80\r\n",
    "a port with a sign": b"PROXY TCP4 10.1.2.3 10.9.9.9 +8080 80\r\n",
    "a port with a zero in front": b"PROXY TCP4 10.1.2.3 10.9.9.9 08080 80\r\n",
    "a port in hexadecimal": b"PROXY TCP4 10.1.2.3 10.9.9.9 0x50 80\r\n",
    "version 1 in binary": v2(V4, command=0x11),
    "version 3": v2(V4, command=0x31),
    "a command that is none": v2(V4, command=0x22),
    "a family that is none": v2(V4, 0x41),
    "a transport that is none": v2(V4, 0x13),
    "CVE-2026-47692: too short for IPv4": v2(V4[:11]),
    "CVE-2026-47692: too short for IPv6": v2(V6[:35], 0x21),
    "CVE-2026-47692: too short for Unix": v2(bytes(215), 0x31),
    "CVE-2026-47692: no length at all": v2(b"", 0x11),
    "CVE-2026-47692: over the limit": v2(b"", length=LONGEST - 15),
    "CVE-2026-47692: as long as can be said": v2(b"", length=0xFFFF),
    "a value cut off in its length": v2(V4 + b"\x01\x00"),
    "a value past the end": v2(V4 + tlv(1, b"h2", length=3)),
    "a value of 65535 bytes": v2(V4 + tlv(1, b"h2", length=0xFFFF)),
    "a wrong checksum": v2(V4 + tlv(3, b"\x01\x02\x03\x04")),
    "a checksum of another length": v2(V4 + tlv(3, b"\x01\x02\x03")),
}


@pytest.mark.parametrize("name", list(GOOD))
def test_what_a_header_says(name):
    header, source, destination = GOOD[name]
    expected = Preamble(source, destination, len(header))
    assert read(header) == expected
    assert read(header + b"\xda\xbb\xc2") == expected
    asked = 0
    while isinstance(answer := read(header[:asked]), int):
        assert asked < answer <= len(header)
        asked = answer
    assert answer == expected


@pytest.mark.parametrize("name", list(BAD))
def test_what_is_refused(name):
    with pytest.raises(MalformedError):
        read(BAD[name])


def test_how_an_end_is_written():
    assert [str(Endpoint(*each)) for each in [("10.0.0.1", 80), ("::1", 80), ("unix:/run/a", None)]] == [
        "10.0.0.1:80", "[::1]:80", "unix:/run/a",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("data", "answer"),
    [
        (b"", 6),
        (b"PRO", 6),
        (b"PROP", None),
        (b"\r\n", 12),
        (b"\r\n\r\n\r\n", None),
        (b"GET /", None),
        (b"PROXY ", 15),
        (SIGNATURE, 16),
    ],
)
def test_where_one_begins(data, answer):
    assert read(data) == answer


def test_the_checksum_is_the_one_of_the_standard():
    assert crc32c(b"123456789") == 0xE3069283  # the check value of CRC-32/ISCSI


def outcome(data):
    try:
        return read(data)
    except MalformedError:
        return "malformed"


@st.composite
def mutated(draw):
    data = bytearray(draw(st.sampled_from([header for header, *_ in GOOD.values() if len(header) < 300])))
    for _ in range(draw(st.integers(0, 3))):
        data[draw(st.integers(6, len(data) - 1))] = draw(st.sampled_from([0, 1, 3, 10, 13, 32, 48, 255]))
    return bytes(data) + draw(st.binary(max_size=3))


@given(mutated())
def test_the_answer_does_not_depend_on_the_cuts(data):
    whole = outcome(data)
    for cut in range(len(data)):
        part = outcome(data[:cut])
        if isinstance(part, int):
            assert cut < part <= LONGEST
        else:
            assert part == whole
