"""Random expressions mean to the Plan what they mean to construct.

An expression stands somewhere in a small layout: at the root, in a struct, in a struct of that struct. construct parses
the frame and computes the value; the Plan leaves it in a register, which the timeout role hands out.
"""

import operator
from dataclasses import dataclass
from typing import Any

import pytest
from construct import (
    BitsInteger,
    BitStruct,
    Bytes,
    Check,
    Computed,
    Const,
    Default,
    Enum,
    FixedSized,
    Flag,
    GreedyBytes,
    If,
    IfThenElse,
    Int8sb,
    Int8ub,
    Int16ub,
    Int16ul,
    Int32sl,
    Int64ub,
    Padding,
    Pass,
    Prefixed,
    Rebuild,
    Struct,
    Switch,
    Terminated,
    this,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.xproto.small import LEAD, actual, codec, declare, expected, layout
from xproto.errors import MalformedError, SpecError
from xproto.kernel.codec import Codec
from xproto.lower import lower
from xproto.plan import FIRST_FREE
from xproto.spec import Kind
from xproto.wire import Bounded, Known

WIDE = 1 << 62
ROOT = {
    "a": (0, 255), "b": (0, 65535), "s": (-128, 127), "t": (-(2**31), 2**31 - 1), "w": (0, 2**40),
    "bits.p": (0, 7), "bits.q": (0, 1), "bits.r": (0, 15), "either": (-3, 255), "cases": (-128, 65535), "twice": (0, 65535),
}  # fmt: skip
FIELDS = (
    "a" / Int8ub,
    "b" / Int16ul,
    "s" / Int8sb,
    "t" / Int32sl,
    "w" / Bounded(Int64ub, 0, 2**40),
    "bits" / BitStruct("p" / BitsInteger(3), "q" / Flag, "r" / BitsInteger(4)),
    "either" / IfThenElse(this.bits.q, Int8ub, Computed(-3)),
    "cases" / Switch(this.bits.p, {0: Int8ub, 1: Int16ub, 2: Computed(this.a), 3: Int8sb}, default=Computed(-5)),
    "twice" / IfThenElse(this.a > 100, IfThenElse(this.s < 0, Int8ub, Int16ub), Int16ul),
)
NESTED = {"": ("this", {}), "n": ("this._", {"x": (0, 255)}), "n.m": ("this._._", {"_.x": (0, 255), "y": (-128, 127)})}


def layout_with(where: str, *extra: Any):
    """The layout, with `extra` in the struct that `where` names."""
    inner = {"": (), "n": (), "n.m": (), where: extra}
    nested = Struct("x" / Int8ub, "m" / Struct("y" / Int8sb, *inner["n.m"]), *inner["n"])
    return layout(*FIELDS, "n" / nested, *inner[""])


@dataclass(frozen=True)
class Typed:
    """An expression, and the interval that its value is known to lie in."""

    expr: Any
    lo: int
    hi: int


def path(text: str) -> Any:
    found = this
    for name in text.split(".")[1:]:
        found = found[name]
    return found


@st.composite
def leaves(draw, where):
    if draw(st.booleans()) and draw(st.booleans()):
        number = draw(st.integers(-300, 300) | st.sampled_from([0, 1, -1, 255, 65536, 2**31]))
        return Typed(number, number, number)
    outer, own = NESTED[where]
    name = draw(st.sampled_from([*ROOT, *own]))
    if name in own:
        return Typed(path(f"this.{name}"), *own[name])
    base = draw(st.sampled_from([outer, "this._root"]))
    return Typed(path(f"{base}.{name}"), *ROOT[name])


def is_path(side: Typed) -> bool:
    return not isinstance(side.expr, int)


ARITHMETIC = {"+": operator.add, "-": operator.sub, "*": operator.mul}
COMPARE = {"==": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}
MASKS = {"&": operator.and_, "|": operator.or_, "^": operator.xor}


def combined(op: str, left: Typed, right: Typed, constant: int) -> Typed:
    """`left op right`, or `left` where that would be refused."""
    if op in COMPARE:
        return Typed(COMPARE[op](left.expr, right.expr), 0, 1)
    if op in ARITHMETIC:
        run = ARITHMETIC[op]
        ends = [run(x, y) for x in (left.lo, left.hi) for y in (right.lo, right.hi)]
        if min(ends) > -WIDE and max(ends) < WIDE:
            return Typed(run(left.expr, right.expr), min(ends), max(ends))
    elif op in MASKS and left.lo >= 0 and right.lo >= 0:
        bits = (1 << max(left.hi.bit_length(), right.hi.bit_length())) - 1
        return Typed(MASKS[op](left.expr, right.expr), 0, bits)
    elif op == "<<" and left.lo >= 0 and left.hi << (constant % 20) < WIDE:
        return Typed(left.expr << constant % 20, 0, left.hi << constant % 20)
    elif op == ">>" and left.lo >= 0:
        return Typed(left.expr >> constant % 62, 0, left.hi)
    elif op == "//" and left.lo >= 0:
        return Typed(left.expr // (1 + constant), 0, left.hi)
    elif op == "%" and left.lo >= 0:
        return Typed(left.expr % (1 + constant), 0, constant)
    elif op == "~" and is_path(left):
        return Typed(~left.expr, 0, 1)
    elif op == "neg" and is_path(left):
        return Typed(-left.expr, -left.hi, -left.lo)
    return left


@st.composite
def expressions(draw, where):
    stack = [draw(leaves(where))]
    for _ in range(draw(st.integers(1, 8))):
        op = draw(st.sampled_from([*COMPARE, *ARITHMETIC, *MASKS, "<<", ">>", "//", "%", "~", "neg"]))
        other = draw(leaves(where))
        if draw(st.booleans()) and len(stack) > 1:
            other = stack.pop(0)
        left, right = (stack[-1], other) if draw(st.booleans()) else (other, stack[-1])
        stack.append(combined(op, left, right, draw(st.integers(0, 300))))
    return stack[-1] if is_path(stack[-1]) else Typed(this._root.a + stack[-1].expr, -WIDE, WIDE)


FRAMES = st.lists(st.binary(min_size=40, max_size=40), min_size=4, max_size=8)
HALF = settings.default.max_examples // 2
PROPERTY = settings(deadline=None, max_examples=HALF, suppress_health_check=[HealthCheck.too_slow])


def bounded_w(data: bytes) -> bytes:
    """Most frames with a `w` within its bounds: it stands eight bytes behind the lead."""
    return data[:8] + (b"\x00\x00\x00" if data[0] % 8 else data[8:11]) + data[11:]


@PROPERTY
@given(st.data(), st.sampled_from(sorted(NESTED)), FRAMES)
def test_values(data, where, frames):
    typed = data.draw(expressions(where))
    frame = layout_with(where, "value" / Computed(typed.expr))
    names = [*where.split("."), "value"] if where else ["value"]
    lowered = lower(declare(frame=frame, timeout=path(".".join(["this", *names]))))
    under_test = Codec(lowered)
    value = lowered.scope
    for name in names:
        value = value.fields[name]
    for bytes_ in map(bounded_w, frames):
        size = expected(frame, LEAD + bytes_)
        assert actual(under_test, LEAD + bytes_) == size
        if size == "bad":
            continue
        parsed = frame.parse(LEAD + bytes_)
        for name in names:
            parsed = parsed[name]
        scanned = under_test.scan_bytes(LEAD + bytes_)
        assert (scanned.timeout, scanned.size) == (int(parsed), size)
        assert value.lo <= int(parsed) <= value.hi, "the interval that overflow is judged by"


@PROPERTY
@given(st.data(), st.sampled_from(sorted(NESTED)), FRAMES)
def test_checks_and_conditions(data, where, frames):
    condition, check = (data.draw(expressions(where)).expr for _ in range(2))
    extra = ("more" / If(condition, Int16ub), "size" / Computed(3), Check(check), "tail" / IfThenElse(check, Int8ub, Bytes(3)))
    frame = layout_with(where, *extra)
    under_test = codec(frame=frame)
    for bytes_ in map(bounded_w, frames):
        assert actual(under_test, LEAD + bytes_) == expected(frame, LEAD + bytes_)
        for cut in (9, 14, 20, 24, 26):
            assert actual(under_test, LEAD + bytes_[:cut]) == expected(frame, LEAD + bytes_[:cut])


@st.composite
def narrow(draw):
    compared = [this.a == 9, this.b > 300, this.t < 0, this.kind == "request"]
    leaf = st.sampled_from([this.bits.p, this.bits.q, this.bits.r, *compared])
    expr = draw(leaf)
    for _ in range(draw(st.integers(0, 4))):
        op = draw(st.sampled_from([*COMPARE.values(), *MASKS.values(), operator.add, operator.mul]))
        expr = op(expr, draw(leaf | st.integers(0, 9)))
        change = draw(st.sampled_from([None, None, operator.mod, operator.floordiv, operator.lshift, operator.rshift]))
        expr = ~expr if draw(st.booleans()) else expr if change is None else change(expr, draw(st.integers(1, 5)))
        expr = expr - 3 == draw(leaf) if draw(st.booleans()) and draw(st.booleans()) else expr
    return expr


@PROPERTY
@given(st.lists(narrow(), min_size=1, max_size=4), FRAMES)
def test_kinds(tests, frames):
    frame = layout_with("")
    kinds = dict(zip([Kind.ONEWAY, Kind.RESPONSE, Kind.GOAWAY, Kind.REQUEST], tests, strict=False))
    try:
        under_test = Codec(lower(declare(frame=frame, kind=kinds)))
    except SpecError as error:
        if error.wrong.startswith("depends on "):
            return
        raise
    for bytes_ in map(bounded_w, frames):
        if expected(frame, LEAD + bytes_) == "bad":
            continue
        parsed = frame.parse(LEAD + bytes_)
        wanted = next((kind for kind, test in kinds.items() if test(parsed)), None)
        if wanted is None:
            with pytest.raises(MalformedError, match="t: kind: no such kind of frame"):
                under_test.scan_bytes(LEAD + bytes_)
        else:
            assert under_test.scan_bytes(LEAD + bytes_).kind == wanted


# Scopes and guards, one by one.

ONE = "e" / Enum(Int8ub, one=1, two=2)
SIDES = {
    "a field of the same struct": ("n" / Int8ub, "x" / Bytes(this.n)),
    "the root from the root": ("n" / Int8ub, "x" / Bytes(this._root.n)),
    "the struct around": ("n" / Int8ub, "s" / Struct("x" / Bytes(this._.n))),
    "the root from within": ("n" / Int8ub, "s" / Struct("t" / Struct("x" / Bytes(this._root.n)))),
    "a field of a nested struct": ("s" / Struct("n" / Int8ub), "x" / Bytes(this.s.n)),
    "a bit": ("s" / BitStruct("n" / BitsInteger(3), "rest" / BitsInteger(5)), "x" / Bytes(this.s.n)),
    "a bit named word": ("s" / BitStruct("word" / BitsInteger(3), "rest" / BitsInteger(5)), "x" / Bytes(this.s.rest)),
    "a section does not push a scope": ("n" / Int8ub, "s" / FixedSized(4, Bytes(this.n))),
    "a section's struct does": ("n" / Int8ub, "s" / FixedSized(4, Struct("x" / Bytes(this._.n)))),
    "a prefix does not": ("n" / Bounded(Int8ub, 0, 9), "s" / Prefixed(Int8ub, Bytes(this.n))),
    "a length beside a prefix": ("s" / Prefixed(Int8ub, Struct("length" / Int8ub, "x" / Bytes(this.length)))),
    "an enum": (ONE, "x" / If(this.e == "two", Int8ub)),
    "an enum that is not": (ONE, "x" / If(this.e != "one", Int8ub)),
    "an enum as a switch": (ONE, "x" / Switch(this.e, {"one": Int8ub, "two": Int16ub})),
    "under the same if": ("a" / Int8ub, "n" / If(this.a == 1, Int8ub), "x" / If(this.a == 1, Bytes(this.n))),
    "under a stricter if": (
        "a" / Int8ub, "b" / Int8ub, "n" / If(this.a == 1, Int8ub), "x" / If((this.a == 1) & (this.b == 1), Bytes(this.n)),
    ),
    "under the else of its opposite": (
        "a" / Int8ub, "n" / If(~(this.a == 1), Int8ub), "x" / IfThenElse(this.a == 1, Int8ub, Bytes(this.n)),
    ),
    "with an else of its own": ("a" / Int8ub, "n" / IfThenElse(this.a == 1, Int8ub, Computed(2)), "x" / Bytes(this.n)),
    "a switch whose cases are numbers": (
        "a" / Int8ub, "n" / Switch(this.a, {1: Int8ub, 2: Int16ub}, default=Computed(1)), "x" / Bytes(this.n % 8),
    ),
    "a length that can be negative": ("n" / Int8ub, "x" / Bytes(this.n - 3)),
    "a section that can be negative": ("n" / Int8sb, "x" / FixedSized(this.n, GreedyBytes)),
    "padding": ("n" / Int8ub, "x" / FixedSized(9, Struct("y" / Bytes(this._.n), "z" / Int8ub))),
    "a section that must be read to its end": ("n" / Int8ub, "x" / FixedSized(this.n, Struct("y" / Int8ub, Terminated))),
    "one that may have a rest": (
        "n" / Int8ub, "x" / FixedSized(this.n, Struct("y" / If(this._.n > 2, GreedyBytes), Terminated)),
    ),
    "rebuilt and default fields": ("n" / Rebuild(Int8ub, 1), "m" / Default(Int8ub, 2), "p" / Pass, "x" / Bytes(this.n & 3)),
    "padding of a computed size": ("n" / Int8ub, Padding(this.n), "x" / Int8ub),
    "constants": ("a" / Const(b"ab"), "b" / Const(7, Int16ul), "c" / Const(-1, Int8sb)),
    "a known enum with gaps": ("e" / Known(Enum(Int16ub, a=0, b=2, c=300)), "x" / If(this.e == "c", Int8ub)),
    "a check on a negative number": ("n" / Int8ub, Check(this.n - 3)),
    "a check on a u64": ("n" / Int64ub, Check(this.n)),
    "a u64 is equal": ("n" / Int64ub, "x" / If(this.n == 0, Int8ub)),
    "a prefix that counts itself": ("s" / Prefixed(Int8ub, GreedyBytes, includelength=True)),
    "an unnamed constant of bits": ("s" / BitStruct(Bounded(BitsInteger(4), 0, 3), "x" / BitsInteger(4))),
    "an enum of bits": ("s" / BitStruct("e" / Known(Enum(BitsInteger(4), a=0, b=3)), "x" / BitsInteger(4)),
                        "x" / If(this.s.e == "b", Int8ub)),
}  # fmt: skip


@pytest.mark.parametrize("fields", SIDES.values(), ids=SIDES.keys())
@settings(deadline=None, max_examples=settings.default.max_examples // 5)
@given(data=st.binary(max_size=20))
def test_scopes(fields, data):
    fields = fields if isinstance(fields, tuple) else (fields,)
    frame = layout(*fields)
    under_test = codec(frame=frame)
    assert under_test.lowered.opaque == ()
    assert actual(under_test, LEAD + data) == expected(frame, LEAD + data)
    for known in (b"ab\x07\x00\xff", b"\x01\x2c", b"\x00\x02"):
        assert actual(under_test, LEAD + known + data) == expected(frame, LEAD + known + data)
    for first in range(5):
        assert actual(under_test, LEAD + bytes((first,)) + data) == expected(frame, LEAD + bytes((first,)) + data)


def test_two_branches_of_one_field_share_a_register():
    value = IfThenElse(this.a == 1, Int8ub, IfThenElse(this.a == 2, Int16ub, Computed(7)))
    lowered = lower(declare("a" / Int8ub, "v" / value, "x" / Bytes(this.v), timeout=this.v))
    first = FIRST_FREE
    assert lowered.registers.numbers == {"kind": first, "id": first + 1, "a": first + 2, "v": first + 3}
    under_test = Codec(lowered)
    for data, timeout, size in ((b"\x01\x03abc", 3, 10), (b"\x02\x00\x02ab", 2, 10), (b"\x05abcdefg", 7, 13)):
        scanned = under_test.scan_bytes(LEAD + data)
        assert (scanned.timeout, scanned.size) == (timeout, size)


def test_a_field_that_is_not_there_leaves_no_value_of_another():
    """The length of a prefix has a register of its own, whatever the fields behind it are called."""
    inner = Struct("k" / Int8ub, "length" / If(this.k == 1, Int8ub))
    under_test = codec("p" / Prefixed(Int8ub, inner), timeout=this.p.length)
    assert under_test.scan_bytes(LEAD + b"\x02\x00\x09").timeout == 0
    assert under_test.scan_bytes(LEAD + b"\x02\x01\x09").timeout == 9


def test_the_enum_of_a_condition_is_read_once():
    """Neighbouring conditions become one jump, and say the same."""
    fields = [f"f{i}" / If(this.a == 1, Int8ub) for i in range(5)] + [f"g{i}" / If(this.a != 1, Int16ub) for i in range(5)]
    under_test = codec("a" / Int8ub, *fields)
    jumps = [op for op in under_test.lowered.verify.ops if op.code.name in {"JEQ", "JNE", "JUMP"}]
    assert len(jumps) == 2
    assert actual(under_test, LEAD + b"\x01" + bytes(5)) == 11
    assert actual(under_test, LEAD + b"\x02" + bytes(10)) == 16


def test_frames_that_differ_in_one_bit_of_a_condition():
    sides = ("x" / If(this.a & 1, Int8ub), "y" / If((this.a >> 1) & 1 == 1, Int16ub), "z" / If(this.a, Int8ub))
    frame = layout("a" / Int8ub, *sides)
    under_test = codec(frame=frame)
    for first in range(256):
        data = LEAD + bytes((first,)) + bytes(8)
        assert actual(under_test, data) == expected(frame, data)
