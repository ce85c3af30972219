"""construct's internals that the lowerer reads. Another construct that differs fails here, loudly and in one place."""

import operator

import construct as c
import pytest
from construct import Enum, If, Int8ub, Int16ul, Int24ub, Int24ul, Int32sb, Struct, Switch, core, len_, list_, obj_, this
from construct.expr import BinExpr, ExprMixin, FuncPath, Path, Path2, UniExpr

from xproto.wire.integers import integer_shape

WHAT_TO_DO = "construct changed: go through xproto/lower and xproto/wire/integers.py before allowing this version"


def test_the_version_that_was_read():
    assert c.version >= (2, 10, 70), WHAT_TO_DO
    assert c.version < (2, 11), WHAT_TO_DO


def test_paths_keep_their_parts_in_private_fields():
    path = this.a._.b["c"]
    fields = []
    while path.__dict__["_Path__parent"] is not None:
        fields.append(path.__dict__["_Path__field"])
        path = path.__dict__["_Path__parent"]
    assert (path.__dict__["_Path__name"], fields) == ("this", ["c", "b", "_", "a"])
    assert obj_.__dict__["_Path__name"] == "obj_"


def test_expressions_are_of_exact_types():
    assert [type(e) for e in (this.a, this.a + 1, ~this.a, -this.a)] == [Path, BinExpr, UniExpr, UniExpr]
    assert [type(e) for e in (len_(this.a), list_[0], len_)] == [FuncPath, Path2, FuncPath]
    assert all(issubclass(kind, ExprMixin) for kind in (Path, BinExpr, UniExpr, FuncPath, Path2))


@pytest.mark.parametrize(
    ("expr", "op"),
    [
        (this.a + 1, operator.add), (this.a - 1, operator.sub), (this.a * 1, operator.mul), (this.a // 1, operator.floordiv),
        (this.a % 1, operator.mod), (this.a << 1, operator.lshift), (this.a >> 1, operator.rshift),
        (this.a & 1, operator.and_), (this.a | 1, operator.or_), (this.a ^ 1, operator.xor), (this.a == 1, operator.eq),
        (this.a != 1, operator.ne), (this.a < 1, operator.lt), (this.a <= 1, operator.le), (this.a > 1, operator.gt),
        (this.a >= 1, operator.ge),
    ],
)  # fmt: skip
def test_binary_expressions(expr, op):
    assert expr.op is op
    assert type(expr.lhs) is Path
    assert expr.rhs == 1
    assert type(expr.rhs) is int


def test_sides_of_reflected_expressions():
    assert type((5 - this.a).lhs) is int
    turned = 5 < this.a  # noqa: SIM300
    assert turned.op is operator.gt
    assert type(turned.lhs) is Path
    assert type(("x" == this.a).rhs) is str  # noqa: SIM300
    assert (1 << this.a).op is operator.lshift


def test_unary_expressions():
    assert (~this.a).op is operator.not_, "a logical not"
    assert (~this.a)({"a": 2}) is False
    assert type((~this.a).operand) is Path
    assert (-this.a).op is operator.neg


def test_no_path_has_a_truth_of_its_own():
    assert "__bool__" not in vars(ExprMixin)
    assert "__bool__" not in vars(Path)
    assert bool(this.a == 1) is True, "which is why a codec module loads with a __bool__ that raises"
    assert Path.__hash__ is None


def test_if_is_if_then_else():
    con = If(this.a, Int8ub)
    assert type(con) is c.IfThenElse
    assert (con.condfunc, con.thensubcon, con.elsesubcon)[1:] == (Int8ub, c.Pass)


def test_switch_keeps_its_cases():
    con = Switch(this.a, {1: Int8ub}, default=Int16ul)
    assert (list(con.cases.items()), con.default) == ([(1, Int8ub)], Int16ul)
    assert type(con.keyfunc) is Path
    assert Switch(this.a, {}).default is c.Pass


def test_singletons():
    for con in (c.Pass, c.GreedyBytes, c.Flag, c.Terminated, c.VarInt):
        assert isinstance(con, core.Construct), "an instance, where Int8ub and its like are of a class that is told apart"
        assert ("x" / con).subcon is con
    assert type(c.Padding(3)) is c.Padded
    assert c.Padding(3).subcon is c.Pass
    assert c.Padding(3).length == 3


def test_integers():
    assert type(Int8ub) is c.FormatField
    assert Int8ub.fmtstr == ">B"
    assert (Int16ul.fmtstr, Int32sb.fmtstr, c.Int16un.fmtstr) == ("<H", ">l", "=H")
    assert type(Int24ub) is type(Int24ul) is c.BytesInteger
    assert (Int24ub.length, Int24ub.signed, Int24ub.swapped, Int24ul.swapped) == (3, False, False, True)
    assert type(c.BytesInteger(this.n).length) is Path
    shapes = [integer_shape(con) for con in (Int8ub, Int16ul, Int32sb, Int24ub, Int24ul, c.Float32b, c.VarInt)]
    assert shapes == [(1, 0), (2, 1), (4, 2), (3, 0), (3, 1), None, None]


def test_bit_structs():
    con = c.BitStruct("a" / c.Flag, "b" / c.BitsInteger(7), "c" / c.BitsInteger(8))
    assert type(con) is c.Transformed
    assert (con.decodefunc, con.decodeamount) == (c.bytes2bits, 2)
    inner = con.subcon
    assert type(inner) is Struct
    assert [sub.name for sub in inner.subcons] == ["a", "b", "c"]
    bits = inner.subcons[1].subcon
    assert (type(bits), bits.length, bits.signed, bits.swapped) == (c.BitsInteger, 7, False, False)
    assert type(c.BitStruct("a" / c.BitsInteger(this._.n))) is c.Restreamed, "variable widths change the class silently"


def test_names_are_layers():
    con = "outer" / ("inner" / Int8ub)
    assert type(con) is c.Renamed
    assert con.name == "outer"
    assert type(con.subcon) is c.Renamed
    hook = lambda *_: None
    hooked = "x" / Int8ub * hook
    assert hooked.parsed is hook
    assert ("x" / Int8ub).parsed is None
    assert type("x" / Int8ub * "a comment") is c.Renamed
    assert ("x" / Struct("y" / Int8ub)).subcons[0].name == "y", "Renamed forwards attributes"


def test_enums():
    con = Enum(Int8ub, a=1, b=2)
    assert type(con) is c.Enum
    assert {str(k): int(v) for k, v in con.encmapping.items()} == {"a": 1, "b": 2}
    assert type(con.subcon) is c.FormatField
    assert type(con.parse(b"\x01")) is c.EnumIntegerString
    assert type(con.parse(b"\x07")) is c.EnumInteger
    assert con.parse(b"\x01") != 1, "an Enum is never equal to a number"
    assert bool(Enum(Int8ub, zero=0).parse(b"\x00")), "and always true"


@pytest.mark.parametrize(
    ("con", "kind", "fields"),
    [
        (c.Bytes(3), c.Bytes, {"length": 3}),
        (c.Const(b"ab"), c.Const, {"value": b"ab"}),
        (c.Const(5, Int8ub), c.Const, {"value": 5, "subcon": Int8ub}),
        (c.FixedSized(3, c.GreedyBytes), c.FixedSized, {"length": 3, "subcon": c.GreedyBytes}),
        (c.Prefixed(Int8ub, c.GreedyBytes), c.Prefixed, {"lengthfield": Int8ub, "includelength": False}),
        (c.Computed(3), c.Computed, {"func": 3}),
        (c.Check(True), c.Check, {"func": True}),
        (c.Rebuild(Int8ub, 3), c.Rebuild, {"subcon": Int8ub}),
        (c.Default(Int8ub, 3), c.Default, {"subcon": Int8ub}),
        (c.BitsInteger(3), c.BitsInteger, {"length": 3, "signed": False, "swapped": False}),
    ],
)
def test_fields_of_constructs(con, kind, fields):
    assert type(con) is kind
    for name, value in fields.items():
        assert getattr(con, name) is value or getattr(con, name) == value
    if kind is c.Const:
        assert type(c.Const(b"ab").subcon) is c.Bytes
        assert c.Const(b"ab").subcon.length == 2


def test_only_structs_push_a_context():
    frame = Struct("a" / Int8ub, "s" / c.FixedSized(2, Struct("x" / c.Computed(this._.a), "y" / c.Computed(this._root.a))))
    assert frame.parse(b"\x05\x00\x00").s == c.Container(x=5, y=5)
    switch = Struct("a" / Int8ub, "s" / Switch(this.a, {1: c.Prefixed(Int8ub, c.Computed(this.a))}))
    assert switch.parse(b"\x01\x00").s == 1
    assert Struct("a" / Int8ub, "y" / c.Computed(this._root.a)).parse(b"\x05").y == 5, "the root is the outermost struct"


def test_a_section_ignores_what_is_left_over():
    frame = Struct("s" / c.FixedSized(3, Struct("x" / Int8ub)), "y" / Int8ub)
    assert frame.parse(b"\x01\xff\xff\x02").y == 2
    assert Struct("s" / c.Prefixed(Int8ub, Int8ub), "y" / Int8ub).parse(b"\x02\x01\xff\x07").y == 7


def test_building_an_if_asks_for_its_key_even_when_not_taken():
    with pytest.raises(KeyError):
        Struct("a" / Int8ub, "x" / If(this.a == 1, Int8ub)).build({"a": 0})
