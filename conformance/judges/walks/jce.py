"""Fields of jce, Tars' serialization, written from the framework's description of it (RequestF.tars, JceInputStream).

A head is a tag and a type: a byte, or two where the tag is 15 or more. All of them stand in a section, so a field that is
not all there is malformed.
"""

from __future__ import annotations

from conformance.judges.trace import Part
from conformance.judges.walks.reading import BadSignal, Reading
from xproto.plan import NONE, SIGNED, Form, Op

MAX_LEVELS = 64
INTEGERS = {0: 1, 1: 2, 2: 4, 3: 8, 12: 0}
"""Types of integers with their widths in bytes; zero takes none."""
NUMBERS = INTEGERS | {4: 4, 5: 8}
TEXTS = {6: 1, 7: 4}
"""Types of texts with the widths of their lengths."""
MAP, LIST, BEGIN, END, BYTES = 8, 9, 10, 11, 13


def _head(reading: Reading) -> tuple[int, int]:
    """Tag and type."""
    byte = reading.byte()
    tag = reading.byte() if byte >> 4 == 15 else byte >> 4
    if byte >> 4 == 15 and tag < 15:
        raise BadSignal
    return tag, byte & 15


def _expect(reading: Reading, tag: int) -> int:
    """The type of the field that must have this tag."""
    found, kind = _head(reading)
    if found != tag:
        raise BadSignal
    return kind


def _number(reading: Reading, kind: int) -> int:
    if kind not in INTEGERS:
        raise BadSignal
    return reading.integer(INTEGERS[kind], SIGNED) if INTEGERS[kind] else 0


def _count(reading: Reading) -> int:
    count = _number(reading, _expect(reading, 0))
    if not 0 <= count <= reading.room:
        raise BadSignal
    return count


def _text(reading: Reading, kind: int) -> bytes:
    if kind not in TEXTS:
        raise BadSignal
    return reading.take(reading.integer(TEXTS[kind]))


def _bytes(reading: Reading) -> bytes:
    """A list of bytes in one piece: the head of an element, how many, and they."""
    if _expect(reading, 0) != 0:
        raise BadSignal
    return reading.take(_count(reading))


def _skip(reading: Reading, kind: int, level: int = 0) -> None:
    if kind in {MAP, LIST, BEGIN} and level == MAX_LEVELS:
        raise BadSignal
    if kind in NUMBERS:
        reading.take(NUMBERS[kind])
    elif kind in TEXTS:
        _text(reading, kind)
    elif kind == BYTES:
        _bytes(reading)
    elif kind in {MAP, LIST}:
        for _ in range(_count(reading) * (2 if kind == MAP else 1)):
            _skip(reading, _head(reading)[1], level + 1)
    elif kind == BEGIN:
        while (inner := _head(reading)[1]) != END:
            _skip(reading, inner, level + 1)
    else:
        raise BadSignal


def integer(reading: Reading, op: Op) -> None:
    """An integer of any width, whose value lies in the op's bounds."""
    start = reading.at
    kind = _expect(reading, op.width if op.a == NONE else reading.get(op.a))
    value = _number(reading, kind)
    reading.inner.clear()
    reading.set(op.dst, value, (Part(start, reading.at - start, 0, SIGNED, form=Form.JCE),))
    if not op.x <= value <= op.y:
        raise BadSignal


def text(reading: Reading, op: Op) -> None:
    """A text of either form."""
    found = _text(reading, _expect(reading, op.width))
    if op.b != NONE:
        reading.capture(op.b, found)


def bytes_(reading: Reading, op: Op) -> None:
    """Bytes in one piece, or a list of integers, which is none."""
    kind = _expect(reading, op.width)
    if kind == BYTES:
        found = _bytes(reading)
        if op.b != NONE:
            reading.capture(op.b, found)
    elif kind == LIST:
        _skip(reading, kind)
    else:
        raise BadSignal


def map_(reading: Reading, op: Op) -> None:
    """Texts by texts, where the field is there; other pairs are passed over."""
    start = reading.at
    if _comes_later(reading, op.width):
        reading.at = start
        return
    reading.at = start
    if _expect(reading, op.width) != MAP:
        raise BadSignal
    for _ in range(_count(reading)):
        key, value = _one(reading, 0), _one(reading, 1)
        if key is not None and value is not None:
            reading.pair(op, key, value)


def _comes_later(reading: Reading, tag: int) -> bool:
    """Whether the next field has a higher tag, or there is none. A head without its second byte has a tag of 15 or more."""
    left = reading.data[reading.at : min(reading.at + 2, reading.stop)]
    if not left or (left[0] >> 4 == 15 and len(left) == 1):
        return True
    return _head(reading)[0] > tag


def _one(reading: Reading, tag: int) -> bytes | None:
    """A key or a value, where it is a text."""
    kind = _expect(reading, tag)
    if kind in TEXTS:
        return _text(reading, kind)
    _skip(reading, kind)
    return None


def rest(reading: Reading, _op: Op) -> None:
    """Fields of any kind until the section's end."""
    while reading.at < reading.stop:
        _skip(reading, _head(reading)[1])
