"""Rank: in which order protocols are asked whether first bytes are theirs.

Built-ins, entry points, files: the order in which they are declared, changed as little as `Detect.before` asks.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from xproto.errors import SpecError


def ranked(names: Iterable[str], before: Mapping[str, tuple[str, ...]]) -> list[str]:
    """The names, each before those that it wants to be before; of a name that is not there nothing is asked.

    Raises `SpecError` where two want to be before each other, be it over others.
    """
    left = list(names)
    order: list[str] = []
    while left:
        free = (name for name in left if not any(name in before.get(other, ()) for other in left))
        if (name := next(free, None)) is None:
            wrong = f"each of these is to be asked before another of them: {', '.join(left)}"
            raise SpecError(f"{left[0]}: detect.before", wrong, "leave one of them out")
        left.remove(name)
        order.append(name)
    return order
