"""Golden vectors: frames of real peers, and requests with their answers."""

from __future__ import annotations

from functools import cache

from conformance.golden import FOLDER, Vector, load
from xproto.registry import BUILT_IN


@cache
def recorded(protocol: str) -> dict[str, Vector]:
    """Every vector of a protocol that is a frame, by name."""
    found = load(FOLDER / protocol)
    return {each.name: each for each in found if each.kind not in {"refused", "session"} and not each.options}


def pairs(protocol: str) -> list[tuple[Vector, Vector]]:
    """Requests with their answers, under the same id."""
    known = recorded(protocol)
    named = [name.removesuffix("-request") for name in known if name.endswith("-request")]
    found = [(known[f"{name}-request"], known[f"{name}-response"]) for name in named if f"{name}-response" in known]
    return [(request, answer) for request, answer in found if request.id == answer.id]


PROTOCOLS = [each.name for each in BUILT_IN]
