"""No two protocols claim the same bytes: shown for those there are, and refuted where it is not so."""

import time
from dataclasses import replace
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.autodetect.declarations import (
    FAMILY,
    Bounded,
    Detect,
    Int8ub,
    Int32ub,
    always,
    configured,
    framed_thrift,
    non_strict_thrift,
    register,
    text,
)
from xproto.autodetect import Detector, prove
from xproto.autodetect.proof import common
from xproto.autodetect.strangers import PROXIES, STRANGERS
from xproto.errors import SpecError
from xproto.kernel.detector import Judge
from xproto.rank import ranked
from xproto.registry import load

PROTOCOLS = load()
BOLT = PROTOCOLS["bolt"]
DETECT_BYTES = 64


def alone(registered, data):
    return Judge([registered.protocol.name], [registered.cubes]).detect(data)


def test_the_protocols_there_are_may_all_be_spoken_on_one_listener():
    assert prove(list(PROTOCOLS.values()), DETECT_BYTES, proxy=True) == []


@pytest.mark.parametrize(("one", "other"), list(combinations(PROTOCOLS, 2)))
def test_any_two_of_them_are_told_apart(one, other):
    assert prove([PROTOCOLS[one], PROTOCOLS[other]], DETECT_BYTES) == []


@pytest.mark.parametrize("name", list(PROTOCOLS))
def test_none_of_them_looks_like_what_is_recognised_besides(name):
    others = {label: cubes for label, cubes in {**STRANGERS, **PROXIES}.items() if label not in PROTOCOLS}
    assert {label: common(cubes, PROTOCOLS[name].cubes) for label, cubes in others.items()} == dict.fromkeys(others)


def test_nor_do_those_look_like_each_other():
    for one, other in combinations([*STRANGERS.values(), *PROXIES.values()], 2):
        assert common(one, other) is None


def test_the_family_that_begins_with_a_length_is_told_apart():
    others = [PROTOCOLS["dubbo"], BOLT]
    assert prove([*others, *FAMILY.values()], DETECT_BYTES, proxy=True) == []


def test_a_length_over_24_bits_looks_like_bolt():
    wide = configured(framed_thrift(), max_frame=0x01FFFFFF)
    [finding] = prove([BOLT, wide], DETECT_BYTES)
    assert finding.protocols == ("bolt", "thrift")
    assert str(finding) == (
        f"bolt and thrift both claim what begins with {finding.example.hex(' ')};"
        " leave max_frame of protocol_options.thrift as it is by default, or name only one of them in protocols"
    )
    assert alone(BOLT, finding.example) == "bolt"
    assert alone(wide, finding.example) == "thrift"
    assert finding.example[0] == 1


def test_the_widest_limit_that_is_still_told_apart():
    assert prove([BOLT, configured(framed_thrift(), max_frame=0x00FFFFFF)], DETECT_BYTES) == []
    assert prove([BOLT, configured(framed_thrift(), max_frame=0x01000000)], DETECT_BYTES) != []


def test_a_shorter_form_is_committed_to_before_the_longer_one_is_decided():
    seven, eight = Bounded(Int8ub, 7, 7), Bounded(Int8ub, 8, 8)
    long = register(always("long", "a" / seven, "b" / eight, "id" / Int32ub, detect=Detect("b")))
    short = register(always("short", "a" / seven, "id" / Int32ub, detect=Detect("a")))
    [finding] = prove([short, long], DETECT_BYTES)
    assert finding.example == b"\x07\x08"


def test_a_signature_without_its_narrowing_is_ambiguous():
    """Non-strict Thrift is told from the framed protocols by the first letter of the name alone."""
    loose = register(non_strict_thrift(followed_by=b""))
    clashes = {finding.protocols[1] for finding in prove([loose, *FAMILY.values()], DETECT_BYTES)}
    assert clashes == {"thrift", "thrift_old", "theader", "dubbothrift", "tars"}


def test_a_users_declaration_is_told_how_to_mend_it():
    own = replace(register(text()), source="own.py")
    clash = register(always("other", "word" / Bounded(Int8ub, 90, 91), "id" / Int32ub, detect=Detect("word")))
    [finding] = prove([clash, own], DETECT_BYTES)
    assert finding.instead == (
        "give text a narrower signature (Detect.through, followed_by) or a rank (Detect(before=('other',))),"
        " or name only one of them in protocols"
    )
    assert finding.example == b"Z"


def test_a_declared_rank_settles_it():
    assert [str(each) for each in prove([register(text("a", before=("b",))), register(text("b"))], DETECT_BYTES)] == []
    assert prove([register(text("a")), register(text("b", before=("a",)))], DETECT_BYTES) != []  # not in rank order


def test_a_rank_that_would_wait_for_bytes_that_need_not_come():
    patient = register(always(
        "patient", "word" / Bounded(Int8ub, 65, 90), "id" / Int32ub, "more" / Int32ub, "end" / Bounded(Int8ub, 1, 9),
        detect=Detect("end", before=("text",)),
    ))  # fmt: skip
    [finding] = prove([patient, register(text())], DETECT_BYTES)
    assert "may wait for 10 bytes, while text need not send more than 5" in finding.wrong
    assert Detector([patient, register(text())]).detect(finding.example) == 10
    assert prove([register(text("short", before=("text",))), register(text())], DETECT_BYTES) == []


def test_an_answer_that_comes_too_late():
    assert prove([FAMILY["theader"]], 15) == []
    [finding] = prove([FAMILY["theader"]], 14)
    assert finding.wrong.startswith("theader is known after 15 bytes")
    assert finding.instead == "allow 15 bytes"
    assert alone(FAMILY["theader"], finding.example) == "theader"


def test_a_header_of_the_proxy_protocol_may_stand_in_front():
    own = register(text())
    assert prove([own], DETECT_BYTES) == []
    [finding] = prove([own], DETECT_BYTES, proxy=True)
    assert finding.protocols == ("proxy1", "text")
    assert finding.example == b"PROXY "


def test_tls_may_stand_in_front():
    assert prove(list(PROTOCOLS.values()), DETECT_BYTES, tls=True) == []
    own = register(always("own", "length" / Bounded(Int32ub, 8, 0x17000000), "id" / Int32ub, detect=Detect("length")))
    assert prove([own], DETECT_BYTES) == []
    [finding] = prove([own], DETECT_BYTES, tls=True)
    assert finding.protocols == ("tls", "own")
    assert finding.example == bytes.fromhex("16 03 00 00 01")


SETS = st.sampled_from([1, 2, 3, 4, 6, (1 << 256) - 1])
CUBES = st.lists(st.lists(SETS, max_size=3).map(tuple), max_size=3).map(tuple)


@given(CUBES, CUBES)
def test_an_example_is_claimed_by_both_and_without_one_nothing_is(left, right):
    both = Judge(["left"], [left]), Judge(["right"], [right])
    example = common(left, right)
    if example is not None:
        assert [judge.detect(example) for judge in both] == ["left", "right"]
        return
    for data in (bytes((a, b, c)) for a in range(4) for b in range(4) for c in range(4)):
        assert [judge.detect(data) for judge in both] != ["left", "right"]


def test_all_pairs_of_a_dozen_are_proven_in_no_time():
    everyone = list({**FAMILY, **PROTOCOLS}.values())
    assert all(each.cubes for each in everyone)
    common.cache_clear()
    before = time.process_time()
    assert prove(everyone, DETECT_BYTES, proxy=True) is not None
    assert time.process_time() - before < 0.05


def test_rank_changes_as_little_as_it_is_asked_to():
    assert ranked("abcd", {}) == list("abcd")
    assert ranked("abcd", {"d": ("b",)}) == list("acdb")
    assert ranked("abcd", {"a": ("b", "x")}) == list("abcd")
    with pytest.raises(SpecError) as caught:
        ranked("abc", {"b": ("c",), "c": ("b",)})
    assert "b, c" in caught.value.wrong
