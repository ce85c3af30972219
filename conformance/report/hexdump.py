"""Bytes on a terminal: each field in a colour, those at fault marked beneath as well, two frames side by side."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from rich.console import RenderableType
from rich.padding import Padding
from rich.text import Text

from conformance.report.dump import character, differing, first, hues, near, rows, runs
from conformance.report.picture import Span, State, at_fault, owners
from conformance.report.text import line

_WIDTH = 16
_MOST = 256
"""Bytes of one frame."""
_MOST_VALUE = 40
"""Characters of a field's value."""
_HUES = ("cyan", "green", "yellow", "magenta", "blue", "bright_cyan", "bright_green", "bright_magenta")
_FAULT = "bold white on red"
_WANTED = "bold black on green"
_REST = "bright_black"
_BESIDES = {State.UNREAD: " not read", State.BEHIND: " behind the frame"}


def drawn(data: bytes, spans: Sequence[Span], field: str) -> Iterator[RenderableType]:
    """A frame, its fields by name, and why one refuses. A row that begins with ``>`` has bytes at fault."""
    marked = at_fault(spans, field)
    numbers = hues(spans, len(_HUES))
    styles = [_style(span, numbers[index], index in marked) for index, span in enumerate(spans)]
    faulty = {at for index in marked for at in range(spans[index].offset, spans[index].end)}
    owned = enumerate(owners(spans, len(data)))
    painted = [_FAULT if at in faulty else styles[owner] if owner >= 0 else "" for at, owner in owned]
    yield from _dump(data, painted, faulty, first(spans, marked))
    if spans:
        yield _legend(spans, styles)
    for index in sorted(marked):
        if spans[index].why:
            yield Text(f"  {spans[index].path or 'the frame'} refuses: {line(spans[index].why)}")


def beside(wanted: bytes, made: bytes) -> Iterator[Text]:
    """What should have been made and what was, where they differ."""
    differ = differing(wanted, made)
    yield Text(f"  {'':6}{f'expected, {len(wanted)} bytes':26} made, {len(made)} bytes", "bold")
    last, longest = 0, max(len(wanted), len(made))
    for row in near(longest, 8, differ[0] | differ[1], _MOST):
        yield from _left_out(last, row.start)
        last = row.stop
        text, marks = _offset(row, differ[0] | differ[1]), " " * 8
        for data, places, style in ((wanted, differ[0], _WANTED), (made, differ[1], _FAULT)):
            own = range(row.start, min(row.stop, len(data)))
            _bytes(text, data, own, [style if at in places else "" for at in range(own.stop)], 8)
            text.append("  ")
            marks += f"{_marks(own, places):27}"
        yield _trimmed(text)
        if marks.strip():
            yield Text(marks.rstrip(), "red")
    yield from _left_out(last, longest)


def _style(span: Span, hue: int, marked: bool) -> str:
    if marked:
        return _FAULT
    if span.state in _BESIDES:
        return _REST
    return _HUES[hue] if hue >= 0 else ""


def _legend(spans: Sequence[Span], styles: Sequence[str]) -> Padding:
    """Each field with its value, in the colour of its bytes."""
    text = Text()
    for span, style in zip(spans, styles, strict=True):
        value = span.value if len(span.value) <= _MOST_VALUE else f"{span.value[:_MOST_VALUE]}…"
        text.append(f"{span.path}{'=' if span.path and value else ''}{value}{_BESIDES.get(span.state, '')}", style)
        text.append("  ")
    return Padding(text, (0, 0, 0, 2))


def _dump(data: bytes, styles: Sequence[str], faulty: Collection[int], place: int) -> Iterator[Text]:
    last = 0
    for row in rows(len(data), _WIDTH, _MOST, place):
        yield from _left_out(last, row.start)
        last = row.stop
        text = _offset(row, faulty)
        _bytes(text, data, row, styles, _WIDTH)
        for style, run in runs(row, styles):
            text.append("".join(character(data[at]) for at in run), style)
        yield text
        marks = _marks(row, faulty)
        if marks.strip() and not all(at in faulty for at in row):
            yield Text(f"{'':8}{marks.rstrip()}", "red")
    yield from _left_out(last, len(data))


def _offset(row: range, faulty: Collection[int]) -> Text:
    marked = any(at in faulty for at in row)
    return Text.assemble(("> " if marked else "  ", "red"), (f"{row.start:04x}  ", _REST))


def _left_out(last: int, start: int) -> Iterator[Text]:
    if start > last:
        yield Text(f"  ....  {start - last} bytes", _REST)


def _bytes(text: Text, data: bytes, row: range, styles: Sequence[str], width: int) -> None:
    for style, run in runs(row, styles):
        text.append(data[run.start : run.stop].hex(" "), style)
        text.append(" ")
    text.append("   " * (width - len(row)) + " ")


def _marks(row: range, faulty: Collection[int]) -> str:
    return " ".join("^^" if at in faulty else "  " for at in row)


def _trimmed(text: Text) -> Text:
    text.rstrip()
    return text
