"""Floods: the burst of each kind is taken, one more ends the connection, and time fills it again."""

from __future__ import annotations

import pytest

from tests.http2.ends import (
    SECOND,
    answer,
    client,
    feed,
    more,
    request,
    server,
    verdict,
)
from tests.http2.speech import (
    CALM,
    DATA,
    END_STREAM,
    GOAWAY,
    HEADERS,
    PADDED,
    PING,
    PRIORITY,
    RST,
    frame,
    heard,
    settings,
    u32,
)

# -- floods ---------------------------------------------------------------------------------------------------------------

EMPTY = frame(DATA, 0, 1)
FLOODS = {
    "resets": (0, 1000, 100),
    "own_resets": (1, 200, 20),
    "settings": (2, 64, 4),
    "pings": (3, 1000, 100),
    "priorities": (4, 512, 64),
    "empties": (5, 128, 16),
    "windows": (6, 10_000, 10_000),
    "unknown": (7, 1000, 100),
}
ONE = {
    "settings": settings(),
    "pings": frame(PING, payload=bytes(8)),
    "priorities": frame(PRIORITY, 0, 7, bytes(5)),
    "empties": EMPTY,
    "windows": more(0, 1),
    "unknown": frame(0xBE),
    "resets": frame(RST, 0, 1, u32(8)),
    "own_resets": None,
}


def flood(name, end, count, now):
    one = ONE[name]
    if one is not None:
        feed(end, one * count, now=now)
        return
    for _ in range(count):
        stream = end.last_peer + 2
        feed(end, request(stream), more(stream, 0), now=now)
        if end.over:
            return


@pytest.mark.parametrize("name", FLOODS)
def test_a_burst_is_taken_and_one_more_ends_it(name):
    which, burst, rate = FLOODS[name]
    end = server()
    feed(end, request(1, ends=False))
    if name == "resets":
        feed(end, frame(RST, 0, 1, u32(8)), now=SECOND)
        end.events.clear()
        burst -= 1
    flood(name, end, burst, SECOND)
    assert not end.over
    refilled = min(rate, burst)
    flood(name, end, refilled, 2 * SECOND)
    assert not end.over, "what a second filled in again is there"
    end.take_out()
    flood(name, end, 1, 2 * SECOND)
    assert verdict(end) == ("connection", CALM)
    assert heard(end, "bound") == [(which,)]


@pytest.mark.parametrize("name", FLOODS)
def test_a_bucket_never_holds_more_than_its_burst(name):
    _, burst, _ = FLOODS[name]
    end = server()
    feed(end, request(1, ends=False))
    if name == "resets":
        feed(end, frame(RST, 0, 1, u32(8)))
    flood(name, end, 1, SECOND)
    flood(name, end, burst, 10_000 * SECOND)
    assert not end.over
    flood(name, end, 1, 10_000 * SECOND)
    assert end.over


@pytest.mark.parametrize(("name", "earned"), [("resets", 1), ("pings", 2), ("priorities", 1), ("empties", 1), ("windows", 16)])
def test_what_we_send_earns_some_but_no_more_than_the_burst(name, earned):
    """Pings of gRPC's peers and window updates follow our frames, at any rate."""
    _, burst, _ = FLOODS[name]
    end = server()
    feed(end, request(1, ends=False), request(3, ends=False), more(0, 1 << 20), more(3, 1 << 20))
    if name == "resets":
        feed(end, frame(RST, 0, 1, u32(8)))
    end.say_head(3, [(b":status", b"200")])
    flood(name, end, burst - 2, SECOND)
    for _ in range(5):
        end.say_data(3, b"x")
        flood(name, end, earned, SECOND)
    assert not end.over
    for _ in range(2 * burst):
        end.say_data(3, b"x")
    end.take_out()
    flood(name, end, burst, SECOND)
    assert not end.over
    flood(name, end, 1, SECOND)
    assert end.over


@pytest.mark.parametrize("name", ["resets", "pings", "empties", "windows"])
def test_data_that_the_peer_makes_small_earns_nothing(name):
    """Or whoever opens a window byte by byte might send what he likes."""
    _, burst, _ = FLOODS[name]
    end = server((4, 0))
    feed(end, request(1, ends=False), request(3, ends=False))
    if name == "resets":
        feed(end, frame(RST, 0, 1, u32(8)), now=SECOND)
        burst -= 1
    end.say_head(3, [(b":status", b"200")])
    flood(name, end, burst, SECOND)
    for _ in range(20):
        if name != "windows":
            feed(end, more(3, 1), now=SECOND)
            assert end.say_data(3, b"as much as the window lets by") == 1
    assert not end.over
    flood(name, end, 3, SECOND)                  # the head earned two at most, but for windows
    if name == "windows":
        flood(name, end, 14, SECOND)
    assert end.over


@pytest.mark.parametrize("name", ["own_resets", "settings", "unknown"])
def test_what_we_send_earns_none_of_the_others(name):
    _, burst, _ = FLOODS[name]
    end = server()
    feed(end, request(1, ends=False), more(1, 1 << 20))
    end.say_head(1, [(b":status", b"200")])
    flood(name, end, burst, SECOND)
    for _ in range(2 * burst):
        end.say_data(1, b"x")
    assert not end.over
    flood(name, end, 1, SECOND)
    assert end.over


def test_empty_frames_that_end_something_are_none():
    end = server()
    for number in range(1, 2001, 2):
        feed(end, request(number, ends=False), frame(DATA, END_STREAM, number))
        end.say_head(number, [(b":status", b"204")], ends=True)
    assert not end.over


def test_empty_pieces_of_blocks_and_padding_alone_are_floods_too():
    end = server()
    feed(end, request(1, ends=False), frame(DATA, PADDED, 1, b"\0") * 128)
    assert not end.over
    feed(end, frame(HEADERS, 1, 3, b""))
    assert verdict(end) == ("connection", CALM)


def test_a_client_counts_what_it_was_made_to_send_less_strictly():
    """It began these streams itself: a server cannot make it reset more than it asked for."""
    end = client(calls=500, ends=False)
    for number in range(500):
        feed(end, answer(2 * number + 1, ends=True), frame(DATA, 0, 2 * number + 1, b"x"))
    assert not end.over
    assert end.streaming == 0


@pytest.mark.parametrize("made", [server, client])
def test_goodbyes_without_end_are_a_flood(made):
    end = made()
    goodbye = frame(GOAWAY, 0, 0, u32(0) + u32(2))
    feed(end, goodbye * 1001, now=SECOND)
    assert not end.over
    feed(end, goodbye, now=SECOND)
    assert verdict(end) == ("connection", CALM)
    assert heard(end, "bound") == [(7,)]


@pytest.mark.parametrize("made", [server, client])
def test_a_frame_of_very_many_settings_is_a_flood(made):
    """Each may change the windows of all streams (CVE-2020-11080)."""
    end = made()
    feed(end, settings(*[(4, 65535)] * 32))
    assert not end.over
    end.take_out()
    feed(end, settings(*[(4, 65535)] * 33))
    assert verdict(end) == ("connection", CALM)
    assert heard(end, "bound") == [(2,)]
