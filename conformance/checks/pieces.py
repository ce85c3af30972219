"""Frames that come in pieces, and leave in pieces: how the bytes were cut must never be seen in an answer.

A scan that goes on where it stopped says what a scan of the same bytes from the beginning says. What is known of an
incomplete frame is what the whole one says. A frame whose beginning was let go ends where it would have ended.
"""

from __future__ import annotations

from collections.abc import Sequence

from conformance.judges.interpreter import run
from conformance.outcome import Complete, DisagreementError, Malformed, More
from conformance.subject import Buffer, Subject
from xproto.errors import MalformedError, NeedMore
from xproto.kernel.codec import Frame
from xproto.kernel.pieces import Progress, known, rest, scan_on
from xproto.plan import OpCode

_KEPT = {OpCode.CHUNKS, OpCode.HTTP_HEAD, OpCode.HTTP_BODY, OpCode.THRIFT_STRUCT, OpCode.TTWITTER_HEADER}


MOST_CUTS = 64
"""Of bytes that are cut in ways of the check's own choice."""


def goes_on(subject: Subject) -> bool:
    """Whether a scan of this protocol may go on where the last one stopped."""
    return any(op.code in _KEPT for op in subject.lowered.scan.ops)


def resumed(subject: Subject, data: Buffer, progress: Progress) -> Frame | More | Malformed:
    """What `Subject.scan` says, from a scan that goes on where the one before stopped."""
    try:
        found = scan_on(subject.codec, data, progress, subject.direction)
    except MalformedError as error:
        return Malformed(error.path, error.why)
    return More(found.total) if isinstance(found, NeedMore) else found


def check_resumed(subject: Subject, data: bytes, sizes: Sequence[int] = ()) -> None:
    """Any bytes, cut after each of `sizes` (none given: in three ways): both scans give the same answer every time."""
    if not goes_on(subject):
        return
    step = -(-len(data) // MOST_CUTS) or 1
    for cuts in [sizes] if sizes else [range(0, len(data), step), range(0, len(data), 3 * step), (len(data) // 2,)]:
        progress = Progress()
        for size in (*cuts, len(data)):
            piece = data[:size]
            before, found, whole = progress.at, resumed(subject, piece, progress), subject.scan(piece)
            if found != whole or not before <= progress.at <= size:
                what = f"{subject.name}: {size} bytes after others, walked {before} then {progress.at}"
                raise DisagreementError(what, data, f"resumed: {found}", f"at once: {whole}")
            if not isinstance(found, More):
                break


def check_known(subject: Subject, frame: bytes) -> int:
    """What is known of each prefix of a good frame is true of all of it, and stays known. Returns from how many bytes on."""
    whole = known(subject.codec, frame, subject.direction)
    if whole is None or whole != subject.scan(frame):
        raise DisagreementError(f"{subject.name}: a whole frame that is not known", frame, whole)
    first = len(frame)
    for size in range(len(frame)):
        found = known(subject.codec, frame[:size], subject.direction)
        if found is None:
            if size > first:
                raise DisagreementError(f"{subject.name}: {first} bytes say more than {size}", frame)
            continue
        first = min(first, size)
        fields = found._replace(size=whole.size, crc_at=whole.crc_at, body_at=whole.body_at)
        if fields != whole or found.crc_at != -1 or found.body_at not in (-1, whole.body_at):
            raise DisagreementError(f"{subject.name}: {size} bytes say what is not so", frame, found, whole)
        if not size < found.size <= whole.size:
            raise DisagreementError(f"{subject.name}: {size} bytes need {found.size} in all", frame, whole)
    _check_head(subject, frame, first)
    return first


def _check_head(subject: Subject, frame: bytes, first: int) -> None:
    """The interpreter runs the head's Plan through with so many bytes, and with none fewer."""
    head = subject.lowered.head
    for size in range(max(0, first - 1), min(first + 1, len(frame))):
        there = head is not None and isinstance(run(head, frame[:size], direction=subject.direction).outcome, Complete)
        if there is not (size == first):
            raise DisagreementError(f"{subject.name}: two runs of the head differ on {size} bytes", frame, there)


def check_streamed(subject: Subject, frame: bytes) -> int:
    """A good frame comes byte by byte, and its whole chunks are let go at once. Returns how many bytes were.

    What is left must end where the frame ends, with the checksum where it is.
    """
    whole = subject.scan(frame)
    assert isinstance(whole, Frame), whole
    progress, passed = Progress(), 0
    for size in range(len(frame) + 1):
        if passed:
            found = rest(subject.codec, frame[passed:size], passed, progress)
        else:
            scanned = scan_on(subject.codec, frame[:size], progress, subject.direction)
            found = scanned if isinstance(scanned, NeedMore) else (scanned.size, scanned.crc_at)
        if isinstance(found, NeedMore):
            if not size < passed + found.total <= len(frame):
                raise DisagreementError(f"{subject.name}: the rest behind {passed} needs {found.total}", frame, size)
            if progress.at > (0 if passed else whole.body_at):
                passed, progress = passed + progress.at, Progress()
            continue
        end, crc_at = passed + found[0], passed + found[1] if found[1] >= 0 else -1
        if (end, crc_at, size) != (len(frame), whole.crc_at, len(frame)):
            raise DisagreementError(f"{subject.name}: the rest behind {passed} ends at {end}", frame, whole)
        return passed
    raise DisagreementError(f"{subject.name}: a whole frame that needs more behind {passed}", frame, whole)
