"""All that the display and the checks look at: the clients' ledger, the proxy's last figures, and what has happened.

Written by `play` only, read by the others, so that a table or a check is a function of one value and can be tested by
making one.
"""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field

from proxy.demo import scenario
from proxy.demo.config import Host
from proxy.demo.ledger import Ledger, Tally
from proxy.demo.metrics import Sample

RATE_WINDOW = 1.0
"""Seconds over which calls per second are counted."""

UP, DOWN, BACK = "up", "killed", "back"


@dataclass
class Scene:
    """One demo. Times are seconds since the traffic began."""

    seconds: float
    addresses: dict[Host, str] = field(default_factory=dict)
    listening: str = ""
    admin: str = ""
    now: float = 0.0
    ended: float | None = None
    """When the clients stopped calling; None while they call."""
    ledger: Ledger = field(default_factory=lambda: Ledger({name: Tally() for name in scenario.CALLERS}))
    sample: Sample = field(default_factory=Sample)
    nodes: dict[str, str] = field(default_factory=lambda: dict.fromkeys(scenario.NODES, UP))
    events: list[tuple[float, str]] = field(default_factory=list)
    survivors_at_kill: int = 0
    """Calls that the other nodes had answered when the victim was killed."""
    victim_at_kill: Counter[str] = field(default_factory=Counter)
    """Calls that the victim had answered by then, by protocol."""
    history: deque[tuple[float, dict[str, int]]] = field(default_factory=deque)

    def tick(self, now: float) -> None:
        """Time has passed."""
        self.now = now
        self.history.append((now, {name: tally.done for name, tally in self.ledger.tallies.items()}))
        while len(self.history) > 2 and self.history[1][0] <= now - RATE_WINDOW:
            self.history.popleft()

    def rate(self, protocol: str) -> float:
        """Calls answered per second: lately, or in all once the traffic has ended."""
        if self.ended is not None:
            return self.ledger.tallies[protocol].done / self.ended
        if len(self.history) < 2:
            return 0.0
        (then, before), (now, after) = self.history[0], self.history[-1]
        return (after[protocol] - before[protocol]) / max(now - then, 1e-9)

    @property
    def survivors(self) -> int:
        """Calls that all nodes but the victim have answered."""
        return sum(self.ledger.by_node(node) for node in scenario.NODES if node != scenario.VICTIM)

    def by_victim(self) -> Counter[str]:
        """Calls that the victim has answered, by protocol; every protocol that it speaks is there."""
        found = Counter({scenario.PROTOCOL_OF[cluster]: 0 for cluster, _ in self.addresses})
        for (cluster, node), count in self.ledger.hosts.items():
            if node == scenario.VICTIM:
                found[scenario.PROTOCOL_OF[cluster]] += count
        return found

    def node_total(self, name: str, node: str) -> int:
        """The sum of a metric with the labels cluster and host, over one node's hosts."""
        return sum(
            self.sample.total(name, cluster=cluster, host=address)
            for (cluster, each), address in self.addresses.items()
            if each == node
        )
