"""The live kit against servers and clients made by declarations: good ones pass, and each fault is named."""

from __future__ import annotations

import asyncio

import pytest

from conformance.bench import Profile
from conformance.golden import Vector
from conformance.live import NAMES, LiveError, Patience, check_server, play_server
from conformance.live.lengths import length_fields, unknown_forms
from conformance.suite import Result, describe
from tests.conformance import live_peers as peers
from xproto.registry import Registered, load
from xproto.spec import Kind
from xproto.templates import build_frame, merge

LIVE = Profile("test", frames=150, mutants=800, derived=0)
PATIENCE = Patience(answer=0.25, close=0.25, pace=0.003)
BEACON = "tests/protocols/beacon.py"
LOADED = load([BEACON])
BOLT, THRIFT = LOADED["bolt"], LOADED["thrift"]

_BASE = {
    "proto": 1, "ver1": 0, "version": 1, "id": 7, "codec": 1, "switch": {"unused": 0, "crc": 0}, "timeout": 3000,
    "type": "request", "command": "request", "class_name": b"com.test.Call", "content": b"hello",
    "headers": [("service", "com.test.Echo:1.0"), ("sofa_head_method_name", "echo")],
}  # fmt: skip
_CRC = {"proto": 2, "ver1": 2, "switch": {"crc": 1}}


def _bolt(name: str, kind: str, direction: int = 0, **fields: object) -> Vector:
    data = build_frame(BOLT.lowered, merge(_BASE, fields))
    return Vector("bolt", name, data, direction, kind, "made by the declaration", "the tests")


VECTORS = [
    _bolt("v1-request", "request"),
    _bolt("v2crc-request", "request", **_CRC),
    _bolt("v1-oneway", "oneway", type="oneway", id=9),
    _bolt("v2crc-heartbeat", "heartbeat", command="heartbeat", class_name=b"", headers=[], content=b"", **_CRC),
    _bolt("v1-response", "response", 1, type="response", command="response", status=0, headers=[], class_name=b""),
]


def _thrift(seqid: int) -> Vector:
    data = build_frame(THRIFT.lowered, {"type": "call", "name": b"echo", "seqid": seqid, "body": b"\0"})
    return Vector("thrift", "call", data, 0, "request", "made by the declaration", "the tests")


def checked(
    server: type[peers.Server],
    registered: Registered = BOLT,
    vectors: list[Vector] = VECTORS,
    only: tuple[str, ...] = (),
    patience: Patience = PATIENCE,
) -> dict[str, Result]:
    with peers.Started(server(registered)) as started:
        found = check_server(registered, vectors, "127.0.0.1", started.port, LIVE, only=only, patience=patience, most=2)
        return {result.name: result for result in found}


def faults(results: dict[str, Result]) -> str:
    return "\n".join(describe(failure) for result in results.values() for failure in result.failures)


def test_a_good_server_passes() -> None:
    results = checked(peers.Server)
    assert faults(results) == ""
    assert tuple(results) == NAMES
    assert {name: result.lacks for name, result in results.items() if result.lacks} == {}
    assert all(result.cases for result in results.values())


def test_a_declaration_alone_is_enough() -> None:
    """No vectors: requests, oneways and heartbeats are drawn; the protocol is known to nothing but its file."""
    results = checked(peers.Server, LOADED["beacon"], [])
    assert faults(results) == ""
    assert {name for name, result in results.items() if result.lacks or not result.cases} == {"unasked", "giants"}


def test_a_protocol_whose_answers_come_in_order() -> None:
    results = checked(peers.Server, THRIFT, [_thrift(5)])
    assert faults(results) == ""
    assert results["heartbeats"].lacks == "it has no heartbeat"
    assert results["oneways"].lacks
    backwards = checked(peers.Backwards, THRIFT, [_thrift(5)], ("coalesced",))
    assert "answers come in the order [6, 5, 4, 3, 2]" in faults(backwards)
    assert faults(checked(peers.Backwards, BOLT, VECTORS, ("coalesced",))) == "", "by id, any order is right"


@pytest.mark.parametrize(
    ("server", "check", "fault", "field"),
    [
        (peers.AnswersOneways, "oneways", "a oneway is answered", ""),
        (peers.WrongId, "answers", "an answer has the id 6 where its request has 7", "id"),
        (peers.IdsOfFifteenBits, "ids", "an answer has the id 32767 where its request has 2147483647", "id"),
        (peers.NoAck, "heartbeats", "a heartbeat is not acknowledged: the server said nothing", ""),
        (peers.AckWithoutId, "heartbeats", "a heartbeat with the id 31 is acknowledged with the id 0", "id"),
        (peers.Heartless, "heartbeats", "a heartbeat is acknowledged with a frame of kind response", ""),
        (peers.HangsOnGarbage, "garbage", "neither answers nor closes within 0.25 s: bytes that begin no frame", ""),
        (peers.HangsOnGarbage, "forms", "the server neither answers nor closes", "proto"),
        (peers.HangsOnGarbage, "giants", "it waits for a frame of 1073741824 bytes, over a limit of 16777215", ""),
        (peers.OneFrameARead, "coalesced", "5 requests in one segment: 1 are answered, then the server said nothing", ""),
        (peers.OneFrameARead, "trailing", "a request is not answered", ""),
        (peers.WholeFramesOnly, "splits", "the server closed the connection in the midst of a frame", ""),
        (peers.Eager, "splits", "the server answers a frame that is not all there", ""),
        (peers.Unreadable, "answers", "the server sends bytes that are no frame", "proto"),
        (peers.NeverLetsGo, "truncated", "the server keeps a connection 0.25 s after its client finished it", ""),
        (peers.Mortal, "garbage", "after these bytes on another connection: a request is not answered", ""),
    ],
)  # fmt: skip
def test_a_fault_is_named(server: type[peers.Server], check: str, fault: str, field: str) -> None:
    slowly = Patience(answer=0.25, close=0.25, pace=0.1)  # so that pieces are read one by one on a busy machine too
    results = checked(server, only=(check,), patience=slowly)
    assert results[check].failed
    assert fault in faults(results)
    assert field in {failure.field for failure in results[check].failures}


def test_a_server_that_answers_nothing_gets_one_check() -> None:
    class Mute(peers.Server):
        def reply(self, frame: object) -> bytes:
            return b""

    results = checked(Mute)
    assert results["answers"].failed == 2
    assert {result.lacks for name, result in results.items() if name != "answers"} == {"no request was answered"}


def test_nobody_listens() -> None:
    with peers.Started(peers.Server(BOLT)) as started:
        port = started.port
    with pytest.raises(LiveError, match=f"127.0.0.1:{port}: .*Connection refused"):
        list(check_server(BOLT, VECTORS, "127.0.0.1", port))
    with pytest.raises(LiveError, match="no such check: speed; there are: answers, ids"):
        list(check_server(BOLT, VECTORS, "127.0.0.1", port, only=["speed"]))


def test_lengths_and_forms_are_found_in_the_bytes() -> None:
    request = VECTORS[0].data
    assert [(field.at, field.order) for field in length_fields(BOLT, request)] == [(18, "big")]
    changed = {name.rsplit(" ", 1)[1] for name, _ in unknown_forms(BOLT, request)}
    assert changed == {"0", "9"}, "the protocol's version, and its serialization"
    assert [(field.at, field.order) for field in length_fields(THRIFT, _thrift(1).data)] == [(0, "big")]


def played(client: type[peers.Client], calls: int = 16, made: int = 16) -> dict[str, Result]:
    start, threads = peers.spoken(lambda port: client(BOLT, port, [VECTORS[0].data] * made))
    found = asyncio.run(play_server(BOLT, VECTORS, "127.0.0.1", 0, calls=calls, quiet=0.5, listening=start))
    for thread in threads:
        thread.join(peers.PATIENCE_S)
    return {result.name: result for result in found}


def test_a_good_client_passes() -> None:
    results = played(peers.Client)
    assert faults(results) == ""
    seen = {name for name, result in results.items() if result.cases}
    single = {"whole", "split", "bytewise", "heartbeat", "stranger", "twice", "closing"}
    assert seen == {"frames", "ids", "acknowledgements", *(f"answers {name}" for name in single)}
    assert results["answers together"].lacks == "no call came for it", "this client makes one call at a time"


def test_calls_at_once_are_answered_together_and_backwards() -> None:
    class AtOnce(peers.Client):
        def talk(self) -> None:
            for first in range(1, 40, 2):
                self.send(b"".join(self.codec.with_id(VECTORS[0].data, first + i) for i in range(2)))
                ids = set()
                while len(ids) < 2 and (frame := self.frame()) is not None:
                    if frame.kind == Kind.HEARTBEAT:
                        self.beat(frame)
                    elif first <= frame.id < first + 2:
                        ids.add(frame.id)

    results = played(AtOnce, 24)
    assert results["answers together"].cases
    assert results["answers reversed"].cases
    assert faults(results) == ""


@pytest.mark.parametrize(
    ("client", "check", "fault"),
    [
        (peers.Deaf, "acknowledgements", "a heartbeat of the server's is not acknowledged within"),
        (peers.Hasty, "answers split", "the client gives its connection up behind an answer in four segments"),
        (peers.Trusting, "answers stranger", "the client gives its connection up behind an answer to nobody"),
        (peers.Babbling, "frames", "the client sends bytes that are no frame"),
    ],
)
def test_a_clients_fault_is_named(client: type[peers.Client], check: str, fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("conformance.live.stage.ACKNOWLEDGED", 0.3)
    results = played(client, calls=99)  # it is quiet before that
    assert results[check].failed
    assert fault in faults({check: results[check]})


def test_streams_are_not_driven() -> None:
    """A frame of HTTP/2 alone says nothing to a peer: none of these checks applies, and that is said."""
    with pytest.raises(LiveError, match="http2: its calls are streams of a connection"):
        list(check_server(LOADED["http2"], (), "127.0.0.1", 1))
    with pytest.raises(LiveError, match="http2: its calls are streams of a connection"):
        asyncio.run(play_server(LOADED["http2"], (), "127.0.0.1", 0))
