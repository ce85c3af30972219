"""What one part of a configuration says of another; where that is about TLS, `references_tls` looks.

Works on the data as read, not on the models, so that a missing cluster is found even while some other value is
malformed: all errors at once means across stages too. Whatever has the wrong type here is skipped; the models say so.
"""

from __future__ import annotations

import os.path
from pathlib import Path as FilePath
from typing import Any

from proxy.config import references_actions, references_balancing, references_domains
from proxy.config.problems import Path, render_path
from proxy.config.raw import Found, items, lists, mapping
from proxy.config.values import WrongValueError, parse_address
from xproto.errors import suggest


def check(data: Any, folder: FilePath) -> Found:
    """Every reference to something that is not there, and everything that is there twice.

    `folder` is what paths are relative to.
    """
    if not isinstance(data, dict):
        return
    tables, clusters = mapping(data, "routes"), mapping(data, "clusters")
    yield from _listeners(data, tables, clusters)
    yield from _logs(data, folder)
    yield from references_actions.check_bodies(tables, folder)
    yield from references_actions.check_redirects(data, tables)
    for name, table in tables.items():
        for path, listed in lists(("routes", name), table):
            yield from _routes(path, listed, clusters)
        yield from references_domains.check(("routes", name), table)
    yield from references_balancing.check(tables, clusters)
    for name, cluster in clusters.items():
        yield from _hosts(("clusters", name, "hosts"), cluster)


def _listeners(data: dict[str, Any], tables: dict[str, Any], clusters: dict[str, Any]) -> Found:
    names: dict[str, Path] = {}
    addresses: dict[str, str] = {}
    admin = data.get("admin")
    admin = admin.get("address") if isinstance(admin, dict) else admin
    if address := _address(admin):
        addresses[address] = "admin"
    for index, listener in items(data.get("listeners")):
        path: Path = ("listeners", index)
        name, routes = listener.get("name"), listener.get("routes")
        if isinstance(name, str) and names.setdefault(name, path) != path:
            yield (*path, "name"), f"{name!r} is also the name of listeners[{names[name][1]}]; write another"
        if isinstance(routes, str) and routes not in tables:
            yield (*path, "routes"), f"there is no route table {routes!r}; {suggest(routes, tables)}"
        fallback = listener.get("fallback")
        cluster = fallback.get("cluster") if isinstance(fallback, dict) else None
        if isinstance(cluster, str) and cluster not in clusters:
            yield (*path, "fallback", "cluster"), f"there is no cluster {cluster!r}; {suggest(cluster, clusters)}"
        if address := _address(listener.get("address")):
            holder = addresses.setdefault(address, f"listeners[{index}]")
            if holder != f"listeners[{index}]":
                yield (*path, "address"), f"{address} is also the address of {holder}; write another"


def _logs(data: dict[str, Any], folder: FilePath) -> Found:
    """Listeners that write one file in two ways."""
    formats: dict[str, tuple[int, str]] = {}
    for index, listener in items(data.get("listeners")):
        log = listener.get("access_log")
        given = log if isinstance(log, dict) else {"path": log}
        path, written = given.get("path"), given.get("format", "json")
        if not isinstance(path, str) or not path or not isinstance(written, str):
            continue
        holder, other = formats.setdefault(os.path.normpath(folder / path), (index, written))
        if other != written:
            at = ("format",) if "format" in given else ()
            yield (
                ("listeners", index, "access_log", *at),
                f"{written}, but listeners[{holder}] writes {other} to the same file; write one format, or another path",
            )


def _address(value: Any) -> str | None:
    """The canonical form of an address that only one can have: not of port 0, nor of what is malformed."""
    try:
        return parse_address(value)
    except WrongValueError:
        return None


def _routes(path: Path, table: Any, clusters: dict[str, Any]) -> Found:
    names: dict[str, int] = {}
    for index, route in items(table):
        yield from references_actions.check((*path, index), route, clusters)
        given = route.get("name")
        name = route_name(index, given if isinstance(given, str) else None)
        at = (*path, index, "name") if isinstance(given, str) else (*path, index)
        if name == "none":
            yield at, "'none' is what metrics call no route at all; write another name"
        elif names.setdefault(name, index) != index:
            yield at, f"{name!r} is also the name of {render_path(path)}[{names[name]}]; write another"


def route_name(index: int, given: str | None) -> str:
    """A route without a name goes by its place in the table, a filter chain by that in its listener."""
    return str(index) if given is None else given


def _hosts(path: Path, cluster: Any) -> Found:
    hosts = cluster.get("hosts") if isinstance(cluster, dict) else None
    seen: dict[str, int] = {}
    for index, host in enumerate(hosts if isinstance(hosts, list) else ()):
        address = _address(host.get("address") if isinstance(host, dict) else host)
        if address and seen.setdefault(address, index) != index:
            yield (*path, index), f"{address} is listed twice; write it once"
