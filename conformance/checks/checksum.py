"""Checksums: a frame that ends with one which the declaration does not know is broken by every new id."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from functools import partial

from conformance.bench import Bench
from conformance.outcome import DisagreementError
from conformance.subject import Subject
from conformance.suite import Case, Check
from xproto.kernel.codec import Frame


def check_known_checksum(subject: Subject, frame: bytes) -> None:
    """Where the last four bytes are the CRC-32 of all others, the declaration says so."""
    found = subject.scan(frame)
    if not isinstance(found, Frame) or found.crc_at >= 0 or len(frame) <= 8:
        return
    crc = zlib.crc32(frame[:-4])
    if frame[-4:] in {crc.to_bytes(4, "big"), crc.to_bytes(4, "little")}:
        what = "the frame ends with a CRC-32 that is not recomputed when the id is rewritten: declare it as TrailingCrc32"
        raise DisagreementError(what, frame, field="checksum")


def check_checksum(subject: Subject, frame: bytes) -> None:
    """Each bit of the checksum matters."""
    found = subject.scan(frame)
    if not isinstance(found, Frame) or found.crc_at < 0:
        return
    for bit in range(32):
        at = found.crc_at + bit // 8
        wrong = frame[:at] + bytes((frame[at] ^ 1 << bit % 8,)) + frame[at + 1 :]
        if type(subject.verify(wrong)) is type(subject.verify(frame)):
            raise DisagreementError(f"a wrong checksum passes: bit {bit}", wrong, field="checksum")


def _cases(bench: Bench) -> Iterator[Case]:
    for direction, name, data in bench.good():
        subject = bench.subjects[direction]
        yield Case(f"{name}, known", data, partial(check_known_checksum, subject), direction)
        yield Case(f"{name}, right", data, partial(check_checksum, subject), direction)


CHECK = Check("checksum", "a checksum is known, and every bit of it counts", _cases)
