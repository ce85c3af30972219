"""Ids are rewritten in place: nothing else changes, and a checksum keeps being right, or wrong by what it was."""

from __future__ import annotations

import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conformance.checks.ids import check_set_id, corrupted, edge_ids
from conformance.generate.examples import strategy
from tests.conformance.subjects import SHIPPED, complete, subject
from xproto.kernel.codec import Frame


@pytest.mark.parametrize("name", SHIPPED)
def test_ids_at_their_ends(name) -> None:
    found = subject(name)
    for frame in complete(name):
        for new_id in edge_ids(found):
            check_set_id(found, frame, new_id)
            check_set_id(found, corrupted(found, frame, 0x80000001), new_id)


@pytest.mark.parametrize("name", SHIPPED)
@given(data=st.data())
def test_any_id_in_any_frame(name, data) -> None:
    found = subject(name)
    frame = data.draw(strategy(found.lowered).filter(lambda f: isinstance(found.scan(f), Frame)))
    new_id = data.draw(st.integers(0, (1 << found.codec.id_bits) - 1))
    check_set_id(found, corrupted(found, frame, data.draw(st.integers(0, 0xFFFFFFFF))), new_id)


@pytest.mark.parametrize("name", ["bolt", "beacon"])
@pytest.mark.parametrize("size", [0, 1, 255, 256, 4095, 70_000])
def test_checksums_over_bodies_of_any_size(name, size) -> None:
    """The patch multiplies by a power of x that depends on how far the id is from the end."""
    found = subject(name)
    frame = next(f for f in complete(name) if found.scan(f).crc_at >= 0 and found.scan(f).kind == 1)
    grown = _with_body(name, frame, b"\xa5" * size)
    assert found.verify(grown).size == len(grown)
    for new_id in edge_ids(found):
        check_set_id(found, grown, new_id)
        check_set_id(found, corrupted(found, grown, 1), new_id)
        assert found.verify(found.codec.with_id(grown, new_id)) == found.verify(grown)


def _with_body(name: str, frame: bytes, body: bytes) -> bytes:
    if name == "bolt":
        fields = subject(name).protocol.frame.parse(frame)
        return subject(name).protocol.frame.build({**fields, "content": body})
    from tests.protocols import beacon_peer as peer

    return peer.request(body=body, chunk=1000, timeout=7).encode()


def test_an_independent_reader_accepts_patched_frames() -> None:
    from tests.protocols import beacon_peer as peer

    sent = peer.request(b"s", b"m", b"body", timeout=5, version=2, shard=9)
    for new_id in (0, 1, 0xFFFF):
        read, _ = peer.decode(subject("beacon").codec.with_id(sent.encode(), new_id))
        assert read == peer.replace(sent, id=new_id)
        assert not read.crc_error


def test_bolt_checksums_are_zlibs() -> None:
    found = subject("bolt")
    checked = [f for f in complete("bolt") if found.scan(f).crc_at >= 0]
    assert checked
    for frame in checked:
        patched = found.codec.with_id(frame, 0x12345678)
        assert int.from_bytes(patched[-4:], "big") == zlib.crc32(patched[:-4])
