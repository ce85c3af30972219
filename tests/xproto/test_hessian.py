"""Hessian2: texts and maps come back, everything else is walked over, and the kernel walks as construct's side does."""

import json
from pathlib import Path

import construct as c
import pytest
from construct import FixedSized, If, Int8ub, Int16ub, Int32ub, Struct, this
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.xproto.small import LEAD, actual, codec, expected, layout
from xproto.errors import MalformedError
from xproto.registry import load
from xproto.spec import first, item, unless, view
from xproto.wire import HessianArguments, HessianMap, HessianText, Raw
from xproto.wire.hessian import count_types, decode_text, encode_map, encode_text, encode_value
from xproto.wire.hessian_skip import MAX_CLASSES, MAX_DEPTH, BadValueError

FACTS = json.loads((Path(__file__).parents[1] / "vectors" / "facts.json").read_text())
SCRATCH = 4096
"""Bytes that `find_bytes` keeps for texts that are not in one piece on the wire."""
TEXT, MAP = HessianText(), HessianMap()
CALL = Struct("path" / HessianText(), "types" / HessianText(), "args" / HessianArguments(this.types), "map" / HessianMap())
ROOT = codec("path" / HessianText(), "map" / HessianMap(), headers=this.map, service=this.path)
SIZED = codec(
    "n" / Int32ub, "call" / FixedSized(this.n, CALL),
    headers=this.call.map, service=this.call.path, method=item(this.call.args),
)  # fmt: skip
VIEW = codec("path" / HessianText(), "map" / HessianMap(), headers=view(this.map, path=this.path), service=this.path)


def sized(body: bytes) -> bytes:
    return LEAD + len(body).to_bytes(4, "big") + body


def agreed(body: bytes) -> int | str:
    """What the kernel and construct make of these texts, arguments and map."""
    found = actual(SIZED, sized(body))
    assert found == expected(SIZED.lowered.protocol.frame, sized(body))
    return found if isinstance(found, str) else found - 9


def units(text: str) -> int:
    return len(text.encode("utf-16-be", "surrogatepass")) // 2


# Texts

LENGTHS = [0, 1, 31, 32, 33, 255, 256, 1023, 1024, 1025, 0x7FFF, 0x8000, 0x8001, 0x10001]
LEADS = {0: b"\x00", 31: b"\x1f", 32: b"\x30\x20", 1023: b"\x33\xff", 1024: b"S\x04\x00", 0x8000: b"S\x80\x00",
         0x8001: b"R\x80\x00"}  # fmt: skip


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("letter", ["a", "é", "中", "😀"])
def test_texts_of_every_length_come_back(length, letter):
    text = (letter * length)[: length // units(letter)]
    data = TEXT.build(text)
    assert data.startswith(LEADS.get(units(text), b""))
    assert TEXT.parse(data) == text
    frame = LEAD + data + b"N"
    assert actual(ROOT, frame) == len(frame)


@given(st.text(max_size=60))
def test_any_text_comes_back(text):
    assert TEXT.parse(TEXT.build(text)) == text
    frame = LEAD + encode_text(text) + b"N"
    assert ROOT.lookup(("service",)).find_bytes(frame) == (text.encode(),), "as plain UTF-8, whatever was on the wire"


def test_null_is_no_text():
    assert (TEXT.build(None), TEXT.parse(b"N"), encode_value(None)) == (b"N", None, b"N")
    assert ROOT.lookup(("service",)).find_bytes(LEAD + b"NN") == (None,)
    assert ROOT.lookup(("service",)).find_bytes(LEAD + b"\x00N") == (b"",)


def test_an_emoji_is_two_surrogates_of_three_bytes_and_is_joined_for_routing():
    assert encode_text("a😀b") == b"\x04a\xed\xa0\xbd\xed\xb8\x80b"
    assert decode_text(b"a\xed\xa0\xbd\xed\xb8\x80b") == "a😀b"
    frame = LEAD + encode_text("a😀b") + b"N"
    assert ROOT.lookup(("service",)).find_bytes(frame) == ("a😀b".encode(),)


def test_an_emoji_of_four_bytes_counts_as_two_units():
    assert TEXT.parse(b"\x04a\xf0\x9f\x98\x80b") == "a😀b"
    assert ROOT.lookup(("service",)).find_bytes(LEAD + b"\x04a\xf0\x9f\x98\x80bN") == ("a😀b".encode(),)
    assert agreed(b"\x01\xf0\x9f\x98\x80\x00N") == "bad"


def test_a_surrogate_alone_stays_as_it_is():
    for half in (b"\xed\xa0\xbd", b"\xed\xb8\x80"):
        frame = LEAD + b"\x02" + half + b"xN"
        assert ROOT.lookup(("service",)).find_bytes(frame) == (half + b"x",)
    backwards = b"\xed\xb8\x80\xed\xa0\xbd"
    assert ROOT.lookup(("service",)).find_bytes(LEAD + b"\x02" + backwards + b"N") == (backwards,)


def test_bytes_that_are_no_text_are_shown_escaped():
    assert decode_text(b"\xc3\x28") == "\\xc3("


def test_a_text_in_chunks_is_joined():
    data = b"R\x00\x02ab" + b"R\x00\x01c" + b"\x02de"
    assert TEXT.parse(data) == "abcde"
    assert ROOT.lookup(("service",)).find_bytes(LEAD + data + b"N") == (b"abcde",)


def test_an_emoji_cut_in_two_by_chunks_is_joined():
    data = b"R\x00\x02a\xed\xa0\xbd" + b"\x02\xed\xb8\x80b"
    assert TEXT.parse(data) == "a😀b"
    assert ROOT.lookup(("service",)).find_bytes(LEAD + data + b"N") == ("a😀b".encode(),)


def chunked(size: int) -> bytes:
    return b"R" + (size - 1).to_bytes(2, "big") + b"a" * (size - 1) + b"\x01b"


@pytest.mark.parametrize("key", ["service", "k"])
def test_a_text_too_long_for_the_scratch_space_is_malformed_and_not_absent(key):
    def frame(text: bytes) -> bytes:
        return LEAD + (text + b"N" if key == "service" else b"\x00H\x01k" + text + b"Z")

    lookup = ROOT.lookup((key,))
    assert lookup.find_bytes(frame(chunked(SCRATCH))) == (b"a" * (SCRATCH - 1) + b"b",)
    assert lookup.find_bytes(frame(encode_text("a" * 0x8000))) == (b"a" * 0x8000,), "in one piece it needs no scratch"
    for text in (chunked(SCRATCH + 1), encode_text("😀" * 700)):
        with pytest.raises(MalformedError, match="t: headers: the header block cannot be read"):
            lookup.find_bytes(frame(text))
        assert actual(ROOT, frame(text)) == len(frame(text)), "the frame itself is well-formed"


def test_an_argument_too_long_for_the_scratch_space_matters_only_to_those_who_ask():
    """Long strings are everyday arguments; the method is the first of them in generic calls alone."""
    roles = {"headers": this.call.map, "method": first(unless(this.call.path, b"$invoke"), item(this.call.args))}
    under_test = codec("n" / Int32ub, "call" / FixedSized(this.n, CALL), **roles)
    lookup = under_test.lookup(("method", "k"))

    def frame(path, argument):
        return sized(encode_text(path) + b"\x01I" + argument + b"H\x01k" + chunked(SCRATCH) + b"Z")

    for argument in (chunked(SCRATCH + 1), encode_text("😀" * 50_000), b"R\x0f\x00" + b"a" * 0xF00 + chunked(SCRATCH)):
        assert [len(value) for value in lookup.find_bytes(frame("echo", argument))] == [4, SCRATCH], "nothing was used up"
        with pytest.raises(MalformedError):
            lookup.find_bytes(frame("$invoke", argument))
    assert under_test.lookup(("method",)).find_bytes(frame("$invoke", chunked(SCRATCH))) == (b"a" * (SCRATCH - 1) + b"b",)


def test_two_texts_share_the_scratch_space():
    frame = LEAD + chunked(3000) + b"H\x01k" + chunked(1000) + b"Z"
    assert [len(v) for v in ROOT.lookup(("service", "k")).find_bytes(frame)] == [3000, 1000]
    with pytest.raises(MalformedError):
        ROOT.lookup(("service", "k")).find_bytes(LEAD + chunked(3000) + b"H\x01k" + chunked(1097) + b"Z")


def test_keys_in_chunks_do_not_use_it_up():
    pairs = b"".join(b"R\x04\x00" + b"x" * 1024 + b"\x01y" + b"\x01v" for _ in range(20))
    assert ROOT.lookup(("k",)).find_bytes(LEAD + b"\x00H" + pairs + b"R\x00\x00\x01k\x01vZ") == (b"v",)


# Values and arguments

SIMPLE = [
    b"N", b"T", b"F", b"\x90", b"\x80", b"\xbf", b"\xc8\x01", b"\xd4\x01\x02", b"I\x00\x00\x00\x01", b"\xe0", b"\xf8\x01",
    b"\x3c\x01\x02", b"Y\x00\x00\x00\x01", b"L\x00\x00\x00\x00\x00\x00\x00\x01", b"D@\x00\x00\x00\x00\x00\x00\x00", b"[", b"\\",
    b"]\x01", b"^\x01\x02", b"_\x01\x02\x03\x04", b"J\x00\x00\x00\x00\x00\x00\x00\x01", b"K\x00\x00\x00\x01", b"\x01a",
    b"\x30\x01a", b"S\x00\x01a", b"R\x00\x01a\x00", b"\x20", b"\x22ab", b"\x34\x02ab", b"B\x00\x02ab", b"A\x00\x01a\x21b",
    b"HZ", b"H\x01k\x90Z", b"M\x01t\x01k\x90Z", b"M\x90\x01k\x90Z", b"W\x90\x91Z", b"U\x01t\x90Z", b"V\x01t\x92\x90\x91",
    b"X\x92\x90\x91", b"\x72\x01t\x90\x91", b"\x72\x90\x90\x91", b"\x7a\x90\x91", b"C\x01c\x92\x01a\x01b\x60\x90\x91",
    b"C\x01c\x90O\x90", b"Q\x90",
]  # fmt: skip
BROKEN = [b"", b"G", b"Z", b"@", b"\x01", b"I\x00", b"X\x8f", b"V\x01tI\xff\xff\xff\xff", b"O\x90", b"\x60",
          b"C\x01c\x91N", b"B\x00\x05a", b"A\x00\x01aI", b"\x01\xff", b"\x01\x80", b"H\x01k", b"W\x90", b"\x7a\x90",
          b"XI\x7f\xff\xff\xff", b"\x34", b"C\x01c\x8f"]  # fmt: skip


@pytest.mark.parametrize("value", SIMPLE, ids=bytes.hex)
def test_every_kind_of_value_is_walked_over(value):
    body = b"\x00\x01I" + value + b"N"
    assert agreed(body) == len(body)
    assert CALL.parse(body).args == Raw(value)
    twice = b"\x00\x02IJ" + value + b"\x90" + b"H\x01v" + value + b"\x01k\x01vZ"
    assert agreed(twice) == len(twice)
    assert SIZED.lookup(("k",)).find_bytes(sized(twice)) == (b"v",)


@pytest.mark.parametrize("value", BROKEN, ids=bytes.hex)
def test_what_is_no_value_is_refused(value):
    assert agreed(b"\x00\x01I" + value) == "bad"


PARTS = [*SIMPLE, *BROKEN, b"H", b"Z", b"W", b"M", b"\x01k", b"N", b"\xff", b"\x60", b"\x7f"]
PIECES = st.sampled_from(PARTS) | st.binary(max_size=3)
DESCRIPTORS = ["", "I", "II", "[I", "Ljava/lang/String;", "[[Lx;J", "L", "[", "Q", "Ié"]


@settings(deadline=None, max_examples=2 * settings.default.max_examples)
@given(st.sampled_from(DESCRIPTORS), st.lists(PIECES, max_size=8))
def test_the_kernel_walks_as_construct_does(types, pieces):
    body = encode_text("p") + encode_text(types) + b"".join(pieces)
    for ending in (b"", b"N", b"H\x01k\x01vZ", b"Z"):
        agreed(body + ending)


@settings(deadline=None)
@given(st.lists(PIECES, max_size=8))
def test_a_map_at_the_root_is_short_or_malformed_as_in_construct(pieces):
    for frame in (LEAD + b"N" + b"".join(pieces), LEAD + b"".join(pieces), LEAD + b"NH" + b"".join(pieces) + b"Z"):
        assert actual(ROOT, frame) == expected(ROOT.lowered.protocol.frame, frame)


def test_nesting_is_counted_and_not_recursed():
    for depth, outcome in ((MAX_DEPTH, None), (MAX_DEPTH + 1, "bad")):
        body = b"\x00\x01I" + b"W" * depth + b"Z" * depth + b"N"
        assert agreed(body) == (outcome or len(body))
    body = b"\x00\x01I" + b"\x79" * 5000 + b"\x90" + b"N"
    assert agreed(body) == len(body), "lists of a known length need no level"


def test_definitions_are_counted():
    for count, outcome in ((MAX_CLASSES, None), (MAX_CLASSES + 1, "bad")):
        body = b"\x00\x01I" + b"C\x01c\x90" * count + b"\x60" + b"N"
        assert agreed(body) == (outcome or len(body))


def test_definitions_of_the_arguments_hold_in_the_attachments():
    body = b"\x00\x01I" + b"C\x01c\x91\x01f\x60\x90" + b"H\x01o\x60\x91\x01k\x01vZ"
    assert agreed(body) == len(body)
    assert SIZED.lookup(("k",)).find_bytes(sized(body)) == (b"v",), "a lookup reads what comes before it"
    assert agreed(b"\x00\x01I\x90" + b"H\x01o\x60\x91Z") == "bad"


def test_arguments_are_as_many_as_the_descriptor_says():
    built = CALL.build({"path": "p", "types": "ILx;[J", "args": [1, "two", Raw(b"HZ")], "map": None})
    assert CALL.parse(built).args == Raw(b"\x91\x03twoHZ")
    assert agreed(built) == len(built)
    assert CALL.parse(CALL.build({"path": "p", "types": "", "args": None, "map": None})).args == Raw(b"")
    assert CALL.build({"path": "p", "types": "I", "args": Raw(b"\x95"), "map": {}}) == b"\x01p\x01I\x95HZ"


@pytest.mark.parametrize(
    ("descriptor", "count"),
    [
        (None, 0), ("", 0), ("I", 1), ("VZBCDFIJS", 9), ("Ljava/lang/String;", 1), ("[I", 1), ("[[[J", 1),
        ("[Ljava/util/Map;I", 2), ("L;", None), ("L1II;", None), ("La.b;", None), ("La/B$1;[J", 2),
        ("L", None), ("La", None), ("[", None), ("I[", None), ("X", None), ("I;", None),
    ],
)  # fmt: skip
def test_descriptors(descriptor, count):
    if count is None:
        with pytest.raises(BadValueError):
            count_types(descriptor)
    else:
        assert count_types(descriptor) == count
    body = b"\x00" + encode_text(descriptor) + b"\x90" * (count or 0) + b"N"
    assert agreed(body) == (len(body) if count is not None else "bad")


def test_the_first_argument_as_a_method():
    lookup = SIZED.lookup(("method",))
    assert lookup.find_bytes(sized(b"\x00\x02II\x03add\x90N")) == (b"add",)
    assert lookup.find_bytes(sized(b"\x00\x02II\x90\x03addN")) == (None,)
    assert lookup.find_bytes(sized(b"\x00\x00N")) == (None,)


def test_values_that_are_written():
    assert [encode_value(v) for v in (True, False, 0, 47, -16, 48, -(2**31), "a")] == [
        b"T", b"F", b"\x90", b"\xbf", b"\x80", b"I\x00\x00\x00\x30", b"I\x80\x00\x00\x00", b"\x01a",
    ]  # fmt: skip
    for value in (1.5, b"bytes", [1]):
        with pytest.raises(c.StringError, match=f"{type(value).__name__} is not written as Hessian2 here; give Raw"):
            encode_value(value)


# Maps

VALUES = st.text(max_size=8) | st.sampled_from([Raw(data) for data in SIMPLE if data[0] not in b"\x00\x01\x30SRCO"])


@settings(deadline=None)
@given(st.lists(st.tuples(st.text(max_size=4), VALUES), max_size=6))
def test_maps_come_back(pairs):
    assert MAP.parse(MAP.build(pairs)) == pairs
    frame = LEAD + b"\x00" + MAP.build(pairs)
    assert actual(ROOT, frame) == len(frame)
    last = dict(pairs).get("a")
    assert ROOT.lookup(("a",)).find_bytes(frame) == (last.encode() if isinstance(last, str) else None,)


def test_a_map_is_built_from_pairs_a_mapping_or_nothing():
    assert (MAP.build(None), MAP.build({})) == (b"N", b"HZ")
    assert MAP.build({"a": "1"}) == MAP.build([("a", "1")]) == encode_map({"a": "1"}) == b"H\x01a\x011Z"
    assert MAP.parse(b"N") is None
    assert MAP.parse(b"M\x01t\x01a\x011Z") == [("a", "1")]


@pytest.mark.parametrize(
    ("block", "values"),
    [
        (b"N", (b"field", None)),
        (b"HZ", (b"field", None)),
        (b"H\x04path\x03newZ", (b"new", None)),
        (b"H\x04path\x03new\x04path\x04lastZ", (b"last", None)),
        (b"H\x04path\x03new\x04pathNZ", (None, None)),
        (b"H\x04pathN\x04path\x03newZ", (b"new", None)),
        (b"H\x04pathNZ", (None, None)),
        (b"H\x04path\x00Z", (b"", None)),
        (b"H\x04path\x90Z", (None, None)),
        (b"H\x04pathHZZ", (None, None)),
        (b"H\x04Path\x03newZ", (b"field", None)),
        (b"HN\x03new\x90\x03newZ", (b"field", None)),
        (b"M\x01t\x04path\x03new\x01k\x01vZ", (b"new", b"v")),
        (b"H\x01k\x01v\x01kNZ", (b"field", None)),
        (b"H\x01k\x01v\x01k\x90Z", (b"field", None)),
        (b"H\x01k\x90\x01k\x01vZ", (b"field", b"v")),
        (b"HR\x00\x02pa\x02th\x03newZ", (b"new", None)),
    ],
)
def test_a_view_overrides_its_fields(block, values):
    """The last of equal keys counts; one that is there and no text still hides the field."""
    frame = LEAD + b"\x05field" + block
    assert actual(VIEW, frame) == len(frame)
    assert VIEW.lookup(("path", "k")).find_bytes(frame) == values
    assert VIEW.lookup(("service",)).find_bytes(frame) == (b"field",), "the role names the field itself"


def test_sources_in_order():
    roles = {"headers": this.map, "service": first(unless(this.a, b"-", b""), this.b), "method": first(this.b, this.a)}
    under_test = codec("x" / Int8ub, "a" / HessianText(), "b" / If(this.x, HessianText()), "map" / HessianMap(), **roles)
    lookup = under_test.lookup(("service", "method"))
    for frame, found in {
        b"\x01\x01a\x01bN": (b"a", b"b"),
        b"\x01\x01-\x01bN": (b"b", b"b"),
        b"\x01\x00\x01bN": (b"b", b"b"),
        b"\x01NNN": (None, None),
        b"\x00\x01aN": (b"a", b"a"),
        b"\x00\x01-N": (None, b"-"),
    }.items():
        assert lookup.find_bytes(LEAD + frame) == found


def test_a_role_wins_over_a_header_of_its_name():
    frame = LEAD + b"\x05fieldH\x07service\x06headerZ"
    assert ROOT.lookup(("service",)).find_bytes(frame) == (b"field",)


ANSWERED = [f for f in FACTS["dubbo"]["resolution"] if isinstance(f.get("answer"), str)]


@pytest.mark.parametrize("case", ANSWERED, ids=lambda f: f["name"])
def test_dubbo_calls_go_where_java_takes_them(case):
    """`answer` is the service that a real provider invoked, as group/path:version."""
    values = DUBBO.lookup(("group", "service", "version", "method")).find_bytes(bytes.fromhex(case["request"]))
    group, service, version, method = (None if value is None else value.decode() for value in values)
    if method != "whoami":
        assert method == "echo"
        return
    invoked = (f"{group}/" if group else "") + service + (f":{version}" if version not in {None, "", "0.0.0"} else "")
    assert invoked == case["answer"]


DUBBO = load()["dubbo"].codec


@pytest.mark.parametrize(
    ("name", "service"),
    [
        ("attachment path null", None),
        ("attachment path empty", b""),
        ("group in the path", b"blue/com.test.EchoService"),
    ],
)
def test_dubbo_calls_that_java_refuses_do_not_become_others(name, service):
    case = next(f for f in FACTS["dubbo"]["resolution"] if f["name"] == name)
    assert "answer" not in case
    assert DUBBO.lookup(("service",)).find_bytes(bytes.fromhex(case["request"])) == (service,)


def test_dubbo_strings_that_java_refuses_are_malformed():
    case = next(f for f in FACTS["dubbo"]["resolution"] if f["name"] == "emoji as four bytes, one unit")
    with pytest.raises(MalformedError):
        DUBBO.lookup(("service",)).find_bytes(bytes.fromhex(case["request"]))


def test_a_text_under_a_condition():
    under_test = codec("x" / Int16ub, "a" / If(this.x == 1, HessianText()), service=this.a)
    assert under_test.lookup(("service",)).find_bytes(LEAD + b"\x00\x01\x01a") == (b"a",)
    assert under_test.lookup(("service",)).find_bytes(LEAD + b"\x00\x02") == (None,)
    frame = layout("x" / Int16ub, "a" / If(this.x == 1, HessianText()))
    assert expected(frame, LEAD + b"\x00\x01\x05a") == actual(under_test, LEAD + b"\x00\x01\x05a") == "need"
