"""Ids on the wire, written again by the rules of their forms: what a frame under other ids must look like.

Where the ids are is told by a traced run of the scan Plan, how they are written by the forms' own descriptions (LEB128,
jce's narrowest type). Nothing here shares a line with the kernel's rewriting.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Literal

from conformance.judges.interpreter import run
from conformance.subject import Buffer, Subject
from xproto.kernel.codec import Frame
from xproto.lower.identity import IdField
from xproto.plan import Form, Result
from xproto.wire.jce import integer_field
from xproto.wire.theader import varint

_PLACES = ((Result.ID_AT, Result.ID_END), (Result.AGAIN_AT, Result.AGAIN_END))


@dataclass(frozen=True)
class Place:
    """Where one of a frame's ids is: data[start:end]."""

    field: IdField
    start: int
    end: int


def places(subject: Subject, frame: bytes) -> list[Place]:
    """The ids of a whole frame, in their order."""
    found = run(subject.lowered.scan, frame, direction=subject.direction).registers
    at = []
    for field, (start, end) in zip(subject.lowered.identity.fields, _PLACES, strict=False):
        if start in found:
            begins = found[start]
            at.append(Place(field, begins, begins + field.width if field.form is Form.FIXED else found[end]))
    return at


def written(field: IdField, number: int, was: bytes) -> bytes:
    """An id as this field writes it anew. was: what stands there now, whose reserved bits stay."""
    match field.form:
        case Form.FIXED:
            order: Literal["little", "big"] = "little" if field.little else "big"
            kept = int.from_bytes(was, order) >> field.bits << field.bits
            return (kept + number % (1 << field.bits)).to_bytes(field.width, order)
        case Form.VARINT:
            return varint(number)
        case Form.JCE:
            return integer_field(was[0] >> 4, number)


def read(field: IdField, data: bytes) -> int:
    """The id that these bytes say, as 64 bits without a sign."""
    match field.form:
        case Form.FIXED:
            return int.from_bytes(data, "little" if field.little else "big") % (1 << field.bits)
        case Form.VARINT:
            return sum((byte & 0x7F) << 7 * i for i, byte in enumerate(data))
        case Form.JCE:
            return int.from_bytes(data[1:], "big", signed=True) % (1 << 64)


def id_in_place(subject: Subject, data: Buffer, found: Frame) -> int:
    """The id that stands where a scan says it is; 0 where it says that there is none."""
    field = subject.lowered.identity.id
    return 0 if field is None or found.id_at < 0 else read(field, bytes(data[found.id_at : found.id_end]))


def renumbered(subject: Subject, frame: bytes, number: int, crc_at: int) -> bytes:
    """The whole frame with this number as each of its ids, its length and checksum moved along. crc_at: -1 for none.

    A checksum that was wrong stays wrong by the same bits.
    """
    changed = frame
    for place in reversed(places(subject, frame)):
        was = frame[place.start : place.end]
        changed = changed[: place.start] + written(place.field, number, was) + changed[place.end :]
    grown, length = len(changed) - len(frame), subject.lowered.identity.length
    if grown and length is not None:
        order: Literal["little", "big"] = "little" if length.little else "big"
        counted = int.from_bytes(frame[: length.width], order) + grown
        changed = counted.to_bytes(length.width, order) + changed[length.width :]
    if crc_at < 0:
        return changed
    crc_order: Literal["little", "big"] = "little" if subject.lowered.crc_little else "big"
    wrong = int.from_bytes(frame[crc_at : crc_at + 4], crc_order) ^ zlib.crc32(frame[:crc_at])
    crc = (zlib.crc32(changed[: crc_at + grown]) ^ wrong).to_bytes(4, crc_order)
    return changed[: crc_at + grown] + crc + changed[crc_at + grown + 4 :]
