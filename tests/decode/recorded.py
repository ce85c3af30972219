"""Golden vectors: frames of real peers, and requests with their answers."""

from __future__ import annotations

from functools import cache

from conformance.golden import FOLDER, Vector, load
from tests.golden import FOLDERS


@cache
def recorded(protocol: str) -> dict[str, Vector]:
    """Every vector of a protocol that is a frame, by name."""
    found = load(FOLDER / protocol)
    return {each.name: each for each in found if each.kind not in {"refused", "session"} and not each.options}


def pairs(protocol: str) -> list[tuple[Vector, Vector]]:
    """Requests with their answers."""
    known = recorded(protocol)
    ends = ("-request", "-response")
    return [
        (known[name], known[answer])
        for name in known
        if name.endswith(ends[0]) and (answer := name.removesuffix(ends[0]) + ends[1]) in known
    ]


PROTOCOLS = sorted(folder.name for folder in FOLDERS if recorded(folder.name))
