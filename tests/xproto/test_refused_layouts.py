"""Every layout that is refused is told the field's path, what is wrong with it, and what to write instead."""

import construct as c
import pytest
from construct import (
    Bytes,
    BytesInteger,
    Check,
    Computed,
    Const,
    Enum,
    FixedSized,
    Flag,
    GreedyBytes,
    If,
    IfThenElse,
    Int8ub,
    Int16ub,
    Int32sb,
    Int32ub,
    Int64sb,
    Int64ub,
    PascalString,
    Prefixed,
    Struct,
    Switch,
    VarInt,
    len_,
    this,
)

from tests.xproto.small import codec, declare, layout, refusal
from xproto.errors import SpecError
from xproto.explain import explain
from xproto.lower import lower
from xproto.plan import MAX_SECTIONS
from xproto.registry import Registered
from xproto.wire import Bounded, Chunked, HessianArguments, HessianText, KeyValues, Known, TrailingCrc32

PLAIN = "use integers, fields and + - * & | ^ << >> == != < >"
FUNCTION = ("a Python function cannot be lowered", "write it with `this`, such as this.size - 4")
UNBOUNDED = "bound this field: Bounded(…)"
BITS = "use Flag, BitsInteger, Padding"
NO_END = "{} cannot be lowered, and the frame's end depends on it"
WIRE = "use a wire primitive, or put it into FixedSized(length, …)"


def nested(depth):
    field = "x" / Int8ub
    for _ in range(depth):
        field = "s" / FixedSized(4, Struct(field))
    return field


def long_sum(terms):
    # Leaning right, so that every left side waits in a register of its own.
    total = this.a + 0
    for _ in range(terms):
        total = (this.a + 1) + total
    return Check(total == 5)


A, U64, ENUM = "a" / Int8ub, "u" / Int64ub, "e" / Enum(Int8ub, one=1, two=2)
SOMETIMES = "x" / If(this.a == 1, Int8ub)

EXPRESSIONS = {
    "arithmetic on a u64": ([U64, Check(this.u + 1 == 2)], "frame", "u has no bounds to compute with", UNBOUNDED),
    "ordering of a u64": ([U64, Check(this.u < 5)], "frame", "u has no bounds to compute with", UNBOUNDED),
    "ordering of a u64 under not": ([U64, Check(~(this.u < 5))], "frame", "u has no bounds to compute with", UNBOUNDED),
    "ordering of a u64 under if": (
        [U64, "x" / If(this.u > 5, Int8ub)], "x", "u has no bounds to compute with", UNBOUNDED,
    ),
    "arithmetic on an s64": ([U64, "s" / Int64sb, Check(this.s > 1)], "frame", "s has no bounds to compute with", UNBOUNDED),
    "a u64 compared with a signed number": (
        [U64, Check(this.u == -1)], "frame", "(u eq -1) mixes 64 bits with a sign", "bound its fields: Bounded(…)",
    ),
    "a sum of 2^62": (
        ["a" / Bounded(Int64ub, 0, 2**62 - 1), "b" / Bounded(Int64ub, 0, 2**62 - 1), Check(this.a + this.b == 1)],
        "frame", "(a add b) can leave 63 bits", "bound its fields: Bounded(…, lo, hi)",
    ),
    "a product that overflows": (
        ["a" / Int32ub, Check(this.a * this.a == 1)],
        "frame", "(a mul a) can leave 63 bits", "bound its fields: Bounded(…, lo, hi)",
    ),
    "a shift that overflows": (
        ["a" / Int32ub, Check((this.a << 31) == 1)],
        "frame", "(a shl 31) can leave 63 bits", "bound its fields: Bounded(…, lo, hi)",
    ),
    "a difference that underflows": (
        ["a" / Bounded(Int64sb, -(2**62) + 1, 0), Check(this.a - 1 == 1)],
        "frame", "(a sub 1) can leave 63 bits", "bound its fields: Bounded(…, lo, hi)",
    ),
    "a large constant": ([U64, Check(this.u == 2**62)], "frame", f"{2**62} has more than 62 bits", "use a smaller constant"),
    "shift by a field": ([A, Check(1 << this.a == 2)], "frame", "shl by something that is not a constant", "use a constant"),
    "division by a field": ([A, Check(7 // this.a)], "frame", "div by something that is not a constant", "use a constant"),
    "division by zero": ([A, Check(this.a // 0)], "frame", "div by something that is not a constant", "use a constant"),
    "modulo zero": ([A, Check(this.a % 0)], "frame", "mod by something that is not a constant", "use a constant"),
    "a shift by 63": ([A, Check(this.a >> 63)], "frame", "a shift of more than 62 bits", "use a smaller constant"),
    "a mask on a signed number": (
        ["a" / c.Int8sb, Check(this.a & 3)],
        "frame", "and of a number that may be negative", "bound the field: Bounded(…, 0, …)",
    ),
    "power": ([A, Check(this.a**2)], "frame", "(this['a'] ** 2) cannot be lowered", PLAIN),
    "true division": ([A, Check(this.a / 2)], "frame", "(this['a'] / 2) cannot be lowered", PLAIN),
    "unary plus": ([A, Check(+this.a)], "frame", "+ this['a'] cannot be lowered", PLAIN),
    "none": ([A, Check(this.a == None)], "frame", "None cannot be lowered", PLAIN),  # noqa: E711
    "a float": (["x" / Computed(1.5)], "x", "1.5 cannot be lowered", PLAIN),
    "bytes": ([A, Check(this.a == b"x")], "frame", "b'x' cannot be lowered", PLAIN),
    "a text as a value": (["x" / Computed("text")], "x", "the text 'text' is no number",
                        "name a field, this.text, or compare one: this.kind == 'text'"),
    "a lambda": (["x" / Bytes(lambda _: 1)], "x", *FUNCTION),
    "a lambda in a condition": (["x" / If(lambda _: True, Int8ub)], "x", *FUNCTION),
    "a lambda as a switch": ([A, "x" / Switch(lambda context: context.a, {1: Int8ub})], "x", *FUNCTION),
    "len_": (["c" / Bytes(2), "x" / Bytes(len_(this.c))], "x", *FUNCTION),
    "list_": (["x" / Bytes(c.list_[0])], "x", *FUNCTION),
    "obj_": (["x" / Bytes(c.obj_.a)], "x", "obj_ cannot be lowered", "write the expression with `this`"),
    "this alone": (["x" / Bytes(this)], "x", "this is not a field", "name a field, such as this.id"),
    "a later field": (
        ["x" / Bytes(this.later), "later" / Int8ub],
        "x", "there is no field 'later' here", "the fields known so far are: id, kind",
    ),
    "an index": (
        ["l" / c.Array(2, Int8ub), Check(this.l[0] == 1)],
        "frame", "there is no field 0 here", "the fields known so far are: none",
    ),
    "above the frame": (
        ["x" / Bytes(this._.id)], "x", "there is no field 'id' here", "the fields known so far are: none",
    ),
    "far above the frame": (["x" / Bytes(this._._.id)], "x", "this['_']['_']['id'] leaves the layout",
                            "there is no struct around this one"),
    "a field that is no integer": (
        ["b" / Bytes(2), "x" / Bytes(this.b)], "x", "b is bytes, not an integer", "use an integer field",
    ),
    "a float field": (
        ["f" / c.Float32b, "x" / Bytes(this.f)], "x", "f is opaque, not an integer", "use an integer field",
    ),
    "outside its if": (
        [A, SOMETIMES, "y" / Bytes(this.x)], "y", "x is only there when (a eq 1)",
        "read it under the same If, or give its If an else: IfThenElse(…, …, Computed(0))",
    ),
    "under another if": (
        [A, SOMETIMES, "y" / If(this.a == 2, Bytes(this.x))], "y", "x is only there when (a eq 1)",
        "read it under the same If, or give its If an else: IfThenElse(…, …, Computed(0))",
    ),
    "in the else of its if": (
        [A, SOMETIMES, "y" / IfThenElse(this.a == 1, Int8ub, Bytes(this.x))], "y", "x is only there when (a eq 1)",
        "read it under the same If, or give its If an else: IfThenElse(…, …, Computed(0))",
    ),
    "in a case of a switch": (
        [A, "x" / Switch(this.a, {1: Int8ub}), "y" / Bytes(this.x)], "y", "x is only there when (a eq 1)",
        "read it under the same If, or give its If an else: IfThenElse(…, …, Computed(0))",
    ),
}  # fmt: skip

ENUMS = {
    "compared with a number": (
        [ENUM, Check(this.e == 1)], "frame", "e is an Enum: construct never finds it equal to 1",
        "compare it with a name: one, two",
    ),
    "ordered": (
        [ENUM, Check(this.e < 2)], "frame", "e is an Enum: construct never finds it equal to 2",
        "compare it with a name: one, two",
    ),
    "added to": (
        [ENUM, Check(this.e + 1 == 2)], "frame", "e is an Enum: construct never finds it equal to 1",
        "compare it with a name: one, two",
    ),
    "switch with integer cases": (
        [ENUM, "x" / Switch(this.e, {1: Int8ub})], "x", "e is an Enum: construct never finds it equal to 1",
        "compare it with a name: one, two",
    ),
    "as a condition": (
        [ENUM, "x" / If(this.e, Int8ub)], "x", "e is an Enum, not a number", "compare it with a name: one, two",
    ),
    "as a value": (
        [ENUM, "x" / Computed(this.e)], "x", "e is an Enum, not a number", "compare it with a name: one, two",
    ),
    "an unknown name": (
        [ENUM, Check(this.e == "three")], "frame", "this['e'] has no name 'three'", "its names are: one, two",
    ),
    "a name for a plain integer": (
        [A, Check(this.a == "one")], "frame", "this['a'] has no name 'one'", "its names are: none: it is not an Enum",
    ),
    "a name for an expression": (
        [A, Check(this.a + 1 == "one")], "frame", "(this['a'] + 1) has no name 'one'",
        "its names are: none: it is not an Enum",
    ),
    "without names": (["x" / Known(Enum(Int8ub))], "x", "an Enum without names", "write Enum(Int8ub, name=1, …)"),
    "two names for one number": (
        ["x" / Enum(Int8ub, a=1, b=1)], "x", "two names of an Enum for one number", "keep one of them",
    ),
    "numbers too large": (
        ["x" / Enum(Int64ub, a=2**62)], "x", "an Enum with numbers of more than 62 bits", "read it as Bytes(8)",
    ),
    "known of an integer": (["x" / Known(Int8ub)], "x", "Known is for an Enum", "write Known(Enum(Int8ub, name=1, …))"),
    "of a computed value": (
        ["x" / Enum(Computed(1), a=1)], "x", "Computed is not an integer on the wire", "use it on Int8ub and its like",
    ),
    "of bytes": (["x" / Enum(Bytes(1), a=1)], "x", "Bytes is not an integer on the wire", "use it on Int8ub and its like"),
    "bounded": (
        ["x" / Bounded(Enum(Int8ub, a=1), 0, 1)], "x", "Bounded around an Enum, which is no number",
        "write Enum(Bounded(…), …)",
    ),
}  # fmt: skip

NUMBERS = {
    "bounds the wrong way round": (["x" / Bounded(Int8ub, 5, 4)], "x", "nothing lies in 5..4", "swap the bounds"),
    "bounds beyond the type": (
        ["x" / Bounded(Int8ub, 300, 400)], "x", "the field can never lie in 300..400", "use a wider integer",
    ),
    "bounds beyond 62 bits": (
        ["x" / Bounded(Int64ub, 0, 2**62)], "x", "bounds must stay within 62 bits", "choose smaller bounds",
    ),
    "bounds below 62 bits": (
        ["x" / Bounded(Int64sb, -(2**62), 0)], "x", "bounds must stay within 62 bits", "choose smaller bounds",
    ),
    "bounds on bytes": (
        ["x" / Bounded(Bytes(1), 0, 1)], "x", "Bytes is not an integer on the wire", "use it on Int8ub and its like",
    ),
    "a varint without bounds": (["x" / VarInt], "x", "a varint without bounds", "write Bounded(VarInt, 0, hi)"),
    "a varint below zero": (
        ["x" / Bounded(VarInt, -1, 5)], "x", "a varint is bounded within 0..2**62-1", "choose smaller bounds",
    ),
    "a varint of more than 62 bits": (
        ["x" / Bounded(VarInt, 0, 2**62)], "x", "a varint is bounded within 0..2**62-1", "choose smaller bounds",
    ),
    "a constant that does not fit": (
        ["x" / Const(256, Int8ub)], "x", "256 does not fit the field", "use a value of the field's own type",
    ),
    "a constant below the field": (
        ["x" / Const(-1, Int8ub)], "x", "-1 does not fit the field", "use a value of the field's own type",
    ),
    "a constant of another type": (
        ["x" / Const("a", Int8ub)], "x", "'a' does not fit the field", "use a value of the field's own type",
    ),
    "a constant over an enum": (
        ["x" / Const(1, Enum(Int8ub, a=1))], "x", "1 does not fit the field", "use a value of the field's own type",
    ),
    "a constant of 63 bits": (
        ["x" / Const(2**62, Int64ub)], "x", "a constant of more than 62 bits", "write it as Const(b'…')",
    ),
    "a flag of a whole byte": (
        ["x" / Flag], "x", "Flag takes any byte for true", "use Bounded(Int8ub, 0, 1), or a bit of a BitStruct",
    ),
}  # fmt: skip

BIT_STRUCTS = {
    "variable width": (
        [A, "x" / c.BitStruct("y" / c.BitsInteger(this.a), "z" / c.BitsInteger(4))],
        "x", "a BitStruct with fields of variable width", "give every BitsInteger a constant width",
    ),
    "too wide": (
        ["x" / c.BitStruct("y" / c.BitsInteger(64))], "x", "a BitStruct of 64 bits", "split it: at most 56 bits at a time",
    ),
    "not whole bytes": (
        ["x" / c.BitStruct("y" / c.BitsInteger(12))],
        "x", "a BitStruct of 12 bits", "pad it to whole bytes: Padding(…)",
    ),
    "a signed field": (
        ["x" / c.BitStruct("y" / c.BitsInteger(8, signed=True))],
        "x.y", "BitsInteger inside a BitStruct cannot be lowered", BITS,
    ),
    "a nested struct": (
        ["x" / c.BitStruct("y" / Struct("z" / c.BitsInteger(8)))],
        "x.y", "Struct inside a BitStruct cannot be lowered", BITS,
    ),
    "bytes": (["x" / c.BitStruct("y" / Bytes(8))], "x.y", "Bytes inside a BitStruct cannot be lowered", BITS),
    "a constant that does not fit": (
        ["x" / c.BitStruct("y" / Const(16, c.BitsInteger(4)), c.Padding(4))],
        "x.y", "4 bits can never lie in 16..16", "use a wider field",
    ),
    "a constant of another type": (
        ["x" / c.BitStruct("y" / Const("a", c.BitsInteger(8)))], "x.y", "'a' does not fit the field", "use an integer",
    ),
    "a constant over an enum": (
        ["x" / c.BitStruct("y" / Const(1, Enum(c.BitsInteger(8), a=1)))],
        "x.y", "Const around an Enum, which is no number", "use BitsInteger there",
    ),
    "bounds over an enum": (
        ["x" / c.BitStruct("y" / Bounded(Enum(c.BitsInteger(8), a=1), 0, 1))],
        "x.y", "Bounded around an Enum, which is no number", "use BitsInteger there",
    ),
    "one name twice": (
        ["x" / c.BitStruct("y" / c.BitsInteger(4), "y" / c.BitsInteger(4))],
        "x.y", "is declared twice", "rename one of them",
    ),
    "without a name": (
        [c.BitStruct("y" / c.BitsInteger(8))], "frame", "a struct without a name", "name it: 'name' / Struct(…)",
    ),
}  # fmt: skip

STRUCTURE = {
    "a hook": (["x" / Int8ub * (lambda *_: None)], "x", "a parsed hook cannot run on the wire", "remove it from the layout"),
    "a hook under a second name": (
        ["y" / ("x" / Int8ub * (lambda *_: None))], "y", "a parsed hook cannot run on the wire", "remove it from the layout",
    ),
    "greedy bytes at the root": (
        ["x" / GreedyBytes], "x", "GreedyBytes at the root: the frame would have no end", "give it a length: Bytes(this.…)",
    ),
    "greedy bytes at the root, sometimes": (
        [A, "x" / If(this.a, GreedyBytes)],
        "x", "GreedyBytes at the root: the frame would have no end", "give it a length: Bytes(this.…)",
    ),
    "terminated at the root": (
        [c.Terminated], "frame", "Terminated at the root: the next frame follows", "remove it",
    ),
    "a string of unknown size at the root": (["x" / PascalString(Int8ub, "utf8")], "x", NO_END.format("StringEncoded"), WIRE),
    "a delimited text without a limit at the root": (
        ["x" / c.NullTerminated(GreedyBytes, term=b"\n")], "x", NO_END.format("NullTerminated"), "write Until(b'\\n', most)",
    ),
    "a greedy range at the root": (["x" / c.GreedyRange(Int8ub)], "x", NO_END.format("GreedyRange"), WIRE),
    "an optional field at the root": (["x" / c.Optional(Int8ub)], "x", NO_END.format("Select"), WIRE),
    "a size that is not what is read": (["x" / c.ProcessXor(1, Bytes(4))], "x", NO_END.format("ProcessXor"), WIRE),
    "stop if": ([c.StopIf(this.id == 1), A], "frame", NO_END.format("StopIf"), WIRE),
    "an integer of variable width": (["x" / BytesInteger(this.id)], "x", NO_END.format("BytesInteger"), WIRE),
    "a length without bounds": (
        [U64, "x" / Bytes(this.u)], "x", f"the length can be {2**64 - 1}", "bound its field: Bounded(…, 0, hi)",
    ),
    "a section's length without bounds": (
        [U64, "x" / FixedSized(this.u, GreedyBytes)],
        "x", f"the length can be {2**64 - 1}", "bound its field: Bounded(…, 0, hi)",
    ),
    "a length just out of bounds": (
        ["n" / Bounded(Int64ub, 0, 1 << 32), "x" / Bytes(this.n)],
        "x", f"the length can be {1 << 32}", "bound its field: Bounded(…, 0, hi)",
    ),
    "a prefix without bounds": (
        ["x" / Prefixed(Int64ub, GreedyBytes)],
        "x", f"the length can be {2**64 - 1}", "bound it: Prefixed(Bounded(…, 0, hi), …)",
    ),
    "a prefix that is no integer": (
        ["x" / Prefixed(Bytes(4), GreedyBytes)], "x", "the length is not an integer", "use Int32ub and its like",
    ),
    "a prefix that counts itself and is a varint": (
        ["x" / Prefixed(Bounded(VarInt, 0, 9), GreedyBytes, includelength=True)],
        "x", "a length that counts itself must have a fixed width", "use Int32ub and its like",
    ),
    "too deep": (
        [nested(MAX_SECTIONS + 1)], ".".join("s" * (MAX_SECTIONS + 1)),
        f"more than {MAX_SECTIONS} sections inside each other", "flatten the layout",
    ),
    "too many integers": (
        [f"f{i}" / Int8ub for i in range(60)], "f49", "the layout has too many integer fields",
        "leave fields nobody reads in Bytes(…)",
    ),
    "too long an expression": (
        [A, long_sum(130)], "frame", "the expressions need too many registers", "compute parts with Computed fields",
    ),
    "switch over a constant": (["x" / Switch(1, {1: Int8ub})], "x", "a Switch over a constant", "write the case itself"),
    "one name twice": ([A, "a" / Int16ub], "a", "is declared twice", "rename one of them"),
    "a struct without a name": (
        [Struct("x" / Int8ub)], "frame", "a struct without a name", "name it: 'name' / Struct(…)",
    ),
    "a struct without a name, sometimes": (
        [A, If(this.a, Struct("x" / Int8ub))], "frame", "a struct without a name", "name it: 'name' / Struct(…)",
    ),
    "behind an interpreted field of unknown size": (
        [A, "s" / FixedSized(this.a, Struct("x" / PascalString(Int8ub, "utf8"), "y" / Int8ub))],
        "s.y", "stands behind a field that cannot be lowered", "put that field into FixedSized(length, …)",
    ),
    "behind one that is there sometimes": (
        [A, "s" / FixedSized(this.a, Struct("x" / If(this._.a > 9, c.CString("utf8")), "y" / Const(b"end")))],
        "s.y", "stands behind a field that cannot be lowered", "put that field into FixedSized(length, …)",
    ),
}  # fmt: skip

PRIMITIVES = {
    "key-values outside a section": (
        ["x" / KeyValues(Int32sb)], "x", "KeyValues lasts until its section ends", "put it into FixedSized(length, …)",
    ),
    "a checksum inside a section": (
        ["x" / FixedSized(4, TrailingCrc32())],
        "x", "a trailing checksum stands at the root, after all it covers", "move it out",
    ),
    "behind the checksum": (
        [TrailingCrc32(), "x" / Int8ub], "x", "stands behind the trailing checksum", "move it in front",
    ),
    "behind a checksum that is there sometimes": (
        [A, If(this.a, TrailingCrc32()), "x" / Const(b"end")], "x", "stands behind the trailing checksum", "move it in front",
    ),
    "two checksums": ([TrailingCrc32(), "x" / TrailingCrc32()], "x", "stands behind the trailing checksum", "move it in front"),
    "checksums of both byte orders": (
        [A, IfThenElse(this.a, TrailingCrc32(), TrailingCrc32(little=True))],
        "frame", "checksums of both byte orders", "use one",
    ),
    "arguments at the root": (
        ["t" / HessianText(), "x" / HessianArguments(this.t)],
        "t", "what it describes would have to be walked by every scan, which keeps no texts",
        "put both into FixedSized(length, …), behind what the roles read",
    ),
    "arguments without a field": (
        ["x" / HessianArguments("I")], "x", "'I' is not a field", "name a text field: this.types",
    ),
    "arguments by a number": ([A, "x" / HessianArguments(this.a)], "x", "a is not a text", "name a text field"),
    "arguments by a text that is not always there": (
        [A, "t" / If(this.a, HessianText()), "x" / HessianArguments(this.t)],
        "x", "t is not always there", "put both under the same If",
    ),
}  # fmt: skip


def cases(table):
    return pytest.mark.parametrize(("fields", "path", "wrong", "instead"), table.values(), ids=table.keys())


@cases(EXPRESSIONS)
def test_expressions(fields, path, wrong, instead):
    assert refusal(*fields) == (path, wrong, instead)


@cases(ENUMS)
def test_enums(fields, path, wrong, instead):
    assert refusal(*fields) == (path, wrong, instead)


@cases(NUMBERS)
def test_numbers(fields, path, wrong, instead):
    assert refusal(*fields) == (path, wrong, instead)


@cases(BIT_STRUCTS)
def test_bit_structs(fields, path, wrong, instead):
    assert refusal(*fields) == (path, wrong, instead)


@cases(STRUCTURE)
def test_structure(fields, path, wrong, instead):
    assert refusal(*fields) == (path, wrong, instead)


@cases(PRIMITIVES)
def test_primitives(fields, path, wrong, instead):
    assert refusal(*fields) == (path, wrong, instead)


def test_the_frame_must_be_a_struct():
    assert refusal(frame=Int8ub) == ("frame", "is FormatField", "write Struct('name' / …)")


def test_a_hook_on_the_whole_frame():
    assert refusal(frame=layout() * (lambda *_: None)) == (
        "frame", "a parsed hook cannot run on the wire", "remove it from the layout",
    )  # fmt: skip


@pytest.mark.parametrize("length", [c.Float32b, Int32sb, Bytes(2), BytesInteger(this.n)])
def test_wire_primitives_want_fixed_integers(length):
    """construct's own error: it is raised where the layout is written."""
    if length is not Int32sb:
        with pytest.raises(c.StringError, match="KeyValues needs a fixed-width integer for its lengths, such as Int32sb"):
            KeyValues(length)
    with pytest.raises(c.StringError, match="Chunked needs an unsigned integer of at most 4 bytes for its lengths"):
        Chunked(length)


class Moody(c.Construct):
    """A construct whose size is nobody's business."""

    def __init__(self, error):
        super().__init__()
        self.error = error

    def _parse(self, stream, context, path):
        return stream.read(1)

    def _sizeof(self, context, path):
        raise self.error


@pytest.mark.parametrize("error", [KeyError("x"), AttributeError("x"), ZeroDivisionError(), c.SizeofError("x"), TypeError()])
def test_odd_errors_of_sizeof(error):
    assert refusal("x" / Moody(error)) == ("x", NO_END.format("Moody"), WIRE)
    lowered = lower(declare("n" / Int8ub, "x" / FixedSized(this.n, Moody(error))))
    assert lowered.opaque == ("x: Moody",)


@pytest.mark.parametrize(
    ("field", "name", "size"),
    [
        (c.Float32b, "FormatField", 4),
        (c.Int32un, "FormatField", 4),  # the machine's own byte order
        (c.Array(3, c.Float16b), "Array", 6),
        (c.FlagsEnum(Int8ub, a=1), "FlagsEnum", 1),
        (c.ByteSwapped(Bytes(3)), "Transformed", 3),
        (c.Hex(Int16ub), "Hex", 2),
    ],
)
def test_unknown_constructs_of_a_fixed_size_stay_interpreted(field, name, size):
    under_test = codec("x" / field)
    assert under_test.lowered.opaque == (f"x: {name}",)
    frame = bytes(5 + size)
    assert under_test.verify_bytes(frame) == under_test.scan_bytes(frame).size == len(frame)


def test_unknown_constructs_in_a_section_stay_interpreted():
    under_test = codec("n" / Int8ub, "s" / FixedSized(this.n, Struct("a" / Int8ub, "x" / c.GreedyRange(Int16ub))))
    assert under_test.lowered.opaque == ("s.x: GreedyRange",)
    text = explain(Registered(under_test.lowered.protocol, under_test.lowered, under_test, "here"))
    assert text.endswith("\nInterpreted by construct: s.x: GreedyRange\n")
    assert under_test.verify_bytes(bytes(5) + b"\x05\x01\x00\x02\x00\x03") == 11


def test_exclusive_fields_may_stand_behind_an_interpreted_one():
    side = IfThenElse(this._.n > 3, c.CString("utf8"), Const(b"end"))
    under_test = codec("n" / Int8ub, "s" / FixedSized(this.n, Struct("x" / side)))
    assert under_test.lowered.opaque == ("s.x: StringEncoded",)
    assert under_test.verify_bytes(bytes(5) + b"\x03end") == 9


def test_the_deepest_nesting_that_is_allowed():
    assert codec(nested(MAX_SECTIONS)).verify_bytes(bytes(5) + b"abcd") == 9


def test_the_protocol_is_named_first():
    with pytest.raises(SpecError, match=r"^t: x: a Switch over a constant; write the case itself$"):
        lower(declare("x" / Switch(1, {1: Int8ub})))
