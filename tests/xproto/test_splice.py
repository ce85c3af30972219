"""Fields replaced by longer and shorter ones: lengths follow, checksums follow, a wrong checksum stays wrong."""

import construct as c
import pytest
from construct import Int32sb, this

from xproto.errors import MalformedError, SpecError
from xproto.kernel.splice import Splicer
from xproto.registry import load, register
from xproto.spec import Kind, Order, Pool, Protocol
from xproto.templates import build_frame
from xproto.wire import Bounded, KeyValues
from xproto.wire.hessian import encode_map

PROTOCOLS = load()
BOLT, DUBBO = PROTOCOLS["bolt"], PROTOCOLS["dubbo"]
PAIRS = KeyValues(Int32sb)


def bolt(version=1, *, crc=0, headers=(("service", "s"),), content=b"body"):
    own = {"proto": 1} if version == 1 else {"proto": 2, "ver1": 2, "switch": {"unused": 0, "crc": crc}}
    fields = {"type": "request", "command": "request", "version": 1, "id": 7, "codec": 1, "timeout": 3000}
    return build_frame(BOLT.lowered, {**own, **fields, "class_name": b"c", "headers": list(headers), "content": content})


def dubbo(attachments):
    body = {"dubbo": "2.0.2", "path": "p", "version": "1", "method": "m", "types": "I", "arguments": [7], "rest": b""}
    flags = {"request": 1, "two_way": 1, "event": 0, "serialization": "hessian2"}
    return build_frame(DUBBO.lowered, {"flags": flags, "status": 0, "id": 9, "body": {**body, "attachments": attachments}})


@pytest.mark.parametrize("frame", [bolt(1), bolt(2), bolt(2, crc=1)], ids=["v1", "v2", "v2-crc"])
@pytest.mark.parametrize("pairs", [[], [("service", "another"), ("k", "v" * 300)]], ids=["shorter", "longer"])
def test_headers_of_bolt(frame, pairs):
    spliced = Splicer(BOLT.codec, "headers").splice(frame, PAIRS.build(pairs))
    assert BOLT.codec.verify_bytes(spliced) == len(spliced)
    before, after = BOLT.protocol.frame.parse(frame), BOLT.protocol.frame.parse(spliced)
    assert after.headers == pairs
    assert (after.id, after.class_name, after.content) == (before.id, before.class_name, before.content)


def test_the_same_bytes_give_the_same_frame():
    frame = bolt(2, crc=1)
    splicer = Splicer(BOLT.codec, "headers")
    assert splicer.splice(frame, splicer.find(frame)) == frame


def test_a_wrong_checksum_stays_wrong():
    frame = bytearray(bolt(2, crc=1))
    frame[-6] ^= 0x10
    spliced = Splicer(BOLT.codec, "headers").splice(bytes(frame), PAIRS.build([("service", "longer than before")]))
    with pytest.raises(MalformedError, match="checksum does not match"):
        BOLT.codec.verify_bytes(spliced)


def test_attachments_of_dubbo():
    spliced = Splicer(DUBBO.codec, "body.attachments").splice(dubbo({"group": "a"}), encode_map({"group": "b" * 500}))
    assert DUBBO.codec.verify_bytes(spliced) == len(spliced)
    assert DUBBO.codec.lookup(("group", "method")).find_bytes(spliced) == (b"b" * 500, b"m")


def test_a_length_that_does_not_fit_is_refused_not_wrapped():
    splicer = Splicer(BOLT.codec, "headers")
    room = 0x7FFF
    assert len(splicer.splice(bolt(), bytes(room))) > room
    with pytest.raises(OverflowError, match=r"header_len: 32768 is not in 0\.\.32767"):
        splicer.splice(bolt(), bytes(room + 1))


def test_a_frame_over_the_limit_is_refused():
    with pytest.raises(OverflowError, match="over the limit"):
        Splicer(BOLT.codec, "content").splice(bolt(), bytes(BOLT.protocol.limits.frame))


def test_a_frame_without_the_field():
    heartbeat = DUBBO.codec.heartbeat(0, 1)
    assert Splicer(DUBBO.codec, "body.attachments").find(heartbeat) is None
    with pytest.raises(MalformedError, match="does not have the field"):
        Splicer(DUBBO.codec, "body.attachments").splice(heartbeat, b"N")


def test_two_frames_are_refused():
    with pytest.raises(MalformedError, match="more than one frame"):
        Splicer(BOLT.codec, "headers").splice(bolt() * 2, b"")


@pytest.mark.parametrize("path", ["nothing", "id", "status"])
def test_what_is_not_a_field_of_bytes_is_refused(path):
    with pytest.raises(SpecError, match="is not a field of bytes"):
        Splicer(BOLT.codec, path)


def test_a_length_in_words_takes_whole_words():
    words = register(
        Protocol(
            name="words",
            frame=c.Struct(
                "id" / c.Int32ub,
                "words" / Bounded(c.Int16ub, 0, 100),
                "body" / c.Bytes(this.words * 4),
                "kind" / Bounded(c.Int8ub, 0, 1),
            ),
            id=this.id,
            kind={Kind.REQUEST: this.kind == 0, Kind.RESPONSE: this.kind == 1},
        )
    )
    splicer = Splicer(words.codec, "body")
    frame = b"\0\0\0\1" + b"\0\1" + b"abcd" + b"\0"
    assert splicer.splice(frame, b"abcdefgh") == b"\0\0\0\1" + b"\0\2" + b"abcdefgh" + b"\0"
    assert splicer.splice(frame, b"") == b"\0\0\0\1" + b"\0\0" + b"\0"
    for wrong in (b"abcde", bytes(404)):
        with pytest.raises(OverflowError, match="words"):
            splicer.splice(frame, wrong)


def varints():
    return register(
        Protocol(
            name="varints",
            frame=c.Struct(
                "id" / c.Int32ub,
                "kind" / Bounded(c.Int8ub, 0, 1),
                "size" / Bounded(c.Int32ub, 0, 10_000),
                "rest"
                / c.FixedSized(
                    this.size,
                    c.Struct("length" / Bounded(c.VarInt, 0, 1000), "text" / c.Bytes(this.length), "more" / c.GreedyBytes),
                ),
            ),
            id=this.id,
            kind={Kind.REQUEST: this.kind == 0, Kind.RESPONSE: this.kind == 1},
        )
    )


@pytest.mark.parametrize("size", [0, 1, 127, 128, 1000])
def test_a_varint_that_gets_longer_counts_in_what_is_around_it(size):
    varint = varints()

    def built(text):
        rest = c.VarInt.build(len(text)) + text + b"more"
        return b"\0\0\0\x07" + b"\0" + len(rest).to_bytes(4, "big") + rest

    frame, longer = built(b"abc"), built(b"v" * size)
    splicer = Splicer(varint.codec, "rest.text")
    assert splicer.splice(frame, b"v" * size) == longer
    assert splicer.splice(longer, b"abc") == frame
    with pytest.raises(OverflowError, match="length"):
        splicer.splice(frame, bytes(1001))


def test_a_length_that_a_check_holds_to_another_follows_it():
    dubbothrift = PROTOCOLS["dubbothrift"]
    fields = {"service": b"s", "id": 9, "type": "call", "name": b"m", "seqid": 1, "body": b"\0"}
    frame = build_frame(dubbothrift.lowered, fields)
    for path, field in (("service", "service"), ("name", "name")):
        longer = build_frame(dubbothrift.lowered, fields | {field: b"v" * 300})
        assert Splicer(dubbothrift.codec, path).splice(frame, b"v" * 300) == longer


def test_nested_sections_and_lengths_that_count_themselves():
    nested = register(
        Protocol(
            name="nested",
            frame=c.Struct(
                "size" / Bounded(c.Int32ul, 9, 1000),
                "rest"
                / c.FixedSized(
                    this.size - 4,
                    c.Struct(
                        "kind" / Bounded(c.Int8ub, 0, 1),
                        "text" / c.Prefixed(c.Int16ul, c.GreedyBytes),
                        "tail" / c.GreedyBytes,
                    ),
                ),
                "id" / c.Int32ub,
            ),
            id=this.id,
            kind={Kind.REQUEST: this.rest.kind == 0, Kind.RESPONSE: this.rest.kind == 1},
        )
    )
    frame = (4 + 1 + 2 + 3 + 2).to_bytes(4, "little") + b"\0" + b"\3\0abc" + b"yz" + b"\0\0\0\5"
    spliced = Splicer(nested.codec, "rest.text").splice(frame, b"abcdef")
    parsed = nested.protocol.frame.parse(spliced)
    assert (parsed.size, parsed.rest.text, parsed.rest.tail, parsed.id) == (15, b"abcdef", b"yz", 5)
    assert nested.codec.verify_bytes(spliced) == len(spliced)


def test_a_length_that_counts_from_the_beginning_follows():
    """TTwitter's size counts the header before it, and what is behind is measured from where it begins."""
    registered = PROTOCOLS["thrift-twitter"]
    message = {"plain": 0, "type": "call", "name": b"echo", "seqid": 7, "body": b"\0"}
    frame, longer = (build_frame(registered.lowered, {**message, "header": pairs}) for pairs in ([], [("k", "v" * 300)]))
    splicer = Splicer(registered.codec, "header")
    assert splicer.splice(frame, splicer.find(longer)) == longer
    assert splicer.splice(longer, splicer.find(frame)) == frame


def test_a_field_before_bytes_of_an_unclear_size_is_refused():
    lengths = ("size" / Bounded(c.Int16ub, 0, 999), "n" / Bounded(c.Int8ub, 0, 9), "a" / c.Bytes(this.n), "here" / c.Tell)
    layout = c.Struct("type" / c.Const(b"t"), "id" / c.Int32ub, *lengths, "b" / c.Bytes(this.size + this.n - this.here))
    registered = register(Protocol("t", layout, {Kind.REQUEST: this.n >= 0}, this.id))
    with pytest.raises(SpecError, match="does not follow one length field"):
        Splicer(registered.codec, "a")


def whole(*fields, body):
    """A frame of fields a, whose length is n, and of a body of this size."""
    a, body = "a" / c.Bytes(this.n), "body" / body
    layout = c.Struct(*(a if each == "a" else each for each in fields), body, "kind" / Bounded(c.Int8ub, 0, 1))
    kinds = {Kind.REQUEST: this.kind == 0, Kind.RESPONSE: this.kind == 1}
    return register(Protocol(name="whole", frame=layout, kind=kinds, pool=Pool.PING_PONG, order=Order.IN_ORDER))


N, SIZE = "n" / Bounded(c.Int8ub, 0, 99), "size" / Bounded(c.Int16ub, 4, 999)


@pytest.mark.parametrize("size", [this.size - this.n - 4, this.size - 4 - this.n, this.size - (this.n + 4)], ids=repr)
def test_the_length_of_a_whole_frame_follows(size):
    """The body's size is what is left of the frame's, so both lengths count the field before it."""
    registered = whole(SIZE, N, "a", body=c.Bytes(size))
    splicer = Splicer(registered.codec, "a")
    assert [field.path for field in splicer.plan.lengths] == ["n", "size"]
    assert splicer.splice(bytes.fromhex("0009 02 6161 626262 00"), b"ccc") == bytes.fromhex("000a 03 636363 626262 00")


@pytest.mark.parametrize(
    ("fields", "body", "told"),
    [
        ((SIZE, N, "a"), c.Bytes(this.size - this.n - this.n), "body behind it has the size"),
        ((SIZE, N, "a"), c.Bytes(this.n * 2), "body behind it has the size"),
        ((SIZE, N, "a"), c.If(this.size > 9, c.Bytes(this.size - this.n)), "what may be behind it"),
        ((N, "a", SIZE), c.Bytes(this.size - this.n), "a length that counts it is behind it"),
    ],
    ids=["twice", "double", "perhaps", "behind"],
)
def test_a_field_whose_length_decides_what_follows_in_another_way_is_refused(fields, body, told):
    with pytest.raises(SpecError, match=told):
        Splicer(whole(*fields, body=body).codec, "a")
