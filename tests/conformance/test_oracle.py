"""The judge itself: what it says where the answer is plain."""

from __future__ import annotations

import construct as c
import pytest
from construct import this

from conformance.judges.oracle import EndOfBytesError, Oracle, Watched
from conformance.outcome import Complete, Malformed, More
from xproto.spec import Kind, Limits, Protocol
from xproto.wire import HttpBody, HttpHead, ThriftStruct


def _oracle(*fields, limit=20) -> Oracle:
    return Oracle(Protocol("p", c.Struct(*fields), {Kind.REQUEST: this.n == 1}, this.n, limits=Limits(frame=limit)))


PLAIN = _oracle("n" / c.Int16ub, "data" / c.Bytes(this.n), c.Const(b"!"))


@pytest.mark.parametrize(
    ("data", "outcome"),
    [
        (b"", More(2)),
        (b"\0", More(2)),
        (b"\0\3", More(5)),
        (b"\0\3ab", More(5)),
        (b"\0\3abc", More(6)),
        (b"\0\3abc!", Complete(6)),
        (b"\0\3abc!more", Complete(6)),
        (b"\0\0!", Complete(3)),
    ],
)
def test_sizes(data, outcome) -> None:
    assert PLAIN.outcome(data) == outcome


def test_a_wrong_constant_is_malformed() -> None:
    assert isinstance(PLAIN.outcome(b"\0\1ax"), Malformed)


def test_a_frame_is_malformed_from_where_it_cannot_stay_within_the_limit() -> None:
    assert PLAIN.outcome(b"\0\x11" + bytes(17) + b"!") == Complete(20)
    assert isinstance(PLAIN.outcome(b"\0\x12" + bytes(18)), Malformed)
    assert PLAIN.outcome(b"\0\x12") == More(20)
    assert isinstance(PLAIN.outcome(b"\0\x13"), Malformed)


@pytest.mark.parametrize("field", [c.GreedyRange(c.Int16ub), c.Optional(c.Int32ub), c.Select(c.Int32ub, c.Int16ub)])
def test_constructs_that_swallow_errors_do_not_swallow_the_end(field) -> None:
    """construct would take the missing bytes for the end of the list, an absent field, the next alternative."""
    assert isinstance(_oracle("n" / c.Int8ub, field).outcome(b"\1\2"), More)


def test_the_end_of_a_section_is_no_need_for_more() -> None:
    section = _oracle("n" / c.Int8ub, "body" / c.FixedSized(this.n, c.Int32ub))
    assert section.outcome(b"\3a") == More(4)
    assert isinstance(section.outcome(b"\3abc"), Malformed)
    assert section.outcome(b"\4abcd") == Complete(5)


def test_reading_all_the_rest_is_allowed_at_the_end() -> None:
    stream = Watched(b"abc")
    assert stream.read(2) == b"ab"
    assert stream.read() == b"c"
    with pytest.raises(EndOfBytesError) as ended:
        stream.read(2)
    assert ended.value.total == 5


UNFRAMED = _oracle("n" / c.Int8ub, "body" / ThriftStruct(), limit=1000)
HTTP = _oracle("n" / c.Computed(0), "head" / HttpHead(), "body" / HttpBody(this.head), limit=1000)
_LIST = b"\1\x0f\0\1\x08"  # field 1, a list of 32-bit integers


@pytest.mark.parametrize(
    ("data", "outcome"),
    [
        (_LIST + b"\0\0\0\2\0\0\0\1", More(17)),
        (_LIST + b"\0\0\0\2\0\0\0\1\0\0\0\2\0", Complete(18)),
        (_LIST + (247).to_bytes(4, "big"), More(9 + 4 * 247)),
    ],
)
def test_a_claim_that_bytes_to_come_may_keep_is_no_fault(data, outcome) -> None:
    assert UNFRAMED.outcome(data) == outcome


def test_a_claim_beyond_the_limit_is() -> None:
    assert isinstance(UNFRAMED.outcome(_LIST + (248).to_bytes(4, "big")), Malformed)


@pytest.mark.parametrize(("fields", "body"), [(b"", b""), (b"Transfer-Encoding: chunked\r\n", b"3\r\nabc\r\n0\r\n\r\n")])
def test_a_message_of_http_asks_for_one_byte_more_at_a_time(fields, body) -> None:
    data = b"POST / HTTP/1.1\r\nHost: a\r\n" + fields + b"\r\n" + body
    assert [HTTP.outcome(data[:size]) for size in range(len(data))] == [More(size + 1) for size in range(len(data))]
    assert HTTP.outcome(data + b"GET") == Complete(len(data))
