"""The real datapath in a world that a seed decides: what a run does, and what must hold after each of its steps.

After every callback of the loop the compiled `Auditor` looks at the engine (sums each time, all structures now and
then) and the ledger at the calls. At the end everybody behaves: then every call must be answered, and when all is
closed nothing may be left.
"""

from __future__ import annotations

import array
from collections.abc import Callable
from dataclasses import dataclass

from proxy.datapath.audit import Auditor, ViolationError, audit
from proxy.datapath.clock import ManualClock
from proxy.datapath.engine import Engine
from proxy.datapath.simulated import SimulatedNetwork
from proxy.datapath.simulated_loop import Dice, SimulatedLoop
from proxy.filters.placed import Placements
from proxy.observe.counters import Layout
from proxy.snapshot import Snapshot
from tests.simulation import configuration, speech
from tests.simulation.http_client import Browser
from tests.simulation.ledger import Ledger
from tests.simulation.peers import Client, Host
from tests.simulation.scenario import Scenario
from tests.simulation.shadows import BOUND, Copies, ShadowHost
from tests.simulation.whims import Passing

DOOR = 3
SETTLES = 60_000_000
"""Microseconds of simulated time in which everybody behaves: by then every call must be answered."""
LOOK = 16
"""Callbacks from one look at all structures to the next."""
COPIES = ("xproto_mirror_calls_total", "xproto_mirror_dropped_total")
"""What counts the ends of copies."""
IN_FLIGHT = ("xproto_mirror_in_flight",)
ROOM = 4096
"""Slots for the counters of all configurations of a run."""


@dataclass(frozen=True)
class Outcome:
    steps: int
    trace: int
    """A hash of all that happened, in its order."""
    answers: int
    refusals: int
    delivered: int


class World:
    def __init__(self, scenario: Scenario) -> None:
        self.scenario, self.greets = scenario, "session" in scenario
        self.loop = SimulatedLoop(ManualClock(), Dice(scenario.seed))
        self.loop.drift = 50
        dice = self.loop.dice
        self.network = SimulatedNetwork(self.loop)
        self.network.short_in_1000 = 300 if "short" in scenario else 0
        if "dawdles" in scenario:
            self.network.window = dice.choice((4096, 64 * 1024))
        self.ledger, self.log, self.calm = Ledger(scenario.tries), list[str](), False
        found = configuration.first(scenario, dice)
        self.network.hosts.update({address: Host(self) for address in configuration.addresses(scenario)})
        if "mirrors" in scenario:
            self.copies = Copies(self)
            self.network.hosts.update({address: ShadowHost(self) for address in configuration.SHADOWS})
        self.passing = Passing(self) if "filters" in scenario else None
        *parts, self.layout = configuration.made_of(scenario, found)
        self.gauges, self.copied = gauges(self.layout), slots(self.layout, COPIES)
        self.flying = slots(self.layout, IN_FLIGHT)
        self.spoken = next(iter(found.listeners.values())).protocols
        self.counters = array.array("Q", bytes(8 * ROOM))
        self.engine = Engine(
            self.loop, found, *parts, self.counters, self.layout, self.log.append, scenario.seed, network=self.network,
            clock=self.loop.clock, filters=self.filters(found),
        )  # fmt: skip
        if "wrapping" in scenario:
            self.engine.set_first_id(min(2 ** speech.ID_BITS[each] for each in scenario.protocols) - 20)
        self.network.listen(DOOR)
        [self.name] = found.listeners
        self.engine.listen(self.name, DOOR)
        self.loop.watch = Auditor(self.engine, LOOK)
        self.made = self.begun = 0
        self.met: list[Client | Browser] = []
        """All clients there were since the last reload, and those from before that are still there."""
        self.leaving: list[Browser] = []
        """They send no more, and wait for answers."""
        self.clients = [self.client() for _ in range(scenario.clients)]

    def wrongly(self, fault: str, in_1000: int) -> bool:
        """Does this go wrong now?"""
        return not self.calm and fault in self.scenario and self.loop.dice.chance(in_1000)

    def size(self) -> int:
        """Of a body, in bytes."""
        if self.wrongly("big", 10):
            return 200_000 + self.loop.dice.below(400_000)
        return int(self.loop.dice.choice((20, 20, 100, 300, 5000)))

    def streamed(self) -> int:
        """Of a body that is passed on in pieces, in bytes."""
        return int(speech.BIG) + self.loop.dice.below(2 * speech.BIG)

    def client(self) -> Client | Browser:
        self.made += 1
        protocol = self.loop.dice.choice(self.scenario.protocols)
        made = Browser(self, self.made) if protocol == Browser.protocol else Client(self, self.made, protocol)
        made.excused = "small buffers" in self.scenario  # a few big answers at once, and it is cut
        made.excused |= speech.LOADED[made.protocol] not in self.spoken
        made.wire = self.network.dial(DOOR, made)
        if self.greets and isinstance(made, Client):
            made.wire.send(made.beat())
        self.met.append(made)
        return made

    # -- a run --------------------------------------------------------------------------------------------------

    def run(self) -> Outcome:
        """Raises `ViolationError`."""
        while self.begun < self.scenario.calls:
            self.act(self.loop.dice.below(len(self.clients)))
            for _ in range(self.loop.dice.below(14)):
                self.step(self.now + 1_000_000)
        self.settle()
        self.end()
        ledger = self.ledger
        return Outcome(self.loop.steps, self.loop.trace, ledger.answers, ledger.refusals, ledger.delivered)

    @property
    def now(self) -> int:
        return round(self.loop.now * 1e6)

    def step(self, until: int) -> bool:
        more = self.loop.step(until)
        if self.ledger.wrong:
            raise ViolationError("; ".join(self.ledger.wrong))
        if self.log:
            if bad := [line for line in self.log if "internal error" in line]:
                raise ViolationError(bad[0])
            self.log.clear()
        for slot in self.flying:
            if self.counters[slot] > BOUND:
                raise ViolationError(f"over {BOUND} copies are in flight")
        return more

    def act(self, at: int) -> None:
        """Something that a client does, or that happens to the machine."""
        client = self.clients[at]
        if isinstance(client, Browser) and client.leaving and not client.over:
            self.leaving.append(client)
            client = self.clients[at] = self.client()
        if client.over:
            client = self.clients[at] = self.client()
        if self.wrongly("descriptors", 5):
            self.network.full = True
            self.loop.call_later(0.3, self.recover)
        if self.wrongly("reload", 15):
            self.reload()
        if isinstance(client, Browser) and self.wrongly("dawdles", 30):
            client.dawdle()
        for fault, what in self.misdeeds.items():
            if self.wrongly(fault, 10):
                client.excused |= fault not in {"client ends", "client beats"} or (fault == "client beats" and self.greets)
                what(client)
                if fault != "client beats":
                    if fault != "unread":
                        self.clients[at] = self.client()
                    if fault == "client ends" and isinstance(client, Browser):
                        self.leaving.append(client)
                    return
        more = 1 + self.loop.dice.below(4)
        self.begun += more
        client.ask(range(self.begun - more + 1, self.begun + 1))

    def call(self, client: Client, number: int) -> bytes:
        oneway = self.wrongly("oneways", 250)
        size = self.streamed() if client.protocol in speech.STREAMED and self.wrongly("streams", 60) else self.size()
        return client.call(number, size, oneway, 50 if self.wrongly("deadlines", 200) else 0)

    def reload(self) -> None:
        """Another configuration, in one go; sometimes one that is thought better of."""
        found = configuration.another(self.scenario, self.loop.dice)
        *parts, layout = configuration.made_of(self.scenario, found, self.layout)
        change = self.engine.prepare(found, *parts, layout, filters=self.filters(found))
        if self.loop.dice.below(8) == 0:
            return
        [(name, listener)] = found.listeners.items()
        self.engine.commit(change, {name: DOOR})
        moved, self.name, self.spoken = name != self.name, name, listener.protocols
        self.layout = layout
        self.gauges |= gauges(layout)
        self.copied |= slots(layout, COPIES)
        self.flying |= slots(layout, IN_FLIGHT)
        self.met = [client for client in self.met if not client.over]
        for client in self.met:
            client.excused |= moved or speech.LOADED[client.protocol] not in self.spoken

    def filters(self, snapshot: Snapshot) -> dict[str, Placements]:
        """Of its listener: the same ones, whatever the configuration."""
        [name] = snapshot.listeners
        return {} if self.passing is None else {name: Placements(self.passing.placed, {})}

    def recover(self) -> None:
        self.network.full = False

    misdeeds: dict[str, Callable[[Client | Browser], None]] = {
        "client resets": lambda client: client.wire.reset(),
        "client ends": lambda client: client.finish(),
        "client closes": lambda client: client.wire.close(),
        "client lies": lambda client: client.lie(),
        "unread": lambda client: client.wire.read_on(False),
        "client beats": lambda client: client.wire.send(client.beat()),
    }

    # -- its end ------------------------------------------------------------------------------------------------

    def settle(self) -> None:
        """From now on nobody does anything wrong."""
        self.calm = True
        self.recover()
        everyone = self.clients + self.leaving
        for client in everyone:
            client.wire.read_on()
        until = self.now + SETTLES
        while self.step(until) and (self.now < until) and any(client.waits and not client.over for client in everyone):
            pass
        for client in everyone:
            if client.waits and not client.over:
                raise ViolationError(f"client {client.number} was never answered: {client}")
        if found := audit(self.engine):
            raise ViolationError("; ".join(found))

    def end(self) -> None:
        """When all is closed nothing is left."""
        self.loop.watch = None
        self.engine.close()
        self.calm = True
        while self.passing is not None and self.passing.waiting and self.loop.step(self.now + 1_000_000):
            pass  # of what waited for the last calls: it hears that it is cancelled
        left = self.engine.describe()
        rest = {"calls": left["calls"], "timers": left["timers"], "bytes": left["buffers"]["held"],
                "owners": left["buffers"]["owners"], "transports": self.network.open}  # fmt: skip
        rest |= {f"{name} (slot {slot})": self.counters[slot] for slot, name in self.gauges.items()}
        if self.passing is not None:
            self.passing.check()
        if self.copied:
            self.copies.check(sum(self.counters[slot] for slot in self.copied), self.begun)
        if any(rest.values()):
            raise ViolationError(f"left when all was closed: { {name: value for name, value in rest.items() if value} }")


def gauges(layout: Layout) -> dict[int, str]:
    """Those of removed names must fall back to zero too."""
    return {counter.slot: counter.name for counter in layout.counters if counter.type == "gauge"}


def slots(layout: Layout, names: tuple[str, ...]) -> set[int]:
    return {each.slot for each in layout.counters if each.name in names}


def run(scenario: Scenario) -> Outcome:
    return World(scenario).run()
