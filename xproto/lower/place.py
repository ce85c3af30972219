"""Where a construct stands while its layout is lowered."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import construct as c

from xproto.errors import SpecError
from xproto.lower.expressions import Reader, Scope, interval
from xproto.lower.model import Bin, Expr, Node, Num, Require, Value
from xproto.plan import FIRST_FREE, MAX_REGISTERS, Alu


class Unknown(Exception):  # noqa: N818 - a signal between lowering functions, never seen outside
    """Raised for a construct that has no lowering."""


@dataclass
class Registers:
    """Numbers for values. Keyed by the field's path, so that two branches of one field share one."""

    numbers: dict[str, int] = field(default_factory=dict)

    def of(self, path: str) -> int:
        if path not in self.numbers:
            if len(self.numbers) + FIRST_FREE >= MAX_REGISTERS // 2:
                raise SpecError(path, "the layout has too many integer fields", "leave fields nobody reads in Bytes(…)")
            self.numbers[path] = len(self.numbers) + FIRST_FREE
        return self.numbers[path]


@dataclass
class Place:
    """Where a construct stands: what it may refer to, what holds there, where its nodes go, and how its parts are lowered.

    room: the most bytes that the section around it can have.
    """

    path: str
    scope: Scope
    nodes: list[Node]
    registers: Registers
    opaque: list[str]
    lower: Callable[[c.Construct, Place], Value]
    guards: frozenset[str] = frozenset()
    depth: int = 0
    room: int = 0
    named: bool = True

    def expr(self, source: Any) -> Expr:
        return Reader(self.scope, self.guards, self.path).read(source)

    def size(self, source: Any) -> Expr:
        expr = self.expr(source)
        lo, hi = interval(expr, self.path)
        if hi >= 1 << 32:
            raise SpecError(self.path, f"the length can be {hi}", "bound its field: Bounded(…, 0, hi)")
        if lo < 0:
            self.nodes.append(Require(self.path, Bin(Alu.GE, expr, Num(0))))
        return expr

    def integer(self, lo: int, hi: int, **more: Any) -> Value:
        key = self.path if self.named else f"{self.path} (unnamed)"
        return Value(self.path, "integer", lo, hi, guards=self.guards, reg=self.registers.of(key), **more)

    def opaque_value(self, kind: str = "opaque") -> Value:
        return Value(self.path, kind, guards=self.guards)


def peel(con: c.Construct, path: str) -> c.Construct:
    """The construct inside its names; refuses hooks, which nothing can lower."""
    while type(con) is c.Renamed:
        if con.parsed is not None:
            raise SpecError(path or "frame", "a parsed hook cannot run on the wire", "remove it from the layout")
        con = con.subcon
    return con


def enum_labels(con: c.Enum, path: str) -> dict[str, int]:
    """The names of an Enum; refuses those that construct and the Plan would read differently."""
    labels = {str(name): int(number) for name, number in con.encmapping.items()}
    if not labels:
        raise SpecError(path, "an Enum without names", "write Enum(Int8ub, name=1, …)")
    if len(set(labels.values())) != len(labels):
        raise SpecError(path, "two names of an Enum for one number", "keep one of them")
    if any(abs(number) >= 1 << 62 for number in labels.values()):
        raise SpecError(path, "an Enum with numbers of more than 62 bits", "read it as Bytes(8)")
    return labels


def refuse_unnamed(place: Place) -> None:
    """The fields of a struct without a name would share the paths, and so the registers, of those around it."""
    if not place.named:
        raise SpecError(place.path, "a struct without a name", "name it: 'name' / Struct(…)")
