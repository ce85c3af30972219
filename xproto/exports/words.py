"""Expressions, bounds and bytes in words, for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from xproto.lower.expressions import interval
from xproto.lower.model import Bin, Expr, Not, Num, Ref
from xproto.plan import Alu, Result

_SIGNS = {
    Alu.ADD: "+", Alu.SUB: "-", Alu.MUL: "*", Alu.AND: "&", Alu.OR: "|", Alu.XOR: "^", Alu.SHL: "<<", Alu.SHR: ">>",
    Alu.DIV: "/", Alu.MOD: "mod", Alu.EQ: "=", Alu.NE: "≠", Alu.LT: "<", Alu.LE: "≤", Alu.GT: ">", Alu.GE: "≥",
}  # fmt: skip
_INVERSE = {Alu.EQ: Alu.NE, Alu.NE: Alu.EQ, Alu.LT: Alu.GE, Alu.GE: Alu.LT, Alu.LE: Alu.GT, Alu.GT: Alu.LE}
_JOINED = {Alu.AND: "and", Alu.OR: "or"}


def words(expr: Expr) -> str:
    """An expression as it would be read aloud: ``type = request and not flags.event``."""
    return _words(expr, None)


def _words(expr: Expr, around: Alu | None) -> str:
    match expr:
        case Num(value):
            return str(value)
        case Ref(value):
            return "from upstream" if value.reg == Result.DIRECTION else value.path
        case Not(operand):
            return negated(operand)
        case Bin(op, left, right) if op in _JOINED and _is_truth(left) and _is_truth(right):
            text = f"{_words(left, op)} {_JOINED[op]} {_words(right, op)}"
            return text if around in {None, op} else f"({text})"
        case Bin(op, left, right):
            text = f"{_words(left, op)} {_SIGNS[op]} {_named(left, right) or _words(right, op)}"
            return text if around is None or around in _JOINED else f"({text})"


def negated(expr: Expr) -> str:
    """What holds where the expression does not."""
    match expr:
        case Not(operand):
            return words(operand)
        case Bin(op, left, right) if op in _INVERSE:
            return words(Bin(_INVERSE[op], left, right))
        case Ref():
            return f"not {words(expr)}"
        case _:
            return f"not ({words(expr)})"


def _named(left: Expr, right: Expr) -> str:
    if isinstance(left, Ref) and isinstance(right, Num):
        return {number: label for label, number in (left.value.labels or {}).items()}.get(right.value, "")
    return ""


def _is_truth(expr: Expr) -> bool:
    return interval(expr) in {(0, 0), (0, 1), (1, 1)}


def power(number: int) -> str:
    """A bound as it is written in specifications: ``2^32 - 1``."""
    if number < 0:
        return f"-{power(-number)}" if " " not in power(-number) else f"{number:,}"
    for offset, suffix in ((0, ""), (-1, " - 1")):
        exponent = (number - offset).bit_length() - 1
        if exponent >= 16 and number == (1 << exponent) + offset:
            return f"2^{exponent}{suffix}"
    return f"{number:,}" if number > 9999 else str(number)


def count(number: int, unit: str) -> str:
    """``1 byte``, ``2 bytes``."""
    return f"{number} {unit}{'' if number == 1 else 's'}"


def given(fields: Mapping[str, Any], around: str = "") -> str:
    """What the fields of a reply are set to; those that are made for each call are left out."""
    parts = [
        given(value, f"{around}{name}.") if isinstance(value, Mapping) else f"{around}{name} = {_given(value)}"
        for name, value in fields.items()
        if not callable(value)
    ]
    return ", ".join(part for part in parts if part)


def _given(value: Any) -> str:
    data = value if isinstance(value, bytes) else getattr(value, "data", None)
    return _printable(data) if isinstance(data, bytes) else str(value)


def _printable(data: bytes) -> str:
    if not data:
        return "empty"
    if all(0x20 <= byte < 0x7F for byte in data):
        return f'"{data.decode()}"'
    return f"hex {data.hex()}" if len(data) <= 16 else count(len(data), "byte")
