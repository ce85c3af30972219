"""Frames as TCP delivers them: cut anywhere, several at once, with the next one behind."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from conformance.bench import Bench
from conformance.checks.agreement import check_asks, check_prefixes, check_trailing, scan_outcome
from conformance.checks.pieces import check_known, check_resumed, check_streamed
from conformance.outcome import DisagreementError
from conformance.subject import Subject
from conformance.suite import Case, Check
from xproto.kernel.codec import Frame

MOST_BYTES = 4096
"""Longer frames are cut at some places, not at each."""
TOGETHER = 5
"""Frames in one read."""


def check_every_split(subject: Subject, frame: bytes) -> None:
    """Two reads, cut at each place, say what one read says."""
    step = max(1, len(frame) // MOST_BYTES)
    for size in range(0, len(frame), step):
        check_resumed(subject, frame, [size])


def check_together(subject: Subject, sizes: tuple[int, ...], frames: bytes) -> None:
    """Frames that came in one read are found one after the other, each with its own size."""
    at = 0
    for size in sizes:
        found = subject.scan(frames[at:])
        if not isinstance(found, Frame) or found.size != size:
            what = f"the frame at {at} of a read with {len(sizes)} is not found: {size} bytes expected"
            raise DisagreementError(what, frames, scan_outcome(found))
        at += size


def _each(test: Callable[[Subject, bytes], object]) -> Callable[[Bench], Iterator[Case]]:
    def cases(bench: Bench) -> Iterator[Case]:
        for direction, name, data in bench.good():
            if isinstance(bench.subjects[direction].scan(data), Frame):
                yield Case(name, data, partial(test, bench.subjects[direction]), direction)

    return cases


def _split(subject: Subject, frame: bytes) -> None:
    check_every_split(subject, frame)
    if len(frame) <= MOST_BYTES:
        check_known(subject, frame)
        if subject.codec.streams:
            check_streamed(subject, frame)


def _prefixes(subject: Subject, frame: bytes) -> None:
    check_asks(subject, frame)
    if len(frame) <= MOST_BYTES:
        check_prefixes(subject, frame)


def _coalesced(bench: Bench) -> Iterator[Case]:
    for direction in (0, 1):
        subject = bench.subjects[direction]
        named = [(name, data) for way, name, data in bench.good() if way == direction and isinstance(subject.scan(data), Frame)]
        for index, (name, data) in enumerate(named):
            following = [frame for _, frame in (named[index + 1 :] + named[:index])[: TOGETHER - 1]]
            sizes = (len(data), *map(len, following))
            joined = b"".join((data, *following))
            yield Case(f"{name} and {len(following)} more", joined, partial(check_together, subject, sizes), direction)
            for after in (b"\0", b"\xff" * 9, data[:7]):
                yield Case(f"{name}, then {after.hex()}", data, partial(check_trailing, subject, after=after), direction)


SPLITS = Check("splits", "a frame cut anywhere is the same frame, and is walked once", _each(_split))
PREFIXES = Check("prefixes", "every strict prefix says need-more, never too much", _each(_prefixes))
COALESCED = Check("coalesced", "frames in one read are found in turn; what follows a frame is not touched", _coalesced)
