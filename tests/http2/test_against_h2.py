"""The frame engine beside the `h2` package: the same sequences of frames, accepted or refused by both, for the same reason.

Where the two differ on purpose (`on_purpose`):

- h2 ends the connection for much of what the RFC lets end only a stream, and has other codes for what is wrong in two ways:
  what both refuse may be refused with any of these codes.
- Only here a reset of a stream that was never opened is refused, and an answer on a stream that a server may not have opened.
- Only h2 refuses a second answer on one stream: here interim ones are told apart by whoever reads messages.
- h2 looks for pseudo-fields and knows what they mean; here that is for `http2_text`, so it is told not to.
- Behind a refusal nothing is compared.
"""

from __future__ import annotations

from typing import Any

import h2.config
import h2.connection
import h2.exceptions
from hyperframe.exceptions import HyperframeError
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.http2.ends import client, feed, server
from tests.http2.speech import (
    CLOSED,
    DATA,
    END_HEADERS,
    END_STREAM,
    FLOW,
    GOAWAY,
    HEADERS,
    PADDED,
    PING,
    PREFACE,
    PROTOCOL,
    RST,
    SETTINGS,
    SIZE,
    WINDOW,
    block,
    frame,
    frames_of,
    u32,
)
from tests.http2.speech import settings as settings_frame

REQUEST = block((":method", "POST"), (":scheme", "http"), (":authority", "h"), (":path", "/"))
ANSWER = block((":status", "200"))
TRAILERS = block(("x-end", "1"))

STREAMS = st.sampled_from([1, 1, 1, 3, 3, 5, 0, 2])
ENDS = st.booleans()


def of_both() -> list[Any]:
    return [
        st.builds(lambda s, ends, size: frame(DATA, ends, s, bytes(size)), STREAMS, ENDS, st.sampled_from([0, 1, 5, 16384])),
        st.builds(
            lambda s, padding, size: frame(DATA, PADDED, s, bytes([padding]) + bytes(size)),
            STREAMS,
            st.integers(0, 6),
            st.just(5),
        ),
        st.builds(lambda s, code: frame(RST, 0, s, u32(code)), STREAMS, st.sampled_from([0, 8, 99])),
        st.builds(
            lambda s, size: frame(WINDOW, 0, s, u32(size)), STREAMS, st.sampled_from([1, 1000, 0x7FFFFFFF - 65535, 0x7FFFFFFF])
        ),
        st.builds(
            lambda name, value: settings_frame((name, value)),
            st.sampled_from([1, 3, 4, 5, 6, 77]),
            st.sampled_from([0, 1, 100, 16384, 65535, 1 << 24, 0x7FFFFFFF, 0x80000000]),
        ),
        st.builds(lambda size, ack: frame(PING, ack, 0, bytes(size)), st.sampled_from([8, 8, 8, 7]), ENDS),
        st.builds(lambda s: frame(PING, 0, s, bytes(8)), st.just(1)),
        st.builds(lambda size: frame(SETTINGS, 0, 0, bytes(size)), st.sampled_from([0, 1, 5])),
        st.builds(lambda s: frame(9, END_HEADERS, s, b""), STREAMS),
        st.builds(lambda kind: frame(kind, 0, 0, b"unknown"), st.sampled_from([0x20, 0xFE])),
    ]


FROM_CLIENTS = st.lists(
    st.one_of(
        st.builds(lambda s, ends: frame(HEADERS, END_HEADERS | ends, s, REQUEST), STREAMS, ENDS),
        st.builds(lambda s: frame(HEADERS, END_HEADERS | END_STREAM, s, TRAILERS), STREAMS),
        *of_both(),
    ),
    max_size=10,
)
FROM_SERVERS = st.lists(
    st.one_of(
        st.builds(lambda s, ends: frame(HEADERS, END_HEADERS | ends, s, ANSWER), STREAMS, ENDS),
        st.builds(lambda s: frame(HEADERS, END_HEADERS | END_STREAM, s, TRAILERS), STREAMS),
        *of_both(),
    ),
    max_size=10,
)


def our_verdict(end: Any, data: bytes) -> int | None:
    """The code with which the frame was refused."""
    feed(end, data)
    for each in frames_of(end.take_out()):
        if each.type in (GOAWAY, RST):
            return int.from_bytes(each.payload[4:8] if each.type == GOAWAY else each.payload, "big")
    return None


def their_verdict(conn: Any, data: bytes) -> int | None:
    try:
        events = conn.receive_data(data)
    except h2.exceptions.ProtocolError as error:
        return int(error.error_code)
    except HyperframeError:
        return PROTOCOL
    for event in events:
        if isinstance(event, h2.events.DataReceived) and event.flow_controlled_length:
            conn.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
    for each in frames_of(conn.data_to_send()):
        if each.type == RST:
            return each.number
    return None


def on_purpose(data: bytes, ours: int | None, theirs: int | None) -> bool:
    kind, stream = data[3], int.from_bytes(data[5:9], "big")
    if ours is not None and theirs is not None:
        return {ours, theirs} <= {PROTOCOL, CLOSED, SIZE, FLOW}
    if ours == PROTOCOL:
        return kind == RST or (kind == HEADERS and stream == 2)
    return ours is None and kind == HEADERS and data.endswith(ANSWER)  # another answer: its owner refuses that


def compare(end: Any, conn: Any, sequence: list[bytes]) -> None:
    for data in sequence:
        ours, theirs = our_verdict(end, data), their_verdict(conn, data)
        if ours is None and theirs is None:
            continue
        assert on_purpose(data, ours, theirs), (data, ours, theirs, end.events[-3:])
        return


@settings(max_examples=400)
@given(FROM_CLIENTS)
def test_what_clients_say(sequence):
    conn = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False, validate_inbound_headers=False))
    conn.initiate_connection()
    conn.increment_flow_control_window(4 * 1024 * 1024 - 65535)
    conn.receive_data(PREFACE + settings_frame())
    conn.data_to_send()
    compare(server(), conn, sequence)


@settings(max_examples=400)
@given(FROM_SERVERS)
def test_what_servers_say(sequence):
    conn = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True, validate_inbound_headers=False))
    conn.initiate_connection()
    conn.receive_data(settings_frame())
    for stream in (1, 3):
        head = [(":method", "POST"), (":scheme", "http"), (":authority", "h"), (":path", "/")]
        conn.send_headers(stream, head, end_stream=stream == 3)
    conn.data_to_send()
    end = client()
    for stream in (1, 3):
        assert end.open_stream() == stream
        end.say_head(stream, [(b":method", b"POST")], ends=stream == 3)
    end.take_out()
    compare(end, conn, sequence)
