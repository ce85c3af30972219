"""Thrift structs and THeader's headers: the kernel walks as construct's side does, is linear, and is not led astray."""

import struct
from functools import cache

import pytest
from construct import FixedSized, Int16ub, Int32ub, Struct, this
from hypothesis import given, settings
from hypothesis import strategies as st
from thriftpy2.protocol.binary import TBinaryProtocol
from thriftpy2.protocol.compact import TCompactProtocol
from thriftpy2.thrift import TPayload, TType
from thriftpy2.transport import TMemoryBuffer

from tests.xproto.small import LEAD, actual, codec, expected
from xproto.errors import MalformedError, NeedMore
from xproto.kernel.pieces import Progress, scan_on
from xproto.wire import Raw, ThriftInfo, ThriftStruct
from xproto.wire.theader import varint
from xproto.wire.thrift import MAX_LEVELS

COMPACT = [False, True]


@cache
def sized(compact):
    return codec("n" / Int32ub, "body" / FixedSized(this.n, ThriftStruct(compact=compact)))


@cache
def at_root(compact):
    return codec("body" / ThriftStruct(compact=compact))


def agreed(body, compact):
    """What kernel and construct make of a section with this struct; the size is that of the body."""
    data = LEAD + len(body).to_bytes(4, "big") + body
    found = actual(sized(compact), data)
    assert found == expected(sized(compact).lowered.protocol.frame, data)
    return found if isinstance(found, str) else found - len(LEAD) - 4


# What a writer of others writes


class Inner(TPayload):
    thrift_spec = {1: (TType.STRING, "name", False), 2: (TType.DOUBLE, "weight", False)}
    default_spec = [("name", None), ("weight", None)]


class Everything(TPayload):
    thrift_spec = {
        1: (TType.BOOL, "yes", False), 2: (TType.BYTE, "small", False), 3: (TType.I16, "short", False),
        4: (TType.I32, "int", False), 5: (TType.I64, "long", False), 6: (TType.DOUBLE, "double", False),
        7: (TType.STRING, "text", False), 8: (TType.STRUCT, "inner", Inner, False),
        9: (TType.LIST, "numbers", TType.I32, False), 10: (TType.SET, "names", TType.STRING, False),
        11: (TType.MAP, "map", (TType.STRING, (TType.LIST, TType.I64)), False),
        12: (TType.LIST, "inners", (TType.STRUCT, Inner), False), 13: (TType.LIST, "flags", TType.BOOL, False),
        300: (TType.BOOL, "no", False),
    }  # fmt: skip
    default_spec = [(spec[1], None) for spec in thrift_spec.values()]


WHOLE = {
    "yes": True, "no": False, "small": -1, "short": -300, "int": 2**31 - 1, "long": -(2**63), "double": 0.5, "text": "tea" * 99,
    "inner": Inner(name="x", weight=1.5), "numbers": list(range(20)), "names": {"a", "b"}, "map": {"k": [1, 2**40], "l": []},
    "inners": [Inner(name="y"), Inner()], "flags": [True, False, True],
}  # fmt: skip


def written(compact, **fields):
    buffer = TMemoryBuffer()
    (TCompactProtocol if compact else TBinaryProtocol)(buffer).write_struct(Everything(**fields))
    return buffer.getvalue()


@pytest.mark.parametrize("compact", COMPACT)
def test_what_thriftpy2_writes_is_one_struct(compact):
    body = written(compact, **WHOLE)
    assert agreed(body, compact) == len(body)
    assert agreed(body + b"more", compact) == len(body) + 4, "what is left of a section is nobody's"
    assert at_root(compact).scan_bytes(LEAD + body + b"more").size == len(LEAD) + len(body)
    for size in range(len(body)):
        assert agreed(body[:size], compact) == "bad"
        found = at_root(compact).scan_bytes(LEAD + body[:size])
        assert isinstance(found, NeedMore), "at the root what is not there is to come"
        assert size < found.total - len(LEAD) <= len(body), "never more than there is: nobody waits for ever"


@pytest.mark.parametrize("compact", COMPACT)
@given(data=st.data())
@settings(max_examples=300)
def test_a_changed_struct_is_the_same_to_both(compact, data):
    body = bytearray(written(compact, **{k: v for k, v in WHOLE.items() if data.draw(st.booleans())}))
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(body) - 1))
        body[at : at + data.draw(st.integers(0, 1))] = data.draw(st.binary(max_size=2))
        if not body:
            return
    agreed(bytes(body), compact)


@pytest.mark.parametrize("compact", COMPACT)
@given(body=st.binary(max_size=40))
def test_any_bytes_are_the_same_to_both(compact, body):
    agreed(body, compact)


def test_a_struct_is_built_as_it_is():
    assert ThriftStruct().build(Raw(b"\x00")) == b"\x00"
    assert ThriftStruct().parse(b"\x02\x00\x01\x01\x00") == Raw(b"\x02\x00\x01\x01\x00")


# What is hostile


def nested(levels):
    return b"\x0c\x00\x01" * (levels - 1) + b"\x00" * levels


def nested_compact(levels):
    return b"\x1c" * (levels - 1) + b"\x00" * levels


def lists(levels):
    """A struct with a list in a list..., with one text at the bottom."""
    return b"\x0f\x00\x01" + b"\x0f\x00\x00\x00\x01" * (levels - 2) + b"\x0b\x00\x00\x00\x01" + b"\x00\x00\x00\x00" + b"\x00"


def test_depth_is_bounded():
    for body, deeper in ((nested(MAX_LEVELS), nested(MAX_LEVELS + 1)), (lists(MAX_LEVELS), lists(MAX_LEVELS + 1))):
        assert agreed(body, False) == len(body)
        assert agreed(deeper, False) == "bad"
    assert agreed(nested_compact(MAX_LEVELS), True) == MAX_LEVELS * 2 - 1
    assert agreed(nested_compact(MAX_LEVELS + 1), True) == "bad"
    with pytest.raises(MalformedError):
        at_root(False).scan_bytes(LEAD + b"\x0c\x00\x01" * 100_000)


HOSTILE = {
    # case: (the compact protocol?, the struct)
    "a list of 2**31-1 structs": (False, b"\x0f\x00\x01\x0c\x7f\xff\xff\xff"),
    "a list of -1 elements": (False, b"\x0f\x00\x01\x08\xff\xff\xff\xff"),
    "a list of void, which has no size": (False, b"\x0f\x00\x01\x01\x00\x00\x00\x05"),
    "a list of stops": (False, b"\x0f\x00\x01\x00\x00\x00\x00\x05"),
    "a map of 2**31-1 texts": (False, b"\x0d\x00\x01\x0b\x0b\x7f\xff\xff\xff"),
    "a map with keys of no type": (False, b"\x0d\x00\x01\x00\x0b\x00\x00\x00\x01"),
    "a text of -1 bytes": (False, b"\x0b\x00\x01\xff\xff\xff\xff"),
    "a text of 2**31-1 bytes": (False, b"\x0b\x00\x01\x7f\xff\xff\xff"),
    "a field of type 1": (False, b"\x01\x00\x01"),
    "a field of type 200": (False, b"\xc8\x00\x01"),
    "a compact list of 2**32-1 elements": (True, b"\x19\xf5\xff\xff\xff\xff\x0f"),
    "a compact list of type 0": (True, b"\x19\x20"),
    "a compact list of type 14": (True, b"\x19\x2e\x00\x00"),
    "a compact map of 2**32-1 pairs": (True, b"\x1b\xff\xff\xff\xff\x0f\x88"),
    "a compact map of type 0": (True, b"\x1b\x01\x00"),
    "a compact text of 2**32-1 bytes": (True, b"\x18\xff\xff\xff\xff\x0f"),
    "a varint that does not end": (True, b"\x18\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"),
    "a compact field of type 14": (True, b"\x1e"),
    "a field id that does not end": (True, b"\x05\xff\xff\xff\xff"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_structs_are_malformed(case):
    compact, body = HOSTILE[case]
    assert agreed(body + bytes(200), compact) == "bad"
    if "2**" in case:
        assert agreed(body, compact) == "bad"
    with pytest.raises(MalformedError):
        at_root(compact).scan_bytes(LEAD + body + bytes(200))


def test_containers_of_nothing_may_be_of_any_type():
    for compact, body in ((False, b"\x0f\x00\x01\x63\x00\x00\x00\x00\x00"), (True, b"\x19\x0f\x00"), (True, b"\x1b\x00\x00")):
        assert agreed(body, compact) == len(body)


# In pieces


@pytest.mark.parametrize("compact", COMPACT)
def test_a_struct_that_comes_byte_by_byte_is_walked_once(compact):
    """Where a walk stops it goes on: a list of 60,000 texts in small pieces costs no more looks than it has pieces."""
    one = b"\x01x" if compact else b"\x00\x00\x00\x01x"
    count = 60_000
    head = b"\x19\xf8" + varint(count) if compact else b"\x0f\x00\x01\x0b" + struct.pack(">i", count)
    body = LEAD + head + one * count + b"\x00"
    under_test, progress = at_root(compact), Progress()
    for size in range(1, len(body), 777):
        assert isinstance(scan_on(under_test, body[:size], progress), NeedMore)
    assert scan_on(under_test, body, progress).size == len(body)


@pytest.mark.parametrize("compact", COMPACT)
@given(cuts=st.lists(st.integers(1, 40), max_size=30))
def test_pieces_do_not_change_the_answer(compact, cuts):
    body = LEAD + written(compact, **WHOLE)
    progress, at = Progress(), 0
    for cut in cuts:
        at += cut
        if at >= len(body):
            break
        assert isinstance(scan_on(at_root(compact), body[:at], progress), NeedMore)
    assert scan_on(at_root(compact), body, progress).size == len(body)


# THeader's headers

INFO = codec("n" / Int16ub, "info" / FixedSized(this.n, ThriftInfo()), headers=this.info)


def info(body):
    data = LEAD + len(body).to_bytes(2, "big") + body
    found = actual(INFO, data)
    assert found == expected(INFO.lowered.protocol.frame, data)
    return found if isinstance(found, str) else INFO.lookup(("client", "absent")).find_bytes(data)


def test_headers_are_found_and_the_last_one_counts():
    pairs = ThriftInfo().build([("a", "b"), ("client", "first"), ("client", "last")])
    assert info(pairs) == (b"last", None)
    assert info(pairs + b"\x02\x01\x06client\x04kept") == (b"kept", None), "persistent ones count as others do"
    assert info(pairs + bytes(7)) == (b"last", None), "padding"
    assert info(pairs + b"\x00\xff\xff") == (b"last", None), "whatever is behind the first zero is padding"
    assert ThriftInfo().parse(pairs + bytes(2)) == [("a", "b"), ("client", "first"), ("client", "last")]
    assert ThriftInfo().build({"client": "x"}) == b"\x01\x01\x06client\x01x"
    assert info(b"") == (None, None)


@pytest.mark.parametrize(
    "body",
    [b"\x03\x00", b"\x01", b"\x01\x01\x06clien", b"\x01\x01\x01a", b"\x01\xff\xff\xff\xff\x0f", b"\x01\x01\xff\xff\xff\xff\x0f",
     b"\x01\x02\x01a\x01b", b"\xff\xff\xff\xff\xff\xff", b"\x01\x01\x01a\xff\xff\xff\xff\x07"],
)  # fmt: skip
def test_hostile_headers_are_malformed(body):
    assert info(body) == "bad"


@given(st.binary(max_size=30))
def test_any_bytes_are_headers_to_both_or_to_none(body):
    info(body)


def test_the_reader_of_construct_is_used_inside_a_struct():
    frame = Struct("a" / ThriftStruct(), "b" / Int16ub)
    assert frame.parse(b"\x00\x00\x07").b == 7
