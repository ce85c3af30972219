"""Link layers and IP: the same segment comes out of all of them."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tape import ACK, LINKS, Talk, Tape, ip_packet

from xproto.autodetect.proxy_protocol import Endpoint
from xproto.decode.capture import Packet, packets
from xproto.decode.packets import Segment, segment

V6 = ("2001:db8::1", 40_000), ("2001:db8::2", 9_000)


def only(tape: Tape) -> object:
    (found,) = packets(io.BytesIO(tape.pcap()))
    return segment(found)


@pytest.mark.parametrize("link", list(LINKS))
@pytest.mark.parametrize("version", [4, 6])
def test_every_link(link: str, version: int) -> None:
    tape = Tape(link)
    talk = Talk(tape) if version == 4 else Talk(tape, *V6)
    talk.packet(0, b"hello")
    found = only(tape)
    assert isinstance(found, Segment)
    assert (found.data, found.cut, found.seq, found.flags) == (b"hello", 0, 1000, ACK)
    assert (found.source, found.destination) == (Endpoint(*talk.client), Endpoint(*talk.server))


@pytest.mark.parametrize("cut", [1, 4, 5])
def test_a_packet_that_was_cut(cut: int) -> None:
    tape = Tape()
    Talk(tape).packet(0, b"hello", cut=cut)
    found = only(tape)
    assert isinstance(found, Segment)
    assert (found.data, found.cut) == (b"hello"[: 5 - cut], cut)


def test_a_packet_that_was_cut_in_its_headers() -> None:
    tape = Tape()
    Talk(tape).packet(0, b"hello", cut=30)
    assert only(tape) == "a packet of 71 bytes of which 41 were captured: too few for its headers"


def test_padding_of_short_frames_is_no_data() -> None:
    tape = Tape()
    Talk(tape).packet(0, b"hi")
    time, data, length = tape.packets[0]
    tape.packets[0] = (time, data + bytes(6), length + 6)
    found = only(tape)
    assert isinstance(found, Segment)
    assert (found.data, found.cut) == (b"hi", 0)


def test_what_is_not_read_is_said() -> None:
    tape = Tape("raw")
    tape.add(*ip_packet("10.0.0.1", "10.0.0.2", bytes(40), fragment=0x2000))
    assert only(tape) == "a fragment of an IPv4 packet: fragments are not put together"
    assert segment(Packet(0, 147, bytes(60), 60)) == "link type 147 is not known"
    tape = Tape("raw")
    tape.add(*ip_packet("::1", "::2", b"\x06\x00\x00\x01\x00\x00\x00\x01" + bytes(40), protocol=44))
    assert only(tape) == "a fragment of an IPv6 packet: fragments are not put together"


def test_headers_of_ipv6_are_passed_over() -> None:
    tape, talk = Tape("raw"), Talk(Tape("raw"), *V6)
    talk.packet(0, b"hello")
    tcp = talk.tape.packets[0][1][40:]
    options = b"\x2c\x00" + bytes(6)
    fragment = b"\x3c\x00\x00\x00" + bytes(4)  # the only one there is
    destination = b"\x06\x01" + bytes(14)
    tape.add(*ip_packet(V6[0][0], V6[1][0], options + fragment + destination + tcp, protocol=0))
    found = only(tape)
    assert isinstance(found, Segment)
    assert found.data == b"hello"


def test_others_than_tcp_are_left_alone() -> None:
    tape = Tape("raw")
    tape.add(*ip_packet("10.0.0.1", "10.0.0.2", bytes(40), protocol=17))
    assert only(tape) is None
    assert segment(Packet(0, 1, bytes(12) + b"\x08\x06" + bytes(28), 42)) is None


@given(st.sampled_from([0, 1, 12, 101, 108, 113, 228, 229, 276]), st.binary(max_size=120))
def test_any_bytes_are_a_segment_or_none(link: int, data: bytes) -> None:
    found = segment(Packet(0, link, data, len(data) + 7))
    assert not isinstance(found, Segment) or found.cut >= 0
