"""What the library would give up on: it stops an evaluation after 10,000 steps of its comprehensions, and says false.

A list can only be written out, so one comprehension, or several in a row, has at most as many steps as an expression has
characters. What always holds: an expression that is accepted is never stopped.
"""

from __future__ import annotations

from proxy.routing.cel_tree import Call, Items, Loop, Node, Other, Select

LOOPS = "all, exists, exists_one, map and filter"


def check_loops(node: Node, *, inside: bool = False) -> None:
    """Raises ValueError for a comprehension inside another one."""
    match node:
        case Loop(over, parts):
            if inside:
                said = f"{LOOPS} are not asked inside one another, since that may take too long to be answered"
                raise ValueError(f"{said}; write the inner one out, as x == 'a' || x == 'b'")
            check_loops(over)
            for part in parts:
                check_loops(part, inside=True)
        case Call(_, parts, _) | Items(parts) | Other(parts):
            for part in parts:
                check_loops(part, inside=inside)
        case Select(operand):
            check_loops(operand, inside=inside)
