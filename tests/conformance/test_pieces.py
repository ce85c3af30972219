"""Frames in pieces: going on says what beginning again says, in linear time; what is known early stays true."""

from __future__ import annotations

import random

import construct as c
import pytest
from construct import this
from hypothesis import given
from hypothesis import strategies as st

from conformance.checks.ids import corrupted, edge_ids
from conformance.checks.pieces import check_known, check_resumed, check_streamed, goes_on, resumed
from conformance.generate.examples import collect, strategy
from conformance.generate.mutations import random_vectors
from conformance.subject import Subject
from tests.conformance.layouts import LAYOUTS
from tests.conformance.random_layouts import LayoutMaker
from tests.conformance.subjects import DEEP, EVERY, SHIPPED, SIDES, complete, subject
from tests.protocols import beacon_peer as peer
from xproto.errors import MalformedError, SpecError
from xproto.kernel.codec import Frame
from xproto.kernel.pieces import Progress, fixed_crc, fixed_timeout_crc, known, rest, with_timeout
from xproto.lower import lower
from xproto.spec import Kind, Protocol
from xproto.wire import Bounded, Chunked

CHUNKED = [protocol for protocol in LAYOUTS if "chunks" in protocol.name]


def _declare(*fields: object, **roles: object) -> Subject:
    kind = {Kind.REQUEST: this.type == 1}
    layout = c.Struct("type" / Bounded(c.Int8ub, 1, 1), "id" / c.Int16ub, *fields)
    return Subject(lower(Protocol("t", layout, kind, this.id, **roles)))


# A scan that goes on


@given(data=st.data())
def test_a_split_is_never_seen(data) -> None:
    found = subject("beacon")
    frame = data.draw(strategy(found.lowered))
    check_resumed(found, frame, sorted(data.draw(st.lists(st.integers(0, len(frame)), min_size=1, max_size=12))))


@pytest.mark.parametrize("protocol", CHUNKED, ids=lambda protocol: protocol.name)
def test_a_split_of_odd_layouts_is_never_seen(protocol) -> None:
    found = Subject(lower(protocol))
    frames = collect(strategy(found.lowered), 20)
    for data in [*frames, *random_vectors(frames, found.lowered.verify, random.Random(1), 100)]:
        check_resumed(found, data)


@given(st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=4), st.integers(0, 400))
def test_a_wrong_progress_reads_nothing_outside(offsets, size) -> None:
    """It may give a wrong answer; a sanitizer build shows that it stays within the bytes."""
    frame = peer.request(body=b"x" * 300, chunk=7).encode()[:size]
    progress = Progress(*offsets)
    resumed(subject("beacon"), frame, progress)


def test_a_million_chunks_in_small_pieces_are_walked_once() -> None:
    """Begun again for each piece, this would take hours."""
    found = subject("beacon")
    head = peer.Frame(service=b"s").encode()[:-6]
    frame = head + b"\1\0x" * 1_000_000 + bytes(6)
    view, progress = memoryview(frame), Progress()
    for size in range(len(head), len(frame), 3):
        resumed(found, view[:size], progress)
    assert progress.at == len(frame) - 6
    assert resumed(found, frame, progress) == found.scan(frame)


def test_more_chunked_parts_than_offsets_are_refused() -> None:
    parts = [f"c{i}" / Chunked(c.Int8ub) for i in range(5)]
    _declare(*parts[:4])
    with pytest.raises(SpecError, match="t: frame: has 5 chunked parts; at most 4"):
        _declare(*parts)


# What is known early


@pytest.mark.parametrize(("name", "direction"), SIDES)
def test_what_is_known_early_is_true(name, direction) -> None:
    frames = [frame for frame in complete(name, direction) if len(frame) < 600]
    assert all(check_known(subject(name, direction), frame) <= len(frame) for frame in (frames if DEEP else frames[:25]))


@pytest.mark.parametrize(("name", "direction"), SIDES)
def test_a_split_of_a_good_frame_is_never_seen(name, direction) -> None:
    """In a protocol whose scans go on: those with chunks, Thrift's unframed forms, TTwitter, HTTP."""
    found, rng = subject(name, direction), random.Random(1)
    for frame in complete(name, direction)[: 200 if DEEP else 30]:
        check_resumed(found, frame)
        check_resumed(found, frame + frame, sorted(rng.choices(range(len(frame) + 1), k=4)))


def test_the_protocols_whose_scans_go_on() -> None:
    unframed = {"thrift-unframed", "thrift-unframed-old", "thrift-unframed-compact", "thrift-twitter"}
    assert {name for name in EVERY if goes_on(subject(name))} == {"beacon", "http1", *unframed}


@pytest.mark.parametrize("name", SHIPPED)
def test_a_call_is_known_before_its_body(name) -> None:
    requests = [f for f in complete(name) if subject(name).scan(f).kind is Kind.REQUEST and len(f) > 60]
    assert requests
    assert all(check_known(subject(name), frame) < 30 for frame in requests if len(frame) < 2000)


@pytest.mark.parametrize("protocol", LAYOUTS, ids=lambda protocol: protocol.name)
def test_what_is_known_early_of_odd_layouts_is_true(protocol) -> None:
    found = Subject(lower(protocol))
    for frame in collect(strategy(found.lowered), 10):
        if isinstance(found.scan(frame), Frame):
            check_known(found, frame)


@pytest.mark.parametrize("seed", range(30))
def test_what_is_known_early_of_random_layouts_is_true(seed) -> None:
    try:
        found = Subject(lower(LayoutMaker(random.Random(seed)).protocol()))
        frames = collect(strategy(found.lowered), 5)
    except Exception as error:  # noqa: BLE001 - a layout that is refused, or that hypothesis finds no frame for
        assert type(error).__name__ in {"SpecError", "Unsatisfiable"}  # noqa: PT017
        return
    for frame in frames:
        if isinstance(found.scan(frame), Frame):
            check_known(found, frame)


def test_a_result_behind_the_body_is_known_last() -> None:
    found = _declare("body" / Chunked(c.Int8ub), "tag" / c.Int8ub, echo=(this.tag,))
    assert check_known(found, b"\1\0\7\1x\0\5") == 7
    assert not found.codec.streams


# Passed on in pieces


def test_beacon_is_passed_on_chunk_by_chunk() -> None:
    found = subject("beacon")
    assert [subject(name).codec.streams for name in SHIPPED] == [False, False, True]
    let_go = [check_streamed(found, frame) for frame in complete("beacon") if len(frame) < 2000]
    assert max(let_go) > 300


@pytest.mark.parametrize(
    ("fields", "streams"),
    [
        (("a" / Chunked(c.Int8ub), "end" / c.Int32ub), True),
        (("a" / Chunked(c.Int8ub), "b" / Chunked(c.Int8ub)), False),
        (("a" / Chunked(c.Int8ub), "n" / c.Int8ub, "b" / c.Bytes(this.n)), False),
        (("n" / c.Int8ub, "a" / Chunked(c.Int8ub), "b" / c.If(this.n == 1, c.Int8ub)), False),
        (("n" / c.Int8ub, "a" / c.If(this.n == 1, Chunked(c.Int8ub))), False),
        (("a" / c.Prefixed(c.Int8ub, Chunked(c.Int8ub)),), False),
    ],
)
def test_which_layouts_can_be_passed_on(fields, streams) -> None:
    assert _declare(*fields).codec.streams is streams


def test_the_limit_counts_what_was_let_go() -> None:
    found = subject("beacon").codec
    passed = found.frame_limit - 10
    assert rest(found, b"\2\0ab" + bytes(6), passed, Progress()) == (10, 6)
    with pytest.raises(MalformedError):
        rest(found, b"\3\0abc" + bytes(6), passed, Progress())


# Patches


@pytest.mark.parametrize("name", ["bolt", "beacon"])
def test_a_checksum_is_fixed_when_it_comes(name) -> None:
    found = subject(name)
    for frame in (corrupted(found, f, 0x81) for f in complete(name) if found.scan(f).crc_at >= 0):
        at = found.scan(frame)
        distance = at.crc_at - at.id_at - found.lowered.id_width
        for new_id in edge_ids(found):
            fixed = fixed_crc(found.codec, frame[at.crc_at : at.crc_at + 4], at.id, new_id, distance)
            assert fixed == found.codec.with_id(frame, new_id)[at.crc_at : at.crc_at + 4]


@pytest.mark.parametrize(("name", "most"), [("bolt", 2**31 - 1), ("beacon", 86_400_000)])
@pytest.mark.parametrize("wanted", [-5, 0, 1, 700, 86_400_000, 2**31 - 1, 2**40])
def test_a_timeout_is_rewritten_within_its_bounds(name, most, wanted) -> None:
    found = subject(name)
    timed = [frame for frame in complete(name) if found.scan(frame).timeout_at >= 0]
    assert timed
    for frame in timed:
        before = found.scan(frame)
        changed, written = with_timeout(found.codec, frame, wanted)
        assert written == min(max(wanted, 1), most)
        assert found.scan(changed) == before._replace(timeout=written)
        assert found.oracle.outcome(changed) == found.oracle.outcome(frame)
        assert found.verify(changed) == found.verify(frame)
        if before.crc_at >= 0:
            distance = before.crc_at - before.timeout_at - found.lowered.deadline.width
            crc = frame[before.crc_at : before.crc_at + 4]
            fixed = fixed_timeout_crc(found.codec, crc, before.timeout, written, distance)
            assert fixed == changed[before.crc_at : before.crc_at + 4]


def test_a_frame_without_the_field_is_left_alone() -> None:
    for name in SHIPPED:
        found = subject(name)
        bare = [frame for frame in complete(name) if found.scan(frame).timeout_at < 0]
        assert bare
        assert all(with_timeout(found.codec, frame, 9) == (frame, 0) for frame in bare)


@pytest.mark.parametrize(
    ("fields", "bounds"),
    [
        (("t" / c.Int32ub,), (1, 2**31 - 1)),
        (("t" / Bounded(c.Int32sl, 5, 900),), (5, 900)),
        (("t" / Bounded(c.Int16sb, -9, 0),), None),
        (("t" / c.BitStruct("x" / c.BitsInteger(8)), "u" / c.Computed(this.t.x)), None),
        (("t" / c.Int8ub, "x" / c.Bytes(this.t)), None),
        (("t" / c.Int8ub, "x" / c.If(this.t == 3, c.Int8ub)), None),
        (("t" / c.Int8ub, c.Check(this.t != 3)), None),
    ],
)
def test_which_timeouts_may_be_rewritten(fields, bounds) -> None:
    source = this.u if len(fields) == 2 and fields[1].name == "u" else this.t
    deadline = _declare(*fields, timeout=source).lowered.deadline
    assert (deadline and (deadline.least, deadline.most)) == bounds


def test_a_timeout_that_is_echoed_is_not_rewritten() -> None:
    assert _declare("t" / c.Int8ub, timeout=this.t, echo=(this.t,)).lowered.deadline is None
    assert _declare("t" / c.Int8ub, timeout=this.t + 1).lowered.deadline is None
    assert _declare(timeout=this.id).lowered.deadline is None


def test_nothing_is_known_of_nothing() -> None:
    assert all(known(subject(name).codec, b"") is None for name in SHIPPED)
