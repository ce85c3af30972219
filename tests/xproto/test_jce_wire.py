"""jce fields: the kernel reads as construct's side does, and no count or length leads it astray."""

from functools import cache

import pytest
from construct import Computed, FixedSized, If, Int16ub, Struct, this
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.xproto.small import LEAD, actual, codec, expected, refusal
from xproto.wire import Ahead, JceBytes, JceInteger, JceMap, JceRest, JceText
from xproto.wire.jce import head, integer_field, text_field

BODY = Struct(
    "first" / JceInteger(1, 0, 1000),
    "tag" / Computed(this.first & 1),
    "second" / JceInteger(this.tag + 2, 0, 1000),
    "word" / Ahead(b"\x46\x04ping"),
    "text" / JceText(4),
    "bytes" / If(this.word == 0, JceBytes(5)),
    "map" / JceMap(6),
    "high" / JceText(20),
    "rest" / JceRest(),
)


@cache
def under_test():
    return codec("n" / Int16ub, "body" / FixedSized(this.n, BODY), headers=this.body.map, service=this.body.text,
                 method=this.body.bytes)  # fmt: skip


FIRST = "first" / JceInteger(1, 0, 1000)


def wrapped(body):
    return LEAD + len(body).to_bytes(2, "big") + body


def agreed(body):
    found = actual(under_test(), wrapped(body))
    assert found == expected(under_test().lowered.protocol.frame, wrapped(body))
    return found if isinstance(found, str) else found - len(LEAD) - 2


def body(first=2, text=b"name", data=b"\x01\x02", pairs=(("k", "v"),), rest=b""):
    fields = {"first": first, "second": 5, "word": 0, "text": text, "bytes": data, "map": list(pairs)}
    return BODY.build({**fields, "high": b"h", "rest": rest})


def test_fields_are_written_as_narrow_as_they_can_be():
    assert integer_field(1, 0) == b"\x1c"
    assert integer_field(1, -128) == b"\x10\x80"
    assert integer_field(1, 128) == b"\x11\x00\x80"
    assert integer_field(1, 40_000) == b"\x12\x00\x00\x9c\x40"
    assert integer_field(1, 2**31) == b"\x13\x00\x00\x00\x00\x80\x00\x00\x00"
    assert integer_field(15, 1) == b"\xf0\x0f\x01"
    assert text_field(3, b"a" * 256) == b"\x37\x00\x00\x01\x00" + b"a" * 256


def test_what_is_built_is_read_and_found():
    data = body(pairs=[("k", "one"), ("k", "two")])
    assert agreed(data) == len(data)
    found = under_test().lookup(("service", "method", "k", "none")).find_bytes(wrapped(data))
    assert found == (b"name", b"\x01\x02", b"two", None)
    for size in range(len(data)):
        assert agreed(data[:size]) == "bad"


def test_every_width_of_an_integer():
    for written in (b"\x1c", b"\x10\x02", b"\x11\x00\x02", b"\x12\x00\x00\x00\x02", b"\x13" + bytes(7) + b"\x02"):
        data = written + body()[2:]
        assert agreed(data) == len(data)
    assert agreed(b"\x13\x01" + bytes(7) + body()[2:]) == "bad", "over what the layout allows"


def test_a_tag_may_depend_on_a_field():
    odd = body(first=3)
    assert odd[2] >> 4 == 3
    assert agreed(odd) == len(odd)
    assert agreed(b"\x10\x02" + odd[2:]) == "bad"


def test_a_word_that_is_ahead():
    data = body(text=b"ping")
    without = data[: data.index(b"ping") + 4] + data[data.index(b"\x5d") + 6 :]
    assert agreed(without) == len(without), "the layout leaves the bytes out where the word is there"
    assert agreed(data) == "bad"


def test_a_map_may_be_left_out_and_other_pairs_are_passed_over():
    data = body(pairs=())
    assert agreed(data.replace(head(6, 8) + b"\x0c", b"")) == len(data) - 2
    mixed = head(6, 8) + integer_field(0, 2) + integer_field(0, 7) + text_field(1, b"x")
    mixed += text_field(0, b"k") + text_field(1, b"v")
    data = data.replace(head(6, 8) + b"\x0c", mixed)
    assert under_test().lookup(("k",)).find_bytes(wrapped(data)) == (b"v",)
    assert agreed(data) == len(data)


def test_bytes_may_be_a_list_of_integers():
    data = body(data=b"").replace(b"\x5d\x00\x0c", b"\x59\x00\x02\x00\x07\x0c")
    assert agreed(data) == len(data)
    assert under_test().lookup(("method",)).find_bytes(wrapped(data)) == (None,)


REST = {
    "every type": integer_field(21, 5) + head(22, 4) + bytes(4) + head(22, 5) + bytes(8) + text_field(23, b"x" * 300),
    "a struct": head(30, 10) + integer_field(0, 1) + text_field(1, b"a") + b"\x0b",
    "lists in lists": head(30, 9) + b"\x00\x01" + head(0, 9) + b"\x00\x01" + head(0, 10) + b"\x0b",
    "nothing in a list": head(30, 9) + b"\x0c",
}


@pytest.mark.parametrize("case", REST)
def test_further_fields_are_passed_over(case):
    data = body(rest=REST[case])
    assert agreed(data) == len(data)
    assert agreed(data[:-1]) == "bad"


HOSTILE = {
    "a list that claims more than there is": head(30, 9) + integer_field(0, 2**31 - 1),
    "a list of -1": head(30, 9) + integer_field(0, -1),
    "a map that claims more than there is": head(30, 8) + integer_field(0, 2**31 - 1) + bytes(50),
    "a count that is no integer": head(30, 9) + text_field(0, b"2"),
    "an end without a beginning": b"\x0b",
    "a struct without an end": head(30, 10) + bytes(20),
    "deeper than any message": (head(0, 10)) * 65 + b"\x0b" * 65,
    "maps in maps": (head(1, 8) + b"\x00\x01\x0c") * 65 + b"\x1c",
    "a type that there is not": b"\x0e",
    "a text of 2**32-1 bytes": b"\x37\xff\xff\xff\xff",
    "bytes that are no bytes": head(30, 13) + b"\x02\x00\x01x",
    "bytes of more than there is": head(30, 13) + b"\x00" + integer_field(0, 2**31 - 1),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_fields_are_malformed(case):
    assert agreed(body(rest=HOSTILE[case])) == "bad"


def test_nesting_up_to_the_bound():
    data = body(rest=head(0, 10) * 64 + b"\x0b" * 64)
    assert agreed(data) == len(data)


@given(data=st.data())
@settings(max_examples=500)
def test_changed_fields_are_the_same_to_both(data):
    changed = bytearray(body(first=data.draw(st.integers(0, 3)), rest=data.draw(st.sampled_from(sorted(REST.values())))))
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(changed) - 1))
        changed[at : at + data.draw(st.integers(0, 1))] = data.draw(st.binary(max_size=2))
    agreed(bytes(changed))


@given(st.binary(max_size=40))
def test_any_bytes_are_the_same_to_both(data):
    agreed(body()[:7] + data)


def test_what_has_no_place_is_refused():
    assert refusal("x" / JceInteger(1))[:2] == ("x", "JceInteger at the root, where its bytes may not be there yet")
    assert refusal("x" / Ahead(b"a"))[:2] == ("x", "Ahead at the root, where its bytes may not be there yet")
    assert refusal("x" / JceText(1))[:2] == ("x", "JceText lasts until its section ends")
    far = Struct(FIRST, "x" / JceInteger(this.first))
    assert refusal("n" / Int16ub, "s" / FixedSized(this.n, far))[:2] == ("s.x", "its tag can be 1000")
