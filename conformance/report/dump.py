"""What a hex dump shows: which bytes of a long frame, in what rows, and where two frames differ."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from itertools import groupby
from typing import TypeVar

from conformance.report.picture import Span

T = TypeVar("T")
_BEGINNING = 64
_BEFORE = 64


def rows(size: int, width: int, most: int, place: int = 0) -> Iterator[range]:
    """Offsets of the bytes in each row: of `most` bytes, the frame's beginning and what lies around the place at fault.

    Where some are left out, a row does not begin where the last one ended.
    """
    if size <= most:
        yield from _rows(0, size, width)
        return
    begin = max(0, place - _BEFORE) // width * width
    if begin <= _BEGINNING:
        yield from _rows(0, most, width)
        return
    yield from _rows(0, _BEGINNING, width)
    yield from _rows(begin, min(size, begin + most - _BEGINNING), width)


def _rows(start: int, stop: int, width: int) -> Iterator[range]:
    for at in range(start, stop, width):
        yield range(at, min(at + width, stop))


def first(spans: Sequence[Span], marked: set[int]) -> int:
    """The offset of the first span at fault."""
    return min((spans[index].offset for index in marked), default=0)


def differing(made: bytes, wanted: bytes) -> tuple[set[int], set[int]]:
    """Offsets in each where they are not alike. Of two lengths: what is left between a common beginning and a common end."""
    if len(made) == len(wanted):
        places = {at for at, (a, b) in enumerate(zip(made, wanted, strict=True)) if a != b}
        return places, places
    shorter = min(len(made), len(wanted))
    begin = next((at for at in range(shorter) if made[at] != wanted[at]), shorter)
    end = next((at for at in range(shorter - begin) if made[-1 - at] != wanted[-1 - at]), shorter - begin)
    return set(range(begin, len(made) - end)), set(range(begin, len(wanted) - end))


def near(size: int, width: int, places: Collection[int], most: int) -> Iterator[range]:
    """The rows that hold one of the places, and the rows next to them; at most `most` bytes."""
    wanted = {at // width + step for at in places for step in (-1, 0, 1)}
    yield from [row for row in _rows(0, size, width) if row.start // width in wanted][: most // width]


def character(byte: int) -> str:
    return chr(byte) if 0x20 <= byte < 0x7F else "."


def runs(row: range, kinds: Sequence[T]) -> Iterator[tuple[T, range]]:
    """The row cut where the kind of its bytes changes."""
    for kind, places in groupby(row, key=lambda at: kinds[at]):
        run = list(places)
        yield kind, range(run[0], run[-1] + 1)


def hues(spans: Sequence[Span], most: int) -> list[int]:
    """A colour's number for each span, so that neighbours differ; -1 for those that own no byte as a whole."""
    found, count = [], 0
    for span in spans:
        owning = bool(span.size) and span.bits is None
        found.append(count % most if owning else -1)
        count += owning
    return found
