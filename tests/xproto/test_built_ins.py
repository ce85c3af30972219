"""Bolt and Dubbo on frames that real implementations sent (conformance/vectors), and with their options."""

import json
from pathlib import Path

import pytest

from tests.golden import RECORDED
from tests.golden import frame as golden_frame
from xproto.codecs.dubbo import READONLY, SERIALIZATIONS
from xproto.errors import MalformedError, NeedMore
from xproto.registry import load
from xproto.spec import Fault, Kind
from xproto.wire.hessian import encode_text

PROTOCOLS = load()
BOLT, DUBBO = PROTOCOLS["bolt"].codec, PROTOCOLS["dubbo"].codec
FACTS = json.loads((Path(__file__).parents[1] / "vectors" / "facts.json").read_text())["dubbo"]["resolution"]


def vectors(name):
    return [vector for vector in RECORDED if vector.protocol == name]


@pytest.mark.parametrize("vector", vectors("bolt"), ids=lambda v: v.name)
def test_frames_of_bolt(vector):
    """What a scan keeps beside kind and id (`test_vectors` has those): the checksum's place, the variant, the codec."""
    frame = BOLT.scan_bytes(vector.data)
    fields = vector.expected["fields"]
    assert (frame.crc_at == len(vector.data) - 4) is bool(fields["checked"])
    assert BOLT.lowered.variant.unpack(frame.variant) == {"proto": fields["proto"], "ver1": fields["ver1"]}
    assert frame.echo == fields["codec"]


@pytest.mark.parametrize("vector", vectors("dubbo"), ids=lambda v: v.name)
def test_frames_of_dubbo(vector):
    assert DUBBO.lowered.echo.unpack(DUBBO.scan_bytes(vector.data).echo) == {"flags": {"serialization": "hessian2"}}


def test_the_events_of_dubbo():
    """Heartbeats both ways, and the provider's farewell, from the golden frames byte for byte."""
    heartbeat, ack, readonly = (golden_frame("dubbo", f"java-{name}") for name in ("heartbeat", "heartbeat-ack", "readonly"))
    assert (heartbeat[:3], heartbeat[12:]) == (b"\xda\xbb\xe2", b"\x00\x00\x00\x01N")
    assert (readonly[:4], readonly[12:]) == (b"\xda\xbb\xa2\x00", b"\x00\x00\x00\x02" + READONLY.to_bytes(2, "big"))
    assert [DUBBO.scan_bytes(f).kind for f in (heartbeat, ack, readonly)] == [Kind.HEARTBEAT, Kind.HEARTBEAT_ACK, Kind.GOAWAY]
    number = DUBBO.scan_bytes(heartbeat).id
    assert DUBBO.heartbeat(0, number) == heartbeat, "ours are Java's"
    assert DUBBO.heartbeat_ack(0, DUBBO.scan_bytes(heartbeat).echo, number) == ack
    another = readonly[:-1] + b"X"
    assert DUBBO.scan_bytes(another).kind == Kind.HEARTBEAT_ACK, "an event that nothing is owed for"


def test_heartbeats_of_bolt_are_those_of_java():
    seen = set()
    for vector in vectors("bolt"):
        fields = vector.expected["fields"]
        if vector.kind in {"heartbeat", "heartbeat_ack"} and not fields["checked"]:
            frame = BOLT.scan_bytes(vector.data)
            ours = (
                BOLT.heartbeat(frame.variant, frame.id)
                if vector.kind == "heartbeat"
                else BOLT.heartbeat_ack(frame.variant, frame.echo, frame.id)
            )
            assert BOLT.scan_bytes(ours)[:3] == (len(ours), Kind[vector.kind.upper()], frame.id)
            seen.add((vector.kind, fields["proto"]))
    assert len(seen) == 4


@pytest.mark.parametrize("name", ["bolt", "dubbo"])
@pytest.mark.parametrize("fault", [fault for fault in Fault if fault is not Fault.MISDIRECTED])
def test_every_fault_has_its_reply(name, fault):
    registered = PROTOCOLS[name]
    for variant in registered.lowered.variant.values():
        if name == "bolt" and registered.lowered.variant.unpack(variant) == {"proto": 2, "ver1": 0}:
            continue  # the layout has no such frame
        reply = registered.codec.reply(fault, variant, 0 if name == "bolt" else DUBBO_ECHO, 77)
        frame = registered.codec.scan_bytes(reply)
        assert (frame.size, frame.kind, frame.id) == (len(reply), Kind.RESPONSE, 77)
        assert registered.codec.verify_bytes(reply) == len(reply)
        own = registered.protocol.reply[fault]
        assert int(registered.protocol.frame.parse(reply).status) == own["status"]
        ack = registered.codec.heartbeat_ack(variant, DUBBO_ECHO if name == "dubbo" else 0, 78)
        assert registered.codec.scan_bytes(ack).kind == Kind.HEARTBEAT_ACK, "TIMEOUT and HEARTBEAT_ACK are both 5"


DUBBO_ECHO = DUBBO.scan_bytes(DUBBO.heartbeat(0, 1)).echo

# Options


def bolt_goaway(version):
    head = b"\x01" if version == 1 else b"\x02\x02"
    switch = b"" if version == 1 else b"\x00"
    return head + b"\x02" + b"\x00\x64" + b"\x01" + b"\x00\x00\x00\x09" + b"\x01" + switch + bytes(4 + 8)


@pytest.mark.parametrize("version", [1, 2])
def test_goaway_of_bolt_is_off_by_default_and_on_by_option(version):
    frame = bolt_goaway(version)
    with pytest.raises(MalformedError, match=r"bolt: command: must be in 0\.\.2, at offset"):
        BOLT.scan_bytes(frame)
    allowed = load(options={"bolt": {"goaway": True}})["bolt"].codec
    assert (allowed.scan_bytes(frame).kind, allowed.scan_bytes(frame).id) == (Kind.GOAWAY, 9)
    for vector in vectors("bolt")[:10]:
        assert allowed.scan_bytes(vector.data).kind == Kind[vector.kind.upper()]


def in_serialization(number):
    case = next(f for f in FACTS if f["name"] == "fields and attachments agree")
    frame = bytearray.fromhex(case["request"])
    frame[2] = frame[2] & 0xE0 | number
    return bytes(frame)


def test_a_serialization_that_is_not_allowed_is_malformed():
    for number in set(range(32)) - {SERIALIZATIONS["hessian2"]}:
        with pytest.raises(MalformedError, match=r"dubbo: flags\.serialization: must be one of \[2\], at offset 2"):
            DUBBO.scan_bytes(in_serialization(number))
    assert DUBBO.scan_bytes(in_serialization(2)).kind == Kind.REQUEST


def test_allowed_serializations_are_routed_by_what_the_frame_shows():
    allowed = load(options={"dubbo": {"serializations": ["hessian2", "java", "fastjson2"]}})["dubbo"].codec
    lookup = allowed.lookup(("service", "method", "timeout"))
    for name in ("java", "fastjson2"):
        frame = in_serialization(SERIALIZATIONS[name])
        scanned = allowed.scan_bytes(frame)
        assert (scanned.kind, scanned.size) == (Kind.REQUEST, len(frame))
        assert lookup.find_bytes(frame) == (None, None, None), "what the body says is the provider's business"
        assert allowed.verify_bytes(frame) == len(frame)
        assert allowed.lowered.echo.unpack(scanned.echo) == {"flags": {"serialization": name}}
    assert lookup.find_bytes(in_serialization(2)) == (b"com.test.EchoService", b"whoami", b"1000")
    with pytest.raises(MalformedError, match=r"must be one of \[2, 3, 23\]"):
        allowed.scan_bytes(in_serialization(21))


def test_a_body_that_is_no_hessian2_passes_in_another_serialization_alone():
    allowed = load(options={"dubbo": {"serializations": ["hessian2", "protobuf"]}})["dubbo"].codec
    body = b"\xff\xfe\xfd"

    def frame(serialization):
        return b"\xda\xbb" + bytes((0xC0 | serialization, 0)) + bytes(8) + len(body).to_bytes(4, "big") + body

    protobuf, hessian = frame(SERIALIZATIONS["protobuf"]), frame(SERIALIZATIONS["hessian2"])
    assert allowed.verify_bytes(protobuf) == len(protobuf)
    with pytest.raises(MalformedError):
        allowed.verify_bytes(hessian)
    assert allowed.scan_bytes(hessian).size == len(hessian), "a scan delimits it, and the caller is told"
    with pytest.raises(MalformedError):
        allowed.lookup(("service",)).find_bytes(hessian)


@pytest.mark.parametrize("name", list(SERIALIZATIONS))
def test_replies_are_in_the_serialization_of_the_request(name):
    allowed = load(options={"dubbo": {"serializations": ["hessian2", name] if name != "hessian2" else [name]}})["dubbo"]
    echo = allowed.codec.scan_bytes(in_serialization(SERIALIZATIONS[name])).echo
    reply = allowed.codec.reply(Fault.TIMEOUT, 0, echo, 3)
    assert reply[2] & 0x1F == SERIALIZATIONS[name]
    message = "xproto: the provider did not answer in time"
    if name in {"hessian2", "nativehessian"}:
        assert reply[16:] == encode_text(message)
    elif name in {"fastjson", "gson", "jackson", "fastjson2"}:
        assert json.loads(reply[16:]) == message
    else:
        assert reply[16:] == b""
    assert reply[3] == 31


def test_dubbo_without_hessian2():
    only = load(options={"dubbo": {"serializations": ["fastjson2"]}})["dubbo"].codec
    assert only.scan_bytes(only.heartbeat(0, 5)).kind == Kind.HEARTBEAT
    assert only.lookup(("service",)).find_bytes(in_serialization(SERIALIZATIONS["fastjson2"])) == (None,)
    with pytest.raises(MalformedError):
        only.scan_bytes(in_serialization(2))


def test_the_body_limit_of_dubbo():
    small = load(options={"dubbo": {"max_body": 100}})["dubbo"].codec
    head = b"\xda\xbb\xc2\x00" + bytes(8)
    assert small.scan_bytes(head + (100).to_bytes(4, "big")) == NeedMore(116)
    with pytest.raises(MalformedError, match=r"dubbo: length: must be in 0\.\.100, at offset 12"):
        small.scan_bytes(head + (101).to_bytes(4, "big"))
    with pytest.raises(MalformedError, match=r"dubbo: length: must be in 0\.\.100, at offset 12"):
        small.scan_bytes(head + b"\xff\xff\xff\xff")
