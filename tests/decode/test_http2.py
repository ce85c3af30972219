"""A connection of HTTP/2: its preface, its settings, and streams whose answers come in another order."""

from __future__ import annotations

from typing import Any

from tape import Talk, Tape

from xproto.codecs.http2 import PREFACE
from xproto.spec import Kind


def frame(kind: int, stream: int, payload: bytes = b"", flags: int = 0) -> bytes:
    return len(payload).to_bytes(3, "big") + bytes((kind, flags)) + stream.to_bytes(4, "big") + payload


SETTINGS = frame(4, 0)
GET = frame(1, 1, b"\x82", 5), frame(1, 3, b"\x82", 5)
OK = frame(1, 3, b"\x88", 4), frame(0, 3, b"body", 1), frame(1, 1, b"\x88", 5)


def test_answers_find_their_streams(decode: Any) -> None:
    for most in (1460, 7):
        tape = Tape()
        talk = Talk(tape, client=("10.0.0.1", 10_000)).open()
        talk.send(0, PREFACE + SETTINGS + b"".join(GET), most).send(1, SETTINGS + b"".join(OK), most)
        talk.send(0, frame(6, 0, b"12345678"), most).send(1, frame(6, 0, b"12345678", 1), most).close()
        calls, problems = decode(tape.pcap())
        assert problems == []
        asked = [call for call in calls if call.request is not None and call.request.kind is Kind.REQUEST]
        assert [(call.request.id, [answer.id for answer in call.answers]) for call in asked] == [(3, [3]), (1, [1])]
        kinds = {call.request.kind: call for call in calls}
        assert set(kinds) == {Kind.HANDSHAKE, Kind.CONTROL, Kind.REQUEST, Kind.PART, Kind.HEARTBEAT}
        assert kinds[Kind.HANDSHAKE].answers == [], "nothing answers a preface alone"
        assert kinds[Kind.PART].request.body == b"body"
        assert [answer.kind for answer in kinds[Kind.HEARTBEAT].answers] == [Kind.HEARTBEAT_ACK]
        assert kinds[Kind.CONTROL].request.id is None
