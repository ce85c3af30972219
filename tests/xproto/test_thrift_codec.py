"""The forms of Thrift: what their frames mean, what the proxy answers in them, and what is hostile."""

import struct
import zlib

import cramjam
import pytest

from conformance.golden import FOLDER
from conformance.golden import load as load_vectors
from xproto.errors import MalformedError, NeedMore
from xproto.kernel.codec import Frame
from xproto.kernel.pieces import ids, with_ids
from xproto.registry import load
from xproto.spec import Fault, Kind
from xproto.wire.theader import inflate, varint

LOADED = load()
CALL, REPLY, EXCEPTION, ONEWAY = 1, 2, 3, 4
KINDS = {CALL: Kind.REQUEST, REPLY: Kind.RESPONSE, EXCEPTION: Kind.RESPONSE, ONEWAY: Kind.ONEWAY}
BODY = b"\x0b\x00\x01\x00\x00\x00\x02hi\x00"
COMPACT_BODY = b"\x18\x02hi\x00"
MAX_FRAME = 16_384_000


def strict(kind=CALL, name=b"Svc:echo", seqid=7, body=BODY):
    return b"\x80\x01\x00" + bytes((kind,)) + struct.pack(">i", len(name)) + name + struct.pack(">I", seqid) + body


def old(kind=CALL, name=b"Svc:echo", seqid=7, body=BODY):
    return struct.pack(">i", len(name)) + name + bytes((kind,)) + struct.pack(">I", seqid) + body


def compact(kind=CALL, name=b"Svc:echo", seqid=7, body=COMPACT_BODY):
    return b"\x82" + bytes((kind << 5 | 1,)) + varint(seqid) + varint(len(name)) + name + body


def framed(message):
    return struct.pack(">I", len(message)) + message


def theader(message, seq=9, protocol=0, transforms=b"\x00", info=b"", flags=0):
    header = varint(protocol) + transforms + info
    header += bytes(-len(header) % 4)
    return framed(struct.pack(">HHIH", 0x0FFF, flags, seq, len(header) // 4) + header + message)


def dubbo(message, service=b"Svc", id=2**40):
    head = 21 + len(service)
    inner = b"\xda\xbc" + bytes(4) + struct.pack(">HBI", head, 1, len(service)) + service + struct.pack(">Q", id) + message
    size = struct.pack(">I", len(inner))
    return size + inner[:2] + size + inner[6:]


FORMS = {
    "thrift": lambda **given: framed(strict(**given)),
    "thrift-old": lambda **given: framed(old(**given)),
    "thrift-compact": lambda **given: framed(compact(**given)),
    "thrift-unframed": strict,
    "thrift-unframed-old": old,
    "thrift-unframed-compact": compact,
    "thrift-header": lambda **given: theader(strict(**given)),
    "thrift-header-compact": lambda **given: theader(compact(**given), protocol=2),
    "dubbothrift": lambda **given: dubbo(strict(**given)),
}


def test_every_form_is_tested():
    assert {*FORMS, "thrift-twitter"} == {name for name in LOADED if "thrift" in name}, "that one has a file of its own"


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", KINDS)
def test_kinds_names_and_ids(form, kind):
    codec, frame = LOADED[form].codec, FORMS[form](kind=kind)
    found = codec.scan_bytes(frame)
    assert isinstance(found, Frame)
    assert (found.size, found.kind) == (len(frame), KINDS[kind])
    assert codec.verify_bytes(frame) == len(frame)
    assert codec.lookup(("service", "method")).find_bytes(frame) == (b"Svc", b"echo")
    for size in range(len(frame)):
        assert isinstance(codec.scan_bytes(frame[:size]), NeedMore), "what is missing is to come"
    assert codec.scan_bytes(frame + frame).size == len(frame)


@pytest.mark.parametrize("form", FORMS)
def test_the_ids_of_a_caller_come_back_byte_for_byte(form):
    codec = LOADED[form].codec
    for seqid in (0, 1, 127, 128, 2**28, 2**32 - 1):
        came = FORMS[form](seqid=seqid)
        origin = ids(codec, came)
        went = codec.with_id(came, codec.id_base | 5)
        found = ids(codec, went)
        assert found[0][0] == codec.id_base | 5
        assert found[1] is None or found[1][0] == found[0][0], "both are the same number upstream"
        assert codec.scan_bytes(went).size == len(went), "its length has followed"
        assert with_ids(codec, went, *origin) == came


def test_a_theader_has_two_ids():
    codec = LOADED["thrift-header-compact"].codec
    assert ids(codec, theader(compact(seqid=300), seq=9, protocol=2)) == ((9, 4), (300, 2))


@pytest.mark.parametrize("form", FORMS)
def test_the_proxys_own_answers(form):
    codec = LOADED[form].codec
    for fault, code in ((Fault.NO_ROUTE, 1), (Fault.TIMEOUT, 6), (Fault.OVERLOAD, 6), (Fault.MALFORMED, 7)):
        answer = codec.reply(fault, 0, 0, 77, b"echo")
        found = codec.scan_bytes(answer, 1)
        assert (found.kind, found.id, found.size) == (Kind.RESPONSE, 77, len(answer))
        assert codec.lookup(("method",)).find_bytes(answer) == (b"echo",)
        number = b"\x15" + varint(2 * code) if "compact" in form else b"\x08\x00\x02" + struct.pack(">i", code)
        assert answer.endswith(number + b"\x00")


def test_without_a_service_the_name_is_the_method():
    frame = framed(strict(name=b"echo"))
    assert LOADED["thrift"].codec.lookup(("service", "method")).find_bytes(frame) == (None, b"echo")
    assert LOADED["dubbothrift"].codec.lookup(("service",)).find_bytes(dubbo(strict(name=b"echo"))) == (b"Svc",)


def test_info_headers_are_headers():
    frame = theader(strict(), info=b"\x01\x02\x04user\x02me\x07service\x05other")
    codec = LOADED["thrift-header"].codec
    assert codec.lookup(("user", "service")).find_bytes(frame) == (b"me", b"Svc")
    plain = theader(strict(name=b"echo"), info=b"\x01\x01\x07service\x05other")
    assert codec.lookup(("service",)).find_bytes(plain) == (b"other",)


# What is hostile (WIRE.md, section 3)

FRAMED = [form for form in FORMS if "unframed" not in form]


@pytest.mark.parametrize("form", FRAMED)
@pytest.mark.parametrize("size", [MAX_FRAME + 1, 2**31 - 1, 2**32 - 1])
def test_a_frame_over_the_limit_is_malformed_at_its_first_bytes(form, size):
    with pytest.raises(MalformedError, match="size"):
        LOADED[form].codec.scan_bytes(struct.pack(">I", size))


@pytest.mark.parametrize("form", [form for form in FORMS if "unframed" in form])
def test_an_unframed_message_over_the_limit_is_malformed(form):
    small = load(options={form: {"max_frame": 1000}})[form].codec
    long = b"\x18" + varint(2000) if "compact" in form else b"\x0b\x00\x01" + struct.pack(">i", 2000)
    with pytest.raises(MalformedError):
        small.scan_bytes(FORMS[form](body=long))


ENDLESS = {
    "thrift-unframed": b"\x0c\x00\x01\x00",  # empty structs
    "thrift-unframed-old": b"\x02\x00\x01\x01",  # bools
    "thrift-unframed-compact": b"\x11",  # bools whose value is in their type: nothing but heads
}


@pytest.mark.parametrize("form", ENDLESS)
def test_an_unframed_message_that_does_not_end_is_malformed_at_the_limit(form):
    small = load(options={form: {"max_frame": 1000}})[form].codec
    begun = FORMS[form](body=b"")
    assert isinstance(small.scan_bytes(begun + ENDLESS[form] * 50), NeedMore)
    with pytest.raises(MalformedError):
        small.scan_bytes(begun + ENDLESS[form] * 1000)


@pytest.mark.parametrize("form", FRAMED)
def test_a_frame_that_is_too_short_for_its_head_is_malformed(form):
    frame = FORMS[form]()
    size = len(frame) - 4 - (len(COMPACT_BODY) if "compact" in form else len(BODY)) - 1
    with pytest.raises(MalformedError):
        LOADED[form].codec.scan_bytes(struct.pack(">I", size) + frame[4:] + bytes(50))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", [b"x" * 1025, b"x" * 100_000])
def test_a_name_that_is_too_long_is_malformed(form, name):
    with pytest.raises(MalformedError):
        LOADED[form].codec.scan_bytes(FORMS[form](name=name))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", [0, 5, 7])
def test_a_message_of_no_type_is_malformed(form, kind):
    with pytest.raises(MalformedError):
        LOADED[form].codec.scan_bytes(FORMS[form](kind=kind))


def test_a_name_of_negative_length_is_malformed():
    with pytest.raises(MalformedError):
        LOADED["thrift"].codec.scan_bytes(framed(b"\x80\x01\x00\x01\xff\xff\xff\xff" + bytes(20)))


def test_a_compact_id_that_does_not_end_is_malformed():
    with pytest.raises(MalformedError):
        LOADED["thrift-compact"].codec.scan_bytes(framed(b"\x82\x21" + b"\xff" * 20))


def test_the_lengths_of_dubbothrift_must_agree():
    good = dubbo(strict())
    for at, other in ((6, b"\x00\x00\x00\x01"), (10, b"\x00\x01"), (13, b"\x00\x00\x00\x01")):
        with pytest.raises(MalformedError):
            LOADED["dubbothrift"].codec.scan_bytes(good[:at] + other + good[at + len(other) :])


def test_theaders_headers_over_65536_bytes_are_malformed():
    frame = framed(struct.pack(">HHIH", 0x0FFF, 0, 9, 16_385) + bytes(4 * 16_385) + strict())
    with pytest.raises(MalformedError, match="words"):
        LOADED["thrift-header"].codec.scan_bytes(frame)


def test_theaders_headers_that_reach_beyond_the_frame_are_malformed():
    frame = struct.pack(">I", 14) + struct.pack(">HHIH", 0x0FFF, 0, 9, 100) + bytes(500)
    with pytest.raises(MalformedError):
        LOADED["thrift-header"].codec.scan_bytes(frame)


# Transforms

ZLIB, SNAPPY = b"\x01\x01", b"\x01\x03"


@pytest.mark.parametrize(
    ("transforms", "squeezed"), [(ZLIB, zlib.compress(strict())), (SNAPPY, bytes(cramjam.snappy.compress_raw(strict())))]
)
def test_a_compressed_frame_in_its_plain_form(transforms, squeezed):
    codec = LOADED["thrift-header"].codec
    frame = theader(squeezed, transforms=transforms, info=b"\x01\x01\x04user\x02me", flags=5)
    assert codec.scan_bytes(frame).kind == Kind.WRAPPED
    plain = inflate("thrift-header", frame, 1000)
    assert (codec.scan_bytes(plain).kind, codec.verify_bytes(plain)) == (Kind.REQUEST, len(plain))
    assert ids(codec, plain) == ((9, 4), (7, 4))
    assert plain[6:8] == b"\x00\x05", "the flags"
    assert plain.endswith(strict())
    assert codec.lookup(("user", "method")).find_bytes(plain) == (b"me", b"echo")


@pytest.mark.parametrize("name", ["thrift-header", "thrift-header-compact"])
def test_a_compressed_frame_is_built_from_what_was_read(name):
    protocol = load()[name].protocol
    frame = theader(zlib.compress(strict()), transforms=ZLIB, protocol=2 if name.endswith("compact") else 0)
    assert protocol.frame.build(protocol.frame.parse(frame)) == frame


BOMB = zlib.compress(bytes(10**6))
TRANSFORMS = {
    # case: (transforms, payload, what is said)
    "inflation over the limit (CVE-2026-41608)": (ZLIB, BOMB, "more than 1000 bytes"),
    "snappy that claims more than the limit": (SNAPPY, varint(2**31) + b"\x00a", "more than 1000 bytes"),
    "snappy that is none": (SNAPPY, b"\xff" * 30, "transform 3"),
    "snappy that ends early": (SNAPPY, bytes(cramjam.snappy.compress_raw(b"abc" * 50))[:-3], "transform 3"),
    "zlib that is none": (ZLIB, b"no zlib", "transform 1"),
    "zlib that ends early": (ZLIB, zlib.compress(strict())[:-5], "does not end with the frame"),
    "zlib with more behind": (ZLIB, zlib.compress(strict()) + b"x", "does not end with the frame"),
    "a transform that there is not": (b"\x01\x02", b"x", "not known"),
    "two transforms": (b"\x02\x01\x01", zlib.compress(strict()), "2 transforms"),
    "a transform's number that does not end": (b"\x01\xff\xff\xff\xff\xff\xff", b"x", "does not end"),
}


@pytest.mark.parametrize("case", TRANSFORMS)
def test_hostile_transforms(case):
    transforms, payload, says = TRANSFORMS[case]
    with pytest.raises(MalformedError, match=says):
        inflate("thrift-header", theader(payload, transforms=transforms), 1000)


def test_an_id_that_is_wrapped_is_not_rewritten():
    """The second id of a compressed frame is inside: there is no place to write it to."""
    vectors = load_vectors(FOLDER / "thrift-header")
    wrapped = next(vector.data for vector in vectors if vector.kind == "wrapped" and vector.direction == 0)
    with pytest.raises(MalformedError, match="its second id is wrapped: unwrap it first"):
        LOADED["thrift-header"].codec.with_id(wrapped, 7)
