"""What one product needs of the layout: everything for verify, little for scan and lookup.

The tree is walked backwards with the set of live registers. At the root every node moves the position of those after
it; inside a section nothing does, since leaving it jumps to its end: so a section nobody needs becomes a skip, and one
that is needed is cut after the last needed node.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from xproto.lower.model import (
    Bits,
    Branch,
    Compute,
    Ended,
    Expr,
    Literal,
    Load,
    Mark,
    Node,
    Num,
    Peek,
    Primitive,
    Require,
    Section,
    Table,
    Take,
    Value,
    references,
)
from xproto.plan import OpCode


@dataclass
class Wanted:
    """What a product is after.

    registers: integers that must be there at the end. captures: values (by path) whose bytes go into a slot.
    checks: whether a check of an integer is kept where its bytes are passed anyway.
    to_end: whether the position at the end of the frame is wanted. everything: verify.
    """

    registers: set[int] = field(default_factory=set)
    captures: Mapping[str, int] = field(default_factory=dict)
    checks: bool = False
    to_end: bool = False
    everything: bool = False
    checksum: bool = False


@dataclass
class _State:
    live: set[int]
    texts: set[str]
    position: bool
    checks: bool

    def read(self, expr: Expr) -> None:
        self.live.update(value.reg for value in references(expr))

    def copy(self) -> _State:
        return _State(set(self.live), set(self.texts), self.position, self.checks)


def prune(nodes: list[Node], wanted: Wanted) -> list[Node]:
    """The nodes that the product needs, in order."""
    if wanted.everything:
        return nodes
    state = _State(set(wanted.registers), set(wanted.captures), wanted.to_end, wanted.checks)
    return _Pruner(wanted).walk(nodes, state)


def captured_arguments(nodes: list[Node]) -> set[str]:
    """Paths of the texts that a primitive among `nodes` reads from."""
    found: set[str] = set()
    for node in nodes:
        if isinstance(node, Primitive) and node.argument is not None:
            found.add(node.argument.path)
        elif isinstance(node, Section):
            found |= captured_arguments(node.body)
        elif isinstance(node, Branch):
            found |= captured_arguments(node.then) | captured_arguments(node.other)
    return found


class _Pruner:
    def __init__(self, wanted: Wanted) -> None:
        self.wanted = wanted

    def walk(self, nodes: list[Node], state: _State) -> list[Node]:
        kept: list[Node] = []
        for node in reversed(nodes):
            result = self._one(node, state)
            if result is not None:
                kept.append(result)
        return kept[::-1]

    def _one(self, node: Node, state: _State) -> Node | None:
        match node:
            case Load():
                return self._load(node, state)
            case Bits():
                if node.value.reg in state.live or (node.checked and state.checks):
                    state.live.add(node.word.reg)
                    return node
            case Compute() | Table():
                expr = node.expr if isinstance(node, Compute) else node.index
                if node.value.reg in state.live:
                    state.read(expr)
                    return node
            case Require(_, expr):
                if state.checks:
                    state.read(expr)
                    return node
            case Mark(value, asked):
                if asked and value.reg not in state.live:
                    return None
                state.position = True
                return node
            case Peek():
                if node.value.reg not in state.live:
                    return None
                state.position = True
                return node
            case Ended():
                return None
            case Literal(path, data):
                if state.checks:
                    state.position = True
                    return node
                return Take(Value(path, "bytes"), Num(len(data))) if state.position else None
            case Take() | Primitive():
                return self._bytes(node, state)
            case Section():
                return self._section(node, state)
            case Branch():
                return self._branch(node, state)
        return None

    def _load(self, node: Load, state: _State) -> Node | None:
        if node.value.reg in state.live or (node.checked and state.checks):
            state.position = True
            if node.tag is not None:
                state.read(node.tag)
            return node
        if not state.position:
            return None
        if node.tag is not None:
            state.read(node.tag)
        return node if node.width == 0 else Take(Value(node.value.path, "bytes"), Num(node.width))

    def _bytes(self, node: Take | Primitive, state: _State) -> Node | None:
        if isinstance(node, Primitive) and node.opcode == OpCode.CRC32:
            wanted = self.wanted.checksum
        else:
            wanted = node.value.path in state.texts
        if isinstance(node, Primitive):
            wanted = wanted or any(value.reg in state.live for value in node.outputs)
        if not wanted and not state.position:
            return None
        state.position = True
        if isinstance(node, Primitive):
            state.live.update(value.reg for value in node.inputs)
        if isinstance(node, Take) and node.size is not None:
            state.read(node.size)
        if isinstance(node, Primitive) and node.argument is not None:
            state.texts.add(node.argument.path)
        return node

    def _section(self, node: Section, state: _State) -> Node | None:
        inner = replace_position(state)
        body = self.walk(node.body, inner)
        needed = bool(body)
        if not needed and not state.position:
            return None
        if needed:
            state.live, state.texts = inner.live, inner.texts
        state.position = True
        state.read(node.size)
        return replace(node, body=body) if needed else Take(node.value, node.size)

    def _branch(self, node: Branch, state: _State) -> Node | None:
        then_state, other_state = state.copy(), state.copy()
        then, other = self.walk(node.then, then_state), self.walk(node.other, other_state)
        if not then and not other:
            return None
        state.live |= then_state.live | other_state.live
        state.texts |= then_state.texts | other_state.texts
        state.position = state.position or then_state.position or other_state.position
        state.read(node.test)
        return replace(node, then=then, other=other)


def replace_position(state: _State) -> _State:
    """The state inside a section: nothing after it depends on the position, and checks there are verify's."""
    return _State(set(state.live), set(state.texts), position=False, checks=False)
