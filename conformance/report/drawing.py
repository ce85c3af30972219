"""A frame as HTML: its bytes in the colours of their fields, the fields as a table, two frames side by side.

Bytes and rows say what they are of by `data-at` and `data-end`, offsets by which the page's script points from one to the
other. Nothing is said by colour alone: what is at fault is bold, underlined and named in the table, what differs is marked
and counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree import ElementTree as ET

from conformance.report.dump import character, differing, first, hues, near, rows, runs
from conformance.report.markup import el
from conformance.report.picture import Span, State, at_fault, owners
from conformance.report.text import counted

HUES = 8
_WIDTH = 8
_MOST = 384
"""Bytes of one frame."""
_MOST_SPANS = 120
_REST = {State.UNREAD, State.BEHIND}
_NAMES = {State.UNREAD: "not read", State.BEHIND: "behind the frame", State.REFUSED: "the frame", State.READ: ""}


def drawn(data: bytes, spans: Sequence[Span], field: str) -> ET.Element:
    """The bytes, and beside them the fields."""
    marked = at_fault(spans, field)
    classes = _classes(spans, marked)
    dump = el("pre", *_lines(data, spans, marked, classes), class_="dump", tabindex="0", role="region", aria_label="bytes")
    return el("div", dump, _fields(spans, marked, classes) if spans else None, class_="picture")


def beside(wanted: bytes, made: bytes) -> ET.Element:
    """What should have been made and what was, where they differ."""
    differ = differing(wanted, made)
    places = sorted(differ[0] | differ[1])
    where = f"They differ in {counted(len(places), 'byte')}, from offset {places[0]:04x}." if places else "They do not differ."
    sides = (_side("expected", wanted, differ[0], places), _side("actual", made, differ[1], places))
    return el("div", el("p", where), el("div", *sides, class_="sides"), class_="beside")


def plain(data: bytes) -> ET.Element:
    """Bytes without their fields."""
    return el("pre", *_lines(data, (), set(), ()), class_="dump", tabindex="0", role="region", aria_label="bytes")


def _classes(spans: Sequence[Span], marked: set[int]) -> list[str]:
    """Bits have the colour of the bytes that they are in."""
    found, whole = [], ""
    for index, (span, hue) in enumerate(zip(spans, hues(spans, HUES), strict=True)):
        if span.bits is None:
            whole = "rest" if span.state in _REST else f"h{hue}" if hue >= 0 else ""
        found.append(f"{whole} fault".strip() if index in marked else whole)
    return found


def _lines(data: bytes, spans: Sequence[Span], marked: set[int], classes: Sequence[str]) -> list[ET.Element]:
    owned = owners(spans, len(data))
    faulty = {at for index in marked for at in range(spans[index].offset, spans[index].end)}
    kinds = [(owner, at in faulty) for at, owner in enumerate(owned)]
    found, last = [], 0
    for row in rows(len(data), _WIDTH, _MOST, first(spans, marked)):
        found += _left_out(last, row.start)
        last = row.stop
        line = el("span", _offset(row.start), class_="line")
        for (owner, at_fault_), run in runs(row, kinds):
            line.append(_run(data[run.start : run.stop].hex(" "), run, _class(owner, at_fault_, classes)))
            line[-1].tail = " "
        line[-1].tail = " " * (3 * (_WIDTH - len(row)) + 2)
        for (owner, at_fault_), run in runs(row, kinds):
            line.append(_run("".join(character(data[at]) for at in run), run, _class(owner, at_fault_, classes)))
        found.append(line)
    return found + _left_out(last, len(data))


def _class(owner: int, faulty: bool, classes: Sequence[str]) -> str:
    kind = classes[owner] if owner >= 0 else ""
    return f"{kind} fault".strip() if faulty and "fault" not in kind else kind


def _run(text: str, run: range, kind: str) -> ET.Element:
    return el("span", text, class_=f"b {kind}".strip(), data_at=str(run.start), data_end=str(run.stop))


def _offset(at: int) -> ET.Element:
    return el("span", f"{at:04x}  ", class_="offset")


def _left_out(last: int, start: int) -> list[ET.Element]:
    return [el("span", f"…  {counted(start - last, 'byte')} left out", class_="line left-out")] if start > last else []


def _fields(spans: Sequence[Span], marked: set[int], classes: Sequence[str]) -> ET.Element:
    head = el("tr", *(el("th", name, scope="col") for name in ("field", "offset", "size", "value")))
    shown = [index for index in range(len(spans)) if index < _MOST_SPANS or index in marked]
    body = [_field(spans[index], index in marked, classes[index]) for index in shown]
    if len(shown) < len(spans):
        body.append(el("tr", el("td", f"{len(spans) - len(shown)} fields left out", colspan="4")))
    return el("div", el("table", el("thead", head), el("tbody", *body), class_="fields"), class_="scrolls")


def _field(span: Span, faulty: bool, kind: str) -> ET.Element:
    chip = el("span", class_=f"chip {kind}".strip())
    point = el("button", chip, span.path or _NAMES[span.state], type="button", aria_pressed="false")
    value = el("td", span.value)
    if faulty:
        value.extend([el("strong", " at fault "), el("em", span.why)])
    return el(
        "tr",
        el("th", point, scope="row", style=f"--depth:{span.depth}"),
        el("td", f"{span.offset:04x}"),
        el("td", counted(span.bits[1], "bit") if span.bits else str(span.size)),
        value,
        class_="fault" if faulty else "",
        data_at=str(span.offset),
        data_end=str(span.end),
    )


def _side(title: str, data: bytes, own: set[int], places: Sequence[int]) -> ET.Element:
    kinds = [at in own for at in range(len(data))]
    lines, last = [], 0
    for whole in near(max(len(data), (places[-1] + 1) if places else 0), _WIDTH, places, _MOST):
        lines += _left_out(last, whole.start)
        last = whole.stop
        line = el("span", _offset(whole.start), class_="line")
        for differs, run in runs(range(whole.start, min(whole.stop, len(data))), kinds):
            line.append(el("mark" if differs else "span", data[run.start : run.stop].hex(" ")))
            line[-1].tail = " "
        lines.append(line)
    dump = el("pre", *lines, class_="dump", tabindex="0", role="region", aria_label=f"{title} bytes")
    return el("figure", el("figcaption", f"{title}, {counted(len(data), 'byte')}"), dump, class_=title)
