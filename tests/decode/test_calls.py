"""Every golden vector through a capture: what comes out is what the vector says, however the bytes were cut and ordered."""

from __future__ import annotations

import random
from typing import Any

import pytest
from recorded import PROTOCOLS, pairs, recorded
from tape import STEP, Talk, Tape

from conformance.golden import Vector
from xproto.decode.calls import Call, Problem
from xproto.decode.message import Message

FRAMED = [name for name in PROTOCOLS if name not in {"http1", "http2"}]


def agree(message: Message, vector: Vector) -> None:
    assert message.plain if vector.kind == "wrapped" else message.cut.data == vector.data
    assert not message.faults
    if vector.kind == "wrapped":
        return
    assert message.kind.name.lower() == vector.kind
    for name in ("service", "method"):
        if name in vector.expected:
            assert getattr(message, name) == vector.expected[name], name
    if "timeout" in vector.expected:
        assert (message.timeout or 0) == max(vector.expected["timeout"] or 0, 0)
    if vector.id is not None:
        assert message.id == vector.id
    if isinstance(headers := vector.expected.get("headers"), dict):
        found = dict(message.headers)
        if vector.protocol == "http1":  # its vectors have the keys that routes find, which are more than the fields
            names = {key.lower() for key, _ in message.headers}
            found = {name: ",".join(value for key, value in message.headers if key.lower() == name) for name in names}
            headers = {key: value for key, value in headers.items() if key in found and key != "host"}
            assert len(headers) >= len(found) - 1
        said = {key: value for key, value in headers.items() if value is not None and not value.startswith("hex:")}
        assert {key: found.get(key) for key in said} == said


LONG = 400
"""Bytes of a frame that is not sent in pieces of a few."""


def short(protocol: str) -> list[tuple[Vector, Vector]]:
    """The pairs of short frames."""
    return [(request, answer) for request, answer in pairs(protocol) if max(len(request.data), len(answer.data)) <= LONG]


@pytest.mark.parametrize("most", [1460, 7], ids=["packets", "pieces of seven bytes"])
@pytest.mark.parametrize("protocol", FRAMED)
def test_requests_and_answers(decode: Any, protocol: str, most: int) -> None:
    """Each pair on a connection of its own. The protocol is said: some vectors alone would be taken for another's."""
    known = pairs(protocol) if most > LONG else short(protocol)
    tape = Tape()
    for number, (request, answer) in enumerate(known):
        talk = Talk(tape, client=("10.0.0.1", 10_000 + number)).open()
        talk.send(0, request.data, most).send(1, answer.data, most).close()
    calls, problems = decode(tape.pcap(), protocol)
    assert problems == []
    assert len(calls) == len(known) > 0
    for call, (request, answer) in zip(calls, known, strict=True):
        agree(call.request, request)
        (found,) = call.answers
        agree(found, answer)
        assert call.took is not None
        assert call.took >= STEP


@pytest.mark.parametrize("protocol", ["bolt", "dubbo", "thrift", "thrift-compact", "thrift-header", "tars", "dubbothrift"])
def test_the_protocol_is_found(decode: Any, protocol: str) -> None:
    tape = Tape()
    for number, (request, answer) in enumerate(short(protocol)):
        talk = Talk(tape, client=("10.0.0.1", 10_000 + number)).open()
        talk.send(0, request.data, 3).send(1, answer.data).close()
    calls, problems = decode(tape.pcap())
    assert not problems
    assert {call.request.protocol for call in calls} == {protocol}
    assert len(calls) == len(short(protocol)) > 0


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_single_frames_as_bytes(decode: Any, protocol: str) -> None:
    for vector in recorded(protocol).values():
        calls, problems = decode(vector.data, protocol, direction=vector.direction)
        assert not problems, vector.name
        (call,) = calls
        agree(call.answers[0] if call.answers else call.request, vector)


def numbered(decode: Any, tape: Tape) -> list[tuple[int, bytes, list[bytes]]]:
    calls, problems = decode(tape.pcap())
    assert problems == []
    return [(call.request.id, call.request.cut.data, [each.cut.data for each in call.answers]) for call in calls]


def frames(protocols: Any, count: int) -> list[tuple[bytes, bytes]]:
    """Bolt's requests under ids of their own, with their answers."""
    codec, known = protocols["bolt"].codec, recorded("bolt")
    request, answer = known["java-v1-echo-request"].data, known["java-v1-echo-response"].data
    return [(codec.with_id(request, n), codec.with_id(answer, n, 1)) for n in range(1, count + 1)]


def test_answers_in_any_order_find_their_requests(decode: Any, protocols: Any) -> None:
    sent = frames(protocols, 20)
    order = random.Random(3).sample(sent, len(sent))
    tape = Tape()
    Talk(tape).open().send(0, b"".join(each for each, _ in sent)).send(1, b"".join(each for _, each in order), 100).close()
    expected = [(sent.index(pair) + 1, pair[0], [pair[1]]) for pair in order]
    assert numbered(decode, tape) == expected


def test_packets_in_another_order(decode: Any, protocols: Any) -> None:
    sent = frames(protocols, 20)
    tape = Tape()
    talk = Talk(tape).open()
    for request, answer in sent:
        talk.send(0, request, 50).send(1, answer, 20)
    for at in range(3, len(tape.packets) - 1, 2):
        tape.packets[at], tape.packets[at + 1] = tape.packets[at + 1], tape.packets[at]
    found = numbered(decode, tape)
    assert sorted(found) == [(n, request, [answer]) for n, (request, answer) in enumerate(sent, start=1)]


def test_a_capture_that_began_in_the_middle(decode: Any, protocols: Any) -> None:
    """The first bytes are the end of an answer, and the first whole frame is an answer too: the server is found."""
    sent = frames(protocols, 4)
    tape = Tape("cooked2")
    talk = Talk(tape).send(1, sent[0][1][9:]).send(1, sent[1][1])
    talk.send(0, sent[2][0][:100]).send(0, sent[2][0][100:]).send(1, sent[2][1]).send(0, sent[3][0]).send(1, sent[3][1])
    calls, problems = decode(tape.pcap())
    assert [str(call.ends.client) for call in calls] == ["10.0.0.1:40000"] * 3
    assert [(call.request and call.request.id, call.answers[0].id) for call in calls] == [(None, 2), (3, 3), (4, 4)]
    assert [each.fault.why for each in problems] == ["52 bytes passed over, up to a packet that begins with a frame"]


def test_bytes_that_are_missing_cost_only_their_frames(decode: Any, protocols: Any) -> None:
    sent = frames(protocols, 3)
    tape = Tape()
    talk = Talk(tape).open().send(0, sent[0][0]).send(1, sent[0][1])
    talk.packet(0, sent[1][0], cut=200)
    talk.send(0, sent[2][0]).send(1, sent[2][1]).close()
    calls, problems = decode(tape.pcap())
    assert [call.request.id for call in calls] == [1, 3]
    assert [(each.fault.offset, each.fault.why) for each in problems] == [
        (244, "200 bytes are not in the capture, in a frame of which 44 are")
    ]


def test_a_malformed_frame_is_placed_and_the_rest_is_read(decode: Any, protocols: Any) -> None:
    sent = frames(protocols, 2)
    bad = bytearray(sent[1][0])
    bad[2:4] = b"\x00\x09"
    tape = Tape()
    one, two = Talk(tape).open(), Talk(tape, client=("10.0.0.1", 40_001)).open()
    one.send(0, sent[0][0] + bytes(bad) + b"more").send(1, sent[0][1])
    one.send(0, b"and more").close()
    two.send(0, sent[0][0]).send(1, sent[0][1]).close()
    calls, problems = decode(tape.pcap())
    assert [call.request.id for call in calls] == [1, 1]
    (fault, rest) = [each.fault for each in problems]
    assert (fault.offset, fault.field, fault.why) == (246, "command", "must be in 0..2")
    assert (rest.offset, rest.why) == (244, "256 further bytes were not read")
    assert {(each.direction, each.protocol) for each in problems} == {(0, "bolt")}


def test_a_checksum_that_does_not_fit_is_said_and_the_frame_shown(decode: Any) -> None:
    data = bytearray(recorded("bolt")["java-v2crc-echo-request"].data)
    data[-1] ^= 1
    calls, problems = decode(bytes(data), "bolt")
    assert (calls[0].request.id, calls[0].request.service) == (
        recorded("bolt")["java-v2crc-echo-request"].id, "com.test.EchoService:1.0",
    )  # fmt: skip
    assert [(each.fault.field, each.fault.offset, each.fault.why) for each in problems] == [
        ("crc", len(data) - 4, "checksum does not match")
    ]


def test_calls_without_an_answer_and_oneways(decode: Any) -> None:
    known = recorded("bolt")
    tape = Tape()
    Talk(tape).open().send(0, known["java-v1-oneway"].data).send(0, known["java-v1-echo-request"].data)
    calls, problems = decode(tape.pcap())
    assert [(call.request.kind.name, call.answers) for call in calls] == [("ONEWAY", []), ("REQUEST", [])]
    assert problems == []


def test_heartbeats_of_both_sides(decode: Any) -> None:
    known = recorded("dubbo")
    beat, ack = known["java-heartbeat"].data, known["java-heartbeat-ack"].data
    request, answer = known["java-echo-request"].data, known["java-echo-response"].data
    tape = Tape()
    talk = Talk(tape).open().send(0, request).send(1, answer)
    talk.send(1, beat).send(0, ack).send(0, beat).send(1, ack).close()
    calls, _ = decode(tape.pcap())
    assert [(call.request.kind.name, call.request.direction, len(call.answers)) for call in calls] == [
        ("REQUEST", 0, 1), ("HEARTBEAT", 1, 1), ("HEARTBEAT", 0, 1),
    ]  # fmt: skip


def test_nobodys_bytes_and_those_that_are_only_recognised(decode: Any) -> None:
    tape = Tape()
    Talk(tape).open().send(0, b"\x16\x03\x01\x00\xc8" + bytes(200))
    Talk(tape, client=("10.0.0.1", 1)).open().send(0, b"SSH-2.0-OpenSSH\r\n")
    Talk(tape, client=("10.0.0.1", 2)).open().send(0, b"\x01")
    calls, problems = decode(tape.pcap())
    assert calls == []
    assert [each.fault.why.split(":")[0] for each in problems] == [
        "tls", "no protocol begins with 53 53 48 2d 32 2e 30 2d 4f 70 65 6e 53 53 48 0d",
        "1 bytes are too few to tell the protocol, or none is found in them",
    ]  # fmt: skip


def test_a_proxy_header_says_whose_the_connection_is(decode: Any) -> None:
    tape = Tape()
    header = b"PROXY TCP4 192.0.2.7 192.0.2.8 1111 2222\r\n"
    Talk(tape).open().send(0, header + recorded("bolt")["java-v1-echo-request"].data, 5)
    calls, problems = decode(tape.pcap())
    assert (str(calls[0].ends.behind), calls[0].request.id, problems) == ("192.0.2.7:1111", 1, [])


def test_connections_take_turns(decode: Any, protocols: Any) -> None:
    """Fifty connections of four protocols at once, and the packets of all of them mixed."""
    known = [pairs(name)[0] for name in ("bolt", "dubbo", "thrift", "tars")]
    tape = Tape("null")
    talks = [Talk(tape, client=("10.0.0.1", 20_000 + n), seqs=[n, 2**32 - n]).open() for n in range(48)]
    for side in (0, 1):
        for at in range(0, 600, 60):
            for number, talk in enumerate(talks):
                if piece := known[number % 4][side].data[at : at + 60]:
                    talk.packet(side, piece)
    calls, problems = decode(tape.pcapng())
    assert problems == []
    assert len(calls) == 48
    assert all(len(call.answers) == 1 for call in calls)


def test_what_is_broken_says_so_and_nothing_is_raised(decode: Any, protocols: Any) -> None:
    """Captures with bytes changed anywhere: calls and problems come out, whatever they say."""
    tape = Tape()
    for number, name in enumerate(("bolt", "dubbo", "thrift", "tars")):
        talk = Talk(tape, client=("10.0.0.1", number)).open()
        for request, answer in pairs(name)[:3]:
            talk.send(0, request.data, 200).send(1, answer.data, 200)
    whole, drawn = tape.pcap(), random.Random(11)
    for _ in range(150):
        data = bytearray(whole)
        for _ in range(drawn.randint(1, 12)):
            data[drawn.randrange(24, len(data))] = drawn.randrange(256)
        for said in decode(bytes(data[: drawn.randint(100, len(data))])):
            assert all(isinstance(each, Call | Problem) for each in said)


def test_frames_that_never_end_are_not_kept_without_bound(decode: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from xproto.decode import cutter

    monkeypatch.setattr(cutter, "MOST_KEPT", 100_000)
    beginning = recorded("bolt")["java-v1-echo-request"].data[:18] + (8 << 20).to_bytes(4, "big")
    tape = Tape()
    for number in range(4):
        Talk(tape, client=("10.0.0.1", number)).open().send(0, beginning + bytes(60_000))
    _, problems = decode(tape.pcap())
    assert sum("given up" in each.fault.why for each in problems) >= 2


def test_a_body_in_many_pieces_is_not_scanned_over_and_over(protocols: Any) -> None:
    """An unframed struct of half a megabyte, a byte of the other side between any two packets."""
    from xproto.decode.cutter import FREE_SCANS, SCANS, Cutter, Kept

    body = b"\x0f\x00\x01\x0b" + (60_000).to_bytes(4, "big") + (b"\x00\x00\x00\x04abcd" * 60_000) + b"\x00"
    data = b"\x80\x01\x00\x01\x00\x00\x00\x04echo\x00\x00\x00\x07" + body
    cutter = Cutter(protocols["thrift-unframed"].codec, 0, Kept())
    found = []
    for at in range(0, len(data), 500):
        found += [*cutter.feed(at, data[at : at + 500]), *cutter.settle()]
    found += cutter.end()
    (cut,) = found
    assert (len(cut.data), cut.id) == (len(data), 7)
    assert len(data) < cutter.scanned <= FREE_SCANS + (SCANS + 16) * len(data)
