"""What counts as answered correctly, and what is excused."""

from __future__ import annotations

import pytest

from proxy.demo.ledger import KILL_WINDOW, Ledger, Pending, Tally, percentiles
from proxy.demo.scenario import Request
from proxy.demo.speech import Reply
from xproto.spec import Fault

ECHO = Request("bolt", "com.test.Echo", "echo", "echo")
NOWHERE = Request("bolt", "com.test.Nowhere", "call", expects=Fault.NO_ROUTE)
LATE = Request("bolt", "com.test.Echo", "late", "echo", expects=Fault.TIMEOUT)


def host(text: str) -> Reply:
    return Reply(text, frozenset(), 0)


def own(*faults: Fault) -> Reply:
    return Reply("", frozenset(faults), 7)


def judged(request: Request, reply: Reply, *, number: bytes = b"1", began: float = 0.0, killed: float | None = None) -> Ledger:
    """Answered one second after it began."""
    ledger = Ledger({"bolt": Tally()}, killed)
    ledger.answered(Pending(request, b"1", began), reply, number, began + 1.0)
    return ledger


@pytest.mark.parametrize(
    ("request_", "reply"), [(ECHO, host("echo/a")), (NOWHERE, own(Fault.NO_ROUTE)), (LATE, own(Fault.TIMEOUT))]
)
def test_right(request_: Request, reply: Reply) -> None:
    ledger = judged(request_, reply)
    assert (ledger.sum("right"), ledger.sum("wrong"), ledger.complaints) == (1, 0, [])


@pytest.mark.parametrize(
    ("request_", "reply", "number", "why"),
    [
        (ECHO, host("orders/a"), b"1", "the cluster had to be echo"),
        (ECHO, host("echo/a"), b"2", "to another call"),
        (ECHO, own(Fault.CLOSED, Fault.CONNECT), b"1", "the proxy said CLOSED/CONNECT"),
        (NOWHERE, host("echo/a"), b"1", "NO_ROUTE had to come"),
        (LATE, own(Fault.NO_ROUTE), b"1", "TIMEOUT had to come"),
    ],
)
def test_wrong(request_: Request, reply: Reply, number: bytes, why: str) -> None:
    ledger = judged(request_, reply, number=number)
    assert (ledger.sum("right"), ledger.sum("wrong")) == (0, 1)
    assert why in ledger.complaints[0]


@pytest.mark.parametrize(
    ("began", "killed", "fault", "verdict"),
    [
        (9.5, 10.0, Fault.CLOSED, "excused"),
        (10.0 + KILL_WINDOW * 0.9, 10.0, Fault.CONNECT, "excused"),
        (10.0 + KILL_WINDOW, 10.0, Fault.CLOSED, "wrong"),  # began too late
        (8.9, 10.0, Fault.CLOSED, "wrong"),  # answered before the kill
        (9.5, 10.0, Fault.OVERLOAD, "wrong"),  # not what a kill does
        (9.5, None, Fault.CLOSED, "wrong"),
    ],
)
def test_only_calls_in_flight_at_the_kill_are_excused(began: float, killed: float | None, fault: Fault, verdict: str) -> None:
    ledger = judged(ECHO, own(fault), began=began, killed=killed)
    assert {what for what in ("right", "excused", "wrong") if ledger.sum(what)} == {verdict}


def test_a_second_answer_and_none_are_counted() -> None:
    ledger = judged(ECHO, host("echo/a"))
    ledger.unexpected("bolt", "twice")
    ledger.never(Pending(ECHO, b"3", 0.0))
    assert (ledger.sum("extra"), ledger.sum("lost")) == (1, 1)


def test_percentiles_are_by_nearest_rank() -> None:
    assert percentiles([]) is None
    assert percentiles([3.0]) == (3.0, 3.0, 3.0)
    assert percentiles([float(value) for value in range(100, 0, -1)]) == (50.0, 90.0, 99.0)
