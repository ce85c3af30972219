"""What a server may do to break a client, and what a client says to it."""

from __future__ import annotations

import pytest

from tests.http2.ends import (
    SECOND,
    answer,
    client,
    feed,
    in_pieces,
    more,
    said,
    verdict,
)
from tests.http2.speech import (
    CALM,
    CANCEL,
    CLOSED,
    COMPRESSION,
    DATA,
    END_HEADERS,
    END_STREAM,
    FLOW,
    GOAWAY,
    HEADERS,
    PADDED,
    PING,
    PROTOCOL,
    PUSH,
    REQUEST,
    RST,
    SIZE,
    block,
    frame,
    heard,
    settings,
    u32,
)
from xproto.kernel.hpack import Encoder
from xproto.kernel.http2_face import End

# -- a bad server ---------------------------------------------------------------------------------------------------------


BAD_SERVER = {
    "a stream of its own": (frame(HEADERS, 5, 2, b"\x88"), ("connection", PROTOCOL)),
    "a push": (frame(PUSH, 4, 1, u32(2) + REQUEST), ("connection", PROTOCOL)),
    "a push of nothing": (frame(PUSH, 4, 0, b""), ("connection", PROTOCOL)),
    "allows push": (settings((2, 1)), ("connection", PROTOCOL)),
    "an answer to nothing": (answer(99), ("connection", PROTOCOL)),
    "data of nothing": (frame(DATA, 0, 99, b"x"), ("connection", PROTOCOL)),
    "data of a stream of its own": (frame(DATA, 0, 2, b"x"), ("connection", PROTOCOL)),
    "data before an answer": (frame(DATA, 0, 1, b"x"), ("stream", PROTOCOL)),
    "data after the end": (answer(1, ends=True) + frame(DATA, 0, 1, b"x"), ("stream", CLOSED)),
    "an answer after the end": (answer(1, ends=True) + answer(1), ("connection", CLOSED)),
    "a reset of nothing": (frame(RST, 0, 99, u32(8)), ("connection", PROTOCOL)),
    "a reset of the connection": (frame(RST, 0, 0, u32(8)), ("connection", PROTOCOL)),
    "a window for nothing": (more(99, 1), ("connection", PROTOCOL)),
    "a window of nothing": (more(1, 0), ("stream", PROTOCOL)),
    "a window that overflows": (more(1, 0x7FFFFFFF), ("stream", FLOW)),
    "the connection's window overflows": (more(0, 0x7FFFFFFF), ("connection", FLOW)),
    "a first window that is too large": (settings((4, 1 << 31)), ("connection", FLOW)),
    "frames that are too small": (settings((5, 1)), ("connection", PROTOCOL)),
    "a frame that is too large": (b"\0\x40\1\0\0\0\0\0\1" + bytes(16385), ("connection", SIZE)),
    "a block that is none": (frame(HEADERS, 4, 1, b"\x80"), ("connection", COMPRESSION)),
    "an endless block": (frame(HEADERS, 0, 1, b"\x88") + frame(9, 0, 1, b"\x90") * 33, ("connection", CALM)),
    "a block that is interrupted": (frame(HEADERS, 0, 1, b"\x88") + settings(), ("connection", PROTOCOL)),
    "a field too many": (b"".join(in_pieces(1, b"\x88" + block(*[("x", "")] * 300), 16384, 0)), ("stream", CALM)),
    "a flood of settings": (settings() * 66, ("connection", CALM)),
    "a flood of pings": (frame(PING, payload=bytes(8)) * 1203, ("connection", CALM)),
    "a flood of empty frames": (answer(1) + frame(DATA, 0, 1) * 129, ("connection", CALM)),
    "a flood of windows": (more(0, 1) * 20_101, ("connection", CALM)),
    "a ping that is too long": (frame(PING, payload=bytes(9)), ("connection", SIZE)),
    "a goaway that is too short": (frame(GOAWAY, payload=bytes(4)), ("connection", SIZE)),
    "more than the stream's window": (answer(1) + frame(DATA, 0, 1, bytes(16384)) * 17, ("stream", FLOW)),
    "padding beyond the frame": (answer(1) + frame(DATA, PADDED, 1, b"\7abc"), ("connection", PROTOCOL)),
}


@pytest.mark.parametrize("what", BAD_SERVER)
def test_a_bad_server(what):
    bad, expected = BAD_SERVER[what]
    end = client(calls=2)
    end.feed(bad, SECOND)
    out = said(end)
    found = [("connection", int.from_bytes(each.payload[4:8], "big")) for each in out if each.type == GOAWAY]
    found += [("stream", each.number) for each in out if each.type == RST]
    assert found[:1] == [expected]
    assert end.over == (expected[0] == "connection")
    if not end.over:
        feed(end, answer(3, ends=True))
        assert heard(end, "head")[-1][0] == 3, "the other call goes on"


def test_a_server_that_does_not_speak_http2():
    for text in (b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\x15\3\1\0\2\2\x46" + bytes(9), b"SSH-2.0-OpenSSH_9.2\r\n"):
        end = End(False)
        end.begin()
        end.take_out()
        end.feed(text)
        assert verdict(end) in {("connection", PROTOCOL), ("connection", SIZE)}


def test_answers_of_calls_that_were_given_up_long_ago():
    end = client(calls=500)
    for number in range(500):
        end.reset_stream(2 * number + 1, CANCEL)
    end.take_out()
    encoder = Encoder()
    for number in range(500):
        feed(
            end,
            frame(HEADERS, END_HEADERS, 2 * number + 1, encoder.encode_fields([(b":status", b"200"), (b"x", b"%d" % number)])),
            frame(DATA, END_STREAM, 2 * number + 1, b"x"),
        )
    assert not end.over
    stream = end.open_stream()
    end.say_head(stream, [(b":method", b"GET")], ends=True)
    feed(end, frame(HEADERS, 5, stream, encoder.encode_fields([(b":status", b"200"), (b"x", b"499")])))
    assert heard(end, "head") == [(stream, [(b":status", b"200"), (b"x", b"499")], True)], "HPACK is in step"
