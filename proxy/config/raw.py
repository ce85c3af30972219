"""A configuration as it was read, before anything is known to be right: what has the wrong type is passed over."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from proxy.config.problems import Path

Found = Iterator[tuple[Path, str]]
"""Problems, with their places."""


def mapping(data: dict[str, Any], key: str) -> dict[str, Any]:
    """The mapping under a key; an empty one where there is none."""
    value = data.get(key)
    return value if isinstance(value, dict) else {}


def items(value: Any) -> Iterator[tuple[int, dict[str, Any]]]:
    """The mappings in a list, with their places."""
    if isinstance(value, list):
        yield from ((index, item) for index, item in enumerate(value) if isinstance(item, dict))


def lists(path: Path, table: Any) -> Iterator[tuple[Path, Any]]:
    """The lists of routes of a table, of which one with virtual hosts has one each, with their places."""
    if not isinstance(table, dict):
        yield path, table
        return
    for index, host in items(table.get("virtual_hosts")):
        yield (*path, "virtual_hosts", index, "routes"), host.get("routes")
