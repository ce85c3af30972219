"""The beginning of a frame as RFCs draw it, 32 bits a row: single bits as far as places are fixed, then a row a field."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from xproto.exports.forms import Cell, Shape

ROW = 32


def draw(shape: Shape) -> str:
    """The picture."""
    rows = _rows(shape.cells)
    lines = [_tens(), _ones(), _line(None, rows[0] if rows else None)]
    for index, row in enumerate(rows):
        lines += [_names(row), _line(row, rows[index + 1] if index + 1 < len(rows) else None)]
    width = 2 * ROW - 1
    for path, size, when in shape.after:
        text = f"{path}: {size}" + (f", if {when}" if when else "")
        lines += [f"/{text[:width].center(width)}/", _line(None, None)]
    return "\n".join(line.rstrip() for line in lines)


@dataclass(frozen=True)
class _Piece:
    """The part of a cell that one row has; its name is written where it is widest."""

    cell: int
    name: str
    start: int
    bits: int
    widest: bool


def _rows(cells: tuple[Cell, ...]) -> list[list[_Piece]]:
    rows: list[list[_Piece]] = []
    at = 0
    for number, cell in enumerate(cells):
        widths = list(_widths(at, cell.bits))
        named = widths.index(max(widths)) if widths else 0
        for index, bits in enumerate(widths):
            row, start = divmod(at, ROW)
            if row == len(rows):
                rows.append([])
            rows[row].append(_Piece(number, cell.name, start, bits, index == named))
            at += bits
    return rows


def _widths(at: int, bits: int) -> Iterator[int]:
    """How a field that begins at bit `at` is cut into rows."""
    while bits:
        width = min(bits, ROW - at % ROW)
        yield width
        at, bits = at + width, bits - width


def _tens() -> str:
    return " " + " ".join(str(bit // 10) if bit % 10 == 0 else " " for bit in range(ROW))


def _ones() -> str:
    return " " + " ".join(str(bit % 10) for bit in range(ROW))


def _names(row: list[_Piece]) -> str:
    return "|" + "".join(_fit(piece).center(2 * piece.bits - 1) + "|" for piece in row)


def _fit(piece: _Piece) -> str:
    """A name in a box: of a path the last part, and as much of it as there is room for."""
    room = 2 * piece.bits - 1
    if not piece.widest:
        return "..."[:room]
    short = piece.name.rpartition(".")[2]
    return piece.name if len(piece.name) <= room else short[:room]


def _line(above: list[_Piece] | None, below: list[_Piece] | None) -> str:
    """The line between two rows, open where one field goes on."""
    upper, lower = (_owners(row) for row in (above, below))
    edges = [bit for bit in range(ROW) if bit in upper or bit in lower] or list(range(ROW))
    goes_on = {bit for bit in edges if bit in upper and upper[bit] == lower.get(bit)}
    line = "".join(("  " if bit - 1 in goes_on and bit in goes_on else "+ ") if bit in goes_on else "+-" for bit in edges)
    return line + "+"


def _owners(row: list[_Piece] | None) -> dict[int, int]:
    """Which cell each bit of a row belongs to."""
    return {bit: piece.cell for piece in row or () for bit in range(piece.start, piece.start + piece.bits)}
