"""What the exporter writes; that Wireshark understands it is tried in tests/interop/test_wireshark*.py."""

import re
from dataclasses import replace

import construct as c
import pytest
from construct import this

from tests.conformance.layouts import LAYOUTS
from tests.xproto.small import declare
from xproto.exports.lua import Expressions, UntranslatedError, comment, options, string
from xproto.exports.wireshark import dissector, filter_name
from xproto.exports.wireshark_fields import fields_of
from xproto.lower import lower
from xproto.lower.expressions import Reader
from xproto.plan import OpCode
from xproto.registry import BUILT_IN, register
from xproto.wire import Bounded, HessianText, KeyValues, Until

ALL = [*BUILT_IN, *LAYOUTS]


def own(*fields, **roles):
    """The part of a dissector that is the declaration's own, behind the prelude."""
    text = dissector(register(declare(*fields, **roles)))
    return text[text.index("local protocol = {") :]


def steps(*fields):
    """The steps that read these fields."""
    body = re.search(r"function protocol.read\(r\)\n    local v = r.v\n(.*?)\nend\n", own(*fields), re.DOTALL)
    return [line.strip() for line in body[1].splitlines()][2:]


def shown(*fields):
    """Each field's path with its type, its labels and its mask."""
    found = re.findall(r'^        \{"([^"]+)", "(\w+)"(?:, (.*))?\},$', own(*fields), re.MULTILINE)
    return {path: (kind, rest) for path, kind, rest in found}


@pytest.mark.parametrize("protocol", ALL, ids=[protocol.name for protocol in ALL])
def test_every_field_has_a_proto_field_and_nothing_stays_untranslated(protocol):
    lowered = lower(protocol)
    known = fields_of(lowered)

    def paths(fields):
        for value in fields.values():
            yield from (value.path,) if value.kind != "nothing" else ()
            yield from paths(value.fields)

    hidden = {"head.facts", "head.length"}
    assert set(paths(lowered.scope.fields)) - hidden <= {*known.by_path, *known.structs}
    text = dissector(register(protocol))
    assert "-- Not translated: nothing." in text
    for path in (*known.by_path, *known.structs):
        assert f'        {{"{path}", ' in text
    assert text == dissector(register(protocol)), "the same in every run"


def test_each_kind_of_integer():
    assert shown(
        "a" / c.Int8ub, "b" / c.Int16sl, "c" / c.Int24ub, "d" / c.Int64sb, "e" / Bounded(c.VarInt, 0, 9),
        "f" / Bounded(c.VarInt, 0, 1 << 40), "g" / c.BytesInteger(5), "h" / c.Computed(this.a - 1),
    ) == {
        "kind": ("uint8", '{[0] = "request", [1] = "response"}'), "id": ("uint32", ""), "a": ("uint8", ""), "b": ("int16", ""),
        "c": ("uint24", ""), "d": ("int64", ""), "e": ("uint8", ""), "f": ("uint64", ""), "g": ("uint64", ""),
        "h": ("int16", ""), "unread": ("bytes", ""), "padding": ("bytes", ""),
        "role.kind": ("string", ""), "role.id": ("uint64", ""), "role.service": ("string", ""), "role.method": ("string", ""),
    }  # fmt: skip


def test_bits_have_masks_and_labels():
    bits = c.BitStruct("a" / c.BitsInteger(3), c.Padding(4), "b" / c.Enum(c.BitsInteger(9), on=1, off=256))
    found = shown("bits" / bits)
    assert found["bits"] == ("none", "")
    assert found["bits.a"] == ("uint16", "nil, 0xe000")
    assert found["bits.b"] == ("uint16", '{[1] = "on", [256] = "off"}, 0x1ff')
    assert steps("bits" / bits) == [
        'r:integer("bits.word", 2, {key = "bits.word (unnamed)", hidden = true})',
        'r:bits("bits.a", "bits.word (unnamed)", 13, 3, {})',
        'r:bits("bits.b", "bits.word (unnamed)", 0, 9, {})',
    ]


def test_a_field_that_two_branches_read_in_two_ways():
    either = c.IfThenElse(this.kind == "request", Bounded(c.Int8ub, 1, 5), c.Int32sl)
    assert shown("x" / either)["x"] == ("int32", "")
    assert shown("x" / c.Switch(this.kind, {"request": c.Bytes(2)}, default=c.Int8ub))["x"] == ("bytes", "")
    assert shown("x" / c.IfThenElse(this.kind == "request", c.Int16ub, c.Computed(0)))["x"] == ("uint16", "")


def test_conditions_sections_and_what_follows():
    assert steps(
        "n" / c.Int16ub, "m" / c.Int8ub,
        "body" / c.FixedSized(this.n, KeyValues(c.Int16sl)),
        "x" / c.If((this.kind == "response") & ~(this.m > 3), c.Bytes(this.m)),
    ) == [
        'r:integer("n", 2, {})', 'r:integer("m", 1, {})',
        'r:section("body", v["n"], ((v["kind"] == 1 and not (v["m"] > 3)) and v["m"] or 0), function()',
        'r:key_values("body", 2, true, true)', "end)",
        'if (v["kind"] == 1 and not (v["m"] > 3)) then', 'r:bytes("x", v["m"], {rest = 0})', "end",
    ]  # fmt: skip


def test_how_many_bytes_follow_is_said_only_where_it_is_known():
    assert steps("n" / c.Int8ub, "a" / c.Bytes(this.n), "m" / c.Int8ub, "b" / c.Bytes(this.m))[1::2] == [
        'r:bytes("a", v["n"], {})', 'r:bytes("b", v["m"], {rest = 0})',
    ]  # fmt: skip
    assert steps("n" / c.Int8ub, "a" / c.Bytes(this.n), "t" / HessianText())[1] == 'r:bytes("a", v["n"], {})'


def test_only_the_parts_of_the_prelude_that_are_used():
    text = dissector(register(declare("x" / c.Int8ub)))
    assert "Reader:hessian_text" not in text
    assert "Reader:jce_text" not in text
    assert "Reader:hessian_text" in dissector(register(declare("x" / HessianText())))


def test_what_has_no_translation_is_named_at_the_top():
    opaque = "body" / c.Prefixed(c.Int8ub, c.Struct("text" / c.GreedyString("utf8")))
    text = dissector(register(declare(opaque)))
    assert "-- Not translated: \n--   body.text: StringEncoded, which construct interprets; it is shown as bytes\n" in text
    wide = "n" / Bounded(c.Int64ub, 0, (1 << 61)), "x" / c.If(this.n > 5, c.Int8ub), "y" / c.Int8ub
    text = dissector(register(declare(*wide)))
    said = "--   x: n, which may have more than 53 bits; the rest of its section is shown as bytes\n"
    assert said in text
    assert "    r:untranslated()\nend\n" in text
    assert 'r:integer("y"' not in text


def test_an_op_that_the_exporter_does_not_know(monkeypatch):
    monkeypatch.setattr("xproto.exports.wireshark_steps._SIMPLE", {})
    text = dissector(register(declare("t" / HessianText(), "x" / c.Int8ub)))
    assert "--   t: the primitive hessian_text; the rest of its section is shown as bytes\n" in text


def test_a_kind_that_depends_on_more_than_53_bits():
    wide = "n" / c.Int64ub
    protocol = declare(wide)
    kinds = {kind: test & (this.n != 5) for kind, test in protocol.kind.items()}
    text = dissector(register(replace(protocol, kind=kinds)))
    assert "--   kind request: n, which may have more than 53 bits; frames of it are shown as `frame`\n" in text
    assert '    do return "frame" end\n' in text


def translated(source, *fields):
    lowered = lower(declare(*fields))
    expr = Reader(lowered.scope, frozenset(), "test").read(source)
    return Expressions(lambda value: value.path).number(expr)


A, B = "a" / c.Int8ub, "b" / c.Int16ub


@pytest.mark.parametrize(
    ("source", "lua"),
    [
        (this.a + this.b * 2, "(a + (b * 2))"),
        (this.a - 3, "(a - 3)"),
        (-this.a, "(0 - a)"),
        ((this.a << 3) >> 1, "floor((a * 8) / 2)"),
        (this.a // 3 + this.a % 5, "(floor(a / 3) + (a % 5))"),
        ((this.a & 12) | (this.b ^ 1), "bor(band(a, 12), bxor(b, 1))"),
        (this.a == 3, "int(a == 3)"),
        ((this.a != 3) & (this.b >= 4), "int((a ~= 3 and b >= 4))"),
        (~((this.a < 3) | (this.b <= 4)), "int(not ((a < 3 or b <= 4)))"),
        ((this.a == 1) + (this.b > 2), "(int(a == 1) + int(b > 2))"),
    ],
)
def test_expressions(source, lua):
    assert translated(source, A, B) == lua


def test_expressions_of_more_bits_than_lua_has():
    with pytest.raises(UntranslatedError):
        translated(this.n + 1, "n" / Bounded(c.Int64ub, 0, 1 << 60))
    assert translated(this.n + 1, "n" / Bounded(c.Int64ub, 0, 1 << 50)) == "(n + 1)"


def test_literals_cannot_leave_their_quotes():
    assert string('a"b\\c') == '"a\\"b\\\\c"'
    assert string(b"\x00\n\xff") == '"\\x00\\x0a\\xff"'
    assert string("\u00e9") == '"\\xc3\\xa9"'
    assert comment("one\nos.exit()\r]] two") == "one os.exit() ]] two"
    assert options(a="1", b=True, c=False, d=None) == "{a = 1, b = true}"


def test_names_become_names_of_wireshark():
    assert filter_name("Thrift-Header_2") == "xproto_thrift_header_2"
    text = own('x"]]\nos.exit()--' / c.Enum(c.Int8ub, **{'a"\n': 1}))
    assert "\nos.exit" not in text
    assert r'{[1] = "a\"\x0a"}' in text


def test_a_field_whose_name_the_dissector_needs_itself():
    found = shown("role" / c.Int8ub, "unread" / c.Int8ub, "padding" / c.Struct("x" / c.Int8ub))
    assert found["role"] == found["unread"] == ("uint8", "")
    assert {"role_.kind", "unread_", "padding_"} <= set(found)


def test_every_op_that_reads_a_block_has_a_part_of_the_prelude():
    texts = "\n".join(dissector(register(protocol)) for protocol in BUILT_IN)
    called = set(re.findall(r"\br:(\w+)\(", texts))
    assert called <= set(re.findall(r"function Reader:(\w+)\(", texts))
    texts += dissector(register(declare("line" / Until(b"\n", 80))))
    by_hand = {
        OpCode.UNTIL: "delimited",
        OpCode.KEYVALUES: "key_values",
        OpCode.CHUNKS: "chunks",
        OpCode.CRC32: "checksum",
        OpCode.HESSIAN_ARGS: "hessian_arguments",
    }
    for code in OpCode:
        if code >= OpCode.KEYVALUES and code not in {OpCode.AHEAD, OpCode.INTERPRET}:
            assert f"function Reader:{by_hand.get(code, code.name.lower())}(" in texts
