"""Windows, either way: nobody exceeds them, and all that came is given back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.http2.ends import (
    SECOND,
    feed,
    more,
    request,
    said,
    server,
    verdict,
)
from tests.http2.speech import (
    DATA,
    END_STREAM,
    FLOW,
    PADDED,
    PROTOCOL,
    WINDOW,
    Frame,
    frame,
    heard,
    settings,
)

# -- windows --------------------------------------------------------------------------------------------------------------


def test_no_more_data_than_both_windows_allow():
    end = server((4, 10))
    feed(end, request(1), request(3))
    assert end.say_data(1, b"x" * 100) == 10
    assert end.say_data(1, b"x") == 0
    feed(end, more(1, 5))
    assert (end.window_of(1), end.window_of(3)) == (5, 10)
    feed(end, more(1, 0x7FFFFFFF - 5))
    assert end.say_data(1, b"x" * 70_000) == 65535 - 10
    assert (end.send_window, end.window_of(3)) == (0, 0)
    assert end.say_data(3, b"") == 0
    feed(end, more(0, 1))
    assert heard(end, "writable") == [(0,)]
    assert end.say_data(3, b"abc", ends=True) == 1
    assert all(len(each.payload) <= 16384 for each in said(end))


def test_the_end_alone_needs_no_window():
    end = server((4, 0))
    feed(end, request(1))
    end.say_head(1, [(b":status", b"200")])
    assert end.say_data(1, b"", ends=True) == 0
    assert said(end)[-1] == Frame(DATA, END_STREAM, 1, b"")
    assert end.streaming == 0


def test_settings_change_windows_in_flight():
    end = server((4, 100))
    feed(end, request(1), request(3))
    assert end.say_data(1, b"x" * 60) == 60
    feed(end, settings((4, 10)))
    assert (end.window_of(1), end.window_of(3)) == (0, 10), "one is 50 below zero"
    feed(end, more(1, 49))
    assert end.window_of(1) == 0
    feed(end, more(1, 3))
    assert end.window_of(1) == 2
    feed(end, settings((4, 1000)))
    assert (end.window_of(1), end.window_of(3)) == (992, 1000)
    feed(end, settings((4, 0x7FFFFFFF)))
    assert verdict(end) is None or True
    end = server((4, 0))
    feed(end, request(1), more(1, 1), settings((4, 0x7FFFFFFF)))
    assert verdict(end) == ("connection", FLOW)


@pytest.mark.parametrize(
    ("stream", "by", "expected"),
    [
        (0, 0, ("connection", PROTOCOL)),
        (1, 0, ("stream", PROTOCOL)),
        (0, 0x7FFFFFFF, ("connection", FLOW)),
        (1, 0x7FFFFFFF, ("stream", FLOW)),
        (0, 0x7FFFFFFF - 65535, None),
        (1, 0x7FFFFFFF - 65535, None),
        (1, 0x80000001, None),
        (3, 1, ("connection", PROTOCOL)),
        (2, 1, ("connection", PROTOCOL)),
    ],
)
def test_window_updates(stream, by, expected):
    end = server()
    feed(end, request(1), more(stream, by))
    assert verdict(end) == expected


def test_what_a_peer_sent_is_given_back_when_it_was_eaten():
    end = server()
    feed(end, request(1, ends=False))
    part = frame(DATA, 0, 1, bytes(16384))
    for _ in range(8):
        feed(end, part)
        end.eat(1, 16384)
    assert [(each.stream, each.number) for each in said(end)] == [(1, 128 * 1024)]


def test_the_connections_window_is_given_back_whatever_becomes_of_its_streams():
    """A stream that nobody reads holds up only itself."""
    end = server()
    part = bytes(16384)
    for number in range(1, 40, 2):
        feed(end, request(number, ends=False), *[frame(DATA, 0, number, part)] * 16)
    updates = [each for each in said(end) if each.type == WINDOW]
    assert {each.stream for each in updates} == {0}
    assert sum(each.number for each in updates) >= 16 * 16 * 16384
    assert not end.over


def test_data_beyond_the_windows():
    end = server()
    feed(end, request(1, ends=False), *[frame(DATA, 0, 1, bytes(16384))] * 16)
    assert verdict(end) is None
    feed(end, frame(DATA, 0, 1, b"x"))
    assert verdict(end) == ("stream", FLOW)


@given(st.lists(st.tuples(st.integers(0, 255), st.integers(0, 4000)), max_size=60))
def test_padding_is_given_back(parts):
    """Nobody eats it; without that, paddings alone would close a window."""
    end = server()
    feed(end, request(1, ends=False))
    sent = 0
    for padding, size in parts:
        feed(end, frame(DATA, PADDED, 1, bytes([padding]) + bytes(size + padding)), now=SECOND)
        sent += 1 + padding + size
        end.eat(1, size)
    back = sum(each.number for each in said(end) if each.type == WINDOW and each.stream == 1)
    assert not end.over
    assert sent - back < 128 * 1024, "less than what is given back at a time"


@pytest.mark.parametrize("payload", [b"", b"\1", b"\5abc"])
def test_data_with_more_padding_than_there_is(payload):
    end = server()
    feed(end, request(1, ends=False), frame(DATA, PADDED, 1, payload))
    assert verdict(end) == ("connection", PROTOCOL)


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("send"), st.sampled_from([1, 3, 5]), st.integers(0, 70_000)),
            st.tuples(st.just("more"), st.sampled_from([0, 1, 3, 5]), st.integers(1, 70_000)),
            st.tuples(st.just("setting"), st.just(0), st.integers(0, 100_000)),
        ),
        max_size=40,
    )
)
def test_windows_are_never_exceeded(steps):
    """A model of the windows, beside the engine's."""
    end = server()
    feed(end, request(1), request(3), request(5))
    windows = {0: 65535, 1: 65535, 3: 65535, 5: 65535}
    first = 65535
    for step, stream, amount in steps:
        if step == "more":
            feed(end, more(stream, amount))
            windows[stream] += amount
        elif step == "setting":
            feed(end, settings((4, amount)), now=end.last_peer * 1000 * SECOND)
            for each in (1, 3, 5):
                windows[each] += amount - first
            first = amount
        else:
            end.take_out()
            allowed = max(0, min(windows[0], windows[stream], amount))
            assert end.say_data(stream, bytes(amount)) == allowed
            assert sum(len(each.payload) for each in said(end) if each.type == DATA) == allowed
            windows[0] -= allowed
            windows[stream] -= allowed
        if end.over:
            return
