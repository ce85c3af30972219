"""Where a call's timeout comes from, and whether the proxy may write what remains of it.

It may where the timeout is a plain integer field and nothing else reads that field: no length, branch, check, kind or
echo changes with it. What is written stays within the field's own bounds, is positive for readers that take it as
signed, and is at least 1, since at most 0 means none.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from xproto.errors import SpecError
from xproto.lower.expressions import Reader, Scope
from xproto.lower.model import (
    Bits,
    Branch,
    Compute,
    Expr,
    Load,
    Node,
    Ref,
    Require,
    Section,
    Table,
    Take,
    Value,
    references,
)
from xproto.plan import LITTLE, Result
from xproto.spec import Header, Protocol, Spelled


@dataclass(frozen=True)
class Deadline:
    """A timeout that may be rewritten: `width` bytes, milliseconds within least..most."""

    path: str
    reg: int
    width: int
    little: bool
    least: int
    most: int


@dataclass(frozen=True)
class Timeout:
    """The role: a lookup key, or nodes that leave it in its result register. At most one of the two is set.

    spelled: the key's value has a unit.
    """

    key: str | None = None
    spelled: bool = False
    expr: Expr | None = None

    def nodes(self) -> list[Node]:
        return [] if self.expr is None else [Compute(Value("timeout", reg=Result.TIMEOUT), self.expr)]


def timeout_role(protocol: Protocol, scope: Scope) -> Timeout:
    """What the declaration says; raises `SpecError`."""
    if protocol.timeout is None:
        return Timeout()
    if isinstance(protocol.timeout, Header):
        if protocol.headers is None:
            raise SpecError("timeout", "a header, but the protocol declares no headers", "add headers=this.…")
        return Timeout(key=protocol.timeout.name, spelled=isinstance(protocol.timeout, Spelled))
    return Timeout(expr=Reader(scope, frozenset(), "timeout", lenient=True).read(protocol.timeout))


def find_deadline(timeout: Timeout, nodes: list[Node], others: list[Node]) -> Deadline | None:
    """The field that may be rewritten, if it is one. `others` are the nodes of the other roles, the id's among them."""
    if not isinstance(timeout.expr, Ref):
        return None
    value = timeout.expr.value
    loads = [load for load in _loads(nodes) if load.value.reg == value.reg]
    if not loads or value.reg in {read.reg for read in _reads([*nodes, *others])}:
        return None
    first = loads[0]
    if any(load.members or not load.width or (load.width, load.flags) != (first.width, first.flags) for load in loads):
        return None
    least = max(1, *(load.value.lo for load in loads))
    most = min((1 << 8 * first.width - 1) - 1, *(load.value.hi for load in loads))
    if least > most:
        return None
    return Deadline(value.path, value.reg, first.width, bool(first.flags & LITTLE), least, most)


def _loads(nodes: list[Node]) -> Iterator[Load]:
    for node in nodes:
        match node:
            case Load():
                yield node
            case Section():
                yield from _loads(node.body)
            case Branch():
                yield from _loads(node.then)
                yield from _loads(node.other)


def _reads(nodes: list[Node]) -> Iterator[Value]:
    for node in nodes:
        match node:
            case Bits():
                yield node.word
            case Load():
                yield from references(node.tag) if node.tag is not None else ()
            case Compute() | Require():
                yield from references(node.expr)
            case Table():
                yield from references(node.index)
            case Take():
                yield from references(node.size) if node.size is not None else ()
            case Section():
                yield from references(node.size)
                yield from _reads(node.body)
            case Branch():
                yield from references(node.test)
                yield from _reads(node.then)
                yield from _reads(node.other)
