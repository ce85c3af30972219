"""What is seen of a client to which the server is played, and what of it is a fault.

The first call is answered whole, each further one in the next manner that the protocol has. A client that gives a
connection up behind an odd answer and connects again does not take that manner; unless it ends connections behind whole
answers as well, or all of them after as many calls.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from conformance.live.manners import MANNERS, WHOLE, Manner
from conformance.live.wire import Answer
from conformance.suite import MOST_FAILURES, Failure, Result
from xproto.registry import Registered
from xproto.spec import Order

ACKNOWLEDGED = 2.0
"""Seconds within which a heartbeat of the server's must be acknowledged."""
FRAMES = "frames"
IDS = "ids"
ACKS = "acknowledgements"
ABOUT = {
    FRAMES: "every byte that the client sends is of a good frame",
    IDS: "no two calls that wait on one connection have the same id",
    ACKS: "the server's heartbeats are acknowledged, with their ids",
}


@dataclass(frozen=True)
class End:
    """A connection that its client ended: which it was, the manner and the bytes of its last answer, how many calls it had."""

    number: int
    last: Manner
    data: bytes
    calls: int


@dataclass(eq=False)
class Stage:
    """What is seen of one client. answer: gives the bytes that answer a call."""

    registered: Registered
    answer: Callable[[Answer], bytes]
    manners: Sequence[Manner] = MANNERS
    calls: int = 0
    connections: int = 0
    news: asyncio.Event = field(default_factory=asyncio.Event)
    _found: dict[str, Result] = field(default_factory=dict)
    _ends: list[End] = field(default_factory=list)
    _beats: dict[int, tuple[float, bytes]] = field(default_factory=dict)
    _next: int = 0

    def __post_init__(self) -> None:
        self._found = {name: Result(name, about) for name, about in ABOUT.items()}
        for manner in self.manners:
            name = f"answers {manner.name}"
            self._found[name] = Result(name, f"the client takes {manner.about}", lacks=manner.lacks(self.registered))
        self._usable = [manner for manner in self.manners if not manner.lacks(self.registered)]

    @property
    def by_id(self) -> bool:
        return self.registered.lowered.identity.id is not None and self.registered.protocol.order is Order.BY_ID

    def manner(self) -> Manner:
        """The next manner's turn."""
        return self._usable[self._next % len(self._usable)]

    def used(self, manner: Manner) -> None:
        self._found[f"answers {manner.name}"].cases += 1
        self._next += 1
        if manner.closes and len(self._usable) > 1:
            self._usable.remove(manner)  # once: clients may shun a server for a while that ends connections
            self._next = 0

    def passed_over(self) -> None:
        """The manner whose turn it is cannot be had now."""
        self._next += 1

    def good(self, check: str) -> None:
        self._found[check].cases += 1

    def bad(self, check: str, fault: str, data: bytes, *found: str, path: str = "") -> None:
        result = self._found[check]
        result.cases, result.failed = result.cases + 1, result.failed + 1
        if len(result.failures) < MOST_FAILURES:
            result.failures.append(Failure(check, f"connection {self.connections}", 0, fault, path, found, data))

    def beats(self, id: int, data: bytes) -> None:
        """A heartbeat of the server's was sent."""
        self._beats[id] = time.monotonic(), data

    def acknowledged(self, ack: Answer) -> None:
        if self._beats.pop(ack.frame.id, None) is None:
            waited = ", ".join(map(str, self._beats)) or "none"
            self.bad(ACKS, f"an acknowledgement has the id {ack.frame.id}; heartbeats were sent with {waited}", ack.data)
        else:
            self.good(ACKS)

    def ended(self, end: End) -> None:
        """The client ended a connection."""
        self._ends.append(end)

    async def settle(self) -> None:
        """Until the heartbeats that were sent are acknowledged, as long as that may take."""
        deadline = time.monotonic() + ACKNOWLEDGED
        while self._beats and (left := deadline - time.monotonic()) > 0:
            await self.wait(left)

    async def wait(self, seconds: float) -> bool:
        """Whether there was news within so many seconds."""
        self.news.clear()
        with suppress(TimeoutError):
            await asyncio.wait_for(self.news.wait(), seconds)
        return self.news.is_set()

    def results(self) -> list[Result]:
        """What was seen. Once only, when the client has finished."""
        for _, data in self._beats.values():
            self.bad(ACKS, f"a heartbeat of the server's is not acknowledged within {ACKNOWLEDGED:g} s", data)
        given_up = [end for end in self._ends if end.number < self.connections]
        habit = len(given_up) > 1 and len({end.calls for end in given_up}) == 1
        if not habit and all(end.last is not WHOLE for end in given_up):
            for end in given_up:
                result = self._found[f"answers {end.last.name}"]
                result.cases -= 1  # counted when it was used
                self.bad(result.name, f"the client gives its connection up behind {end.last.about}", end.data)
        for name, result in self._found.items():
            if not result.cases and not result.lacks:
                result.lacks = "no call came for it" if name.startswith("answers ") else "there was nothing to see"
        return list(self._found.values())
