"""Header blocks: in pieces, in step whatever becomes of their streams, and within their bounds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.http2.ends import (
    MAX_STREAMS,
    feed,
    in_pieces,
    request,
    server,
    verdict,
)
from tests.http2.speech import (
    CALM,
    CANCEL,
    COMPRESSION,
    DATA,
    END_HEADERS,
    END_STREAM,
    HEADERS,
    PADDED,
    PING,
    PRIORITIZED,
    PROTOCOL,
    REQUEST,
    SIZE,
    block,
    frame,
    heard,
    sized,
    u32,
)
from xproto.kernel.hpack import Encoder

# -- header blocks --------------------------------------------------------------------------------------------------------


def test_a_block_of_every_size_of_pieces():
    fields = [(b":method", b"GET"), (b"x-long", bytes(range(33, 127)) * 3)]
    whole = Encoder().encode_fields(fields)
    for size in (10, 11, 100, len(whole) - 1, len(whole), 1000):
        end = server()
        feed(end, *in_pieces(1, whole, size))
        assert heard(end, "head") == [(1, fields, True)]


@pytest.mark.parametrize(
    "between", [frame(PING, payload=bytes(8)), frame(DATA, 0, 1, b"x"), request(3), frame(0xBE), frame(9, 4, 3, b"")]
)
def test_nothing_comes_between_the_pieces_of_a_block(between):
    end = server()
    feed(end, frame(HEADERS, END_STREAM, 1, REQUEST), between)
    assert verdict(end) == ("connection", PROTOCOL)


def test_continuation_of_nothing():
    for before in (b"", request(1)):
        end = server()
        feed(end, before, frame(9, END_HEADERS, 1, b""))
        assert verdict(end) == ("connection", PROTOCOL)


def test_the_bound_of_pieces():
    end = server()
    feed(end, frame(HEADERS, END_STREAM, 1, REQUEST), frame(9, 0, 1, b"\x90") * 31, frame(9, END_HEADERS, 1, b""))
    assert len(heard(end, "head")) == 1
    feed(end, frame(HEADERS, END_STREAM, 3, REQUEST), frame(9, 0, 3, b"\x90") * 32)
    assert not end.over
    feed(end, frame(9, END_HEADERS, 3, b""))
    assert verdict(end) == ("connection", CALM)


def test_the_bound_of_a_block_as_it_is_sent():
    end = server()
    feed(end, frame(HEADERS, END_STREAM, 1, bytes(16384)), *[frame(9, 0, 1, bytes(16384))] * 5)
    assert not end.over
    feed(end, frame(9, 0, 1, b"x"))
    assert verdict(end) == ("connection", CALM)


@pytest.mark.parametrize(("fields", "allowed"), [(256, True), (257, False), (300, False)])
def test_the_bound_of_fields(fields, allowed):
    end = server()
    feed(end, *in_pieces(1, block(*[("x", "")] * fields), 16384))
    assert len(heard(end, "head")) == allowed
    assert verdict(end) == (None if allowed else ("stream", CALM))
    feed(end, request(3))
    assert heard(end, "head")[-1][0] == 3, "the connection goes on"


def test_the_bound_of_a_list():
    for size, allowed in ((65536 - 33, True), (65536 - 32, False)):
        end = server()
        feed(end, *in_pieces(1, block(("x", b"v" * size)), 16384))
        assert verdict(end) == (None if allowed else ("stream", CALM))


def test_a_bomb_of_references_is_bounded():
    """HPACK lets one byte stand for 4 KB (CVE-2016-6581)."""
    end = server()
    feed(end, frame(HEADERS, 5, 1, b"\x40" + sized(b"x") + sized(b"v" * 4000)))
    feed(end, *in_pieces(3, b"\xbe" * 16000, 16384))
    assert verdict(end) == ("stream", CALM)
    assert not end.over


@pytest.mark.parametrize("bad", [b"\x80", b"\xff\xff\xff\xff\xff\xff", b"\0\x05ab", b"\x3f\xe2\x1f"])
def test_a_block_that_cannot_be_decoded(bad):
    end = server()
    feed(end, frame(HEADERS, 5, 1, bad))
    assert verdict(end) == ("connection", COMPRESSION)


@pytest.mark.parametrize("why", ["refused", "reset", "goaway", "too much", "half closed"])
def test_blocks_that_nobody_wants_are_decoded_all_the_same(why):
    """Or HPACK would be out of step from there on."""
    encoder = Encoder()
    end = server()
    entered = encoder.encode_fields([(b":method", b"GET"), (b"x-kept", b"value")])
    if why == "refused":
        feed(end, *[request(2 * number + 1) for number in range(MAX_STREAMS)])
        feed(end, frame(HEADERS, 5, 2 * MAX_STREAMS + 1, entered))
        end.reset_stream(1, CANCEL)
    elif why == "reset":
        feed(end, request(1, ends=False))
        end.reset_stream(1, CANCEL)
        feed(end, frame(HEADERS, 5, 1, entered))
    elif why == "too much":
        encoder = Encoder()
        entered = encoder.encode_fields([(b"x-kept", b"value")]) + block(*[("x", "")] * 300)
        feed(end, *in_pieces(1, entered, 16384))
    elif why == "half closed":
        feed(end, request(1), frame(HEADERS, 5, 1, entered))
    else:
        feed(end, request(1))
        end.say_goaway(last=True)
        feed(end, frame(HEADERS, 5, 3, entered), frame(HEADERS, 5, 5, encoder.encode_fields([(b"x-kept", b"value")])))
        assert [each[0] for each in heard(end, "head")] == [1]
        assert not end.over
        return
    feed(end, frame(HEADERS, 5, 999, encoder.encode_fields([(b"x-kept", b"value")])))
    assert heard(end, "head")[-1] == (999, [(b"x-kept", b"value")], True)


@pytest.mark.parametrize(
    ("flags", "payload", "code"),
    [
        (PADDED, b"", SIZE),
        (PADDED, b"\1", PROTOCOL),
        (PADDED, b"\5" + REQUEST, PROTOCOL),
        (PRIORITIZED, b"\0\0\0\0", SIZE),
        (PADDED | PRIORITIZED, b"\0\0\0\0\0", SIZE),
        (PADDED | PRIORITIZED, b"\1\0\0\0\0\0", PROTOCOL),
    ],
)
def test_paddings_and_priorities_that_cannot_be(flags, payload, code):
    end = server()
    feed(end, frame(HEADERS, 5 | flags, 1, payload))
    assert verdict(end) == ("connection", code)


@given(st.integers(0, 255), st.booleans())
def test_padding_of_headers_is_taken_away(padding, prioritized):
    end = server()
    payload = bytes([padding]) + (u32(0) + b"\5" if prioritized else b"") + REQUEST + bytes(padding)
    feed(end, frame(HEADERS, 5 | PADDED | (PRIORITIZED if prioritized else 0), 1, payload))
    assert heard(end, "head") == [(1, [(b":method", b"POST"), (b":scheme", b"http"), (b":path", b"/")], True)]
