"""The declaration beside hyperframe, by which h2 and with it most of Python's HTTP/2 reads frames: the same fields, the same
frames refused.

Where the two differ on purpose (`on_purpose`):

- Only hyperframe refuses what is wrong with a value and not with the frame: WINDOW_UPDATE by zero bytes, PUSH_PROMISE of the
  stream 0 or an odd one. Here that is for whoever follows the connection, since the RFC has some of it end only its stream.
- Only hyperframe refuses HEADERS whose padding is all that is left of them, an empty fragment: the RFC allows it.
- Only hyperframe refuses WINDOW_UPDATE with the reserved bit, which receivers ignore. In the streams that GOAWAY and
  PUSH_PROMISE name it leaves the bit in the number; it is taken away here.
- Only hyperframe reads ALTSVC (RFC 7838), and refuses what is none. Here its type is one that nobody knows.
- Only the declaration refuses a padding that begins within a priority or a promised stream.
"""

from __future__ import annotations

import struct

import pytest
from hyperframe.exceptions import HyperframeError
from hyperframe.frame import AltSvcFrame, Frame
from hypothesis import example, given
from hypothesis import strategies as st

from conformance.golden import FOLDER, load
from conformance.judges.oracle import Oracle
from conformance.outcome import Complete, Malformed
from xproto.codecs.http2 import HTTP2, TYPES
from xproto.errors import MalformedError
from xproto.kernel.codec import Frame as Found
from xproto.registry import load as registry

CODEC = registry()["http2"].codec
ORACLE = Oracle(HTTP2, 1)
NAMES = {number: name for name, number in TYPES.items()}
LAST = 0x7FFFFFFF
ALTSVC = 10


def ours(data):
    """What a server's frame says, as plain values; None where it is refused."""
    try:
        found = CODEC.scan_bytes(data, 1)
    except MalformedError:
        assert isinstance(ORACLE.outcome(data), Malformed)
        return None
    assert isinstance(found, Found)
    outcome, fields = ORACLE.parse(data)
    assert outcome == Complete(len(data))
    frame = fields.frame
    name = NAMES.get(int(frame.type), "unknown")
    said = {"type": name, "stream": 0 if frame.stream is None else frame.stream.id}
    payload = frame[name]
    match name:
        case "data":
            said |= {"data": payload.data, "padding": payload.pad_length}
        case "headers":
            said |= {"data": payload.fragment, "padding": payload.pad_length, "priority": priority(payload.priority)}
        case "priority":
            said["priority"] = priority(payload.priority)
        case "rst_stream":
            said["error"] = int(payload.error)
        case "settings":
            said["settings"] = {int(each.identifier): each.value for each in payload.entries}
        case "push_promise":
            said |= {"data": payload.fragment, "padding": payload.pad_length, "promised": payload.promised.id}
        case "ping":
            said["data"] = payload.opaque
        case "goaway":
            said |= {"last": payload.last.id, "error": int(payload.error), "data": payload.debug}
        case "window_update":
            said["increment"] = payload.window.increment
        case "continuation":
            said["data"] = payload.fragment
        case _:
            said["data"] = payload
    return said | {"ack": bool(frame.ack)}


def priority(found):
    return None if found is None else (found.dependency, found.weight, bool(found.exclusive))


def theirs(data):
    """The same by hyperframe; None where it raises."""
    try:
        frame, length = Frame.parse_frame_header(memoryview(data[:9]))
        assert length == len(data) - 9
        frame.parse_body(memoryview(data[9:]))
    except HyperframeError:
        return None
    name = NAMES.get(data[3], "unknown")
    said = {"type": name, "stream": frame.stream_id}
    match name:
        case "data":
            said |= {"data": frame.data, "padding": frame.pad_length}
        case "headers":
            there = "PRIORITY" in frame.flags
            said |= {"data": frame.data, "padding": frame.pad_length}
            said["priority"] = (frame.depends_on, frame.stream_weight, frame.exclusive) if there else None
        case "priority":
            said["priority"] = frame.depends_on, frame.stream_weight, frame.exclusive
        case "rst_stream":
            said["error"] = frame.error_code
        case "settings":
            said["settings"] = frame.settings
        case "push_promise":
            said |= {"data": frame.data, "padding": frame.pad_length, "promised": frame.promised_stream_id & LAST}
        case "ping":
            said["data"] = frame.opaque_data
        case "goaway":
            said |= {"last": frame.last_stream_id & LAST, "error": frame.error_code, "data": frame.additional_data}
        case "window_update":
            said["increment"] = frame.window_increment
        case "continuation":
            said["data"] = frame.data
        case _:
            said["data"] = data[9:] if isinstance(frame, AltSvcFrame) else frame.body
    return said | {"ack": "ACK" in frame.flags}


def on_purpose(data, mine, other):
    """Whether this is one of the differences that are named above."""
    kind, flags, payload = NAMES.get(data[3], "unknown"), data[4], data[9:]
    if other is None:
        match kind:
            case "window_update":
                return int.from_bytes(payload, "big") == 0 or payload[0] >= 0x80
            case "push_promise":
                return mine["promised"] == 0 or mine["promised"] % 2 != 0 or payload[bool(flags & 8)] >= 0x80
            case "headers":
                return mine["padding"] > 0 and mine["data"] == b""
        return data[3] == ALTSVC
    fixed = {"headers": 5 if flags & 32 else 0, "push_promise": 4}.get(kind, 0)
    return mine is None and fixed > 0 and flags & 8 != 0 and payload[0] > len(payload) - 1 - fixed


@st.composite
def frames(draw):
    kind = draw(st.sampled_from([*range(10), 10, 0x42, 0xFF]))
    flags = draw(st.sampled_from([0, 1, 4, 5, 8, 9, 0x20, 0x28, 0x2D, 0xFF]) | st.integers(0, 255))
    stream = draw(st.sampled_from([0, 1, 2, 0x7FFFFFFF, 0x80000000, 0x80000001]))
    sizes = {2: 5, 3: 4, 6: 8, 8: 4}
    size = draw(st.sampled_from([sizes.get(kind, 12)] * 3 + [0, 1, 3, 4, 5, 6, 7, 8, 9, 12, 18]))
    payload = draw(st.binary(min_size=size, max_size=size))
    if flags & 8 and payload and draw(st.booleans()):
        payload = bytes((draw(st.integers(0, size + 1)),)) + payload[1:]
    return size.to_bytes(3, "big") + bytes((kind, flags)) + stream.to_bytes(4, "big") + payload


def written(kind, stream, payload, flags=0):
    return struct.pack(">I", len(payload))[1:] + bytes((TYPES[kind], flags)) + stream.to_bytes(4, "big") + payload


@given(frames())
@example(written("window_update", 1, bytes(4)))
@example(written("window_update", 1, b"\x80\0\0\1"))
@example(written("push_promise", 1, b"\0\0\0\x03", 4))
@example(written("push_promise", 1, b"\x06" + bytes(6), 0x0C))
@example(written("headers", 1, b"\x03" + bytes(3), 0x0C))
@example(written("headers", 1, bytes(4), 0x24))
@example(written("data", 1, b"\x01", 8))
@example(written("data", 1, b"", 8))
def test_both_say_the_same(data):
    mine, other = ours(data), theirs(data)
    assert mine == other or on_purpose(data, mine, other)


RECORDED = [each for each in load(FOLDER / "http2") if each.kind not in {"refused", "handshake"}]


@pytest.mark.parametrize("vector", [each for each in RECORDED if each.direction], ids=lambda vector: vector.name)
def test_of_recorded_frames_too(vector):
    mine, other = ours(vector.data), theirs(vector.data)
    assert mine is not None
    assert mine == other or on_purpose(vector.data, mine, other)


@pytest.mark.parametrize("vector", [each for each in load(FOLDER / "http2") if each.kind == "refused"], ids=lambda v: v.name)
def test_what_is_refused_here_and_there(vector):
    length = int.from_bytes(vector.data[:3], "big")
    if length != len(vector.data) - 9:
        return  # only announced, or no frame at all
    assert ours(vector.data) is None
    assert theirs(vector.data) is None or on_purpose(vector.data, None, theirs(vector.data))
