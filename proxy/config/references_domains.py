"""What the virtual hosts of one table say of each other: no name and no domain is two virtual hosts'.

Over the data as read, as `references`; whatever has the wrong type here is skipped, the models say so.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from proxy.config.problems import Path, render_path
from proxy.config.values import WrongValueError
from proxy.config.virtual_hosts import parse_domain


def check(table: Path, given: Any) -> Iterator[tuple[Path, str]]:
    """Names and domains that are there twice. `given`: a route table, of whatever form."""
    hosts = given.get("virtual_hosts") if isinstance(given, dict) else None
    names: dict[str, Path] = {}
    domains: dict[str, tuple[Path, Path]] = {}
    for index, host in enumerate(hosts if isinstance(hosts, list) else ()):
        path: Path = (*table, "virtual_hosts", index)
        if not isinstance(host, dict):
            continue
        name = host.get("name")
        if isinstance(name, str) and names.setdefault(name, path) != path:
            yield (*path, "name"), f"{name!r} is also the name of {render_path(names[name])}; write another"
        for place, domain in _listed((*path, "domains"), host.get("domains")):
            first, other = domains.setdefault(domain, (place, path))
            if first != place:
                yield place, f"{domain} is also a domain of {render_path(other)}; write it once"


def _listed(path: Path, given: Any) -> Iterator[tuple[Path, str]]:
    """The domains in their canonical form, each with its place."""
    placed = [((*path, index), each) for index, each in enumerate(given)] if isinstance(given, list) else [(path, given)]
    for place, domain in placed:
        try:
            yield place, parse_domain(domain)
        except WrongValueError:
            continue
