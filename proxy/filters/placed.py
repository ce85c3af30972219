"""The filters of a snapshot, made: for each listener those that its calls go through, and what routes say otherwise.

What always holds: a filter whose file, kind and settings are as they were is the same object as before a reload, so what it
has counted goes on; one that a route has settings of its own for is another object.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import msgspec

from proxy.filters.interface import PHASES, Body, Condition, Filter
from proxy.filters.loading import Classes
from proxy.snapshot import Filter as Spec
from proxy.snapshot import Listener, Snapshot


@dataclass(frozen=True, slots=True, eq=False)
class Placed:
    """A filter at its place. `methods` has those of the phases that it takes part in."""

    name: str
    filter: Filter
    methods: dict[str, Callable[[Any], Any]]
    body_limit: int
    """Bytes of a body that it wants to have; -1: it wants none."""
    looks: tuple[tuple[Condition, ...], ...] | None
    timeout: float
    block_limit: float
    stuck_limit: float


Row = tuple[Placed | None, ...]
"""The filters of a listener in their order; None: disabled."""


class Placements(NamedTuple):
    """Of one listener. `routes`: by table and the route's index, of those for which something else is said: one object for all
    that have the same.
    """

    filters: Row
    routes: dict[str, dict[int, Row]]


@dataclass
class Filters:
    """All of a snapshot."""

    listeners: dict[str, Placements] = field(default_factory=dict)
    classes: Classes = field(default_factory=Classes)
    made: list[tuple[str, Spec, type[Filter], Placed]] = field(default_factory=list)
    """By listener."""


def place(snapshot: Snapshot, before: Filters | None = None) -> Filters:
    """Nothing of `before` is changed. Raises whatever a filter raises; `proxy.config` has tried it before."""
    found = Filters(classes=Classes(None if before is None else before.classes))
    for listener in snapshot.listeners.values():
        if listener.filters:
            found.listeners[listener.name] = _placements(listener, snapshot, found, before)
    return found


def _placements(listener: Listener, snapshot: Snapshot, found: Filters, before: Filters | None) -> Placements:
    def made(spec: Spec) -> Placed:
        kind = found.classes.find(spec)
        for source in (found, *([before] if before is not None else [])):
            for name, other, had, each in source.made:
                if name == listener.name and other == spec and had is kind:
                    if source is before:
                        found.made.append((name, spec, kind, each))
                    return each
        placed = _place(spec, kind)
        found.made.append((listener.name, spec, kind, placed))
        return placed

    rows = tuple(made(spec) for spec in listener.filters)
    routes: dict[str, dict[int, Row]] = {}
    same: dict[Row, Row] = {}
    for table in dict.fromkeys((listener.routes, *(chain.routes for chain in listener.chains))):
        for index, given in _overrides(snapshot, table):
            row = tuple(
                placed if spec.name not in given
                else None if (other := given[spec.name]) is None
                else made(msgspec.structs.replace(spec, settings=other))
                for spec, placed in zip(listener.filters, rows, strict=True)
            )  # fmt: skip
            routes.setdefault(table, {})[index] = same.setdefault(row, row)
    return Placements(rows, routes)


def _overrides(snapshot: Snapshot, table: str) -> Iterator[tuple[int, dict[str, dict[str, Any] | None]]]:
    return ((index, route.filters) for index, route in enumerate(snapshot.routes[table]) if route.filters)


def _place(spec: Spec, kind: type[Filter]) -> Placed:
    made = kind(settings_of(kind, spec.settings))
    limit = made.body_limit if made.body is Body.BUFFERED else -1
    methods = {name: getattr(made, name) for name in PHASES if getattr(kind, name) is not getattr(Filter, name)}
    return Placed(spec.name, made, methods, limit, made.looks(), spec.timeout, spec.block_limit, spec.stuck_limit)


def settings_of(kind: type[Filter], given: dict[str, Any]) -> Any:
    """As the filter's own model reads them."""
    model = kind.Settings
    if model is None:
        return None
    if issubclass(model, msgspec.Struct):
        return msgspec.convert(given, model)
    return model.model_validate(given)
