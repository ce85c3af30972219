"""HTTP/2 and gRPC in the demo: whose answer is whose, and what is noticed that is not as it should be."""

from __future__ import annotations

import asyncio
import itertools
from typing import Any

import pytest

from proxy.demo import scenario
from proxy.demo.ledger import Ledger, Tally
from proxy.demo.protocols import speeches
from proxy.demo.rpc import own_replies
from proxy.demo.scenario import Request
from proxy.demo.streams import CANCEL, Host, Shared, Streams
from xproto.spec import Fault

SPEECH: Any = speeches()["http1"]
CLIENT = next(each for each in scenario.CLIENTS if each.protocol == "http2")
TILE = Request("http2", scenario.MEDIA, "/media/tile", "media")
UPLOAD = Request("http2", scenario.MEDIA, "/media/upload", "media", posts=True)
NOWHERE = Request("http2", scenario.MEDIA, "/nothing", expects=Fault.NO_ROUTE)


class Wire:
    """What one end says, for the other."""

    def __init__(self) -> None:
        self.said = b""

    def write(self, data: bytes) -> None:
        self.said += data

    def is_closing(self) -> bool:
        return False

    def close(self) -> None:
        pass


class Meddler(Shared):
    """A host whose answers are meddled with: `answers` stands for each."""

    answers: list[Any] = []

    def answer(self, id: int, said: bytes) -> None:
        meddle = self.answers.pop(0) if self.answers else None
        if meddle is None:
            super().answer(id, said)
        else:
            meddle(self, id, said)


def played(requests: list[Request], *answers: Any, lies: bool = False, size: int = 1 << 20) -> Ledger:
    """The ledger after these calls; bytes come in pieces of this size."""
    ledger = Ledger({"http2": Tally()})

    async def play() -> None:
        client = Streams(CLIENT, SPEECH, ledger, itertools.count(1))
        host = Meddler(Host("a", "media", lies=lies))
        host.answers = list(answers)
        wires: list[Any] = [Wire(), Wire()]
        client.connection_made(wires[0])
        host.connection_made(wires[1])
        for request in requests:
            client.send(request)
        while wires[0].said or wires[1].said:
            for wire, other in ((wires[0], host), (wires[1], client)):
                said, wire.said = wire.said, b""
                for at in range(0, len(said), size):
                    other.data_received(said[at : at + size])
        client.close()

    asyncio.run(play())
    return ledger


def instead(status: bytes, body: bytes, *fields: tuple[bytes, bytes]) -> Any:
    """Another answer."""
    return lambda host, stream, _: host.say(stream, [(b":status", status), *fields], body)


@pytest.mark.parametrize("size", [1, 1 << 20])
def test_each_stream_gets_its_answer(size: int) -> None:
    ledger = played([TILE, UPLOAD, TILE], size=size)
    assert (ledger.sum("right"), ledger.complaints) == (3, [])
    assert ledger.hosts == {("media", "a"): 3}


def test_the_proxys_own_reply_is_known() -> None:
    reply = SPEECH.codec.reply(Fault.NO_ROUTE, 0, 0, 0).partition(b"\r\n\r\n")[2]
    assert played([NOWHERE], instead(b"404", reply)).sum("right") == 1
    assert played([NOWHERE]).sum("wrong") == 1


@pytest.mark.parametrize(
    ("answer", "complaint"),
    [
        (instead(b"200", b"media/a", (b"x-more", b"1")), "with the fields"),
        (instead(b"404", b"not here"), "nothing that this protocol's proxy says"),
        (lambda host, stream, _: host.session.reset_stream(stream, CANCEL), "was reset with 8"),
    ],
)
def test_what_is_wrong_with_an_answer_is_noticed(answer: Any, complaint: str) -> None:
    ledger = played([TILE, TILE], answer)
    assert (ledger.sum("right"), ledger.sum("extra"), ledger.sum("lost")) == (1, 1, 1)
    assert complaint in ledger.complaints[0]


def test_an_answer_to_another_call_is_wrong() -> None:
    ledger = played([TILE] * 100, lies=True)
    assert (ledger.sum("right"), ledger.sum("wrong")) == (99, 1)


def test_a_missing_answer_is_lost() -> None:
    assert played([TILE], lambda *_: None).sum("lost") == 1


@pytest.mark.parametrize("fault", [fault for fault in Fault if fault is not Fault.MISDIRECTED])
def test_grpcs_own_replies_are_known(fault: Fault) -> None:
    assert any(fault in faults for faults in own_replies().values())
