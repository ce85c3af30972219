"""Whose answer is whose where frames have no id: HTTP/1.1's come in the order of the requests."""

from __future__ import annotations

import asyncio
import itertools

from proxy.demo import scenario
from proxy.demo.client import Connection
from proxy.demo.frames import number_text
from proxy.demo.ledger import Ledger, Tally
from proxy.demo.node import Host
from proxy.demo.protocols import speeches
from proxy.demo.scenario import Request
from xproto.kernel.codec import Frame
from xproto.spec import Fault

SPEECH = speeches()["http1"]
CLIENT = next(each for each in scenario.CLIENTS if each.protocol == "http1")
ITEMS = Request("http1", scenario.SHOP, "/shop/items", "web")
NOWHERE = Request("http1", scenario.SHOP, "/nothing", expects=Fault.NO_ROUTE)
NO_ROUTE = SPEECH.codec.reply(Fault.NO_ROUTE, 0, 0, 0)


def answer(number: int) -> bytes:
    """A host's answer to the call of this number."""
    request = SPEECH.request(ITEMS, f"x call:{number_text(number).decode()}", {})
    found = SPEECH.codec.scan_bytes(request)
    assert isinstance(found, Frame)
    return Host("a", "web", SPEECH, lies=False).answer(found, request)


def heard(requests: list[Request], *answers: bytes) -> Ledger:
    """The ledger after these calls, numbered from 1, and these answers."""
    ledger = Ledger({"http1": Tally()})

    async def play() -> None:
        connection = Connection(CLIENT, SPEECH, ledger, itertools.count(1))
        for request in requests:
            connection.send(request)
        connection.data_received(b"".join(answers))
        connection.close()

    asyncio.run(play())
    return ledger


def test_answers_in_order_are_right() -> None:
    ledger = heard([ITEMS, NOWHERE, ITEMS], answer(1), NO_ROUTE, answer(3))
    assert (ledger.sum("right"), ledger.complaints) == (3, [])


def test_answers_in_another_order_are_wrong() -> None:
    ledger = heard([ITEMS, ITEMS], answer(2), answer(1))
    assert (ledger.sum("right"), ledger.sum("wrong")) == (0, 2)
    assert "to another call" in ledger.complaints[0]


def test_a_missing_answer_and_one_too_many_are_noticed() -> None:
    assert heard([ITEMS, ITEMS], answer(1)).sum("lost") == 1
    assert heard([ITEMS], answer(1), answer(1)).sum("extra") == 1
