"""The frame engine alone: how it begins, what its streams go through, and the frames that are of no stream."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.http2.ends import (
    EARLY_STREAMS,
    MAX_STREAMS,
    WINDOW_OF_CONNECTIONS,
    WINDOW_OF_STREAMS,
    answer,
    client,
    feed,
    in_pieces,
    more,
    request,
    said,
    server,
    verdict,
)
from tests.http2.speech import (
    ACK,
    CANCEL,
    CLOSED,
    DATA,
    END_HEADERS,
    END_STREAM,
    FLOW,
    GOAWAY,
    HEADERS,
    NO_ERROR,
    PADDED,
    PING,
    PREFACE,
    PRIORITIZED,
    PRIORITY,
    PROTOCOL,
    PUSH,
    REFUSED,
    REQUEST,
    RST,
    SETTINGS,
    SIZE,
    WINDOW,
    Frame,
    frame,
    heard,
    settings,
    u32,
)
from xproto.kernel.http2_face import End

# -- greeting -------------------------------------------------------------------------------------------------------------


def test_a_server_greets_with_its_settings_and_takes_a_preface_in_pieces():
    end = End(True)
    end.begin()
    first, second = said(end)
    assert (first.type, second.type, second.number) == (SETTINGS, WINDOW, WINDOW_OF_CONNECTIONS - 65535)
    pairs = {
        int.from_bytes(first.payload[n : n + 2], "big"): int.from_bytes(first.payload[n + 2 : n + 6], "big")
        for n in range(0, 24, 6)
    }
    assert pairs == {4: WINDOW_OF_STREAMS, 6: 65536, 3: MAX_STREAMS, 2: 0}
    for size in range(24):
        assert end.feed(PREFACE[:size]) == 0
        assert end.needs() == 24
    feed(end, PREFACE, settings())
    assert said(end) == [Frame(SETTINGS, ACK, 0, b"")]


@pytest.mark.parametrize("wrong", [b"GET / HTTP/1.1\r\n\r\n", PREFACE[:23] + b"x", b"Q"])
def test_something_else_than_a_preface(wrong):
    end = End(True)
    end.begin()
    end.take_out()
    end.feed(wrong)
    assert verdict(end) == ("connection", PROTOCOL)


def test_a_client_greets_with_the_preface_and_allows_no_push():
    end = End(False)
    end.begin()
    out = end.take_out()
    assert out.startswith(PREFACE)
    assert b"\0\2\0\0\0\0" in out
    assert b"\0\3\0\0\0\0" in out


@pytest.mark.parametrize("first", [frame(PING, payload=bytes(8)), frame(SETTINGS, ACK), more(0, 1), request(), frame(0xBE)])
@pytest.mark.parametrize("serves", [True, False])
def test_settings_come_first(first, serves):
    end = End(serves)
    end.begin()
    end.take_out()
    end.feed((PREFACE if serves else b"") + first)
    assert verdict(end) == ("connection", PROTOCOL)


@given(st.data())
def test_frames_in_any_pieces_are_the_same_frames(data):
    whole = b"".join(
        (
            request(1, ends=False),
            frame(DATA, 0, 1, b"abc"),
            frame(PING, payload=b"12345678"),
            *in_pieces(3, REQUEST, 1),
            frame(DATA, END_STREAM | PADDED, 1, b"\2de\0\0"),
            frame(RST, 0, 3, u32(CANCEL)),
            frame(0xEE, 7, 9, b"unknown"),
        )
    )
    at_once, slow = server(), server()
    feed(at_once, whole)
    kept = b""
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=20)))
    for begin, end in zip([0, *cuts], [*cuts, len(whole)], strict=True):
        kept += whole[begin:end]
        kept = kept[slow.feed(kept) :]
    assert (kept, slow.events, slow.take_out()) == (b"", at_once.events, at_once.take_out())


# -- streams --------------------------------------------------------------------------------------------------------------


def test_a_call_and_its_answer_are_forgotten_together():
    end = server()
    feed(end, request(1, ends=False), frame(DATA, END_STREAM, 1, b"body"))
    assert heard(end, "data") == [(1, b"body", True)]
    end.say_head(1, [(b":status", b"200")])
    assert end.streaming == 1
    assert end.say_data(1, b"hello", ends=True) == 5
    assert (end.streaming, end.ending(1)) == (0, 1)
    assert [each.type for each in said(end)] == [HEADERS, DATA]


def test_streams_before_the_limit_is_known():
    """A client that has not acknowledged our settings may not know the limit: it has a wider one."""
    end = server()
    for number in range(EARLY_STREAMS):
        feed(end, request(2 * number + 1))
    assert said(end) == []
    late = 2 * EARLY_STREAMS + 1
    feed(end, request(late))
    assert said(end) == [Frame(RST, 0, late, u32(REFUSED))]


def test_streams_up_to_the_limit_and_one_more():
    end = server()
    feed(end, frame(SETTINGS, ACK))
    for number in range(MAX_STREAMS):
        feed(end, request(2 * number + 1))
    assert said(end) == []
    late = 2 * MAX_STREAMS + 1
    feed(
        end,
        request(late, ends=False),
        frame(DATA, 0, late, b"x"),
        frame(HEADERS, 5, late, b""),
        more(late, 1),
        frame(RST, 0, late, u32(8)),
    )
    assert said(end) == [Frame(RST, 0, late, u32(REFUSED))], "once, and the rest of it is passed over"
    end.reset_stream(1, CANCEL)
    end.take_out()
    feed(end, request(late + 2))
    assert end.streaming == MAX_STREAMS
    assert said(end) == []


@pytest.mark.parametrize("state", ["half closed", "reset by us", "reset by the peer", "ended"])
@pytest.mark.parametrize("kind", ["data", "headers", "window", "reset", "priority"])
def test_frames_of_closed_streams(state, kind):
    """RFC 9113 section 5.1, for a server."""
    end = server()
    feed(end, request(1))
    if state == "reset by us":
        end.reset_stream(1, CANCEL)
    elif state == "reset by the peer":
        feed(end, frame(RST, 0, 1, u32(CANCEL)))
    elif state == "ended":
        end.say_head(1, [(b":status", b"204")], ends=True)
    end.take_out()
    feed(
        end,
        {
            "data": frame(DATA, 0, 1, b"x"),
            "headers": request(1),
            "window": more(1, 1),
            "reset": frame(RST, 0, 1, u32(CANCEL)),
            "priority": frame(PRIORITY, 0, 1, bytes(5)),
        }[kind],
    )
    expected = {
        ("half closed", "data"): ("stream", CLOSED),
        ("half closed", "headers"): ("stream", CLOSED),
        ("reset by the peer", "data"): ("stream", CLOSED),
        ("reset by the peer", "headers"): ("connection", CLOSED),
        ("ended", "data"): ("stream", CLOSED),
        ("ended", "headers"): ("connection", CLOSED),
    }
    assert verdict(end) == expected.get((state, kind))


def test_as_many_resets_as_there_are_streams_are_remembered():
    end = server()
    for number in range(MAX_STREAMS):
        feed(end, request(2 * number + 1, ends=False))
    for number in range(MAX_STREAMS):
        end.reset_stream(2 * number + 1, CANCEL)
    end.take_out()
    for number in range(MAX_STREAMS):
        feed(end, frame(DATA, 0, 2 * number + 1, b"x"), frame(HEADERS, 5, 2 * number + 1, b""))
    assert said(end) == []
    assert not end.over


def test_ids_only_grow_and_skipped_ones_are_closed():
    end = server()
    feed(end, request(5))
    feed(end, request(3))
    assert verdict(end) == ("connection", PROTOCOL)
    assert end.last_peer == 5


def test_trailers_end_their_stream_or_are_none():
    end = server()
    feed(end, request(1, ends=False), frame(HEADERS, 5, 1, b""))
    assert [(each[0], each[2]) for each in heard(end, "head")] == [(1, False), (1, True)]
    feed(end, request(3, ends=False), frame(HEADERS, END_HEADERS, 3, b""))
    assert verdict(end) == ("stream", PROTOCOL)


@pytest.mark.parametrize(("sent", "ends"), [(b"1234", True), (b"123456", False), (b"123456", True)])
def test_data_against_what_was_announced(sent, ends):
    end = server()
    feed(end, request(1, ends=False))
    end.expect_length(1, 5)
    feed(end, frame(DATA, END_STREAM if ends else 0, 1, sent))
    assert verdict(end) == ("stream", PROTOCOL)
    feed(end, request(3, ends=False))
    end.expect_length(3, 5)
    feed(end, frame(DATA, 0, 3, b"123"), frame(DATA, END_STREAM, 3, b"45"))
    assert verdict(end) is None
    feed(end, request(5, ends=False))
    end.expect_length(5, 5)
    feed(end, frame(DATA, 0, 5, b"1234"), frame(HEADERS, 5, 5, b""))
    assert verdict(end) == ("stream", PROTOCOL), "trailers come too early"


def test_a_stream_that_depends_on_itself():
    end = server()
    feed(end, frame(HEADERS, 5 | PRIORITIZED, 1, u32(1) + b"\0" + REQUEST))
    assert verdict(end) == ("stream", PROTOCOL)
    feed(end, frame(HEADERS, 5 | PRIORITIZED, 3, u32(0x80000001) + b"\0" + REQUEST))
    assert verdict(end) is None
    feed(end, frame(PRIORITY, 0, 3, u32(3) + b"\0"))
    assert verdict(end) == ("stream", PROTOCOL)


# -- other frames ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        (frame(SETTINGS, 0, 1), PROTOCOL),
        (frame(SETTINGS, 0, 0, b"x"), SIZE),
        (frame(SETTINGS, ACK, 0, bytes(6)), SIZE),
        (settings((2, 2)), PROTOCOL),
        (settings((4, 0x80000000)), FLOW),
        (settings((5, 16383)), PROTOCOL),
        (settings((5, 1 << 24)), PROTOCOL),
        (frame(PING, 0, 0, bytes(7)), SIZE),
        (frame(PING, 0, 1, bytes(8)), PROTOCOL),
        (frame(PING, ACK, 1, bytes(8)), PROTOCOL),
        (frame(GOAWAY, 0, 0, bytes(7)), SIZE),
        (frame(GOAWAY, 0, 1, bytes(8)), PROTOCOL),
        (frame(RST, 0, 0, bytes(4)), PROTOCOL),
        (frame(RST, 0, 1, bytes(3)), SIZE),
        (frame(RST, 0, 9, bytes(4)), PROTOCOL),
        (frame(RST, 0, 2, bytes(4)), PROTOCOL),
        (frame(WINDOW, 0, 0, bytes(3)), SIZE),
        (frame(PRIORITY, 0, 0, bytes(5)), PROTOCOL),
        (frame(DATA, 0, 0, b"x"), PROTOCOL),
        (frame(DATA, 0, 9, b"x"), PROTOCOL),
        (frame(DATA, 0, 2, b"x"), PROTOCOL),
        (frame(HEADERS, 5, 0, REQUEST), PROTOCOL),
        (frame(HEADERS, 5, 2, REQUEST), PROTOCOL),
        (frame(PUSH, 4, 1, u32(2) + REQUEST), PROTOCOL),
        (b"\0\x40\1\0\0\0\0\0\1", SIZE),
        (b"\xff\xff\xff\xbe\0\0\0\0\0", SIZE),
    ],
)
def test_frames_that_cannot_be(bad, code):
    end = server()
    feed(end, request(1, ends=False))
    end.feed(bad)
    assert verdict(end) == ("connection", code)
    assert end.over
    assert end.feed(request(3)) == len(request(3)), "nothing is looked at any more"
    assert end.take_out() == b""
    assert len(heard(end, "error")) == 1


@pytest.mark.parametrize(
    "good",
    [
        settings((1, 0)),
        settings((3, 0)),
        settings((5, 16384)),
        settings((5, 0xFFFFFF)),
        settings((6, 0)),
        settings((99, 1)),
        settings((2, 0)),
        settings((2, 1)),
        settings(),
    ],
)
def test_settings_are_acknowledged(good):
    end = server()
    feed(end, good)
    assert said(end) == [Frame(SETTINGS, ACK, 0, b"")]


def test_pings():
    end = server()
    feed(end, frame(PING, 0xFE, 0, b"01234567"))
    assert said(end) == [Frame(PING, ACK, 0, b"01234567")]
    end.say_ping()
    ours = said(end)[0]
    feed(end, frame(PING, ACK, 0, b"another!"))
    assert heard(end, "pong") == []
    feed(end, frame(PING, ACK, 0, ours.payload), frame(PING, ACK, 0, ours.payload))
    assert heard(end, "pong") == [()]


def test_goaway_of_ours_in_two_steps():
    end = server()
    feed(end, request(1))
    end.say_goaway(last=False)
    feed(end, request(3))
    end.say_goaway(last=True)
    end.say_goaway(last=True)
    assert [each.payload for each in said(end)] == [u32(0x7FFFFFFF) + u32(0), u32(3) + u32(0)]
    feed(
        end,
        request(5, ends=False),
        frame(DATA, 0, 5, bytes(1000)),
        frame(HEADERS, 5, 5, b""),
        frame(RST, 0, 5, u32(8)),
        more(5, 1),
    )
    assert said(end) == []
    assert [each[0] for each in heard(end, "head")] == [1, 3]


def test_goaway_of_the_servers():
    end = client(calls=5)
    feed(end, frame(GOAWAY, 0, 0, u32(5) + u32(NO_ERROR) + b"for people"))
    assert heard(end, "goaway") == [(NO_ERROR,)]
    assert heard(end, "reset") == [(7, REFUSED, True), (9, REFUSED, True)]
    assert (end.streaming, end.drains, end.open_stream()) == (3, True, 0)
    feed(end, frame(GOAWAY, 0, 0, u32(1) + u32(CANCEL)))
    assert heard(end, "reset")[2:] == [(3, REFUSED, True), (5, REFUSED, True)]
    feed(end, answer(1, ends=True))
    assert end.streaming == 0


def test_a_clients_streams_up_to_what_its_server_takes():
    end = client((3, 2))
    assert [end.open_stream() for _ in range(3)] == [1, 3, 0]
    feed(end, settings((3, 3)))
    assert [end.open_stream() for _ in range(2)] == [5, 0]
    end = client()
    assert [end.open_stream() for _ in range(200)] == list(range(1, 400, 2))
