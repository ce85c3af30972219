"""Rewriting ids: every other byte stays, a right checksum stays right, a wrong one stays wrong by the same difference."""

from __future__ import annotations

import zlib

from conformance.outcome import DisagreementError
from conformance.subject import Subject
from xproto.kernel.codec import Frame


def edge_ids(subject: Subject) -> tuple[int, ...]:
    top = (1 << subject.codec.id_bits) - 1
    return 0, 1, top >> 1, top


def check_set_id(subject: Subject, frame: bytes, new_id: int) -> None:
    """Patches the id of one whole frame, and back again."""
    before = subject.scan(frame)
    assert isinstance(before, Frame), before
    changed = subject.codec.with_id(frame, new_id)
    after = subject.scan(changed)
    if not isinstance(after, Frame) or after != before._replace(id=new_id):
        raise DisagreementError(f"{subject.name}: the id {new_id} changed more than the id", frame, before, after)
    width = subject.lowered.id_width
    patched = set(range(before.id_at, before.id_at + width))
    if before.crc_at >= 0:
        patched |= set(range(before.crc_at, before.crc_at + 4))
    others = [i for i, (old, new) in enumerate(zip(frame, changed, strict=True)) if old != new and i not in patched]
    if others:
        raise DisagreementError(f"{subject.name}: set_id touched the bytes at {others}", frame, changed.hex())
    if before.crc_at >= 0 and _difference(subject, frame, before.crc_at) != _difference(subject, changed, before.crc_at):
        raise DisagreementError(f"{subject.name}: set_id to {new_id} repaired or broke the checksum", frame, changed.hex())
    if subject.codec.with_id(changed, before.id) != frame:
        raise DisagreementError(f"{subject.name}: putting the id {before.id} back gives other bytes", frame, changed.hex())


def _difference(subject: Subject, frame: bytes, crc_at: int) -> int:
    order = "little" if subject.lowered.crc_little else "big"
    found = int.from_bytes(frame[crc_at : crc_at + 4], "little" if order == "little" else "big")
    return found ^ zlib.crc32(frame[:crc_at])


def corrupted(subject: Subject, frame: bytes, error: int) -> bytes:
    """The frame with `error` xored onto its checksum; the frame itself where it has none."""
    found = subject.scan(frame)
    assert isinstance(found, Frame), found
    if found.crc_at < 0:
        return frame
    at = found.crc_at
    wrong = bytes(a ^ b for a, b in zip(frame[at : at + 4], error.to_bytes(4, "big"), strict=True))
    return frame[:at] + wrong + frame[at + 4 :]
