"""Ids are rewritten: nothing else changes but a length, and a checksum keeps being right, or wrong by what it was."""

from __future__ import annotations

import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conformance.checks import ids
from conformance.checks.ids import check_set_id, corrupted, edge_ids
from conformance.generate.examples import strategy
from conformance.outcome import DisagreementError
from tests.conformance.subjects import DEEP, EVERY, SIDES, complete, subject
from xproto.kernel.codec import Frame
from xproto.plan import Form


@pytest.mark.parametrize(("name", "direction"), SIDES)
def test_ids_at_their_ends(name, direction) -> None:
    found, frames = subject(name, direction), complete(name, direction)
    for frame in frames if DEEP else frames[:40]:
        for new_id in edge_ids(found):
            check_set_id(found, frame, new_id)
            if found.scan(frame).crc_at >= 0:
                check_set_id(found, corrupted(found, frame, 0x80000001), new_id)


@pytest.mark.parametrize("name", ["bolt", "beacon", "tars", "thrift-compact", "thrift-header-compact"])
@given(data=st.data())
def test_any_id_in_any_frame(name, data) -> None:
    """A checksum, ids of each form, and two in a frame."""
    found = subject(name)
    frame = data.draw(strategy(found.lowered).filter(lambda f: isinstance(found.scan(f), Frame)))
    new_id = data.draw(st.integers(0, (1 << found.codec.id_bits) - 1)) | data.draw(st.sampled_from([0, found.codec.id_base]))
    check_set_id(found, corrupted(found, frame, data.draw(st.integers(0, 0xFFFFFFFF))), new_id)


def test_every_form_of_an_id_is_there() -> None:
    fields = [field for name in EVERY for field in subject(name).lowered.identity.fields]
    assert {field.form for field in fields} == set(Form)
    assert {len(subject(name).lowered.identity.fields) for name in EVERY} == {0, 1, 2}


@pytest.mark.parametrize(
    ("name", "last"), [("tars", b"\x42\x7f\xff\xff\xff"), ("thrift-compact", b"\xff\xff\xff\xff\1"), ("bolt", b"\xff" * 4)]
)
def test_the_last_id_that_is_given_out(name, last) -> None:
    """After it comes the first again, in as many bytes."""
    found = subject(name)
    frame = complete(name)[0]
    numbers = [found.codec.id_base | number for number in ((1 << found.codec.id_bits) - 1, 0)]
    made = [found.codec.with_id(frame, new_id) for new_id in numbers]
    assert [found.scan(each).id for each in made] == numbers
    assert len(made[0]) == len(made[1])
    assert made[0][found.scan(made[0]).id_at :].startswith(last)


def test_the_checks_notice_a_frame_that_was_changed_otherwise(monkeypatch) -> None:
    """One that wants the length as it was, one that wants another byte: both fail, so the checks can."""
    found = subject("tars")
    frame = complete("tars")[0]
    check_set_id(found, frame, 1 << 30)
    right = ids.renumbered
    for wrong in (lambda data: data[:3] + frame[3:4] + data[4:], lambda data: data[:-1] + bytes((data[-1] ^ 1,))):
        monkeypatch.setattr(ids, "renumbered", lambda *given, wrong=wrong: wrong(right(*given)))
        with pytest.raises(DisagreementError, match="changed more or less than the id") as raised:
            check_set_id(found, frame, 1 << 30)
        assert raised.value.field == "body.id"
        assert raised.value.made != raised.value.wanted


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
