"""Whether the protocols that a route's calls may come by have what the route edits.

A table may serve many protocols, so a route's edits are refused where none of them has such a thing; where only some do, the
calls of the others go on as they are. A header that a protocol reads a role from is that role's: it has a rewrite.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from proxy.config.edits import ROLES, RequestHeaders, ResponseHeaders, Rewrite
from proxy.config.names import TOKEN
from proxy.config.problems import Path
from proxy.config.protocols import Registry, resolve
from proxy.config.routes import Route
from proxy.config.schema import Config
from proxy.config.virtual_hosts import Level, levels_of

Found = Iterator[tuple[Path, str]]
APART = "leave it out, or give the protocols that have it a table of their own"


def check_edits(config: Config, registry: Registry) -> Found:
    """Every edit that no protocol of the table's listeners can take."""
    spoken = _spoken(config)
    for table, routes in config.routes.items():
        levels = [(path, *_edits(level)) for path, (level, *_) in levels_of(routes, ("routes", table))]
        levels = [level for level in levels if any(each is not None for each in level[1:])]
        kinds = kinds_of(spoken.get(table, ()), registry) if levels else []
        if kinds:
            for path, request, response, rewrite in levels:
                yield from check_level(path, request, response, rewrite, kinds)


def _edits(level: Level) -> tuple[RequestHeaders | None, ResponseHeaders | None, Rewrite | None]:
    return level.request_headers, level.response_headers, level.rewrite if isinstance(level, Route) else None


def check_level(
    path: Path, request: RequestHeaders | None, response: ResponseHeaders | None, rewrite: Rewrite | None, kinds: Sequence[Any]
) -> Found:
    """The edits of one place in the file. `kinds`: `xproto.editable.Editable` of all protocols that calls may come by."""
    if request is not None:
        able = [kind for kind in kinds if kind.calls]
        if not able:
            yield (*path, "request_headers"), f"{lacking(kinds)} no headers that can be edited; {APART}"
        yield from _headers((*path, "request_headers"), request, able)
    if response is not None:
        able = [kind for kind in kinds if kind.answers]
        if not able:
            yield (*path, "response_headers"), f"answers of {names_of(kinds)} have no headers that can be edited; {APART}"
        yield from _headers((*path, "response_headers"), response, able)
    if rewrite is not None:
        yield from _rewrite((*path, "rewrite"), rewrite, kinds)


def _rewrite(path: Path, rewrite: Rewrite, kinds: Sequence[Any]) -> Found:
    wanted = [(role, role) for role in ROLES] + [("prefix", "path"), ("regex", "path")]
    for key, role in wanted:
        if getattr(rewrite, key) is not None and not any(role in kind.roles for kind in kinds):
            yield (*path, key), f"{lacking(kinds)} no {role} that can be rewritten; {APART}"


def _headers(path: Path, given: RequestHeaders | ResponseHeaders, kinds: Sequence[Any]) -> Found:
    for key in ("set", "add", "append", "remove"):
        for index, name in enumerate(getattr(given, key)):
            at = (*path, key, index if key == "remove" else name)
            reads = next((kind for kind in kinds if name.lower() in kind.reads), None)
            if reads is not None and isinstance(given, RequestHeaders):
                role = reads.reads[name.lower()]
                instead = "timeout" if role == "timeout" else f"rewrite: {{{role}: ...}}"
                yield at, f"{reads.name} reads the {role} from {name}; write {instead}"
            elif any(kind.http for kind in kinds) and not TOKEN.fullmatch(name):
                yield at, f"{name!r} is no name of a field of HTTP; write letters, digits and dashes"


def _spoken(config: Config) -> dict[str, list[tuple[str, ...]]]:
    """For each table, what the listeners and filter chains speak that use it."""
    found: dict[str, list[tuple[str, ...]]] = {}
    for listener in config.listeners:
        found.setdefault(listener.routes, []).append(listener.protocols)
        for chain in listener.filter_chains:
            found.setdefault(chain.routes or listener.routes, []).append(chain.protocols or listener.protocols)
    return found


def kinds_of(spoken: Iterable[tuple[str, ...]], registry: Registry) -> list[Any]:
    """`xproto.editable.Editable` of all protocols that these stand for."""
    names = dict.fromkeys(name for each in spoken for name in resolve(each, registry))
    return [kind for name in names for kind in registry[name].editable]


def names_of(kinds: Sequence[Any]) -> str:
    """For a person."""
    *others, last = dict.fromkeys(kind.name for kind in kinds)
    return f"{', '.join(others)} and {last}" if others else last


def lacking(kinds: Sequence[Any]) -> str:
    """The same, as who has not what is said behind it."""
    return f"{names_of(kinds)} {'have' if len({kind.name for kind in kinds}) > 1 else 'has'}"
