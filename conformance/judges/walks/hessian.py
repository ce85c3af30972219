"""Hessian2 values. They are walked by the reference in `xproto.wire.hessian_skip`, which construct's side uses too: the
format has some fifty encodings, and `tests/conformance/test_hessian.py` holds the reference to other implementations.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from conformance.judges.walks.reading import BadSignal, Reading, ShortSignal
from xproto.plan import NONE, Op
from xproto.wire.hessian import count_types
from xproto.wire.hessian_skip import BadValueError, Reader, ShortError

_PAIR = re.compile(rb"\xed([\xa0-\xaf])(.)\xed([\xb0-\xbf])(.)", re.DOTALL)


@contextmanager
def _values(reading: Reading) -> Iterator[Reader]:
    """The reference's reader at this place; the reading goes on where it stops."""
    reader = Reader(reading.data[: reading.stop], reading.at, reading.classes)
    try:
        yield reader
    except BadValueError:
        raise BadSignal from None
    except ShortError:
        raise ShortSignal from None
    reading.at, reading.classes = reader.at, reader.classes


def text(reading: Reading, op: Op) -> None:
    """One string, or a null."""
    with _values(reading) as reader:
        _keep(reading, op.b, reader.text_or_null())


def arguments(reading: Reading, op: Op) -> None:
    """As many values as the descriptor has types; the first is captured where it is a text."""
    with _values(reading) as reader:
        count = count_types(reading.slots.get(op.a, b"").decode("latin-1"))
        if count > len(reader.data) - reader.at:
            raise ShortError
        if count and _is_text(reader):
            _keep(reading, op.b, reader.text_or_null())
            count -= 1
        reader.skip(count)


def map_(reading: Reading, op: Op) -> None:
    """A map, or a null. A value that is no text, a null too, hides what its key would override."""
    with _values(reading) as reader:
        lead = reader.lead()
        if lead == 0x4E:
            return
        if lead == 0x4D:
            reader.type_name()
        elif lead != 0x48:
            raise BadValueError
        slots = dict(op.keys)
        while reader.lead() != 0x5A:
            reader.at -= 1
            key, value = _item(reader), _item(reader)
            slot = slots.get(key) if key is not None else None
            if slot is not None and value is None:
                reading.hide(slot)
            elif slot is not None:
                reading.capture(slot, value)


def _keep(reading: Reading, slot: int, value: bytes | None) -> None:
    if slot != NONE:
        reading.capture(slot, None if value is None else joined(value))


def _item(reader: Reader) -> bytes | None:
    """A key or a value, where it is a text."""
    if _is_text(reader):
        return joined(reader.text_or_null() or b"")
    reader.skip()
    return None


def _is_text(reader: Reader) -> bool:
    lead = reader.lead()
    reader.at -= 1
    return lead < 0x20 or 0x30 <= lead < 0x34 or lead in b"SR"


def joined(text: bytes) -> bytes:
    """Java's pairs of three-byte surrogates as the four bytes of UTF-8; all other bytes as they are."""
    at, found = 0, False
    while at < len(text) and not found:
        lead = text[at]
        found = lead == 0xED and text[at + 1 : at + 2] >= b"\xa0"
        at += 1 if lead < 0xC0 else 2 if lead < 0xE0 else 3 if lead < 0xF0 else 4
    return _PAIR.sub(_point, text) if found else text


def _point(pair: re.Match[bytes]) -> bytes:
    high = (pair[1][0] & 0x0F) << 6 | pair[2][0] & 0x3F
    low = (pair[3][0] & 0x0F) << 6 | pair[4][0] & 0x3F
    return chr(0x10000 + (high << 10 | low)).encode()
