"""Ids whose width varies, ids that are said twice, and replies that repeat a text."""

import pytest
from construct import Bytes, Enum, FixedSized, If, Int8ub, Int16ub, Int32ub, Int64ub, Rebuild, Struct, VarInt, len_, this

from tests.xproto.small import declare, refusal
from xproto.errors import MalformedError
from xproto.kernel.pieces import ids, with_ids
from xproto.registry import register
from xproto.spec import Fault, Kind, Limits, Protocol
from xproto.wire import Bounded, FromUpstream, JceInteger, JceRest, Known, TrailingCrc32

WIDE = Bounded(VarInt, 0, 2**32 - 1)
KIND = Known(Enum(Int8ub, request=0, response=1, packed=2))
KINDS = {Kind.REQUEST: this.kind == "request", Kind.RESPONSE: this.kind == "response"}


def varint(number: int) -> bytes:
    out = b""
    while number > 0x7F:
        out += bytes((number & 0x7F | 0x80,))
        number >>= 7
    return out + bytes((number,))


def moving(**roles):
    """A size of all, a kind, an id of any width, a name, an id of four bytes, a body."""
    frame = Struct(
        "size" / Rebuild(Bounded(Int16ub, 0, 1000), lambda c: 9 + len(varint(c.id)) + len(c.name) + len(c.body)),
        "kind" / KIND,
        "id" / WIDE,
        "name_size" / Rebuild(Int8ub, len_(this.name)),
        "name" / Bytes(this.name_size),
        "second" / Int32ub,
        "body_size" / Rebuild(Int8ub, len_(this.body)),
        "body" / Bytes(this.body_size),
    )
    reply = {Fault.TIMEOUT: {"body": b"late"}}
    given = {"again": this.second, "length": this.size, "echo_text": this.name, **roles}
    return register(
        Protocol(
            name="moving", frame=frame, id=this.id, kind=KINDS, limits=Limits(frame=2000), reply=reply,
            reply_base={"kind": "response"}, **given,
        )
    ).codec  # fmt: skip


def framed(kind, first, name, second, body):
    """`first` is the bytes of the id."""
    rest = bytes((kind,)) + first + bytes((len(name),)) + name + second.to_bytes(4, "big") + bytes((len(body),)) + body
    return (len(rest) + 2).to_bytes(2, "big") + rest


def test_every_width_of_an_id_is_replaced_and_restored_byte_for_byte():
    codec = moving()
    for first in (b"\x00", b"\x7f", b"\x80\x01", b"\xff\xff\x03", b"\xff\xff\xff\xff\x0f", b"\x85\x80\x80\x00", b"\x80\x00"):
        came = framed(0, first, b"buy", 77, b"tea")
        assert codec.scan_bytes(came).size == len(came)
        origin = ids(codec, came)
        assert origin[0][1] == len(first)
        assert origin[1] == (77, 4)
        went = codec.with_id(came, codec.id_base | 5)
        assert went == framed(0, varint(codec.id_base | 5), b"buy", codec.id_base | 5, b"tea")
        assert ids(codec, went)[0] == (codec.id_base | 5, 5)
        assert with_ids(codec, went, *origin) == came


def test_all_fresh_ids_are_of_one_width():
    codec = moving()
    assert (codec.id_bits, codec.id_base, codec.moves) == (28, 1 << 28, True)
    for number in (codec.id_base, codec.id_base | (1 << 28) - 1):
        assert len(varint(number)) == 5


def test_a_reply_has_the_callers_ids_and_repeats_the_name():
    codec = moving()
    assert codec.reply(Fault.TIMEOUT, 0, 0, 300, b"buy") == framed(1, varint(300), b"buy", 300, b"late")
    assert codec.reply(Fault.TIMEOUT, 0, 0, 3, b"") == framed(1, b"\x03", b"", 3, b"late")


def test_without_a_length_only_the_id_changes():
    frame = Struct("kind" / KIND, "id" / WIDE, "body_size" / Int8ub, "body" / Bytes(this.body_size))
    codec = register(Protocol(name="t", frame=frame, id=this.id, kind=KINDS)).codec
    assert codec.with_id(b"\x00\x05\x03abc", 1 << 28) == b"\x00\x80\x80\x80\x80\x01\x03abc"


def test_an_incomplete_id_needs_more_and_one_that_is_too_long_is_malformed():
    codec = moving()
    came = framed(0, b"\xff\xff\xff\xff\x0f", b"buy", 77, b"tea")
    for size in range(len(came)):
        assert codec.scan_bytes(came[:size]).total > size
    with pytest.raises(MalformedError, match=r"id: must be in 0\.\.4294967295"):
        codec.scan_bytes(framed(0, b"\xff\xff\xff\xff\xff\x00", b"", 0, b""))


def test_a_second_id_of_fixed_width_is_rewritten_in_place():
    frame = Struct("kind" / KIND, "id" / Int64ub, "second" / Int32ub)
    codec = register(Protocol(name="t", frame=frame, id=this.id, again=this.second, kind=KINDS)).codec
    assert (codec.id_bits, codec.moves) == (32, False)
    came = b"\x00" + (7).to_bytes(8, "big") + (9).to_bytes(4, "big")
    assert codec.with_id(came, 2**32 - 2) == b"\x00" + (2**32 - 2).to_bytes(8, "big") + b"\xff\xff\xff\xfe"
    assert with_ids(codec, codec.with_id(came, 5), *ids(codec, came)) == came


def test_the_side_that_a_frame_came_from():
    frame = Struct(
        "upstream" / FromUpstream, "kind" / KIND, "id" / Int16ub, "late" / If(this.upstream == 1, Int8ub),
    )  # fmt: skip
    kind = {Kind.RESPONSE: this.upstream == 1, Kind.REQUEST: this.upstream == 0}
    reply = {Fault.TIMEOUT: {"kind": "response", "late": 9}}
    codec = register(Protocol(name="t", frame=frame, id=this.id, kind=kind, reply=reply)).codec
    assert codec.scan_bytes(b"\x00\x00\x05").size == 3
    assert codec.scan_bytes(b"\x01\x00\x05\x09", direction=1).size == 4
    assert codec.scan_bytes(b"\x01\x00\x05\x09", direction=1).kind == Kind.RESPONSE
    assert frame.parse(b"\x01\x00\x05\x09", from_upstream=1).late == 9
    assert codec.scan_bytes(b"\x01\x00\x05", direction=1).total == 4
    assert codec.reply(Fault.TIMEOUT, 0, 0, 5) == b"\x01\x00\x05\x09"


def test_what_cannot_be_an_id_is_refused():
    twice = ("size" / Int16ub, "second" / Int32ub)
    assert refusal(*twice, again=this.nothing)[0] == "again"
    assert refusal("a" / Int32ub, id=this.a, again=this.id)[:2] == ("again", "id stands before a")
    assert refusal("a" / Int32ub, again=this.a, length=this.a)[:2] == (
        "length", "a is not the fixed-width integer that a frame begins with",
    )  # fmt: skip
    assert refusal("w" / WIDE, "crc" / TrailingCrc32(), id=this.w)[:2] == (
        "id", "w changes its width in a frame with a checksum",
    )  # fmt: skip
    assert refusal("w" / Bounded(VarInt, 0, 1000), id=this.w)[:2] == ("id", "w does not hold 29 bits")
    body = FixedSized(this.n, Struct("x" / JceInteger(15, 0, 2**31 - 1), "rest" / JceRest()))
    lengths = ("n" / Int16ub, "body" / body)
    assert refusal(*lengths, id=this.body.x)[:2] == ("id", "body.x may have a tag above 14")
    checked = refusal("a" / Int32ub, "crc" / TrailingCrc32(), again=this.a)
    assert checked[:2] == ("again", "a second id in a frame with a checksum")
    assert declare(*twice, again=this.second).again is not None
