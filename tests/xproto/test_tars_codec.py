"""Tars: what frames mean from either side, what the proxy answers, and what is hostile."""

import struct

import pytest

from xproto.errors import MalformedError, NeedMore
from xproto.kernel.pieces import ids, with_ids
from xproto.registry import load
from xproto.spec import Fault, Kind
from xproto.wire.jce import head, integer_field, text_field

TARS = load()["tars"]
CODEC = TARS.codec
UPSTREAM = 1
MAX_FRAME = 10_485_760
NO_BYTES = head(0, 0) + integer_field(0, 0)


def sized(body):
    return struct.pack(">I", len(body) + 4) + body


def map_field(tag, **pairs):
    texts = (text_field(0, key.encode()) + text_field(1, value.encode()) for key, value in pairs.items())
    return head(tag, 8) + integer_field(0, len(pairs)) + b"".join(texts)


def request(id=7, version=1, oneway=0, function=b"echo", timeout=3000, identity=None, rest=b"", **context):
    return sized(
        integer_field(1, version) + integer_field(2, oneway) + integer_field(3, 0) + (identity or integer_field(4, id))
        + text_field(5, b"App.Server.Obj") + text_field(6, function) + head(7, 13) + NO_BYTES + integer_field(8, timeout)
        + map_field(9, **context) + map_field(10) + rest
    )  # fmt: skip


def response(id=7, version=1, code=0, says=b"", identity=None):
    return sized(
        integer_field(1, version) + integer_field(2, 0) + (identity or integer_field(3, id)) + integer_field(4, 0)
        + integer_field(5, code) + head(6, 13) + NO_BYTES + map_field(7) + text_field(8, says)
    )  # fmt: skip


def test_a_request():
    frame = request(context="x", user="me")
    found = CODEC.scan_bytes(frame)
    assert (found.kind, found.id, found.size, found.timeout) == (Kind.REQUEST, 7, len(frame), 3000)
    keys = ("service", "method", "user", "none")
    assert CODEC.lookup(keys).find_bytes(frame) == (b"App.Server.Obj", b"echo", b"me", None)
    assert CODEC.verify_bytes(frame) == len(frame)
    for size in range(len(frame)):
        assert isinstance(CODEC.scan_bytes(frame[:size]), NeedMore)


@pytest.mark.parametrize(
    ("frame", "direction", "kind"),
    [
        (request(oneway=1), 0, Kind.ONEWAY),
        (request(function=b"tars_ping"), 0, Kind.HEARTBEAT),
        (request(function=b"tars_pings"), 0, Kind.REQUEST),
        (request(function=b"tars_ping", oneway=1), 0, Kind.ONEWAY),
        (response(), UPSTREAM, Kind.RESPONSE),
        (response(id=0), UPSTREAM, Kind.RESPONSE),
        (response(id=0, says=b"_reconnect_"), UPSTREAM, Kind.GOAWAY),
        (response(id=5, says=b"_reconnect_"), UPSTREAM, Kind.RESPONSE),
        (request(version=3), UPSTREAM, Kind.RESPONSE),
        (request(version=2), UPSTREAM, Kind.RESPONSE),
        (response(version=5), UPSTREAM, Kind.RESPONSE),
    ],
)
def test_kinds(frame, direction, kind):
    found = CODEC.scan_bytes(frame, direction)
    assert (found.kind, found.size) == (kind, len(frame))
    assert CODEC.verify_bytes(frame, direction) == len(frame)


IDS = {
    "zero": b"\x4c",
    "one byte": b"\x40\x05",
    "one byte, below zero": b"\x40\xff",
    "two bytes": b"\x41\x01\x00",
    "two bytes where one would do": b"\x41\x00\x05",
    "four bytes": b"\x42\x00\x01\x00\x00",
    "four bytes where none would do": b"\x42\x00\x00\x00\x00",
    "eight bytes": b"\x43" + bytes(7) + b"\x05",
}


@pytest.mark.parametrize("case", IDS)
def test_ids_of_every_width_come_back_byte_for_byte(case):
    came = request(identity=IDS[case])
    origin = ids(CODEC, came)
    assert origin[0][1] == len(IDS[case])
    went = CODEC.with_id(came, CODEC.id_base | 5)
    assert went == request(identity=b"\x42" + struct.pack(">I", CODEC.id_base | 5)), "five bytes, and the length follows"
    assert with_ids(CODEC, went, *origin) == came
    answer = response(id=CODEC.id_base | 5)
    assert with_ids(CODEC, answer, *origin, direction=UPSTREAM) == response(identity=_tagged(IDS[case], 3))


def _tagged(field, tag):
    return bytes((tag << 4 | field[0] & 15,)) + field[1:]


CODES = {Fault.NO_ROUTE: -4, Fault.TIMEOUT: -7, Fault.OVERLOAD: -9, Fault.CLOSED: -8}


@pytest.mark.parametrize(("fault", "code"), CODES.items())
def test_the_proxys_own_answers(fault, code):
    answer = CODEC.reply(fault, 0, 0, 300)
    found = CODEC.scan_bytes(answer, UPSTREAM)
    assert (found.kind, found.id) == (Kind.RESPONSE, 300)
    parsed = TARS.protocol.frame.parse(answer, from_upstream=1)
    assert (parsed.body.version, parsed.body.code) == (1, code)
    assert b"xproto: " in parsed.body.rest
    tup = next(echo for echo in range(8) if TARS.lowered.echo.unpack(echo)["body"]["version"] == 3)
    parsed = TARS.protocol.frame.parse(CODEC.reply(fault, 0, tup, 300), from_upstream=1)
    assert dict(parsed.body.status)["STATUS_RESULT_CODE"] == str(code), "TUP answers have the request's layout"


def test_a_ping_and_its_answer():
    assert CODEC.scan_bytes(CODEC.heartbeat(0, 9)).kind == Kind.HEARTBEAT
    assert CODEC.scan_bytes(CODEC.heartbeat_ack(0, 0, 9), UPSTREAM).id == 9


HOSTILE = {
    "a length of zero": bytes(4),
    "a length of three, which does not count itself": b"\x00\x00\x00\x03",
    "a length over the limit": struct.pack(">I", MAX_FRAME + 1),
    "a length of 4 GiB": b"\xff\xff\xff\xff",
    "an empty packet": sized(b""),
    "a version of 6": request(version=6),
    "a version of zero": request(version=0),
    "an id that is a text": request(identity=text_field(4, b"7")),
    "an id over 31 bits": request(identity=b"\x43" + struct.pack(">q", 2**31)),
    "no id": request(identity=b"\x50\x01"),
    "fields in another order": sized(integer_field(2, 0) + integer_field(1, 1) + request()[8:]),
    "a field twice": sized(integer_field(1, 1) + request()[4:]),
    "a map that claims 2**31-1 pairs": sized(request()[4:-4] + head(9, 8) + integer_field(0, 2**31 - 1)),
    "a struct without an end": request(rest=head(20, 10)),
    "structs in structs": request(rest=head(20, 10) + head(0, 10) * 70),
    "half a field": request(rest=b"\xf2"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_packets_are_malformed(case):
    with pytest.raises(MalformedError):
        CODEC.verify_bytes(HOSTILE[case] + bytes(100))


@pytest.mark.parametrize("case", HOSTILE)
def test_the_scan_refuses_them_or_leaves_a_whole_frame(case):
    """What does not decide where a frame ends, or whose call it is, is left to the server."""
    data = HOSTILE[case] + bytes(100)
    try:
        found = CODEC.scan_bytes(data)
    except MalformedError:
        return
    assert found.size == struct.unpack_from(">I", data)[0]
    assert case in {"a map that claims 2**31-1 pairs", "a struct without an end", "structs in structs", "half a field"}
