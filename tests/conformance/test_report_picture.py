"""A frame's picture: each byte is of one field, whatever the bytes are."""

from __future__ import annotations

import construct as c
import pytest
from construct import this

from conformance.generate.examples import curated
from conformance.report.dump import differing, near, rows
from conformance.report.picture import Span, State, at_fault, owners, picture
from tests.conformance.reports import call, frame, registered
from tests.conformance.subjects import BEACON, BEACON_FRAMES
from xproto.registry import find
from xproto.spec import Kind, Protocol


def drawn(name: str, data: bytes, direction: int = 0) -> dict[str, Span]:
    return {span.path or span.state: span for span in picture(registered(name).protocol, data, direction)}


def of(layout: c.Construct, data: bytes) -> list[tuple[str, int, int]]:
    spans = picture(Protocol("small", layout, {Kind.REQUEST: True}), data)
    return [(span.path, span.offset, span.size) for span in spans]


def test_each_field_has_its_place_and_its_value() -> None:
    found = drawn("bolt", frame())
    assert [(path, span.offset, span.size) for path, span in found.items() if span.size and "." not in path] == [
        ("proto", 0, 1), ("ver1", 1, 1), ("type", 2, 1), ("command", 3, 2), ("version", 5, 1), ("id", 6, 4), ("codec", 10, 1),
        ("switch", 11, 1), ("timeout", 12, 4), ("class_len", 16, 2), ("header_len", 18, 2), ("content_len", 20, 4),
        ("class_name", 24, 13), ("headers", 37, 121), ("content", 158, 10), ("crc", 168, 4),
    ]  # fmt: skip
    assert (found["type"].value, found["id"].value, found["class_name"].value) == ("request (1)", "7", '"com.test.Call"')
    assert "status" not in found, "a field that is absent"
    assert found["headers"].value.startswith('"service": "com.test.Echo:1.0"')


def test_bits_have_their_place_in_their_byte() -> None:
    found = drawn("bolt", frame())
    assert found["switch.unused"] == Span(11, 1, "switch.unused", "0", 1, bits=(0, 7))
    assert found["switch.crc"] == Span(11, 1, "switch.crc", "1", 1, bits=(7, 1))
    spans = {span.path: span for span in picture(find("beacon", [BEACON]).protocol, BEACON_FRAMES[1])}
    assert (spans["flags.priority"].offset, spans["flags.priority"].size, spans["flags.priority"].bits) == (2, 2, (7, 4))


def test_what_a_section_holds_is_placed_in_the_frame() -> None:
    found = drawn("dubbo", call())
    assert (found["body"].offset, found["body"].end) == (16, len(call()))
    assert (found["body.dubbo"].offset, found["body.dubbo"].size, found["body.dubbo"].depth) == (16, 6, 1)
    assert call()[found["body.method"].offset :][:5] == b"\x04echo"
    assert found["body.attachments"].end == len(call())


@pytest.mark.parametrize("name", ["bolt", "dubbo"])
def test_every_byte_of_a_good_frame_is_of_a_field(name: str) -> None:
    for data in curated(registered(name).lowered):
        spans = picture(registered(name).protocol, data)
        assert -1 not in owners(spans, len(data))
        assert all(span.state is State.READ for span in spans)


def test_a_frame_that_is_cut_ends_in_the_field_that_lacks_bytes() -> None:
    for size in range(len(frame())):
        spans = picture(registered("bolt").protocol, frame()[:size])
        last = spans[-1]
        assert last.state is State.REFUSED
        assert last.end == size
        assert "StreamError" in last.why
        assert all(span.state is State.READ for span in spans[:-1])
    assert drawn("bolt", frame()[:30])["class_name"] == Span(
        24, 6, "class_name", "", 0, State.REFUSED, "StreamError: stream read less than specified amount, expected 13, found 6"
    )


def test_behind_a_refused_field_nothing_is_read() -> None:
    found = drawn("bolt", frame()[:3] + b"\0\x09" + frame()[5:])
    assert found["command"].state is State.REFUSED
    assert found["command"].why == "ValidationError: 9 is none of heartbeat, request, response"
    assert (found[State.UNREAD].offset, found[State.UNREAD].end) == (5, len(frame()))
    assert "version" not in found


def test_a_refused_field_inside_a_section() -> None:
    found = drawn("dubbo", call()[:16] + b"\xff" + call()[17:])
    assert found["body.dubbo"].state is State.REFUSED
    assert found["body"].state is State.READ
    assert found["body"].size == len(call()) - 16


def test_what_follows_the_frame_is_said_to() -> None:
    assert drawn("bolt", frame() + b"xy")[State.BEHIND] == Span(len(frame()), 2, "", "2 bytes", 0, State.BEHIND)


def test_a_direction_changes_what_is_read() -> None:
    answer = b"HTTP/1.1 204 No Content\r\n\r\n"
    assert drawn("http1", answer)["head"].state is State.REFUSED
    assert drawn("http1", answer, 1)["head"].size == len(answer)


def test_no_bytes_at_all() -> None:
    assert [span.path for span in picture(registered("bolt").protocol, b"")] == ["proto"]


def test_elements_have_their_number() -> None:
    item = c.Struct("id" / c.Int16ub, "name" / c.PascalString(c.Byte, "ascii"))
    layout = c.Struct("count" / c.Byte, "items" / c.Array(this.count, item))
    assert of(layout, b"\2\0\1\1a\0\2\2bc") == [
        ("count", 0, 1), ("items", 1, 9), ("items[0]", 1, 4), ("items[0].id", 1, 2), ("items[0].name", 3, 2),
        ("items[1]", 5, 5), ("items[1].id", 5, 2), ("items[1].name", 7, 3),
    ]  # fmt: skip


def test_forms_that_were_tried_in_vain_are_not_drawn() -> None:
    layout = c.Struct(
        "value" / c.Select(c.Struct("a" / c.Int8ub, "b" / c.Const(b"\xff")), c.Struct("c" / c.Int16ub)),
        "more" / c.GreedyRange(c.Struct("d" / c.Int16ub)),
    )
    assert of(layout, bytes(range(5))) == [
        ("value", 0, 2), ("value.c", 0, 2), ("more", 2, 2), ("more[0]", 2, 2), ("more[0].d", 2, 2), ("", 4, 1),
    ]  # fmt: skip


def test_a_look_ahead_gives_way_to_what_is_read() -> None:
    assert of(c.Struct("next" / c.Peek(c.Int8ub), "kind" / c.Int8ub), b"\1") == [("next", 0, 0), ("kind", 0, 1)]
    assert of(c.Struct("next" / c.Peek(c.Struct("kind" / c.Int8ub)), "kind" / c.Int8ub), b"\1") == [("kind", 0, 1)]


def test_bytes_that_do_not_stand_in_the_frame_have_no_place() -> None:
    layout = c.Struct("size" / c.Byte, "packed" / c.FixedSized(this.size, c.Compressed(c.Struct("id" / c.Int16ub), "zlib")))
    data = layout.build({"size": 10, "packed": {"id": 7}})
    assert ("packed.id", 1, 0) in of(layout, data)


def test_members_without_a_name_and_text_that_ends_in_a_zero() -> None:
    name = c.NullTerminated(c.Struct("text" / c.GreedyBytes))
    layout = c.Struct("a" / c.Byte, c.Padding(2), "name" / name, c.Check(this.a == 1))
    assert of(layout, b"\1\0\0hi\0") == [("a", 0, 1), ("(Padded)", 1, 2), ("name", 3, 3), ("name.text", 3, 2)]
    assert of(layout, b"\2\0\0hi\0")[-1] == ("(Check)", 6, 0)


def test_a_layout_that_raises_is_drawn_up_to_there() -> None:
    layout = c.Struct("a" / c.Byte, "b" / c.Bytes(lambda _context: 1 // 0))
    spans = picture(Protocol("small", layout, {Kind.REQUEST: True}), b"\1\2")
    assert [(span.path, span.state) for span in spans] == [("a", "read"), ("b", "refused"), ("", "unread")]
    assert spans[1].why == "ZeroDivisionError: integer division or modulo by zero"


def test_the_layout_itself_is_not_changed() -> None:
    protocol = registered("dubbo").protocol
    before = protocol.frame.parse(call())
    picture(protocol, call())
    assert protocol.frame.parse(call()) == before


def test_the_field_of_a_failure_is_pointed_at_before_the_one_that_refuses() -> None:
    spans = picture(registered("bolt").protocol, frame()[:30])
    assert {spans[index].path for index in at_fault(spans, "id")} == {"id"}
    assert {spans[index].path for index in at_fault(spans, "")} == {"class_name"}
    assert {spans[index].path for index in at_fault(spans, "nothing of this name")} == {"class_name"}


@pytest.mark.parametrize(
    ("made", "wanted", "places"),
    [
        (b"abcd", b"abcd", (set(), set())),
        (b"abXd", b"abcd", ({2}, {2})),
        (b"abcXd", b"abcd", ({3}, set())),
        (b"ad", b"abcd", (set(), {1, 2})),
        (b"", b"ab", (set(), {0, 1})),
        (b"aa", b"aaa", (set(), {2})),
    ],
)
def test_where_two_frames_differ(made: bytes, wanted: bytes, places: tuple[set[int], set[int]]) -> None:
    assert differing(made, wanted) == places


def test_a_long_frame_is_shown_where_it_matters() -> None:
    assert [at for row in rows(50, 16, 64) for at in row] == list(range(50))
    shown = [at for row in rows(10_000, 16, 256, 5_000) for at in row]
    assert len(shown) == 256
    assert {0, 5_000} <= set(shown)
    assert list(near(100, 8, {50}, 64)) == [range(40, 48), range(48, 56), range(56, 64)]
