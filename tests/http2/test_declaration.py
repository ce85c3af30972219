"""What the declaration of HTTP/2's frames says: which kind each is of, which have a number, what the proxy says itself.

That frames are read as they are declared is for the conformance kit; whether as others read them, see `test_hyperframe`.
"""

from __future__ import annotations

from dataclasses import replace

import pytest
from construct import this

from xproto.autodetect import Detector, prove
from xproto.codecs.http1 import http1
from xproto.codecs.http2 import LARGEST_FRAME_SIZE, MAX_FRAME_SIZE, PREFACE, TYPES, http2
from xproto.errors import MalformedError, NeedMore, SpecError
from xproto.kernel.pieces import known
from xproto.lower.roles import ECHO_TEXT
from xproto.registry import load, register
from xproto.spec import Fault, Kind, Pool

PROTOCOLS = load()
HTTP2 = PROTOCOLS["http2"]
CODEC = HTTP2.codec


def frame(kind: str | int, stream: int = 1, payload: bytes = b"", flags: int = 0) -> bytes:
    number = TYPES[kind] if isinstance(kind, str) else kind
    return len(payload).to_bytes(3, "big") + bytes((number, flags)) + stream.to_bytes(4, "big") + payload


KINDS = [
    (PREFACE, 0, Kind.HANDSHAKE, None),
    (frame("headers", 5, b"\x82", 5), 0, Kind.REQUEST, 5),
    (frame("headers", 5, b"\x88", 5), 1, Kind.RESPONSE, 5),
    (frame("ping", 0, bytes(8)), 0, Kind.HEARTBEAT, None),
    (frame("ping", 0, bytes(8), 0xFE), 1, Kind.HEARTBEAT, None),
    (frame("ping", 0, bytes(8), 1), 1, Kind.HEARTBEAT_ACK, None),
    (frame("goaway", 0, bytes(8)), 1, Kind.GOAWAY, None),
    (frame("data", 5, b"x", 1), 0, Kind.PART, 5),
    (frame("continuation", 5, b"\x82", 4), 1, Kind.PART, 5),
    (frame("rst_stream", 5, bytes(4)), 0, Kind.PART, 5),
    (frame("push_promise", 5, bytes(4), 4), 1, Kind.PART, 5),
    (frame("window_update", 5, bytes(4)), 0, Kind.PART, 5),
    (frame("window_update", 0, bytes(4)), 0, Kind.CONTROL, 0),
    (frame("settings", 0), 0, Kind.CONTROL, None),
    (frame("settings", 0, b"", 1), 1, Kind.CONTROL, None),
    (frame("priority", 5, bytes(5)), 0, Kind.CONTROL, 5),
    (frame(0x2A, 5, b"?"), 0, Kind.CONTROL, 5),
    (frame(0xFF, 0), 1, Kind.CONTROL, 0),
]


@pytest.mark.parametrize(("data", "direction", "kind", "number"), KINDS)
def test_the_kind_of_each_frame_and_whether_it_has_a_number(data, direction, kind, number):
    found = CODEC.scan_bytes(data, direction)
    at = (-1, -1) if number is None else (5, 9)
    assert (found.size, found.kind, found.id, (found.id_at, found.id_end)) == (len(data), kind, number or 0, at)


def test_the_reserved_bit_is_no_part_of_a_number_and_stays():
    data = frame("headers", 0x80000005, b"\x82", 5)
    assert CODEC.scan_bytes(data).id == 5
    assert CODEC.with_id(data, 7) == frame("headers", 0x80000007, b"\x82", 5)
    assert CODEC.with_id(data, 0x80000007) == CODEC.with_id(data, 7), "31 bits are all that it has"
    assert CODEC.id_bits == 31


def test_into_a_frame_without_a_number_none_is_written():
    for data in (PREFACE, frame("settings", 0x80000000), frame("ping", 0, b"12345678")):
        assert CODEC.with_id(data, 7) == data


def test_a_frame_is_known_by_its_header():
    data = frame("headers", 5, bytes(100), 5)
    assert known(CODEC, data[:8]) is None
    assert known(CODEC, data[:9])[1:3] == (Kind.REQUEST, 5)
    assert CODEC.scan_bytes(data[:9]) == NeedMore(109)
    assert CODEC.scan_bytes(b"PRI") == NeedMore(24)


def test_only_a_client_begins_with_the_preface():
    assert CODEC.handshake(0, 77) == PREFACE
    assert CODEC.handshake_ack(0, 0, 0) == b""
    with pytest.raises(MalformedError, match=r"http2: frame\.length: must be in 0\.\.16384, at offset 0"):
        CODEC.scan_bytes(PREFACE, 1)


@pytest.mark.parametrize(
    ("fault", "block"),
    [
        (Fault.NO_ROUTE, b"\x8d"),
        (Fault.NO_HOST, b"\x08\x03503\x0f\x26\x011"),
        (Fault.CONNECT, b"\x08\x03503\x0f\x26\x011"),
        (Fault.OVERLOAD, b"\x08\x03503\x0f\x26\x011"),
        (Fault.TIMEOUT, b"\x08\x03504"),
        (Fault.CLOSED, b"\x08\x03502"),
        (Fault.MALFORMED, b"\x8c"),
        (Fault.MISDIRECTED, b"\x08\x03421"),
        (Fault.FILTER, b"\x8e"),
    ],
)
def test_local_replies_are_one_frame_that_no_table_takes_part_in(fault, block):
    reply = CODEC.reply(fault, 0, 0, 0x7FFFFFFF)
    assert reply == frame("headers", 0x7FFFFFFF, block, 0x05)
    assert CODEC.scan_bytes(reply, 1)[1:3] == (Kind.RESPONSE, 0x7FFFFFFF)
    assert set(HTTP2.protocol.reply) == set(Fault)


def test_heartbeats_are_known_by_their_eight_bytes():
    asked = CODEC.heartbeat(0, 9, b"12345678")
    assert asked == frame("ping", 0, b"12345678")
    (text,) = CODEC.lookup((ECHO_TEXT,)).find_bytes(asked)
    assert CODEC.heartbeat_ack(0, 0, CODEC.scan_bytes(asked).id, text) == frame("ping", 0, b"12345678", 1)
    assert CODEC.heartbeat(0, 9) == frame("ping", 0, bytes(8)), "which is what is declared"


def test_its_streams_carry_the_messages_of_http1_under_its_own_name():
    carried, other = CODEC.carried
    assert (carried.name, carried.pool, carried.carried, carried.media) == ("http2", Pool.PING_PONG, (), b"")
    assert (other.name, other.media) == ("grpc", b"application/grpc")
    request = b"GET /a HTTP/1.1\r\nHost: a\r\n\r\n"
    assert carried.scan_bytes(request)[:2] == (len(request), Kind.REQUEST)
    assert carried.lookup(("path", "host")).find_bytes(request) == (b"/a", b"a")
    own = PROTOCOLS["http1"].codec
    assert carried.reply(Fault.TIMEOUT, 0, 0, 0) == own.reply(Fault.TIMEOUT, 0, 0, 0)
    assert not any(each.codec.carried for name, each in PROTOCOLS.items() if name != "http2")


def test_options_go_to_the_frames_and_to_what_they_carry():
    with_options = load(options={"http2": {"max_frame_size": 1 << 20, "local_replies": "json"}})["http2"].codec
    assert with_options.scan_bytes(frame("data", 1, bytes(1 << 20))).size == 9 + (1 << 20)
    with pytest.raises(MalformedError, match=r"frame\.length: must be in 0\.\.1048576"):
        with_options.scan_bytes(frame("data", 1)[:0] + b"\x10\x00\x01" + bytes(6))
    assert b"application/json" in with_options.carried[0].reply(Fault.TIMEOUT, 0, 0, 0)


@pytest.mark.parametrize("size", [MAX_FRAME_SIZE - 1, LARGEST_FRAME_SIZE + 1])
def test_sizes_of_frames_that_cannot_be(size):
    with pytest.raises(SpecError) as caught:
        http2(max_frame_size=size)
    assert str(caught.value) == f"max_frame_size: {size} is no size of a frame; choose 16384..5263944"


def test_no_length_is_taken_for_the_preface():
    codec = register(http2(max_frame_size=LARGEST_FRAME_SIZE)).codec
    assert codec.scan_bytes(b"PRH\x00\x00\x00\x00\x00\x01") == NeedMore(9 + LARGEST_FRAME_SIZE)
    with pytest.raises(MalformedError, match="preface"):
        codec.scan_bytes(b"PRI\x00\x00\x00\x00\x00\x01" + bytes(15))


def test_it_is_found_by_the_whole_preface_and_told_from_all_others():
    everyone = list(PROTOCOLS.values())
    detector = Detector(everyone)
    assert "http2" not in detector.labels
    for size in range(1, 24):
        found = detector.detect(PREFACE[:size])
        assert isinstance(found, int), size
        assert size < found <= 24
    assert detector.detect(PREFACE + frame("settings", 0)) == "http2"
    assert detector.detect(PREFACE[:-1] + b" ") is None
    assert prove(everyone, 64) == []
    without = Detector([each for each in everyone if each is not HTTP2])
    assert "http2" in without.labels
    assert without.detect(PREFACE) == "http2", "known by name still"


def test_what_may_not_be_carried():
    def refused(protocol):
        with pytest.raises(SpecError) as caught:
            register(protocol)
        return caught.value.path, caught.value.wrong

    plain, grpc = HTTP2.protocol.carries
    assert refused(replace(HTTP2.protocol, carries=(HTTP2.protocol,))) == ("http2: carries", "http2 has streams of its own")
    assert refused(replace(http1(), carries=(http1(),))) == ("http1: carries", "streams that have no number")
    assert refused(replace(HTTP2.protocol, carries=plain))[0] == "http2: carries"
    assert refused(replace(HTTP2.protocol, carries=(1,)))[0] == "http2: carries"
    assert refused(replace(HTTP2.protocol, carries=(grpc, plain)))[1] == "grpc has a content type, and is before others"
    assert refused(replace(HTTP2.protocol, carries=(plain, plain)))[1] == "http2 has no content type, and is behind others"
    wrong = replace(http1(), service=this.nothing)
    assert refused(replace(HTTP2.protocol, carries=(wrong,)))[0] == "http2: carries: service"
