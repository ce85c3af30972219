"""TTwitter: an upgrade, then headers before messages; and what plain Thrift makes of the upgrade."""

import struct

import pytest
from construct import FixedSized, Int32ub, Struct, this

from xproto.autodetect import Detector
from xproto.autodetect.proof import prove
from xproto.errors import MalformedError, NeedMore, SpecError
from xproto.registry import load, register
from xproto.spec import Fault, Kind, Protocol
from xproto.wire import Ahead, ThriftStruct, TTwitterHeader

LOADED = load()
TTWITTER = LOADED["thrift-twitter"].codec
UPGRADE = b"__can__finagle__trace__v3__"
CALL, REPLY, EXCEPTION, ONEWAY = 1, 2, 3, 4
FROM_CLIENT, FROM_SERVER = 0, 1


def framed(message):
    return struct.pack(">I", len(message)) + message


def strict(kind=CALL, name=b"Svc:echo", seqid=7, body=b"\x0b\x00\x01\x00\x00\x00\x02hi\x00"):
    return b"\x80\x01\x00" + bytes((kind,)) + struct.pack(">i", len(name)) + name + struct.pack(">I", seqid) + body


def upgrade(kind=CALL, seqid=0):
    return framed(strict(kind, UPGRADE, seqid, b"\x00"))


def text(number, value):
    return struct.pack(">BHI", 11, number, len(value)) + value


def context(key, value):
    return text(1, key) + text(2, value) + b"\x00"


def request_header(client=b"shop", contexts=((b"tenant", b"blue"),), dest=b"/s/orders"):
    trace = b"".join(struct.pack(">BHq", 10, number, 2**63 - number) for number in (1, 2, 3)) + b"\x02\x00\x05\x01"
    who = struct.pack(">BH", 12, 6) + text(1, client) + b"\x00"
    flags = struct.pack(">BHq", 10, 7, 0)
    listed = struct.pack(">BHBI", 15, 8, 12, len(contexts)) + b"".join(context(*pair) for pair in contexts)
    return trace + who + flags + listed + text(9, dest) + b"\x00"


def call(header=None, **message):
    return framed((request_header() if header is None else header) + strict(**message))


def look_up(*keys):
    lookup = TTWITTER.lookup(keys)
    return lambda frame: list(lookup.find_bytes(frame))


def test_an_upgrade_and_its_answer_are_the_handshake():
    assert TTWITTER.scan_bytes(upgrade(), FROM_CLIENT).kind == Kind.HANDSHAKE
    assert TTWITTER.scan_bytes(upgrade(REPLY), FROM_SERVER).kind == Kind.HANDSHAKE_ACK
    assert TTWITTER.handshake(0, 5) == upgrade(seqid=5)
    assert TTWITTER.handshake_ack(0, 0, 5) == upgrade(REPLY, 5)


@pytest.mark.parametrize(
    ("kind", "meant"), [(CALL, Kind.REQUEST), (ONEWAY, Kind.ONEWAY), (REPLY, Kind.RESPONSE), (EXCEPTION, Kind.RESPONSE)]
)
@pytest.mark.parametrize("header", [b"\x00", request_header(), text(1, b"a key of a version to come") + b"\x00"])
def test_messages_behind_their_header(kind, meant, header):
    frame = call(header, kind=kind)
    found = TTWITTER.scan_bytes(frame)
    assert (found.size, found.kind, found.id) == (len(frame), meant, 7)
    assert TTWITTER.verify_bytes(frame) == len(frame)
    assert TTWITTER.with_id(frame, 9) == call(header, kind=kind, seqid=9)


@pytest.mark.parametrize("message", [strict(), strict(ONEWAY), strict(REPLY), strict(EXCEPTION), strict(EXCEPTION, UPGRADE)])
def test_a_message_without_a_header_is_malformed(message):
    with pytest.raises(MalformedError):
        TTWITTER.scan_bytes(framed(message))


@pytest.mark.parametrize("kind", [ONEWAY, EXCEPTION])
def test_an_upgrade_that_is_neither_call_nor_reply_is_malformed(kind):
    with pytest.raises(MalformedError):
        TTWITTER.scan_bytes(upgrade(kind))


def test_routes_see_the_method_the_service_and_the_header():
    find = look_up("service", "method", "dest", "client_id", "tenant", "nothing")
    assert find(call()) == [b"Svc", b"echo", b"/s/orders", b"shop", b"blue", None]
    assert find(call(name=b"echo"))[:2] == [b"/s/orders", b"echo"], "without a service in its name, the destination is one"
    assert find(call(b"\x00")) == [b"Svc", b"echo", None, None, None, None]


def test_the_last_context_of_a_key_counts():
    header = request_header(contexts=((b"tenant", b"blue"), (b"tenant", b"red"), (b"", b""), (b"nothing", b"")))
    assert look_up("tenant", "nothing")(call(header)) == [b"red", b""]


def test_fields_of_other_types_are_passed_over():
    """A client's id that is no struct, contexts that are texts, a destination that is a number, a struct in a context."""
    odd = text(6, b"shop") + struct.pack(">BHBI", 15, 8, 11, 1) + struct.pack(">I", 3) + b"abc"
    odd += struct.pack(">BHq", 10, 9, 5) + b"\x00"
    assert look_up("client_id", "dest", "abc", "method")(call(odd)) == [None, None, None, b"echo"]
    inner = struct.pack(">BH", 12, 3) + text(1, b"x") + b"\x00"
    nested = struct.pack(">BHBI", 15, 8, 12, 1) + inner + context(b"k", b"v") + b"\x00"
    assert look_up("k")(call(nested)) == [b"v"]


def test_the_reference_reads_the_same_pairs():
    layout = LOADED["thrift-twitter"].protocol.frame
    parsed = layout.parse(call(), from_upstream=0)
    assert dict(parsed.header) == {"client_id": "shop", "tenant": "blue", "dest": "/s/orders"}
    assert layout.build(parsed, from_upstream=0) == call()
    again = layout.parse(layout.build({**parsed, "header": {"a": "b"}}, from_upstream=0), from_upstream=0)
    assert list(again.header) == [("a", "b")]


def test_our_answers_have_a_header_and_name_the_method():
    answer = TTWITTER.reply(Fault.TIMEOUT, 0, 0, 7, b"echo")
    assert answer[4:5] == b"\x00"
    assert answer[5:].startswith(strict(EXCEPTION, b"echo", body=b""))


@pytest.mark.parametrize("cut", range(0, 60, 7))
def test_a_beginning_needs_more(cut):
    for frame in (call(), upgrade()):
        if cut < len(frame):
            found = TTWITTER.scan_bytes(frame[:cut])
            assert isinstance(found, NeedMore)
            assert cut < found.total <= len(frame)


@pytest.mark.parametrize(
    "header",
    [
        b"\x11" + b"\x00" * 8,
        struct.pack(">BHBI", 15, 8, 12, 2**31 - 1),
        struct.pack(">BHI", 11, 9, 2**31),
        struct.pack(">BH", 12, 6) * 65 + b"\x00" * 66,
    ],
    ids=["no such type", "more contexts than bytes", "a negative length", "too deep"],
)
def test_hostile_headers(header):
    with pytest.raises(MalformedError):
        TTWITTER.scan_bytes(call(header))


def test_a_header_longer_than_its_frame_is_malformed():
    frame = bytearray(call())
    struct.pack_into(">I", frame, 0, len(request_header()))
    with pytest.raises(MalformedError):
        TTWITTER.scan_bytes(bytes(frame))


# Plain Thrift


@pytest.mark.parametrize("name", ["thrift", "thrift-old", "thrift-unframed", "thrift-unframed-old"])
def test_plain_thrift_knows_an_upgrade_when_it_sees_one(name):
    """It must not be passed on: a Finagle server would from then on read everybody's calls with headers."""
    plain = strict(CALL, UPGRADE, 0, b"\x00")
    if name.endswith("old"):
        plain = struct.pack(">i", len(UPGRADE)) + UPGRADE + b"\x01" + bytes(4) + b"\x00"
    frame = plain if "unframed" in name else framed(plain)
    assert LOADED[name].codec.scan_bytes(frame).kind == Kind.HANDSHAKE
    other = frame.replace(b"__v3__", b"__v4__")
    assert LOADED[name].codec.scan_bytes(other).kind == Kind.REQUEST


# Detection


def test_ttwitter_comes_before_thrift_and_both_are_told_apart():
    assert not prove([LOADED["thrift-twitter"], LOADED["thrift"]], 64)
    found = prove([LOADED["thrift"], LOADED["thrift-twitter"]], 64)
    assert [finding.protocols for finding in found] == [("thrift", "thrift-twitter")], "nobody said who comes first so"


@pytest.mark.parametrize("first", [upgrade(), upgrade(seqid=2**32 - 1)])
def test_an_upgrade_is_detected_however_it_is_cut(first):
    detector = Detector([LOADED[name] for name in ("thrift-twitter", "thrift", "bolt", "dubbo")])
    asked = 0
    while isinstance(answer := detector.detect(first[:asked]), int):
        assert asked < answer <= len(first)
        asked = answer
    assert answer == "thrift-twitter"
    assert detector.detect(framed(strict())) == "thrift"
    assert detector.detect(framed(strict(name=UPGRADE[:-1] + b"-"))) == "thrift"
    assert Detector([LOADED["thrift"], LOADED["bolt"]]).detect(first) == "thrift"


def test_nobody_begins_with_a_header():
    assert Detector([LOADED["thrift-twitter"], LOADED["bolt"]]).detect(call()) is None


# What is refused


def refusal(*fields):
    with pytest.raises(SpecError) as caught:
        register(Protocol(name="p", frame=Struct(*fields, "id" / Int32ub), kind={Kind.REQUEST: this.id >= 0}, id=this.id))
    return caught.value.path, caught.value.wrong


def test_two_structs_at_the_root_are_refused():
    """A walk that goes on where it stopped is kept once."""
    assert refusal("a" / TTwitterHeader(), "b" / ThriftStruct()) == (
        "p: b",
        "a second Thrift struct whose bytes may not be there yet",
    )


def test_a_certain_look_ahead_stands_at_the_root():
    assert refusal("s" / FixedSized(4, Struct("x" / Ahead(b"a", certain=True)))) == (
        "p: s.x",
        "Ahead(…, certain=True) in a section, which may end",
    )
    assert refusal("x" / Ahead(b"a")) == ("p: x", "Ahead at the root, where its bytes may not be there yet")
