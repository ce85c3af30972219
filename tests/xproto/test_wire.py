"""Wire primitives: what they build they read back, what is no value of theirs is refused, and the kernel agrees."""

import json
import zlib
from pathlib import Path

import construct as c
import pytest
from construct import Bytes, FixedSized, Int8ub, Int16ub, Int16ul, Int24ub, Int32sb, Int32ub, Int64ub, Prefixed, VarInt, this
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.xproto.small import LEAD, actual, codec, expected, layout
from xproto.errors import MalformedError
from xproto.plan import LITTLE, SIGNED
from xproto.wire import Bounded, Chunked, KeyValues, Known, TrailingCrc32, size_of

FACTS = json.loads((Path(__file__).parents[1] / "vectors" / "facts.json").read_text())
STRICTER = {
    "length -2 as a value", "least length as a value", "key without a value", "one byte of a length",
    "three bytes of a length", "value runs past the end by 3", "key runs past the end by 3",
}  # fmt: skip
"""Where Java guesses and the proxy refuses: docs/decisions/0002-stricter-than-the-server.md."""
PAIRS = KeyValues(Int32sb)
BLOCK = ("n" / Int16ub, "block" / FixedSized(this.n, PAIRS))
TEXT = st.text(max_size=12)


def block_frame(block: bytes) -> bytes:
    return LEAD + len(block).to_bytes(2, "big") + block


def texts(*parts):
    """Lengths (None stands for -1, a number for itself) and bytes, as they stand on the wire."""
    out = b""
    for part in parts:
        if isinstance(part, bytes):
            out += len(part).to_bytes(4, "big") + part
        else:
            out += (-1 if part is None else part).to_bytes(4, "big", signed=True)
    return out


PARTS = [texts(b"a"), texts(b"b"), texts(b""), texts(None), texts(-2), texts(3), b"\x00", b"xyz"]
PAIR_CODEC = codec(*BLOCK, headers=this.block)

# KeyValues


@given(st.lists(st.tuples(TEXT, TEXT), max_size=6))
def test_pairs_come_back(pairs):
    assert PAIRS.parse(PAIRS.build(pairs)) == pairs
    assert PAIRS.build(dict(pairs)) == PAIRS.build(list(dict(pairs).items()))


@pytest.mark.parametrize("length", [Int8ub, Int16ub, Int16ul, Int24ub, Int32ub, Int32sb, Int64ub, c.Int64sl])
def test_pairs_with_lengths_of_every_width(length):
    pairs = [("a", "1"), ("", ""), ("ключ", "😀")]
    block = KeyValues(length)
    data = block.build(pairs)
    assert block.parse(data) == pairs
    under_test = codec("n" / Int16ub, "b" / FixedSized(this.n, block), headers=this.b)
    frame = block_frame(data)
    assert under_test.verify_bytes(frame) == len(frame)
    assert under_test.lookup(("ключ", "", "a", "b")).find_bytes(frame) == ("😀".encode(), b"", b"1", None)


def test_bytes_that_are_no_utf_8_pass_unchanged():
    block = texts(b"k\xff", b"\xc3\x28")
    assert PAIRS.build(PAIRS.parse(block)) == block


@pytest.mark.parametrize("case", FACTS["bolt"]["header_blocks"], ids=lambda case: case["name"])
def test_header_blocks_as_java_reads_them(case):
    block = bytes.fromhex(case["block"])
    under_test = codec(*BLOCK, headers=this.block)
    keys = ("a", "b", "service", "Service", "", "sofa_head_method_name")
    lookup = under_test.lookup(keys)
    if case["name"] in STRICTER:
        with pytest.raises(MalformedError, match="t: block: malformed keyvalues, at offset 7"):
            under_test.verify_bytes(block_frame(block))
        with pytest.raises(MalformedError, match="t: headers: the header block cannot be read, at offset 0"):
            lookup.find_bytes(block_frame(block))
        with pytest.raises((c.StreamError, c.StringError)):
            PAIRS.parse(block)
        return
    found = dict(zip(keys, lookup.find_bytes(block_frame(block)), strict=True))
    if case["name"] == "surrogates as three bytes each":
        assert found["a"] == b"\xed\xa0\xbd\xed\xb8\x80", "a matter of decoding: the bytes are what routes compare"
        return
    java = {key: case["headers"].get(key) for key in keys}
    assert {key: value and value.decode(errors="replace") for key, value in found.items() if value != b""} == {
        key: value for key, value in java.items() if value != ""
    }
    assert all(found[key] == b"" for key, value in java.items() if value == "")
    assert {k: v.encode("utf-8", "surrogateescape") for k, v in PAIRS.parse(block)}.get("a") == found["a"]


@pytest.mark.parametrize(
    ("block", "pairs"),
    [
        (texts(b"a", None), []),
        (texts(None, b"1"), []),
        (texts(None, None), []),
        (texts(b"a", b"1", b"a", None), [("a", "1")]),
        (texts(b"a", None, b"a", b"1"), [("a", "1")]),
        (texts(b"a", b"1", b"a", b"2"), [("a", "1"), ("a", "2")]),
        (texts(b"a", b"1", b"a", b""), [("a", "1"), ("a", "")]),
        (b"", []),
    ],
)
def test_nulls_and_repeated_keys(block, pairs):
    under_test = codec(*BLOCK, headers=this.block)
    last = {key: value.encode() for key, value in pairs}.get("a")
    assert PAIRS.parse(block) == pairs
    assert under_test.lookup(("a",)).find_bytes(block_frame(block)) == (last,)


@pytest.mark.parametrize(
    "block",
    [
        texts(b"a"), texts(b"a", 5), texts(b"a", 5) + b"xyz", texts(5) + b"xyz", texts(-2), texts(b"a", -2),
        texts(b"a", b"1") + b"\x00", texts(b"a", b"1") + bytes(3), texts(-(2**31)), texts(2**31 - 1), texts(b"a", 2**31 - 1),
    ],
)  # fmt: skip
def test_blocks_that_are_refused(block):
    under_test = codec(*BLOCK, headers=this.block)
    assert actual(under_test, block_frame(block)) == "bad"
    with pytest.raises((c.StreamError, c.StringError)):
        PAIRS.parse(block)


def test_an_unsigned_length_has_no_null():
    under_test = codec("n" / Int16ub, "b" / FixedSized(this.n, KeyValues(Int32ub)), headers=this.b)
    assert actual(under_test, block_frame(texts(b"a", None))) == "bad"


@settings(deadline=None)
@given(st.lists(st.sampled_from(PARTS), max_size=8))
def test_blocks_as_construct_reads_them(parts):
    under_test = PAIR_CODEC
    block = b"".join(parts)
    frame = block_frame(block)
    assert actual(under_test, frame) == expected(under_test.lowered.protocol.frame, frame)
    if actual(under_test, frame) != "bad":
        pairs = {key: value.encode() for key, value in PAIRS.parse(block)}
        assert under_test.lookup(("a", "b", "")).find_bytes(frame) == (pairs.get("a"), pairs.get("b"), pairs.get(""))


# Chunked

CHUNKS = Chunked(Int16ul)


@given(st.lists(st.binary(min_size=1, max_size=20), max_size=5))
def test_chunks_come_back(chunks):
    data = CHUNKS.build(chunks)
    assert CHUNKS.parse(data) == chunks
    assert data == b"".join(len(chunk).to_bytes(2, "little") + chunk for chunk in chunks) + b"\x00\x00"


def test_a_body_in_one_piece_is_one_chunk():
    assert CHUNKS.parse(CHUNKS.build(b"whole")) == [b"whole"]
    assert CHUNKS.build(b"") == CHUNKS.build([]) == CHUNKS.build(None) == CHUNKS.build([b""]) == b"\x00\x00"
    with pytest.raises(c.FormatFieldError):
        Chunked(Int8ub).build(bytes(256))


@pytest.mark.parametrize("length", [Int8ub, Int16ub, Int16ul, Int24ub, Int32ub])
@settings(deadline=None, max_examples=settings.default.max_examples // 4)
@given(chunks=st.lists(st.binary(min_size=1, max_size=9), max_size=3), data=st.data())
def test_chunks_at_the_root(length, chunks, data):
    frame = layout("b" / Chunked(length), "end" / Int8ub)
    under_test = codec(frame=frame)
    whole = LEAD + Chunked(length).build(chunks) + b"\x01"
    cut = whole[: data.draw(st.integers(0, len(whole)))]
    assert actual(under_test, whole) == len(whole)
    assert actual(under_test, cut) == expected(frame, cut)


def test_a_chunk_over_the_frame_limit_is_malformed_at_once():
    under_test = codec("b" / Chunked(Int32ub))
    with pytest.raises(MalformedError, match="t: b: malformed chunks, at offset 5"):
        under_test.scan_bytes(LEAD + b"\x40\x00\x00\x00")
    assert under_test.scan_bytes(LEAD + b"\x00\x00\x00\x05").total == 5 + 4 + 5 + 4


def test_chunks_in_a_section_must_end_there():
    under_test = codec("s" / Prefixed(Int8ub, Chunked(Int8ub)))
    assert actual(under_test, LEAD + b"\x04\x02ab\x00") == 10
    assert actual(under_test, LEAD + b"\x03\x02ab\x00") == "bad"
    assert actual(under_test, LEAD + b"\x06\x02ab\x00zz") == 12


# TrailingCrc32


@pytest.mark.parametrize("little", [False, True])
@given(body=st.binary(max_size=40), new_id=st.integers(0, 2**32 - 1))
@settings(deadline=None)
def test_checksums(little, body, new_id):
    crc = TrailingCrc32(little=little)
    frame = layout("n" / Int8ub, "x" / Bytes(this.n), "crc" / crc)
    under_test = CRC[little]
    built = frame.build({"kind": "request", "id": 1, "n": len(body), "x": body})
    assert int.from_bytes(built[-4:], "little" if little else "big") == zlib.crc32(built[:-4])
    assert frame.parse(built).crc == zlib.crc32(built[:-4])
    assert under_test.verify_bytes(built) == len(built)
    changed = under_test.with_id(built, new_id)
    assert under_test.verify_bytes(changed) == len(built)
    assert frame.parse(changed).id == new_id


CRC = [
    codec("n" / Int8ub, "x" / Bytes(this.n), "crc" / TrailingCrc32(little=False)),
    codec("n" / Int8ub, "x" / Bytes(this.n), "crc" / TrailingCrc32(little=True)),
]


@pytest.mark.parametrize("little", [False, True])
def test_a_checksum_that_is_wrong_stays_wrong(little):
    under_test = CRC[little]
    good = under_test.lowered.protocol.frame.build({"kind": "request", "id": 1, "n": 3, "x": b"abc"})
    for at in range(5, len(good)):
        bad = good[:at] + bytes((good[at] ^ 0x20,)) + good[at + 1 :]
        if at == 5:
            continue  # the length
        changed = under_test.with_id(bad, 77)
        for frame in (bad, changed):
            with pytest.raises(MalformedError, match="t: crc: checksum does not match"):
                under_test.verify_bytes(frame)
            with pytest.raises(c.ChecksumError):
                under_test.lowered.protocol.frame.parse(frame)
        assert under_test.scan_bytes(bad).crc_at == len(good) - 4, "a scan does not read what it covers"


# Integers


def test_bounded_builds_and_parses_within_its_bounds():
    con = Bounded(Int8ub, 3, 5)
    assert [con.parse(con.build(n)) for n in (3, 4, 5)] == [3, 4, 5]
    for n in (2, 6):
        with pytest.raises(c.ValidationError):
            con.build(n)
        with pytest.raises(c.ValidationError):
            con.parse(bytes((n,)))


def test_known_takes_names_only():
    con = Known(c.Enum(Int8ub, a=1, b=5))
    assert (con.parse(b"\x05"), con.build("a")) == ("b", b"\x01")
    with pytest.raises(c.ValidationError):
        con.parse(b"\x02")


@pytest.mark.parametrize("hi", [0, 1, 127, 128, 16383, 16384, 2**31, 2**62 - 1])
@settings(deadline=None, max_examples=settings.default.max_examples // 4)
@given(data=st.binary(max_size=12) | st.lists(st.sampled_from([0, 1, 127, 128, 129, 255]), max_size=12).map(bytes))
def test_varints(hi, data):
    frame = layout("v" / Bounded(VarInt, 0, hi))
    under_test = VARINTS.setdefault(hi, codec(frame=frame, timeout=this.v))
    assert actual(under_test, LEAD + data) == expected(frame, LEAD + data)
    for value in (0, hi // 2, hi):
        whole = LEAD + VarInt.build(value)
        assert (under_test.scan_bytes(whole).size, under_test.scan_bytes(whole).timeout) == (len(whole), value)
    assert actual(under_test, LEAD + VarInt.build(hi + 1)) == "bad"


VARINTS = {}


def test_a_longer_form_of_a_varint():
    under_test = codec("v" / Bounded(VarInt, 0, 300), timeout=this.v)
    assert under_test.scan_bytes(LEAD + b"\x85\x00").timeout == 5, "as long as the largest number"
    assert actual(under_test, LEAD + b"\x85\x80\x00") == "bad", "but no longer"


def test_the_operands_of_a_primitive():
    assert KeyValues(Int32sb).operands() == {"width": 4, "flags": SIGNED}
    assert Chunked(Int16ul).operands() == {"width": 2, "flags": LITTLE}
    assert TrailingCrc32(little=True).operands() == {"width": 4, "flags": LITTLE}


def test_size_of():
    frame = c.Struct("n" / c.Rebuild(Int16ub, size_of("block", PAIRS)), "block" / FixedSized(this.n, PAIRS))
    built = frame.build({"block": [("key", "value")]})
    assert frame.parse(built).n == len(built) - 2 == 16


@pytest.mark.parametrize("value", range(4))
def test_the_known_values_of_a_varint_may_have_gaps(value):
    fields = ["p" / Known(c.Enum(Bounded(VarInt, 0, 2), binary=0, compact=2))]
    data = LEAD + bytes((value,))
    assert actual(codec(*fields), data) == expected(layout(*fields), data)
