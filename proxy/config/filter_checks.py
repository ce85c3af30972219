"""Filters looked at before anything runs: a listener's are found, and what routes, virtual hosts and tables say of them.

Works on the data as read, as `references` does, so that a filter's mistakes are told beside others.
"""

from __future__ import annotations

import os.path
from dataclasses import dataclass, field
from pathlib import Path as FilePath
from typing import Any

import msgspec
from pydantic import ValidationError

from proxy.config.filter_classes import check_phases
from proxy.config.filter_settings import settings
from proxy.config.filters import MAX_FILTERS, Filter
from proxy.config.problems import Path
from proxy.config.raw import items, lists, mapping
from proxy.config.source import Source
from proxy.filters.interface import Filter as FilterClass
from proxy.filters.loading import Classes, FilterError
from proxy.snapshot import Filter as Spec
from proxy.snapshot import Snapshot
from xproto.errors import suggest

Known = dict[str, list[tuple[str, Spec, type[FilterClass]]]]
"""By a filter's name: the listeners that have it, and what it is there; none where it is not right anywhere."""


Overrides = dict[str, dict[str, Any] | None]
"""Settings by the filter's name; None: it is not asked."""


@dataclass(slots=True)
class Gathered:
    """What was found. Only of use where no problem was."""

    listeners: dict[str, dict[str, tuple[Spec, type[FilterClass]]]] = field(default_factory=dict)
    """Filters by name, by listener."""
    routes: dict[str, dict[int, Overrides]] = field(default_factory=dict)
    """By table and the route's index among all of it: what the route says, its virtual host, or its table."""

    def into(self, snapshot: Snapshot) -> Snapshot:
        """The snapshot with its filters."""
        if not self.listeners:
            return snapshot
        listeners = {
            name: msgspec.structs.replace(each, filters=tuple(spec for spec, _ in self.listeners.get(name, {}).values()))
            for name, each in snapshot.listeners.items()
        }
        routes = {
            table: tuple(
                msgspec.structs.replace(route, filters=given) if (given := self.routes.get(table, {}).get(index)) else route
                for index, route in enumerate(listed)
            )
            for table, listed in snapshot.routes.items()
        }
        return msgspec.structs.replace(snapshot, listeners=listeners, routes=routes)


def gather(source: Source, folder: FilePath) -> Gathered:
    """Reports to `source` what is wrong."""
    found = Gathered()
    if not isinstance(source.data, dict):
        return found
    classes = Classes()
    by_table: dict[str, Known] = {}
    for index, listener in items(source.data.get("listeners")):
        listed = listener.get("filters")
        made = _listener(source, ("listeners", index, "filters"), listed, classes, folder)
        name = listener.get("name")
        if not isinstance(name, str):
            continue
        if made:
            found.listeners[name] = made
        chains = (chain for _, chain in items(listener.get("filter_chains")))
        for table in {each["routes"] for each in (listener, *chains) if isinstance(each.get("routes"), str)}:
            for _, item in items(listed):
                users = by_table.setdefault(table, {}).setdefault(str(item.get("name")), [])
                if (own := made.get(str(item.get("name")))) is not None:
                    users.append((name, *own))
    for table, given in mapping(source.data, "routes").items():
        found.routes[table] = _table(source, ("routes", table), given, by_table.get(table, {}))
    return found


def _table(source: Source, path: Path, given: Any, known: Known) -> dict[int, Overrides]:
    """Of each of its routes that has any: the nearest wins, of the route, its virtual host and the table."""
    found: dict[int, Overrides] = {}
    hosted = isinstance(given, dict)
    general = _overrides(source, path, given, known) if hosted else {}
    before = 0
    for where, listed in lists(path, given):
        host = given["virtual_hosts"][where[-2]] if hosted else {}
        shared = general | _overrides(source, where[:-1], host, known)
        for index, route in items(listed):
            if said := shared | _overrides(source, (*where, index), route, known):
                found[before + index] = said
        before += len(listed) if isinstance(listed, list) else 0
    return found


def _listener(
    source: Source, path: Path, listed: Any, classes: Classes, folder: FilePath
) -> dict[str, tuple[Spec, type[FilterClass]]]:
    found: dict[str, tuple[Spec, type[FilterClass]]] = {}
    places: dict[str, int] = {}
    if isinstance(listed, list) and len(listed) > MAX_FILTERS:
        source.report(path, f"there are {len(listed)} filters; write at most {MAX_FILTERS}")
        return found
    for index, item in items(listed):
        at = (*path, index)
        spec = _spec(item, folder)
        if spec is None:
            continue  # the model says why
        if places.setdefault(spec.name, index) != index:
            source.report((*at, "name"), f"{spec.name!r} is also the name of filters[{places[spec.name]}]; write another")
            continue
        if spec.stuck_limit <= spec.block_limit:
            source.report(
                (*at, "stuck_limit"),
                f"{spec.stuck_limit:g}s is not over block_limit, {spec.block_limit:g}s; write more",
            )
            continue
        try:
            kind = classes.find(spec)
            check_phases(kind, "name" if spec.file is None else "file")
        except FilterError as error:
            place = "filter" if error.place == "name" and "filter" in item else error.place
            source.report((*at, place), str(error))
            continue
        plain = settings(source, at, kind, spec, spec.settings)
        if plain is not None:
            found[spec.name] = msgspec.structs.replace(spec, settings=plain), kind
    return found


def _spec(item: dict[str, Any], folder: FilePath) -> Spec | None:
    try:
        given = Filter.model_validate(item)
    except ValidationError:
        return None
    file = None if given.file is None else os.path.normpath(folder / given.file)
    own = dict(given.model_extra or {})
    kind = "" if file else given.filter or given.name
    return Spec(given.name, kind, file, own, given.timeout, given.block_limit, given.stuck_limit)


def _overrides(source: Source, path: Path, level: dict[str, Any], known: Known) -> Overrides:
    """What a route, a virtual host or a table says itself."""
    found: Overrides = {}
    given, path = level.get("filters"), (*path, "filters")
    for name, own in given.items() if isinstance(given, dict) else ():
        users = known.get(name)
        if users == []:
            continue  # something is wrong with the filter itself
        if users is None:
            where = "no listener that has these routes has a filter"
            source.report(
                (*path, name), f"{where} {name!r}; {suggest(name, known) if known else 'write it in listeners[].filters'}"
            )
            continue
        (first, spec, kind), *others = users
        differs = next((other for other, _, another in others if another is not kind), None)
        if differs is not None:
            source.report(
                (*path, name), f"is another filter on listener {differs} than on {first}; give them names of their own"
            )
        elif own is False:
            found[name] = None
        elif isinstance(own, dict):
            found[name] = settings(source, (*path, name), kind, spec, own)
    return found
