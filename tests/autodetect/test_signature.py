"""A Plan to cubes: never narrower than the Plan, and ending where offsets begin to depend on data."""

import pytest
from construct import Bytes, Check, Enum, Int8ub, Int32ub, VarInt, this
from hypothesis import given
from hypothesis import strategies as st

from tests.autodetect.declarations import FAMILY, LETTERS, always, register, sectioned
from xproto.autodetect import signature
from xproto.autodetect.signature import ALL
from xproto.errors import MalformedError, NeedMore, SpecError
from xproto.registry import load
from xproto.spec import Detect
from xproto.wire import Bounded, Known

PROTOCOLS = load()
EVERYONE = {**FAMILY, **PROTOCOLS}
HEADS = [0, 1, 2, 0x10, 0x20, 0x80, 0x82, 100, 0xC2, 0x22, 0xDA, 0xBB, 0xBC, 0x0F, 0xFF, ord("e")]


def values(allowed):
    return {byte for byte in range(256) if allowed >> byte & 1}


@pytest.mark.parametrize("name", list(EVERYONE))
def test_cubes_are_never_narrower_than_the_plan(name):
    """A frame that scans is in one of the cubes, whatever stands in its first bytes."""
    registered = EVERYONE[name]
    detect = registered.protocol.detect
    cubes = signature(registered.lowered.scan, detect.through)

    @given(st.lists(st.sampled_from(HEADS), min_size=6, max_size=16), st.binary(max_size=40))
    def check(head, rest):
        data = bytes(head) + rest
        try:
            frame = registered.codec.scan_bytes(data)
        except MalformedError:
            return
        if not isinstance(frame, NeedMore):
            assert any(all(allowed >> byte & 1 for allowed, byte in zip(cube, data, strict=False)) for cube in cubes)

    check()


def test_bolt_has_a_form_for_each_version():
    assert sorted(len(cube) for cube in PROTOCOLS["bolt"].cubes) == [4, 5]


def test_what_is_in_a_section_stands_where_it_would_without():
    [cube] = register(sectioned()).cubes
    assert len(cube) == 7
    assert values(cube[6]) == {1, 2, 3, 4}


def test_followed_by_is_one_byte_more():
    [cube] = FAMILY["thrift_old"].cubes
    assert len(cube) == 5
    assert values(cube[4]) == set(LETTERS)


def test_followed_by_needs_a_field_to_follow():
    with pytest.raises(SpecError) as caught:
        register(always("t", "id" / Int32ub, detect=Detect(followed_by=b"x")))
    assert caught.value.path == "t: detect"


def test_followed_by_behind_what_has_no_fixed_place_is_refused():
    late = always(
        "t", "size" / Bounded(Int8ub, 0, 9), "text" / Bytes(this.size), "late" / Bounded(Int8ub, 1, 2), "id" / Int32ub,
        detect=Detect("late", followed_by=b"x"),
    )  # fmt: skip
    with pytest.raises(SpecError) as caught:
        assert register(late).cubes
    assert "late" in caught.value.wrong


def test_a_varint_of_one_byte_is_a_byte():
    *_, last = FAMILY["theader"].cubes[0]
    assert values(last) == {0, 2}
    checked = always("t", "v" / Bounded(VarInt, 1, 100), Check(this.v != 7), "w" / Bounded(Int8ub, 3, 3), "id" / Int32ub,
                     detect=Detect("w"))  # fmt: skip
    [cube] = register(checked).cubes
    assert [values(each) for each in cube] == [set(range(1, 101)) - {7}, {3}]


def test_a_longer_varint_ends_the_cube():
    longer = always("t", "kind" / Bounded(Int8ub, 1, 2), "v" / Bounded(VarInt, 1, 1000), "id" / Int32ub)
    [cube] = register(longer).cubes
    assert [values(each) for each in cube] == [{1, 2}]


def test_a_register_that_is_written_anew_is_not_what_it_was():
    """A table's result is not the byte that it was looked up by."""
    kinds = Known(Enum(Int8ub, a=3, b=250))
    [cube] = register(always("t", "k" / kinds, "id" / Int32ub, detect=Detect("k"))).cubes
    assert [values(each) for each in cube] == [{3, 250}]


def test_what_is_not_checked_may_be_anything():
    [cube] = register(always("t", "id" / Int32ub, "n" / Int8ub, "b" / Bytes(this.n))).cubes
    assert cube == (ALL,) * 5
