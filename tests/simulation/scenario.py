"""What one seed means: how many of what, and which faults. A failing scenario shrinks by leaving things out of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from proxy.datapath.simulated_loop import Dice
from tests.simulation.speech import PROTOCOLS

FAULTS = (
    "short",  # reads and writes that move less than they could
    "slow",  # answers that take their time
    "late",  # answers after the deadline
    "never",  # no answer
    "twice",  # two answers
    "unknown",  # answers to what was never asked
    "garbage",  # bytes of no protocol from upstream
    "version",  # answers in another version
    "server resets",
    "server closes",
    "half an answer",  # then a reset
    "stuck",  # a server that stops reading for a while
    "refused",
    "hangs",  # connects without an outcome
    "descriptors",  # none left, for a while
    "beats",  # heartbeats, often
    "deaf",  # heartbeats that are not acknowledged
    "goaway",
    "client resets",
    "client ends",  # its side only
    "client closes",
    "client lies",  # bytes of no protocol
    "deadlines",
    "oneways",
    "big",  # frames over 256 KiB
    "unread",  # a client that stops reading
    "small buffers",  # out_buffer_limit
    "few calls",  # max_in_flight of the cluster
    "few at once",  # max_in_flight of the listener
    "wrapping",  # ids that begin near their end
    "client beats",
    "idle",  # short idle timeouts
    "reload",  # the configuration changes in mid-call
    "alone",  # one call at a time on a connection
    "in order",  # clients that read answers in the order of their requests
    "streams",  # many frames so big that they are passed on in pieces, where the protocol allows that
    "session",  # connections begin with a handshake, on both sides
    # Of HTTP/1.1 alone:
    "pieces",  # messages that come in pieces, with time between them
    "early",  # answers before the request is whole
    "interim",  # answers before the answer
    "until close",  # answers that end with their connection
    "expects",  # clients that wait for a 100
    "old clients",  # of HTTP/1.0
    "client leaves",  # and says so in its last request
    "server leaves",  # and says so in its last answer
    "lost",  # requests without a route
    "dawdles",  # a client that does not read for a while
    # Of all:
    "retries",  # routes that send calls again
    "mirrors",  # routes whose calls are copied to servers that misbehave
    "filters",  # code that calls go through, and that does as it likes
)
APART = {"retries": 0xA6A1, "mirrors": 0x51DE, "filters": 0xF117}
"""Faults that are drawn by themselves: so what seeds mean stays what it is, but for those that they come up in."""

TEMPERS = ("answers", "slow", "moody", "never", "dead")
"""Who is moody answers, takes its time, is silent, closes and resets."""
ATTEMPTS = 2
"""How often a call is sent again, at most."""


@dataclass(frozen=True)
class Scenario:
    seed: int
    protocols: tuple[str, ...]
    faults: tuple[str, ...]
    calls: int
    clients: int
    hosts: int

    def __contains__(self, fault: str) -> bool:
        return fault in self.faults

    @property
    def tries(self) -> int:
        """How often a call may reach a server: of every other seed the calls may be processed twice."""
        return 1 + ATTEMPTS * (self.seed & 1) if "retries" in self else 1

    @property
    def temper(self) -> str:
        """Of the servers that copies of calls go to."""
        return str(Dice(self.seed ^ 0x7E39).choice(TEMPERS))

    def smaller(self) -> Iterator[Scenario]:
        """Scenarios with less in them, those with much less first."""
        if len(self.faults) > 1:
            half = len(self.faults) // 2
            yield replace(self, faults=self.faults[:half])
            yield replace(self, faults=self.faults[half:])
        for fault in self.faults:
            yield replace(self, faults=tuple(each for each in self.faults if each != fault))
        if len(self.protocols) > 1:
            for protocol in self.protocols:
                yield replace(self, protocols=(protocol,))
        for name in ("calls", "clients", "hosts"):
            number = getattr(self, name)
            for fewer in (number // 4, number // 2, number * 3 // 4):
                if 0 < fewer < number:
                    yield replace(self, **{name: fewer})


def draw(seed: int, calls: int) -> Scenario:
    """The seed's scenario: some protocols, and each fault in one of three."""
    dice = Dice(seed ^ 0x5EED)
    protocols = tuple(each for each in PROTOCOLS if dice.below(2)) or (PROTOCOLS[dice.below(4)],)
    faults = tuple(each for each in FAULTS if each not in APART and dice.below(3) == 0)
    faults += tuple(each for each, apart in APART.items() if Dice(seed ^ apart).below(3) == 0)
    return Scenario(seed, protocols, faults, calls, 1 + dice.below(12), 1 + dice.below(4))
