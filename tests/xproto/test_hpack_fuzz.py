"""HPACK against the package `hpack`: they accept and refuse the same blocks, find the same fields, keep the same table.

There is one deliberate difference, which these tests keep away from: where the allowed size went down and up again between
two blocks, we ask for an update to the smallest, as nghttp2 does; `hpack` asks for nothing. (`test_hpack_hostile` has it.)
After a block that is refused ours refuses all, where `hpack` goes on with a table that is out of step.
"""

import hpack
import pytest
from hpack.huffman import HuffmanEncoder
from hpack.huffman_constants import REQUEST_CODES, REQUEST_CODES_LENGTH
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.xproto.hpack_bytes import indexed, integer, literal, update
from xproto.errors import MalformedError
from xproto.kernel.hpack import Decoder, Encoder

MOST = 2**24
SIZES = (0, 32, 40, 100, 400, 4096, 5000)
HUFFMAN = HuffmanEncoder(REQUEST_CODES, REQUEST_CODES_LENGTH)

NAMES = st.sampled_from([b":path", b":status", b"cookie", b"authorization", b"x", b"x-longer-name", b"", b"accept"])
VALUES = st.one_of(
    st.sampled_from([b"", b"/", b"200", b"gzip, deflate", b"value", b"another value", b"w" * 300, b"\xff\x00\x01" * 20]),
    st.binary(max_size=40),
)
FIELDS = st.lists(st.tuples(NAMES, VALUES, st.booleans()), max_size=8)
SIZE = st.one_of(st.none(), st.none(), st.sampled_from(SIZES))


def coded(text):
    code = HUFFMAN.encode(text)
    return integer(len(code), 7, 0x80) + code


REPRESENTATIONS = st.one_of(
    st.integers(0, 90).map(indexed),
    st.tuples(st.one_of(st.integers(1, 80), NAMES), VALUES, st.sampled_from(["enters", "enters", "literal", "never"])).map(
        lambda said: literal(*said)
    ),
    st.tuples(NAMES, VALUES).map(lambda said: b"\x40" + coded(said[0]) + coded(said[1])),
    st.binary(max_size=12).map(lambda code: b"\x04" + integer(len(code), 7, 0x80) + code),
)
BLOCKS = st.tuples(
    st.lists(st.one_of(st.sampled_from(SIZES), st.integers(0, 6000)).map(update), max_size=2),
    st.lists(REPRESENTATIONS, max_size=8),
    st.sampled_from([b"", b"", b"", b"\x20", b"\x80", b"\xff", b"\x40"]),
).map(lambda parts: b"".join([*parts[0], *parts[1], parts[2]]))
KINDS = st.sampled_from(["set", "insert", "delete", "cut"])
CHANGES = st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255), KINDS), max_size=3)


class Both:
    """The two decoders of one connection."""

    def __init__(self):
        self.ours, self.theirs = Decoder(), hpack.Decoder(MOST)

    def allow(self, size):
        if size is not None:
            self.ours.allow_size(size)
            self.theirs.max_allowed_table_size = size

    def decode(self, block):
        """The fields; None where both refuse."""
        try:
            expected = [(*field, not field.indexable) for field in self.theirs.decode(block, raw=True)]
        except hpack.HPACKError:
            expected = None
        try:
            found = self.ours.decode_bytes(block, most=MOST)
            assert found is not None
        except MalformedError:
            found = None
        assert found == expected, block.hex()
        if found is not None:
            assert self.ours.table() == list(self.theirs.header_table.dynamic_entries)
        return found


def changed(block, changes):
    block = bytearray(block)
    for where, byte, kind in changes:
        at = where % (len(block) + 1)
        if kind == "insert":
            block.insert(at, byte)
        elif kind == "cut":
            del block[at:]
        elif at < len(block):
            if kind == "set":
                block[at] = byte
            else:
                del block[at]
    return bytes(block)


@given(st.lists(st.tuples(SIZE, BLOCKS), max_size=6))
def test_blocks_of_all_representations(blocks):
    both = Both()
    for size, block in blocks:
        both.allow(size)
        if both.decode(block) is None:
            break


@given(st.lists(st.tuples(SIZE, FIELDS, st.booleans(), CHANGES), min_size=1, max_size=6), st.booleans())
def test_blocks_that_were_changed(blocks, by_us):
    both, ours, theirs = Both(), Encoder(), hpack.Encoder()
    for size, fields, huffman, changes in blocks:
        both.allow(size)
        if size is not None:
            ours.allow_size(size)
            theirs.header_table_size = size
        block = ours.encode_fields(fields) if by_us else theirs.encode(fields, huffman=huffman)
        if both.decode(changed(block, changes)) is None or changes:
            break


@given(st.lists(st.binary(max_size=60), max_size=4))
def test_any_bytes(blocks):
    both = Both()
    for block in blocks:
        if both.decode(block) is None:
            break


@given(st.lists(st.tuples(st.lists(st.sampled_from(SIZES), max_size=3), FIELDS), max_size=12), st.sampled_from([0, 1]))
def test_hpack_reads_what_we_write(blocks, how):
    encoder, theirs, ours = Encoder(), hpack.Decoder(MOST), Decoder()
    for sizes, fields in blocks:
        for size in sizes:
            encoder.allow_size(size)
            ours.allow_size(size)
            theirs.max_allowed_table_size = size
        block = encoder.encode_fields(fields, how)
        found = [(*field, not field.indexable) for field in theirs.decode(block, raw=True)]
        assert [field[:2] for field in found] == [field[:2] for field in fields]
        assert all(never for (*_, never), (*_, asked) in zip(found, fields, strict=True) if asked)
        assert ours.decode_bytes(block) == found
        assert encoder.table() == ours.table() == list(theirs.header_table.dynamic_entries)


@given(st.lists(st.tuples(SIZE, FIELDS, st.booleans()), max_size=12))
def test_we_read_what_hpack_writes(blocks):
    encoder, both = hpack.Encoder(), Both()
    for size, fields, huffman in blocks:
        both.allow(size)
        if size is not None:
            encoder.header_table_size = size
        found = both.decode(encoder.encode(fields, huffman=huffman))
        assert [field[:2] for field in found] == [field[:2] for field in fields]


def by_huffman(text):
    """What our encoder makes of a text, where it is shorter in code."""
    block = Encoder().encode_fields([(b"", text)], 1)
    return block[2:] if block[:2] == b"\x00\x00" else None


@given(st.binary(max_size=80), st.integers(0, 100))
@settings(max_examples=400)
def test_huffman_code_and_room_of_any_size(code, room):
    Both().decode(b"\x04" + integer(len(code), 7, 0x80) + code)
    found = Decoder().decode_bytes(b"\x04" + coded(code), room=5 + room)
    assert found == ([(b":path", code, False)] if len(code) <= room else None)


@pytest.mark.parametrize("symbol", range(256))
def test_huffman_code_of_each_symbol_at_each_bit(symbol):
    for before in range(8):
        for after in (0, 1, 40):
            text = b"0" * before + bytes([symbol]) + b"a" * after
            assert Decoder().decode_bytes(b"\x04" + coded(text)) == [(b":path", text, False)]
            text = text + b"0" * 40
            assert by_huffman(text) == coded(text)
