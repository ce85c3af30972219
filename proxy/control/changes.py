"""What is different between two snapshots, by name; and what of it needs a restart.

Pure: the differences decide nothing about how they are applied, they are what the log and the admin port tell.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from proxy.snapshot import Snapshot

RESTART = {
    "workers": "each worker has counters and sockets of its own from the start",
    "admin": "whoever watches the proxy must find it where it was",
}
"""Fields that stay as they were at the start, and why."""
KINDS = ("listeners", "routes", "clusters", "secrets", "protocol_options")
"""Fields that map names to what may change."""
VALUES = ("drain_timeout",)


class Difference(NamedTuple):
    """Of one kind: the names, in the order of the file."""

    added: tuple[str, ...]
    changed: tuple[str, ...]
    removed: tuple[str, ...]

    def __str__(self) -> str:
        return f"+{len(self.added)} ~{len(self.changed)} -{len(self.removed)}"


class Changes(NamedTuple):
    """Kinds and fields without a difference are left out."""

    kinds: dict[str, Difference]
    values: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.kinds or self.values)

    def __str__(self) -> str:
        """``listeners +1 ~0 -0, clusters +0 ~1 -0, drain_timeout``."""
        return ", ".join([*(f"{kind} {found}" for kind, found in self.kinds.items()), *self.values]) or "nothing changed"

    def as_data(self) -> dict[str, Any]:
        """For JSON: names by kind; a single value that changed is true."""
        return {kind: found._asdict() for kind, found in self.kinds.items()} | dict.fromkeys(self.values, True)


def compare(old: Snapshot, new: Snapshot, old_specs: Mapping[str, str], new_specs: Mapping[str, str]) -> Changes:
    """`old_specs` and `new_specs` are digests of the protocols' files, by path."""
    kinds = {kind: difference(getattr(old, kind), getattr(new, kind)) for kind in KINDS}
    kinds["routes"] = difference(_tables(old), _tables(new))
    kinds["protocol_specs"] = difference(old_specs, new_specs)
    return Changes(
        {kind: found for kind, found in kinds.items() if any(found)},
        tuple(field for field in VALUES if getattr(old, field) != getattr(new, field)),
    )


def _tables(snapshot: Snapshot) -> dict[str, Any]:
    """Route tables, with the virtual hosts of those that have any."""
    return {name: (routes, snapshot.virtual_hosts.get(name, ())) for name, routes in snapshot.routes.items()}


def difference(old: Mapping[str, Any], new: Mapping[str, Any]) -> Difference:
    return Difference(
        tuple(name for name in new if name not in old),
        tuple(name for name in new if name in old and new[name] != old[name]),
        tuple(name for name in old if name not in new),
    )


def need_restart(old: Snapshot, new: Snapshot) -> list[str]:
    """A problem for each field that cannot change while the proxy runs."""
    return [
        f"{field}: cannot change from {_show(getattr(old, field))} to {_show(getattr(new, field))} while the proxy runs"
        f" ({reason}); restart the proxy, or write what was there"
        for field, reason in RESTART.items()
        if getattr(old, field) != getattr(new, field)
    ]


def _show(value: Any) -> str:
    return "none" if value is None else str(value)
