"""What the clients saw: every call is judged once, and nothing is forgotten.

Pure: times are arguments. A two-way call ends as exactly one of

    right     the answer came from a host of the right cluster and bears the call's number; or the proxy itself said
              what had to come (no route, deadline), in the call's protocol
    excused   a host was killed: the call was in flight at some moment of the *kill window*, and was told in its own
              protocol that the connection was lost (CLOSED) or could not be made (CONNECT)
    wrong     anything else came
    lost      nothing came

and an answer that nobody waits for, a second one above all, is *extra*. The kill window is the second that begins with
the kill: what was in flight on the killed host cannot be saved, since nobody knows whether the host had done it.
"""

from __future__ import annotations

from array import array
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from proxy.demo.scenario import Request
from proxy.demo.speech import Reply
from xproto.spec import Fault

KILL_WINDOW = 1.0
KILL_FAULTS = frozenset({Fault.CLOSED, Fault.CONNECT})
RECENT = 2000
"""Latencies that the live percentiles look at."""
MAX_COMPLAINTS = 5


@dataclass(frozen=True, slots=True)
class Pending:
    """A call whose answer has not come: `number` is unique in the demo, `began` is in seconds."""

    request: Request
    number: bytes
    began: float


@dataclass
class Tally:
    """One protocol's figures; latencies in seconds, only of calls that no host delays on purpose."""

    connections: int = 0
    sent: int = 0
    right: int = 0
    answered: int = 0
    """Of the right ones, those that a host answered; the others are the proxy's own replies."""
    excused: int = 0
    wrong: int = 0
    lost: int = 0
    extra: int = 0
    oneways: int = 0
    heartbeats: int = 0
    acks: int = 0
    secret: int = 0
    """Two-way calls that were answered on connections of TLS."""
    latencies: array[float] = field(default_factory=lambda: array("d"))
    recent: deque[float] = field(default_factory=lambda: deque(maxlen=RECENT))

    @property
    def done(self) -> int:
        return self.right + self.excused + self.wrong


@dataclass
class Ledger:
    """All of them. `killed_at` is None until the kill."""

    tallies: dict[str, Tally]
    killed_at: float | None = None
    hosts: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Calls answered, by cluster and node as the answers say."""
    own: Counter[Fault] = field(default_factory=Counter)
    """The proxy's own replies that had to come, by what was expected."""
    complaints: list[str] = field(default_factory=list)

    def answered(self, pending: Pending, reply: Reply, number: bytes, now: float) -> None:
        """An answer came to a call that waited for it."""
        tally = self.tallies[pending.request.protocol]
        why = self._wrong(pending.request, reply, number == pending.number)
        if why is None:
            tally.right += 1
            self._count(pending, reply, now, tally)
        elif reply.faults & KILL_FAULTS and self._in_window(pending, now):
            tally.excused += 1
        else:
            tally.wrong += 1
            self.complain(f"{pending.request}: {why}")

    def _count(self, pending: Pending, reply: Reply, now: float, tally: Tally) -> None:
        if pending.request.expects is not None:
            self.own[pending.request.expects] += 1
            return
        tally.answered += 1
        cluster, _, node = reply.text.partition("/")
        self.hosts[cluster, node] += 1
        if pending.request.measured:
            tally.latencies.append(now - pending.began)
            tally.recent.append(now - pending.began)

    @staticmethod
    def _wrong(request: Request, reply: Reply, same_number: bool) -> str | None:
        """What is wrong with an answer; None where it is what had to come."""
        said = "/".join(sorted(fault.name for fault in reply.faults)) or f"an answer of {reply.text!r}"
        if request.expects is not None:
            return None if request.expects in reply.faults else f"{request.expects.name} had to come, not {said}"
        if reply.faults:
            return f"the proxy said {said}"
        if reply.text.partition("/")[0] != request.cluster:
            return f"{said}; the cluster had to be {request.cluster}"
        return None if same_number else f"{said} to another call"

    def _in_window(self, pending: Pending, now: float) -> bool:
        at = self.killed_at
        return at is not None and now >= at and pending.began < at + KILL_WINDOW

    def unexpected(self, protocol: str, what: str) -> None:
        """An answer that nobody waits for."""
        self.tallies[protocol].extra += 1
        self.complain(f"{protocol}: {what}")

    def never(self, pending: Pending) -> None:
        """The demo is over, and no answer came."""
        self.tallies[pending.request.protocol].lost += 1
        self.complain(f"{pending.request}: no answer")

    def complain(self, text: str) -> None:
        """Keeps the first few."""
        if len(self.complaints) < MAX_COMPLAINTS:
            self.complaints.append(text)

    def sum(self, what: str) -> int:
        """One of the tallies' integers, over all protocols."""
        return sum(int(getattr(tally, what)) for tally in self.tallies.values())

    def by_node(self, node: str) -> int:
        """Calls that a node answered."""
        return sum(count for (_, each), count in self.hosts.items() if each == node)


def percentiles(values: Sequence[float]) -> tuple[float, float, float] | None:
    """p50, p90 and p99 by nearest rank, in the unit given; None where there is nothing."""
    if not values:
        return None
    ordered = sorted(values)
    p50, p90, p99 = (ordered[max(0, -(-len(ordered) * percent // 100) - 1)] for percent in (50, 90, 99))
    return p50, p90, p99
