"""What routes' actions say of the rest of a configuration: clusters by their names, files, and what listeners speak.

As in `references`, on the data as read: whatever has the wrong type is skipped here.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path as FilePath
from typing import Any

from proxy.config.build_actions import read_body
from proxy.config.problems import Path
from proxy.config.raw import Found, items, lists
from proxy.config.routes import ACTIONS
from proxy.config.values import WrongValueError
from xproto.errors import suggest

WEB = frozenset({"http1", "http2", "auto"})
"""What a listener names if redirects are of any use to it."""


def check(path: Path, route: dict[str, Any], clusters: dict[str, Any]) -> Found:
    """What a route does, if that is not one thing; the clusters that it names and that there are not."""
    given = [name for name in ACTIONS if name in route]
    if len(given) != 1:
        what = f"{' and '.join(given)} together" if given else "nothing says where its calls go"
        yield path, f"{what}; write one of {', '.join(ACTIONS)}"
    for at, name in _named(route):
        if isinstance(name, str) and name not in clusters:
            yield (*path, *at), f"there is no cluster {name!r}; {suggest(name, clusters)}"


def _named(route: dict[str, Any]) -> Iterator[tuple[Path, Any]]:
    yield ("cluster",), route.get("cluster")
    for index, each in _items(route.get("clusters")):
        if isinstance(each, dict):
            yield ("clusters", index, "name"), each.get("name")
    for index, each in _items(route.get("mirror")):
        short = not isinstance(each, dict)
        yield ("mirror", index, *(() if short else ("cluster",))), each if short else each.get("cluster")
    source = route.get("cluster_from")
    if isinstance(source, dict):
        yield ("cluster_from", "default"), source.get("default")


def check_bodies(tables: dict[str, Any], folder: FilePath) -> Found:
    """Files of direct responses that cannot be used."""
    for path, route in _routes(tables):
        answer = route.get("direct_response")
        name = answer.get("body_file") if isinstance(answer, dict) else None
        if not isinstance(name, str):
            continue
        try:
            read_body(folder / name)
        except WrongValueError as error:
            yield (*path, "direct_response", "body_file"), str(error)


def check_redirects(data: dict[str, Any], tables: dict[str, Any]) -> Found:
    """Redirects in tables of listeners none of which speaks HTTP."""
    spoken: dict[str, set[str]] = {}
    for _, listener in _items(data.get("listeners")):
        if not isinstance(listener, dict):
            continue
        for each in (listener, *(chain for _, chain in _items(listener.get("filter_chains")) if isinstance(chain, dict))):
            table, named = each.get("routes", listener.get("routes")), each.get("protocols", listener.get("protocols", "auto"))
            if isinstance(table, str):
                names = [named] if isinstance(named, str) else named if isinstance(named, list) else ["auto"]
                spoken.setdefault(table, set()).update(name for name in names if isinstance(name, str))
    for path, route in _routes(tables):
        names = sorted(spoken.get(str(path[1]), ()))
        if "redirect" in route and names and not WEB.intersection(names):
            yield (
                (*path, "redirect"),
                f"is HTTP's alone, and what has this table speaks {', '.join(names)}; write direct_response",
            )


def _items(value: Any) -> Iterator[tuple[int, Any]]:
    yield from enumerate(value if isinstance(value, list) else ())


def _routes(tables: dict[str, Any]) -> Iterator[tuple[Path, dict[str, Any]]]:
    for name, table in tables.items():
        for path, listed in lists(("routes", name), table):
            yield from (((*path, index), route) for index, route in items(listed))
