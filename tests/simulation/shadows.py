"""Servers that copies of calls go to, and what must hold for copies: the invariants of mirroring.

* A copy is bit by bit what its call was sent as, but for id, deadline and checksum; it is whole.
* A call has one copy at most, or as many as it may be delivered itself where its answer was lost.
* At most `BOUND` copies wait for answers, and each has one end.

What shadows answer is nobody's: none of it is in the ledger, so a client that gets it is told so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from proxy.datapath.audit import ViolationError
from tests.simulation import speech
from tests.simulation.http_ledger import checked_request
from tests.simulation.http_speech import PATH, Form, Head, Talker, content, head
from tests.simulation.peers import Front, Peer

if TYPE_CHECKING:
    from tests.simulation.world import World

BOUND = 1024
"""Copies of a cluster that wait (`MIRRORED_IN_FLIGHT`)."""
NOBODYS = b"<nobody's>"


class Copies:
    """What came to shadows."""

    def __init__(self, world: World) -> None:
        self.world, self.had = world, dict[int, int]()
        self.temper = world.scenario.temper

    def check(self, ends: int, calls: int) -> None:
        """`ends`: that copies have had. One that nobody waits for has two if its connection could not be made."""
        oneways = sum(call.oneway for call in self.world.ledger.calls.values())
        if not len(self.had) <= ends <= calls + oneways:
            raise ViolationError(f"{ends} copies of {calls} calls have had an end, and {len(self.had)} came")

    def came(self, number: int, again: bool) -> None:
        self.had[number] = self.had.get(number, 0) + 1
        assert number not in self.world.ledger.stopped, f"call {number} was stopped by a filter, and copied"
        assert again or self.had[number] == 1, f"call {number} was copied {self.had[number]} times"

    def frame(self, frame: bytes, read: speech.Read) -> None:
        call = self.world.ledger.calls.get(read.number)
        assert call is not None, f"a copy of a call that nobody made: {frame[:60]!r}"
        assert call.oneway == (read.kind == "oneway"), f"a copy of call {read.number} that is a {read.kind}"
        assert speech.masked(frame) == call.sent, f"a copy of call {read.number} is not what was sent"
        self.came(read.number, again=False)

    def answer(self, wire: Any, data: bytes) -> None:
        """Or what its temper makes of that."""
        loop, temper = self.world.loop, self.temper
        if temper == "moody":
            temper = loop.dice.choice(("answers", "slow", "never", "resets", "closes"))
        if temper == "resets":
            wire.reset()
        elif temper == "closes":
            wire.close()
        elif temper != "never":
            loop.call_later(loop.dice.below(3000) / 1000 if temper == "slow" else 0.0, wire.send, data)


class Shadow(Peer):
    def frame(self, frame: bytes) -> None:
        read = speech.read(frame)
        if read.kind == "beat":
            self.world.loop.call_later(self.dice.below(2000) / 1e6, self.wire.send, speech.acknowledge(frame))
        elif read.kind != "ack":
            self.world.copies.frame(frame, read)
            if read.kind == "call":
                self.world.copies.answer(self.wire, speech.answer(frame, NOBODYS))


class WebShadow(Talker):
    number = 0

    def __repr__(self) -> str:
        return f"shadow at request {self.number}"

    def headed(self, found: Head) -> Form:
        method, path, version = found.line.split(" ")
        self.number = int(path.removeprefix(PATH))
        exchange = self.world.ledger.exchanges[self.number]
        assert (method, version) == (exchange.method, "HTTP/1.1"), f"copy of request {self.number}: {found}"
        assert exchange.sent, f"request {self.number} was copied, and not sent to its end"
        checked_request(exchange, found)
        self.world.copies.came(self.number, exchange.repeats)
        return exchange.form

    def whole(self, body: bytes) -> None:
        exchange = self.world.ledger.exchanges[self.number]
        assert body == content(exchange.number, exchange.size, "asks"), f"the copy of request {self.number} has another body"
        size = 0 if exchange.method == "HEAD" else len(NOBODYS)
        self.world.copies.answer(self.wire, head("HTTP/1.1 200 OK", f"Content-Length: {len(NOBODYS)}") + NOBODYS[:size])


class ShadowHost:
    """What answers the proxy's connects."""

    def __init__(self, world: World) -> None:
        self.world = world

    def dialled(self, wire: Any) -> int:
        loop = self.world.loop
        dead = self.world.copies.temper == "dead"
        if dead and loop.dice.below(2):
            return 0  # its connects have no outcome
        loop.call_later(loop.dice.below(2000) / 1e6, wire.settle, 111 if dead else 0, None if dead else self.front(wire))
        return 0

    def front(self, wire: Any) -> Any:
        made = Front(self.world, Shadow, WebShadow)
        made.wire = wire
        return made
