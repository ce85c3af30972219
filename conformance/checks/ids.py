"""Rewriting ids: only the ids change, the length that counts them, and the checksum by the same difference.

Ids of a fixed width are overwritten, those whose width varies (varints, integers of jce) may move what follows; a frame
may have two. Putting the old ids back gives the frame as it came, in whatever width they came. A frame that is of no call
may have none, and stays as it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from conformance.bench import Bench
from conformance.checks.agreement import scan_fault
from conformance.judges.expected import meaning
from conformance.judges.identity import renumbered
from conformance.outcome import Complete, DisagreementError
from conformance.subject import Subject
from conformance.suite import Case, Check
from xproto.errors import MalformedError
from xproto.kernel.codec import Frame
from xproto.kernel.pieces import ids, with_ids
from xproto.spec import Kind

OF_CALLS = frozenset({Kind.REQUEST, Kind.ONEWAY, Kind.RESPONSE, Kind.INTERIM, Kind.PART})
"""Frames that belong to a call: what has ids at all has them in these."""


def edge_ids(subject: Subject) -> tuple[int, ...]:
    """The first and last ids that the proxy gives out, those next to a wrap-around, and others of every width."""
    if subject.lowered.identity.id is None:
        return ()
    base, top = subject.codec.id_base, (1 << subject.codec.id_bits) - 1
    own = (base, base | 1, base | top >> 1, base | top - 1, base | top)
    return tuple(dict.fromkeys((*own, 0, 1, 0x7F, 0x80, min(0x8000, top), top >> 1, top)))


def plain(subject: Subject, frame: bytes) -> bytes | None:
    """The frame as its ids are rewritten: a wrapped one unwrapped, None where what it holds is no good."""
    found = subject.scan(frame)
    unwrap = subject.protocol.unwrap
    if unwrap is None or not isinstance(found, Frame) or found.kind is not Kind.WRAPPED:
        return frame
    try:
        inner = unwrap(frame)
    except MalformedError:
        return None
    there = subject.scan(inner)
    return inner if isinstance(there, Frame) and there.kind is not Kind.WRAPPED and there.size == len(inner) else None


def check_set_id(subject: Subject, frame: bytes, new_id: int) -> None:
    """Gives one whole frame another id, and its own back."""
    if subject.lowered.identity.id is None:
        return
    shown = plain(subject, frame)
    if shown is None:
        return
    before = subject.scan(shown)
    assert isinstance(before, Frame), before
    if before.id_at < 0 and before.kind in OF_CALLS:
        what = f"{subject.name}: a {Kind(before.kind).name.lower()} without the id that ties it to its call"
        raise DisagreementError(what, shown, field=subject.lowered.id_name)
    if new_id == 0 and not _takes_zero(subject, shown, before.crc_at):
        return
    made = subject.codec.with_id(shown, new_id, subject.direction)
    wanted = renumbered(subject, shown, new_id, before.crc_at)
    if made != wanted:
        what = f"{subject.name}: the id {new_id} changed more or less than the id"
        raise _wrong(subject, what, shown, made, wanted)
    _check_read(subject, shown, made, new_id)
    back = with_ids(subject.codec, made, *ids(subject.codec, shown, subject.direction), subject.direction)
    if back != shown:
        raise _wrong(subject, f"{subject.name}: putting the id {before.id} back gives other bytes", shown, back, shown)


def _takes_zero(subject: Subject, frame: bytes, crc_at: int) -> bool:
    """Whether the frame may have the id 0: the layout may say that it is none, as HTTP/2's does of streams."""
    return type(subject.oracle.outcome(renumbered(subject, frame, 0, crc_at))) is type(subject.oracle.outcome(frame))


def _check_read(subject: Subject, frame: bytes, made: bytes, new_id: int) -> None:
    """The frame that was made is read as the old one is, under its new id."""
    outcome, fields = subject.oracle.parse(made)
    before = subject.oracle.outcome(frame)
    if type(outcome) is not type(before):
        raise DisagreementError(f"{subject.name}: the id {new_id} makes it another frame", frame, before, outcome)
    if not isinstance(outcome, Complete):  # its checksum was wrong, and stays wrong
        return
    fault = scan_fault(subject, made, outcome, fields, subject.scan(made))
    if fault is not None:
        raise DisagreementError(f"{subject.name}: under the id {new_id}: {fault}", made, field=subject.lowered.id_name)
    found = meaning(subject.protocol, fields, len(made))
    if outcome != Complete(len(made)) or (found.numbered and found.id != new_id) or found.again not in (None, new_id):
        what = f"{subject.name}: the id {new_id} is read as {found.id}, and again as {found.again}"
        raise DisagreementError(what, made, field=subject.lowered.id_name)


def _wrong(subject: Subject, what: str, frame: bytes, made: bytes, wanted: bytes) -> DisagreementError:
    found = (f"made:   {made.hex()}", f"wanted: {wanted.hex()}")
    return DisagreementError(what, frame, *found, field=subject.lowered.id_name, made=made, wanted=wanted)


def corrupted(subject: Subject, frame: bytes, error: int) -> bytes:
    """The frame with `error` xored onto its checksum; the frame itself where it has none."""
    found = subject.scan(frame)
    assert isinstance(found, Frame), found
    if found.crc_at < 0:
        return frame
    at = found.crc_at
    wrong = bytes(a ^ b for a, b in zip(frame[at : at + 4], error.to_bytes(4, "big"), strict=True))
    return frame[:at] + wrong + frame[at + 4 :]


def _cases(bench: Bench) -> Iterator[Case]:
    for direction, name, data in bench.good():
        subject = bench.subjects[direction]
        if isinstance(subject.scan(data), Frame):
            for new_id in edge_ids(subject):
                yield Case(f"{name}, as {new_id}", data, partial(check_set_id, subject, new_id=new_id), direction)


IDS = Check(
    "ids", "a new id changes the id, the lengths that count it and the checksum; its own back gives the same bytes", _cases,
    lambda bench: "" if bench.subjects[0].lowered.identity.id is not None else "frames have no id",
)  # fmt: skip
