"""Plan and construct agree on any bytes at all, and so do the kernel and a second interpreter of Plans."""

from __future__ import annotations

import random
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conformance.checks import agreement as checks
from conformance.generate.derived import covering, derive
from conformance.generate.examples import strategy
from conformance.generate.mutations import mangled, random_vectors
from conformance.mutants.killing import allows_scan, allows_verify
from conformance.outcome import Complete, DisagreementError, Malformed, More
from tests.conformance.subjects import DEEP, EVERY, KEYS, LIMITED, NAMES, SIDES, complete, derived, good_frames, subject

LOOKUPS = (
    *KEYS,
    "timeout", "path", "no-such-key", "client_id", "dest", "host", ":authority", ":path", "query", "query.k", "cookie.k",
    "http_method",
)  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
@given(data=st.data())
def test_every_reading_of_any_bytes_is_constructs(name, data) -> None:
    """Verify accepts what construct accepts, scan and lookup find what it decodes, and two runs of a Plan are alike."""
    found = subject(name)
    drawn = data.draw(mangled(strategy(found.lowered), found.lowered.verify))
    checks.check_all(found, drawn, LOOKUPS)


@pytest.mark.parametrize(("name", "direction"), SIDES)
def test_frames_of_either_side_and_what_becomes_of_them(name, direction) -> None:
    """The same, of every built-in: as they are, changed, and attacked where the Plan looks."""
    found, frames = subject(name, direction), good_frames(name, direction)
    verify, rng = found.lowered.verify, random.Random(direction)
    telling = covering(verify, frames, 1, direction=direction)
    attacks = [vector.data for vector in islice(derive(verify, telling, direction=direction), None if DEEP else 3_000)]
    seen = {Complete: 0, More: 0, Malformed: 0}
    for data in (*random_vectors(frames, verify, rng, 20_000 if DEEP else 300, direction), *attacks[:: 1 if DEEP else 20]):
        seen[type(checks.check_all(found, data, LOOKUPS))] += 1
    assert min(seen.values()) > 5, seen


@pytest.mark.parametrize(("name", "direction"), SIDES)
def test_every_prefix_of_a_good_frame_needs_more(name, direction) -> None:
    """And says how much more in a way that is never too much and never shrinks."""
    frames = complete(name, direction)
    for frame in frames if DEEP else frames[:20]:
        checks.check_prefixes(subject(name, direction), frame)
        checks.check_asks(subject(name, direction), frame)


@pytest.mark.parametrize(("name", "direction"), SIDES)
def test_what_follows_a_frame_changes_nothing(name, direction) -> None:
    frames = complete(name, direction)
    for frame, following in zip(frames, [*frames[1:], frames[0]], strict=True):
        for after in (b"\0", b"\xff", following, following[:7]):
            checks.check_trailing(subject(name, direction), frame, after)


@pytest.mark.parametrize("name", NAMES if DEEP else LIMITED)
def test_vectors_derived_from_the_plan(name) -> None:
    """Each check at its bounds, each field deleted, each branch both ways: both readers, and both runs of the Plan."""
    found = subject(name)
    seen = {Complete: 0, More: 0, Malformed: 0}
    verify, scan = allows_verify(found), allows_scan(found)
    for index, vector in enumerate(derived(name)):
        seen[type(vector.outcome)] += 1
        if not verify(found, vector):
            checks.check_verify(found, vector.data)
        if not scan(found, vector):
            checks.check_scan(found, vector.data)
        if DEEP or index % 5 == 0:
            checks.check_interpreter(found, vector.data)
        if isinstance(vector.outcome, More) and isinstance(found.verify(vector.data), Malformed):
            assert checks.hopeless(found, vector.data, vector.outcome), vector.data.hex()
    assert min(seen.values()) > 100, seen


@pytest.mark.parametrize("name", EVERY)
def test_the_drawn_frames_are_of_every_kind(name) -> None:
    kinds = {subject(name, side).scan(frame).kind for side in (0, 1) for frame in complete(name, side)}
    assert kinds >= set(subject(name).protocol.kind), "the generators miss a kind of frame"
    assert all(len(good_frames(name, side)) > 90 for side in (0, 1))


def test_the_checks_notice_a_plan_that_is_wrong() -> None:
    """One fault in verify, one in scan: the checks above fail, so they can."""
    sound = subject("bolt")
    ops = sound.lowered.verify.ops
    from dataclasses import replace

    at = next(i for i, op in enumerate(ops) if op.path == "class_len")
    lax = replace(sound.lowered.verify, ops=(*ops[:at], replace(ops[at], y=0xFFFF), *ops[at + 1 :]))
    frame = next(f for f in complete("bolt") if f[0] == 1 and f[1] == 1)
    desync = frame[:14] + b"\x80\x00" + frame[16:]
    checks.check_verify(sound, desync)
    with pytest.raises(DisagreementError, match="verify and construct differ"):
        checks.check_verify(sound.with_plans(verify=lax), desync)
    scan = sound.lowered.scan
    at = next(i for i, op in enumerate(scan.ops) if op.path == "id")
    shifted = replace(scan, ops=(*scan.ops[:at], replace(scan.ops[at], flags=scan.ops[at].flags ^ 1), *scan.ops[at + 1 :]))
    checks.check_scan(sound, frame)
    with pytest.raises(DisagreementError, match="scan is wrong"):
        checks.check_scan(sound.with_plans(scan=shifted), frame)
