"""Lua's literals, and a layout's expressions in Lua.

Lua 5.2 has one type of number, which holds 53 bits exactly: an expression that may have more is not translated. Nothing
else is lost: a layout's expressions are integers with known bounds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from xproto.lower.expressions import COMPARISONS, interval
from xproto.lower.model import Bin, Expr, Not, Num, Ref, Value
from xproto.plan import Alu

EXACT = 1 << 53
_ARITHMETIC = {Alu.ADD: "+", Alu.SUB: "-", Alu.MUL: "*", Alu.MOD: "%"}
_COMPARED = {Alu.EQ: "==", Alu.NE: "~=", Alu.LT: "<", Alu.LE: "<=", Alu.GT: ">", Alu.GE: ">="}
_BITWISE = {Alu.AND: "band", Alu.OR: "bor", Alu.XOR: "bxor"}
_JOINED = {Alu.AND: "and", Alu.OR: "or"}


_ESCAPED = {ord('"'): '\\"', ord("\\"): "\\\\"}


class UntranslatedError(Exception):
    """Lua has no way to say this; the message says what."""


def string(text: str | bytes) -> str:
    """A Lua string literal with these bytes (of `str`, its UTF-8)."""
    data = text.encode("utf-8", "surrogateescape") if isinstance(text, str) else text
    return '"' + "".join(_ESCAPED.get(byte) or (chr(byte) if 0x20 <= byte < 0x7F else f"\\x{byte:02x}") for byte in data) + '"'


def table(entries: Iterable[str]) -> str:
    """A table constructor of these entries."""
    return "{" + ", ".join(entries) + "}"


def options(**given: str | bool | None) -> str:
    """A table of named options; those that are None or False are left out."""
    kept = {name: "true" if value is True else value for name, value in given.items() if value not in {None, False}}
    return table(f"{name} = {value}" for name, value in kept.items())


def comment(text: str) -> str:
    """Text that cannot end the comment it stands in, nor begin one of several lines."""
    return " ".join(text.split())


class Expressions:
    """Writes expressions. `name` gives the Lua variable that holds a field's value."""

    def __init__(self, name: Callable[[Value], str]) -> None:
        self.name = name

    def number(self, expr: Expr) -> str:
        """An expression whose value is a number."""
        _exact(expr)
        match expr:
            case Num(value):
                return str(value) if value >= 0 else f"({value})"
            case Ref(value):
                return self.name(value)
            case Bin(op, left, right) if op not in COMPARISONS:
                return self._calculated(op, left, right)
            case _:
                return f"int({self.test(expr)})"

    def _calculated(self, op: Alu, left: Expr, right: Expr) -> str:
        a, b = self.number(left), self.number(right)
        if op in _ARITHMETIC:
            return f"({a} {_ARITHMETIC[op]} {b})"
        if op in _BITWISE:
            if _is_truth(left) and _is_truth(right) and op in _JOINED:
                return f"int({self.test(Bin(op, left, right))})"
            return f"{_BITWISE[op]}({a}, {b})"
        if op in {Alu.SHL, Alu.SHR} and isinstance(right, Num):
            scale = 1 << right.value
            return f"({a} * {scale})" if op is Alu.SHL else f"floor({a} / {scale})"
        if op is Alu.DIV:
            return f"floor({a} / {b})"
        raise UntranslatedError(f"the operation {op.name.lower()}")

    def test(self, expr: Expr) -> str:
        """An expression whose value is a truth."""
        _exact(expr)
        match expr:
            case Bin(op, left, right) if op in _COMPARED:
                return f"{self.number(left)} {_COMPARED[op]} {self.number(right)}"
            case Bin(op, left, right) if op in _JOINED and _is_truth(left) and _is_truth(right):
                return f"({self.test(left)} {_JOINED[op]} {self.test(right)})"
            case Not(operand):
                return f"not ({self.test(operand)})"
            case _:
                return f"{self.number(expr)} ~= 0"


def _is_truth(expr: Expr) -> bool:
    return interval(expr) in {(0, 0), (0, 1), (1, 1)}


def _exact(expr: Expr) -> None:
    lo, hi = interval(expr)
    if lo < -EXACT or hi > EXACT:
        raise UntranslatedError(f"{expr!r}, which may have more than 53 bits")
