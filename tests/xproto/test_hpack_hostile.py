"""HPACK from a peer that means harm: each block is refused, or read at a cost that is bounded."""

import hpack
import pytest

from tests.xproto.hpack_bytes import indexed, integer, literal, update
from xproto.errors import MalformedError
from xproto.kernel.hpack import Decoder, Encoder

METHOD = (b":method", b"GET", False)
SETTLED = b"\x82"
ENTERED = literal(b"x", b"1")


def refused(*blocks, allowed=()):
    """Only the last block is bad; where it is."""
    decoder = Decoder()
    for size in allowed:
        decoder.allow_size(size)
    for block in blocks[:-1]:
        decoder.decode_bytes(block)
    with pytest.raises(MalformedError) as error:
        decoder.decode_bytes(blocks[-1])
    with pytest.raises(MalformedError):
        decoder.decode_bytes(SETTLED)
    return error.value.offset


# -- integers -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "integer",
    [
        "ffffffffffffffffffff01",  # 64 bits and more
        "ffffffffffffffffff7f",
        "ffffffffff7f",  # five bytes, 35 bits
        "ff8080808080",  # zeros that go on
        "ff808080808000",  # six bytes, though they say nothing
        "ff80808010",  # 2^32 + 127
        "ff",  # cut short
        "ff80",
    ],
)
def test_an_integer_that_is_too_large_or_too_long(integer):
    assert refused(bytes.fromhex("82" + integer)) == 1


def test_an_integer_of_32_bits_does_not_wrap_around():
    for beyond in (0, 1, 2, 62, 2**32 - 1):
        refused(ENTERED + indexed(2**32 + beyond))
        refused(integer(2**32 + beyond, 6, 0x40) + b"\x00")
        refused(b"\x04" + integer(2**32 + beyond) + b"abc")
        refused(update(2**32 + beyond))


def test_an_integer_may_be_longer_than_it_needs():
    decoder = Decoder()
    decoder.decode_bytes(b"".join(literal(b"n", b"%d" % number) for number in range(70)))
    assert decoder.decode_bytes(b"\xff\x00") == [(b"n", b"4", False)]
    assert decoder.decode_bytes(b"\xff\x80\x80\x80\x80\x00") == [(b"n", b"4", False)]
    with pytest.raises(MalformedError):
        decoder.decode_bytes(b"\xff\x80\x80\x80\x80\x80\x00")


# -- indices --------------------------------------------------------------------------------------------------------------


def test_index_0():
    assert refused(b"\x82\x80") == 1


def test_an_index_beyond_the_table():
    assert refused(b"\xbe") == 0
    assert refused(ENTERED, b"\xbe\xbf") == 1
    assert refused(b"\x7e\x00") == 0, "of a name that enters"
    assert refused(b"\x0f\x2f\x00") == 0, "of a name"
    assert refused(b"\x1f\x2f\x00") == 0, "of a name that never enters"


def test_an_index_of_an_evicted_entry():
    decoder = Decoder()
    decoder.decode_bytes(ENTERED + literal(b"y", b"v" * 4063))
    assert [name for name, _ in decoder.table()] == [b"y"]
    with pytest.raises(MalformedError):
        decoder.decode_bytes(b"\xbf")


def test_an_entry_whose_own_name_it_evicts():
    decoder = Decoder()
    decoder.decode_bytes(literal(b"abc", b""))
    decoder.decode_bytes(literal(62, b"v" * 4061))
    assert decoder.table() == [(b"abc", b"v" * 4061)]


def test_an_entry_larger_than_the_table_empties_it():
    decoder = Decoder()
    decoder.decode_bytes(ENTERED)
    assert len(decoder.decode_bytes(literal(62, b"v" * 4064))) == 1
    assert decoder.table() == []


# -- updates of the table's size --------------------------------------------------------------------------------------------


def test_an_update_above_what_is_allowed():
    assert Decoder().decode_bytes(update(4096)) == []
    refused(update(4097))
    refused(update(4096), allowed=[4095])
    refused(update(2**32 - 1))


def test_an_update_behind_a_field():
    assert refused(b"\x82\x20") == 1
    assert refused(ENTERED + b"\x20") == len(ENTERED)


def test_a_reduction_that_the_peer_does_not_take_up():
    for block in (b"", SETTLED, ENTERED, update(101)):
        refused(block, allowed=[100])
    decoder = Decoder()
    decoder.allow_size(100)
    assert decoder.decode_bytes(update(100) + SETTLED) == [METHOD]
    decoder.allow_size(200)
    assert decoder.decode_bytes(SETTLED) == [METHOD], "more may be left unused"


def test_a_table_that_was_small_meanwhile():
    """Stricter than `hpack`, and like nghttp2: the smallest size must have been taken up."""
    refused(SETTLED, allowed=[100, 4096])
    refused(update(4096), allowed=[100, 4096])
    decoder = Decoder()
    decoder.allow_size(100)
    decoder.allow_size(4096)
    assert decoder.decode_bytes(update(100) + update(4096) + SETTLED) == [METHOD]


def test_many_updates_are_no_worse_than_many_bytes():
    decoder = Decoder()
    assert decoder.decode_bytes((update(0) + update(4096)) * 10_000 + SETTLED) == [METHOD]
    assert decoder.memory() == 0


# -- strings --------------------------------------------------------------------------------------------------------------


def huffman(code):
    """A value in that code."""
    return b"\x04%c" % (0x80 | len(code)) + code


def test_the_end_of_string_symbol():
    refused(huffman(b"\xff\xff\xff\xff"))
    refused(huffman(b"\xff\xff\xff\xfc"))
    refused(huffman(b"\x1f" + b"\xff\xff\xff\xfc" + b"\x1f"))


def test_padding():
    assert Decoder().decode_bytes(huffman(b"\x1f")) == [(b":path", b"a", False)]
    assert Decoder().decode_bytes(huffman(b"\x18\xee\x7f")) == [(b":path", b"aa:", False)], "seven bits"
    refused(huffman(b"\x1f\xff"))  # eleven bits
    refused(huffman(b"\xff"))  # eight
    refused(huffman(b"\xff\xff\xff"))
    refused(huffman(b"\x1e"))  # not of ones
    refused(huffman(b"\x18"))


def test_a_string_that_is_not_there_allocates_nothing():
    for length in (b"\x7f\x80\x80\x80\x80\x0f", b"\x7f\xff\xff\xff\xff\x07", b"\xff\xff\xff\xff\xff\x07", b"\x05abcd"):
        decoder = Decoder()
        for kind in (b"\x40", b"\x40\x01x", b"\x00", b"\x00\x01x", b"\x41"):
            with pytest.raises(MalformedError):
                decoder.decode_bytes(kind + length)
        assert decoder.memory() == 0


def test_a_field_that_is_cut_short():
    block = b"\x40\x03abc\x03def"
    for size in range(1, len(block)):
        assert refused(block[:size]) == 0


# -- sizes ------------------------------------------------------------------------------------------------------------------


def test_the_bomb_of_cve_2016_6581():
    """An entry that fills the table, and a block of its indices: 16,384 bytes that stand for 66 million."""
    decoder = Decoder()
    name, value = b"x", b"v" * 4000
    assert len(decoder.decode_bytes(literal(name, value))) == 1
    before = decoder.memory()
    assert decoder.decode_bytes(b"\xbe" * 16_384) is None
    assert decoder.memory() == before
    assert decoder.decode_bytes(b"\xbe") == [(name, value, False)], "the table is in step"


def test_the_limit_is_the_size_of_the_list():
    """RFC 9113 section 6.5.2: 32 for each field."""
    assert len(Decoder().decode_bytes(SETTLED * 10, most=420)) == 10
    assert Decoder().decode_bytes(SETTLED * 10, most=419) is None


@pytest.mark.parametrize("limits", [{"room": 0}, {"room": 3}, {"room": 60}, {"fields": 0}, {"fields": 2}, {"most": 100}])
@pytest.mark.parametrize("coded", [False, True])
def test_what_there_is_no_room_for_enters_the_table_all_the_same(limits, coded):
    fields = [(b"name-%d" % number, b"value-%d" % number * 10) for number in range(40)]
    block = hpack.Encoder().encode(fields) if coded else b"".join(literal(*field) for field in fields)
    bounded, whole = Decoder(), Decoder()
    assert bounded.decode_bytes(block, **limits) is None
    assert len(whole.decode_bytes(block)) == 40
    assert bounded.table() == whole.table()
    assert bounded.decode_bytes(b"\xbe\xbf") == whole.decode_bytes(b"\xbe\xbf")


def test_room_for_exactly_what_there_is():
    for coded in (False, True):
        block = hpack.Encoder().encode([(b"abc", b"defgh"), (b"ij", b"")], huffman=coded)
        assert len(Decoder().decode_bytes(block, most=74, room=10, fields=2)) == 2
        for limits in ({"most": 73}, {"room": 9}, {"fields": 1}):
            assert Decoder().decode_bytes(block, **limits) is None


def test_a_bad_block_is_bad_even_where_it_is_too_much():
    with pytest.raises(MalformedError):
        Decoder().decode_bytes(SETTLED * 10 + b"\x80", most=100)
    with pytest.raises(MalformedError):
        Decoder().decode_bytes(SETTLED * 10 + huffman(b"\x1e"), most=100)


@pytest.mark.parametrize("allowed", [0, 64, 100, 1000, 4096, 10_000, 65_536, 2**30])
def test_a_table_takes_bounded_memory(allowed):
    limit = min(allowed, 65_536)
    decoder = Decoder()
    decoder.allow_size(allowed)
    decoder.decode_bytes(update(limit))
    for size in (0, 1, 50, 10, 3000, 0, 126):
        for number in range(300):
            decoder.decode_bytes(literal(b"x", (b"%d" % number * size)[:size]))
            assert sum(32 + len(name) + len(value) for name, value in decoder.table()) <= limit
    assert decoder.memory() <= max(4 * limit, 512) + max(limit // 2, 64)


def test_one_that_was_not_used_takes_no_memory():
    decoder = Decoder()
    assert decoder.decode_bytes(SETTLED + b"\x00\x01x\x01y") == [METHOD, (b"x", b"y", False)]
    assert decoder.memory() == 0
    assert decoder.__sizeof__() <= 150
    assert Encoder().__sizeof__() <= 150
