"""HPACK over the public stories: other encoders' blocks, and ours read by another decoder."""

import hpack
import pytest

from tests.xproto import stories
from xproto.kernel.hpack import Decoder, Encoder

MOST = 2**20


def test_the_stories_are_there():
    assert len(stories.ENCODERS) == 6
    assert len(stories.fields()) == 27
    assert sum(len(block) for blocks in stories.fields().values() for block in blocks) > 15_000


@pytest.mark.parametrize("encoder", stories.ENCODERS)
def test_we_read_what_others_wrote(encoder):
    for story, blocks in stories.wires(encoder).items():
        decoder = Decoder()
        for (size, block), fields in zip(blocks, stories.fields()[story], strict=True):
            if size is not None:
                decoder.allow_size(size)
            found = decoder.decode_bytes(block, most=MOST)
            assert [(name, value) for name, value, _ in found] == fields


@pytest.mark.parametrize("encoder", stories.ENCODERS)
def test_our_table_is_that_of_hpack(encoder):
    for blocks in stories.wires(encoder).values():
        ours, theirs = Decoder(), hpack.Decoder(MOST)
        for size, block in blocks[:40]:
            if size is not None:
                ours.allow_size(size)
                theirs.max_allowed_table_size = size
            ours.decode_bytes(block, most=MOST)
            theirs.decode(block, raw=True)
            assert ours.table() == list(theirs.header_table.dynamic_entries)


def sizes(number):
    """What the peer allows before a block: now and then another table."""
    return [(), (), (), (0, 4096), (256,), (4096,), (512, 64, 1024)][number % 7] if number % 5 == 0 else ()


@pytest.mark.parametrize("resized", [False, True])
@pytest.mark.parametrize("story", stories.fields())
def test_hpack_reads_what_we_wrote(story, resized):
    encoder, decoder, ours = Encoder(), hpack.Decoder(MOST), Decoder()
    for number, fields in enumerate(stories.fields()[story]):
        for size in sizes(number) if resized else ():
            encoder.allow_size(size)
            ours.allow_size(size)
            decoder.max_allowed_table_size = size
        block = encoder.encode_fields(fields)
        assert decoder.decode(block, raw=True) == fields
        assert [field[:2] for field in ours.decode_bytes(block, most=MOST)] == fields
        assert encoder.table() == ours.table() == list(decoder.header_table.dynamic_entries)


def test_we_write_less_than_hpack():
    ours = theirs = 0
    for blocks in stories.fields().values():
        encoder, other = Encoder(), hpack.Encoder()
        ours += sum(len(encoder.encode_fields(fields)) for fields in blocks)
        theirs += sum(len(other.encode(fields)) for fields in blocks)
    assert ours < theirs
