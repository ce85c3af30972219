"""What scan and verify say of one input, whole and in pieces: they do not contradict each other, nor themselves."""

from __future__ import annotations

from conformance.checks.agreement import scan_outcome
from conformance.checks.pieces import resumed
from conformance.outcome import Complete, DisagreementError, Malformed, More, Outcome
from conformance.subject import Subject
from xproto.kernel.codec import Frame
from xproto.kernel.pieces import Progress


class Reading:
    """One direction's readings of an input. Raises `DisagreementError` where they cannot both be right."""

    def __init__(self, subject: Subject, view: memoryview, data: bytes) -> None:
        self.subject, self.data = subject, data
        self.scanned, self.verified = subject.scan(view), subject.verify(view)
        scanned, verified = self.scanned, self.verified
        for found in (scanned, verified):
            if isinstance(found, More) and not len(data) < found.total <= subject.limit:
                raise self.wrong(f"asks for {found.total} bytes, having {len(data)}", found)
        if isinstance(scanned, Malformed) and scanned.path == "(kernel)":
            raise self.wrong("scan gives a kind that is none", scanned)
        if isinstance(scanned, Frame) and (
            isinstance(verified, More) or (isinstance(verified, Complete) and verified.size != scanned.size)
        ):
            raise self.wrong("scan and verify differ", scanned, verified)
        if isinstance(verified, Complete) and not isinstance(scanned, Frame) and _refused_at(scanned) != "kind":
            raise self.wrong("scan does not take what verify has found good", scanned, verified)

    def wrong(self, what: str, *found: object) -> DisagreementError:
        return DisagreementError(f"{self.subject.name}, direction {self.subject.direction}: {what}", self.data, *found)

    def check_piece(self, piece: memoryview, cut: int) -> None:
        """More bytes never change an answer, but the wish for more."""
        scanned, verified = self.subject.scan(piece), self.subject.verify(piece)
        for found, whole in ((verified, self.verified), (scanned, self.scanned)):
            kept = _may_follow(found, cut, len(self.data), whole) if isinstance(found, More) else found == whole
            if not kept:
                raise self.wrong(f"{cut} bytes say other than all", found, whole)

    def check_resumed(self, piece: memoryview, cut: int, progress: Progress) -> None:
        """A scan that goes on where the one before stopped says what a scan from the beginning says."""
        found, whole = resumed(self.subject, piece, progress), self.subject.scan(piece)
        if found != whole:
            raise self.wrong(f"{cut} bytes after others", found, whole)


def _refused_at(found: More | Malformed) -> str:
    """The field that scan refuses. A frame of no kind is refused there, and is none of verify's business."""
    return found.path if isinstance(found, Malformed) else ""


def _may_follow(before: More, had: int, have: int, now: Frame | Outcome) -> bool:
    """Whether `now`, of more bytes, may follow the wish for more."""
    if isinstance(now, Frame):
        now = scan_outcome(now)
    match now:
        case Complete(size):
            return had < before.total <= size
        case More():
            return True
        case _:
            return had < have
