"""Odd ways to answer that a client must take: what a slow network, a busy server or another server would do.

A manner turns the answers to the calls that wait into segments, each sent on its own. Nothing that a manner sends is
wrong by the declaration.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from conformance.live.wire import Answer
from xproto.errors import MalformedError
from xproto.kernel.codec import Frame
from xproto.registry import Registered
from xproto.spec import Kind, Order, Pool

MOST_SINGLE = 2048
"""Bytes of an answer that is sent byte by byte."""
STRANGE = 0x5A5A
"""What the id of an answer that nobody waits for differs by."""


@dataclass(frozen=True)
class Given:
    """A call and its answer."""

    call: Answer
    answer: bytes


@dataclass(frozen=True)
class Manner:
    """One way to answer.

    holds: calls that wait before any is answered. beats: whether its first bytes are a heartbeat. closes: whether the
    connection ends behind it.
    """

    name: str
    about: str
    segments: Callable[[Registered, Sequence[Given]], list[bytes]]
    lacks: Callable[[Registered], str] = lambda _registered: ""
    holds: int = 1
    beats: bool = False
    closes: bool = False


def strange_id(given: Sequence[Given]) -> int:
    """An id that none of these calls has."""
    return given[0].call.frame.id ^ STRANGE


def _whole(_registered: Registered, given: Sequence[Given]) -> list[bytes]:
    return [each.answer for each in given]


def _split(_registered: Registered, given: Sequence[Given]) -> list[bytes]:
    data, half = given[0].answer, len(given[0].answer) // 2
    return [piece for piece in (data[:1], data[1:half], data[half:-1], data[-1:]) if piece]


def _bytewise(registered: Registered, given: Sequence[Given]) -> list[bytes]:
    data = given[0].answer
    return [data[at : at + 1] for at in range(len(data))] if len(data) <= MOST_SINGLE else _split(registered, given)


def _together(_registered: Registered, given: Sequence[Given]) -> list[bytes]:
    return [b"".join(each.answer for each in given)]


def _reversed(_registered: Registered, given: Sequence[Given]) -> list[bytes]:
    return [each.answer for each in reversed(given)]


def _stranger(registered: Registered, given: Sequence[Given]) -> list[bytes]:
    strange = registered.codec.with_id(given[0].answer, strange_id(given), 1)
    return [strange + given[0].answer]


def _twice(_registered: Registered, given: Sequence[Given]) -> list[bytes]:
    return [given[0].answer, given[0].answer]


def _beating(registered: Registered, given: Sequence[Given]) -> list[bytes]:
    return [registered.codec.heartbeat(given[0].call.frame.variant, strange_id(given)), given[0].answer]


def _by_id(registered: Registered) -> str:
    protocol = registered.protocol
    ids = registered.lowered.identity.id is not None and protocol.order is Order.BY_ID
    return "" if ids else "its clients tell answers apart by their order"


def _shared(registered: Registered) -> str:
    return "" if registered.protocol.pool is Pool.MULTIPLEXED else "its connections have one call at a time"


def no_beats(registered: Registered) -> str:
    """Why a server of the protocol sends no heartbeats; empty where it may."""
    heartbeat = registered.codec.heartbeat(0, 1) if registered.protocol.heartbeat is not None else b""
    if not heartbeat:
        return "it has no heartbeat"
    try:
        found = registered.codec.scan_bytes(heartbeat, 1)
    except MalformedError:
        found = None
    return "" if isinstance(found, Frame) and found.kind == Kind.HEARTBEAT else "its servers send no heartbeats"


WHOLE = Manner("whole", "an answer in one segment", _whole)
MANNERS = (
    WHOLE,
    Manner("split", "an answer in four segments", _split),
    Manner("bytewise", "an answer byte by byte", _bytewise),
    Manner("heartbeat", "a heartbeat of the server's before an answer", _beating, no_beats, beats=True),
    Manner("stranger", "an answer to nobody before the right one, in one segment", _stranger, _by_id),
    Manner("twice", "an answer, and once more when its call is over", _twice, _by_id),
    Manner("together", "two answers in one segment", _together, _shared, holds=2),
    Manner("reversed", "two answers, the later call's first", _reversed, lambda r: _by_id(r) or _shared(r), holds=2),
    Manner("closing", "an answer, then the end of the connection", _whole, closes=True),
)
