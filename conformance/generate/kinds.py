"""The numbers by which a frame's kind is told: chance seldom draws just these where a kind is one value of a bare integer."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from construct.expr import BinExpr, Path, UniExpr

from xproto.lower.expressions import path_names
from xproto.spec import Protocol


def kind_values(protocol: Protocol) -> Mapping[str, tuple[int, ...]]:
    """By the dotted path of a field, the numbers that it is held against where the declaration says what is of which kind."""
    found: defaultdict[str, list[int]] = defaultdict(list)
    for test in protocol.kind.values():
        for path, number in _compared(test):
            found[path].append(number)
    return {path: tuple(dict.fromkeys(numbers)) for path, numbers in found.items()}


def _compared(expression: Any) -> Iterator[tuple[str, int]]:
    if type(expression) is UniExpr:
        yield from _compared(expression.operand)
    if type(expression) is not BinExpr:
        return
    for mine, other in ((expression.lhs, expression.rhs), (expression.rhs, expression.lhs)):
        yield from _compared(mine)
        if type(other) is int:
            yield from ((path, other) for path in _paths(mine))


def _paths(expression: Any) -> Iterator[str]:
    if type(expression) is Path:
        yield ".".join(map(str, path_names(expression)[1]))
    elif type(expression) is UniExpr:
        yield from _paths(expression.operand)
    elif type(expression) is BinExpr:
        yield from _paths(expression.lhs)
        yield from _paths(expression.rhs)
