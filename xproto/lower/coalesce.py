"""Neighbouring conditions made one: layouts say `If` field by field, the Plan asks each question once.

Safe because a field's register is written by that field alone: so a test whose registers neither branch writes has the
same answer when it is asked again, and a register that would be set to zero already is.
"""

from __future__ import annotations

from dataclasses import replace

from xproto.lower.model import Bin, Bits, Branch, Compute, Expr, Load, Mark, Node, Not, Num, Peek, Section, Table, references
from xproto.plan import Alu

_OPPOSITE = {Alu.EQ: Alu.NE, Alu.NE: Alu.EQ}


def coalesce(nodes: list[Node]) -> list[Node]:
    """The same nodes with fewer branches."""
    out: list[Node] = []
    for node in nodes:
        if isinstance(node, Compute) and node.expr == Num(0):
            continue
        if isinstance(node, Section):
            out.append(replace(node, body=coalesce(node.body)))
            continue
        if not isinstance(node, Branch):
            out.append(node)
            continue
        last = out[-1] if out else None
        if isinstance(last, Branch) and not _writes([*last.then, *last.other]) & _reads(last.test):
            if repr(last.test) == repr(node.test):
                out[-1] = _joined(last, node.then, node.other)
                continue
            if repr(_negated(last.test)) == repr(node.test):
                out[-1] = _joined(last, node.other, node.then)
                continue
        merged = _joined(replace(node, then=[], other=[]), node.then, node.other)
        if merged.then or merged.other:
            out.append(merged)
    return out


def _joined(branch: Branch, then: list[Node], other: list[Node]) -> Branch:
    return replace(branch, then=coalesce([*branch.then, *then]), other=coalesce([*branch.other, *other]))


def _negated(test: Expr) -> Expr:
    if isinstance(test, Bin) and test.op in _OPPOSITE:
        return replace(test, op=_OPPOSITE[test.op])
    return test.operand if isinstance(test, Not) else Not(test)


def _reads(test: Expr) -> set[int]:
    return {value.reg for value in references(test)}


def _writes(nodes: list[Node]) -> set[int]:
    found: set[int] = set()
    for node in nodes:
        match node:
            case Load() | Bits() | Compute() | Table() | Mark() | Peek():
                found.add(node.value.reg)
            case Section():
                found |= _writes(node.body)
            case Branch():
                found |= _writes(node.then) | _writes(node.other)
    return found
