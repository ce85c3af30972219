"""The pages that are made from declarations: what they say, and that those in docs/ are current."""

from dataclasses import replace
from pathlib import Path

import construct as c
import pytest
from construct import this

from tests.xproto.small import declare
from xproto.exports.diagram import draw
from xproto.exports.field_rows import rows_of
from xproto.exports.forms import shapes
from xproto.exports.markdown import page
from xproto.exports.words import given, power
from xproto.lower import lower
from xproto.registry import BUILT_IN, find, load, register, with_carried
from xproto.wire import Bounded, KeyValues, Raw, TrailingCrc32

PAGES = Path(__file__).parents[2] / "docs" / "protocols"
NAMES = list(with_carried(load()))


@pytest.mark.parametrize("name", NAMES)
def test_the_page_is_current(name):
    assert (PAGES / f"{name}.md").read_text(encoding="utf-8") == page(find(name)), "make docs"


def test_there_are_no_other_pages():
    assert {path.stem for path in PAGES.glob("*.md")} == set(NAMES)


def test_the_guide_links_to_every_page():
    guide = PAGES.with_suffix(".md").read_text()
    assert all(f"(protocols/{name}.md)" in guide for name in NAMES)


def forms(*fields):
    return shapes(lower(declare(*fields)).nodes)


def rows(*fields):
    registered = register(declare(*fields))
    found = rows_of(registered, shapes(registered.lowered.nodes))
    return {row.path: (row.offset, row.type, row.size, row.values, row.when) for row in found}


def test_a_diagram():
    bits = c.BitStruct("long_name" / c.BitsInteger(5), c.Padding(2), "f" / c.Flag)
    (form,) = forms("n" / c.Int8ub, "bits" / bits, "wide" / c.Int64ub, "data" / c.Bytes(this.n), "crc" / TrailingCrc32())
    assert (
        draw(form)
        == """\
 0                   1                   2                   3
 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
|      kind     |                       id                      |
+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
|      ...      |       n       |long_name|   |f|      ...      |
+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+               +
|                              wide                             |
+                                               +-+-+-+-+-+-+-+-+
|                      ...                      |
+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/                         data: n bytes                         /
+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/                          crc: 4 bytes                         /
+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+"""
    )


def test_every_row_of_a_diagram_has_its_width():
    for protocol in BUILT_IN:
        for form in shapes(lower(protocol).nodes):
            lines = draw(form).splitlines()[2:]
            assert all(len(line) <= 65 for line in lines)
            assert sum(cell.bits for cell in form.cells) % 8 == 0


def test_forms_that_cannot_be_are_left_out():
    flag = "flag" / Bounded(c.Int8ub, 0, 1)
    found = forms(flag, "a" / c.If(this.flag == 0, c.Int8ub), "b" / c.If(this.flag == 1, c.Int16ub))
    assert [form.conditions for form in found] == [("flag = 0",), ("flag = 1",)]
    assert [list(form.offsets())[3:] for form in found] == [["a"], ["b"]]


def test_forms_of_what_is_a_request_and_what_an_answer():
    found = forms("a" / c.If(this.kind == "request", c.Int8ub), "n" / c.Int8ub, "b" / c.If(this.n > 3, c.Int8ub))
    assert [form.conditions for form in found] == [
        ("kind = request", "n > 3"), ("kind = request", "n \u2264 3"),
        ("kind = response", "n > 3"), ("kind = response", "n \u2264 3"),
    ]  # fmt: skip


def test_conditions_that_change_nothing_on_the_wire_make_no_forms():
    assert len(forms("x" / c.IfThenElse(this.kind == "request", c.Computed(1), c.Computed(0)))) == 1


def test_what_follows_says_when_it_is_there():
    (form,) = forms("n" / c.Int8ub, "d" / c.Bytes(this.n), "e" / c.If(this.n > 3, c.If(this.n < 9, c.Int8ub)))
    assert [tuple(later) for later in form.after] == [("d", "n bytes", ""), ("e", "1 byte", "n > 3 and n < 9")]


def test_rows():
    assert rows(
        "n" / Bounded(c.Int16ul, 0, 40), "e" / c.Enum(c.Int8sb, a=1, b=2), "magic" / c.Const(b"\xca\xfe"),
        "x" / c.IfThenElse(this.n == 1, c.Int8ub, c.Computed(7)), "later" / c.Int8ub,
        "h" / c.FixedSized(this.n, KeyValues(c.Int8ub)), "s" / c.FixedSized(3, c.Struct("a" / c.Int8ub, "b" / c.GreedyBytes)),
    ) == {
        "kind": ("0", "unsigned integer", "1", "0 request, 1 response", "always"),
        "id": ("1", "unsigned integer", "4", "", "always"),
        "n": ("5", "unsigned integer, little-endian", "2", "0 to 40", "always"),
        "e": ("7", "signed integer", "1", "1 a, 2 b; others too", "always"),
        "magic": ("8", "constant", "2", "`cafe`", "always"),
        "x": ("10", "unsigned integer or computed", "1 if n = 1, else none", "any if n = 1, else 7", "always"),
        "later": ("10 or 11", "unsigned integer", "1", "", "always"),
        "h": ("", "pairs of texts, each behind its length", "n", "", "always"),
        "s": ("", "section", "3", "", "always"),
        "s.a": ("", "unsigned integer", "1", "", "always"),
        "s.b": ("", "bytes", "what is left", "", "always"),
    }  # fmt: skip


def test_an_offset_that_is_fixed_in_one_form_only():
    flag = "flag" / Bounded(c.Int8ub, 0, 1)
    found = rows(flag, "n" / c.Int8ub, "d" / c.If(this.flag == 1, c.Bytes(this.n)), "x" / c.Int8ub)
    assert (found["n"][0], found["x"][0]) == ("6", "7 or later")


def test_bits_are_rows_with_their_place():
    bits = c.BitStruct("a" / c.BitsInteger(3), c.Padding(4), "b" / c.Flag)
    found = rows("bits" / bits)
    assert found["bits.a"][:3] == ("5, bit 0", "bits", "3 bits")
    assert found["bits.b"][:3] == ("5, bit 7", "bit", "1 bit")


def test_the_page_says_what_stays_interpreted():
    opaque = "body" / c.Prefixed(c.Int8ub, c.Struct("text" / c.GreedyString("utf8")))
    text = page(register(declare(opaque)))
    assert "read by construct alone: body.text: StringEncoded." in text
    assert "| `body.text` | read by construct | what is left |" in text


def test_a_page_without_replies_and_heartbeats():
    text = page(register(replace(declare(), doc="A title.\n\nMore.")))
    assert text.startswith("# t\n\n<!-- Made by `xproto export markdown t` from the declaration. -->\n\nA title.\n\nMore.\n")
    assert "None: the connection is closed instead." in text
    assert "## Heartbeats\n\nNone.\n" in text


def test_bars_do_not_break_a_table():
    text = page(register(declare("n" / c.Int8ub, "x" / c.Computed(this.n | 1))))
    assert "| `x` | computed |  | n \\| 1 | always |" in text


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "0"), (9999, "9999"), (10_000, "10,000"), (65_536, "2^16"), (65_535, "2^16 - 1"), (-128, "-128"),
     (-(1 << 31), "-2^31"), ((1 << 32) - 1, "2^32 - 1"), (-(1 << 31) + 1, "-2,147,483,647")],
)  # fmt: skip
def test_bounds(number, text):
    assert power(number) == text


def test_what_a_reply_is_given():
    fields = {"status": 6, "body": {"text": b"no route", "raw": Raw(b"\x00\x01"), "none": b""}, "made": len, "kind": "response"}
    assert given(fields) == 'status = 6, body.text = "no route", body.raw = hex 0001, body.none = empty, kind = response'
