"""Prometheus text from the workers' counter arrays.

Built this way because a scrape of 100,000 series must not hold the control loop: everything that does not change
(names, labels, their escaping, HELP and TYPE lines) is rendered once for a layout, and a scrape only adds the arrays
up and joins strings. prometheus-client needs about half a second for as many; it is the oracle of the tests instead.

What always holds: a family's lines are together, under one HELP and one TYPE; buckets are cumulative and end with
``+Inf``, which equals the count; times are seconds.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from itertools import accumulate

from proxy.observe.counters import Counter, Layout

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
MICROSECONDS = 1_000_000


def escape_label(value: str) -> str:
    """Escapes a label's value; one that is not UTF-8 clean (a lone surrogate) keeps its escape sequence."""
    clean = value.encode("utf-8", "backslashreplace").decode()
    return clean.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def escape_help(text: str) -> str:
    return text.replace("\\", r"\\").replace("\n", r"\n")


def render_labels(labels: Iterable[tuple[str, str]]) -> str:
    """``{a="b",c="d"}``, or nothing where there are no labels."""
    inner = ",".join(f'{key}="{escape_label(value)}"' for key, value in labels)
    return f"{{{inner}}}" if inner else ""


class _Plain:
    """The counters or gauges of one family."""

    def __init__(self, counters: Sequence[Counter]) -> None:
        first = counters[0]
        self.head = header(first.name, first.type, first.help)
        self.lines = [(f"{counter.name}{render_labels(counter.labels)} ", counter.slot) for counter in counters]

    def render(self, values: Sequence[int]) -> Iterable[str]:
        yield self.head
        for prefix, slot in self.lines:
            yield f"{prefix}{values[slot]}\n"


class _Histogram:
    """One histogram; `head` is empty for all but the first of a family."""

    def __init__(self, counter: Counter, bounds: Sequence[int], *, head: bool) -> None:
        name, labels = counter.name, counter.labels
        self.head = header(name, "histogram", counter.help) if head else ""
        self.first, self.width = counter.slot, len(bounds)
        limits = [*(format(bound / MICROSECONDS, "g") for bound in bounds), "+Inf"]
        self.buckets = [f"{name}_bucket{render_labels((*labels, ('le', limit)))} " for limit in limits]
        self.sum = f"{name}_sum{render_labels(labels)} "
        self.count = f"{name}_count{render_labels(labels)} "

    def render(self, values: Sequence[int]) -> Iterable[str]:
        end = self.first + self.width
        cumulative = list(accumulate(values[self.first : end]))
        # The worker writes while this reads: the count may lag its buckets by the call being counted.
        count = max(values[end + 1], cumulative[-1])
        yield self.head
        for prefix, value in zip(self.buckets, [*cumulative, count], strict=True):
            yield f"{prefix}{value}\n"
        yield f"{self.sum}{values[end] / MICROSECONDS!r}\n"
        yield f"{self.count}{count}\n"


def header(name: str, kind: str, text: str) -> str:
    return f"# HELP {name} {escape_help(text)}\n# TYPE {name} {kind}\n"


class Exposition:
    """The text of one layout's series, ready but for the values."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self._groups: list[_Plain | _Histogram] = []
        families: dict[str, list[Counter]] = {}
        for counter in layout.counters:
            families.setdefault(counter.name, []).append(counter)
        for name, counters in families.items():
            if counters[0].type != "histogram":
                self._groups.append(_Plain(counters))
                continue
            for counter in counters:
                bounds = layout.histogram(name, **dict(counter.labels)).bounds
                self._groups.append(_Histogram(counter, bounds, head=counter is counters[0]))

    def render(self, arrays: Sequence[memoryview]) -> str:
        """The text; `arrays` are the workers' slots (format ``Q``), added up. None means zeroes."""
        values = total(arrays, self.layout.size)
        return "".join(line for group in self._groups for line in group.render(values))


def total(arrays: Sequence[memoryview], size: int) -> list[int]:
    """The sum of the workers' arrays, slot by slot."""
    rows = [array[:size].tolist() for array in arrays]
    if len(rows) == 1:
        return rows[0]
    return [sum(column) for column in zip(*rows, strict=True)] if rows else [0] * size


def render_extra(name: str, kind: str, text: str, samples: Iterable[tuple[Iterable[tuple[str, str]], float]]) -> str:
    """A family that does not live in the array: what control itself knows, such as the workers' restarts."""
    lines = (f"{name}{render_labels(labels)} {json.dumps(value)}\n" for labels, value in samples)
    return header(name, kind, text) + "".join(lines)
