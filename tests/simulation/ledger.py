"""Who asked what, and what became of it: the invariants of single calls.

* A two-way call is answered once, on its own connection, with its own id; a oneway never.
* A server gets a call at most once, or as often as its route may send it, bit by bit what was sent, but for id, deadline and
  checksum; a oneway once.
* An id that waits for its answer on a connection is not used for another call there.
* An answer that is not the proxy's own is what a server sent for that very call, in one of its tries.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.hostile.wire import read_answer
from tests.simulation import speech
from tests.simulation.http_ledger import Exchange


@dataclass(slots=True)
class Call:
    client: int
    id: int
    oneway: bool
    sent: bytes
    """Masked."""
    begun: int
    """Microseconds."""
    deliveries: int = 0
    answered: bool = False
    bodies: list[bytes] = field(default_factory=list)
    """What servers answered."""


class Ledger:
    def __init__(self, tries: int = 1) -> None:
        """`tries`: how often a call may reach a server."""
        self.tries = tries
        self.calls: dict[int, Call] = {}
        self.exchanges: dict[int, Exchange] = {}
        self.stopped, self.failed = set[int](), set[int]()
        """Calls that filters have answered, or failed, before they were sent; and those that they have failed."""
        self.wrong: list[str] = []
        self.answers = self.refusals = self.delivered = 0

    def blame(self, what: str) -> None:
        self.wrong.append(what)

    def asked(self, number: int, client: int, id: int, oneway: bool, frame: bytes, now: int) -> None:
        self.calls[number] = Call(client, id, oneway, speech.masked(frame), now)

    def arrived(self, frame: bytes, read: speech.Read) -> Call | None:
        """A server got a call."""
        call = self.calls.get(read.number)
        if call is None:
            self.blame(f"a server got a call that nobody made: {frame[:60]!r}")
            return None
        call.deliveries += 1
        if call.deliveries > (1 if call.oneway else self.tries):
            self.blame(f"call {read.number} was delivered {call.deliveries} times")
        if read.number in self.stopped:
            self.blame(f"call {read.number} was stopped by a filter, and delivered")
        if call.oneway != (read.kind == "oneway") or speech.masked(frame) != call.sent:
            self.blame(f"call {read.number} is not what was sent")
        self.delivered += 1
        return call

    def told(self, client: int, frame: bytes, waits: dict[int, int]) -> None:
        """A client got an answer; `waits` are its calls by id."""
        read = read_answer(frame)
        number = waits.pop(read.id, None)
        if number is None:
            self.blame(f"client {client} got an answer to what it did not ask or was answered before: {read}")
            return
        call = self.calls[number]
        call.answered = True
        if read.status == speech.OK[read.protocol]:
            self.answers += 1
            if number in self.stopped:
                self.blame(f"call {number} was stopped by a filter, and answered by a server")
            if read.body not in call.bodies:
                self.blame(f"call {number} got another call's answer: {read.body[:40]!r}")
        elif read.status in speech.REFUSALS[read.protocol] or (
            number in self.failed and read.status == speech.FAILED[read.protocol]
        ):
            self.refusals += 1
        else:
            self.blame(f"call {number} was answered with status {read.status}")
