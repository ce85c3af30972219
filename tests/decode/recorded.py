"""Golden vectors: frames of real peers, and requests with their answers."""

from __future__ import annotations

from functools import cache

from conformance.golden import FOLDER, Vector, load


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


PROTOCOLS = sorted(each.name for each in FOLDER.iterdir() if each.is_dir() and recorded(each.name))
