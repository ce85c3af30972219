"""Tunnels in a world that a seed decides: whatever the order of events, bytes arrive as they were sent, and nothing is left.

After every callback the `Auditor` looks at all structures. An end that is orderly comes behind the last byte; what was
reset may be cut, but never changed.
"""

from __future__ import annotations

import array
import errno
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import pytest

from proxy.datapath.audit import Auditor
from proxy.datapath.clock import ManualClock
from proxy.datapath.engine import Engine
from proxy.datapath.simulated import SimulatedNetwork
from proxy.datapath.simulated_loop import Dice, SimulatedLoop
from proxy.observe.counters import Layout
from proxy.routing.table import RouteTable
from proxy.snapshot import Cluster, Fallback, Listener, Snapshot
from xproto import registry
from xproto.autodetect.detector import Detector

SEEDS = 100
TURNS = 400
DOOR = 3
HOSTS = ("host:0", "host:1")
IDLE = 20.0
SETTLES = 60_000_000
"""Microseconds: longer than any deadline."""
PATTERN = bytes((n * 7 + n // 251) & 0xFF for n in range(251 * 256))
"""Of bytes, which repeats from there on."""


@cache
def protocols() -> Any:
    return registry.load((), {})


@dataclass
class Peer:
    """One end in the world's hands: a client, or a host's side of a tunnel."""

    wire: Any = None
    number: int = 0
    sent: int = 0
    got: bytearray = field(default_factory=bytearray)
    over: bool = False
    broken: bool = False
    finished: bool = False

    def received(self, data: bytes) -> None:
        self.got += data

    def ended(self, reset: bool) -> None:
        self.over, self.broken = True, self.broken or reset

    def send(self, size: int) -> None:
        if not self.finished and not self.wire.closed:
            self.wire.send(self.stream(self.sent, size), 0)
            self.sent += size

    def stream(self, at: int, size: int) -> bytes:
        """The bytes of this peer: nobody's or how a protocol begins, its number, then ever other ones."""
        start = bytes(((0xEE, 0x02, 0xDA)[self.number % 3], self.number))[at : at + size]
        begin = at % len(PATTERN)
        return start + (PATTERN * ((begin + size) // len(PATTERN) + 1))[begin + len(start) : begin + size]


class Host:
    def __init__(self, world: World) -> None:
        self.world = world

    def dialled(self, wire: Any) -> int:
        if self.world.wrongly(100):
            return errno.ECONNREFUSED
        peer = Peer(wire)
        outcome = errno.ETIMEDOUT if self.world.wrongly(100) else 0
        if not self.world.wrongly(50):  # else it never answers
            self.world.loop.call_later(self.world.dice.below(2000) / 1e6, self.settle, wire, outcome, peer)
        return 0

    def settle(self, wire: Any, outcome: int, peer: Peer) -> None:
        wire.settle(outcome, None if outcome else peer)
        if not outcome:
            self.world.servers.append(peer)


class World:
    def __init__(self, seed: int) -> None:
        self.loop = SimulatedLoop(ManualClock(), Dice(seed))
        self.loop.drift, self.dice = 50, self.loop.dice
        self.network = SimulatedNetwork(self.loop)
        self.network.short_in_1000 = 300
        self.calm = False
        self.network.hosts.update({address: Host(self) for address in HOSTS})
        self.clients, self.servers, self.log = list[Peer](), list[Peer](), list[str]()
        self.loaded = protocols()
        self.snapshot = self.made(HOSTS, True)
        self.layout = Layout(self.snapshot, self.loaded)
        self.counters = array.array("Q", bytes(8 * 4096))
        self.engine = Engine(
            self.loop, self.snapshot, *self.parts(), self.counters, self.layout, self.log.append, seed, network=self.network,
            clock=self.loop.clock,
        )  # fmt: skip
        self.network.listen(DOOR)
        self.engine.listen("in", DOOR)
        self.loop.watch = Auditor(self.engine, 1)

    def made(self, hosts: tuple[str, ...], stays: bool) -> Snapshot:
        limits = {"out_buffer_limit": 20_000, "detect_timeout": 0.5}
        listener = Listener("in" if stays else "moved", "x", ("bolt", "dubbo"), "t", fallback=Fallback("tcp", IDLE), **limits)  # type: ignore[arg-type]
        return Snapshot({listener.name: listener}, {"t": ()}, {"tcp": Cluster("tcp", hosts)})

    def parts(self) -> tuple[Any, ...]:
        names = ("bolt", "dubbo")
        [name] = self.snapshot.listeners
        detectors = {name: Detector([self.loaded[each] for each in names])}
        return {each: self.loaded[each].codec for each in names}, detectors, {"t": RouteTable(())}

    def wrongly(self, in_1000: int) -> bool:
        return not self.calm and bool(self.dice.chance(in_1000))

    def reload(self) -> None:
        hosts = tuple(host for host in HOSTS if self.dice.below(2))
        self.snapshot = self.made(hosts, bool(self.dice.below(4)))
        self.layout = Layout(self.snapshot, self.loaded, self.layout)
        [name] = self.snapshot.listeners
        self.engine.commit(self.engine.prepare(self.snapshot, *self.parts(), self.layout), {name: DOOR})

    def act(self) -> None:
        """Somebody does something."""
        if len(self.clients) < 40 and self.dice.below(4) == 0:
            client = Peer(number=len(self.clients))
            client.wire = self.network.dial(DOOR, client)
            self.clients.append(client)
        if self.wrongly(10):
            self.reload()
        everyone = self.clients + self.servers
        if not everyone:
            return
        peer = self.dice.choice(everyone)
        deed = self.dice.below(100)
        if deed < 70:
            peer.send(1 + int(self.dice.choice((0, 10, 1000, 60_000))))
        elif deed < 80:
            peer.wire.read_on(bool(self.dice.below(2)))
        elif deed < 90:
            peer.finished = True
            peer.wire.finish()
        elif deed < 93:
            peer.finished = peer.broken = True
            peer.wire.reset()

    def run(self) -> None:
        for _ in range(TURNS):
            self.act()
            for _ in range(self.dice.below(14)):
                self.step(self.now + 1_000_000)
        self.calm = True
        for peer in self.clients + self.servers:
            peer.wire.read_on()
        until = self.now + SETTLES
        while self.step(until):
            pass

    @property
    def now(self) -> int:
        return round(self.loop.now * 1e6)

    def step(self, until: int) -> bool:
        more = self.loop.step(until)
        assert not [line for line in self.log if "internal error" in line], self.log
        self.log.clear()
        return more

    def check(self) -> int:
        """How many tunnels carried something. What a host got began as some client's bytes, and the other way round."""
        carried = 0
        for server in self.servers:
            if len(server.got) < 2:
                continue
            client = self.clients[server.got[1]]
            carried += 1
            assert bytes(server.got) == client.stream(0, len(server.got))
            assert bytes(client.got) == server.stream(0, len(client.got))
            if server.over and not server.broken and client.finished and not client.broken:
                assert len(server.got) == client.sent, "an orderly end, and not all of it"
        return carried

    def end(self) -> None:
        self.loop.watch = None
        described = self.engine.describe()
        assert not any(each["tunnels"] for each in described["listeners"].values()), "idle, and still there"
        self.engine.close()
        left = self.engine.describe()
        assert left["timers"] == left["buffers"]["held"] == left["buffers"]["owners"] == self.network.open == 0
        assert left["leaving"] == {"connections": [], "hosts": []}
        for counter in self.layout.counters:
            assert counter.type != "gauge" or self.counters[counter.slot] == 0, counter


@pytest.mark.parametrize("first", range(0, SEEDS, 25))
def test_bytes_arrive_as_they_were_sent(first: int) -> None:
    carried = 0
    for seed in range(first, first + 25):
        world = World(seed)
        world.run()
        carried += world.check()
        world.end()
    assert carried > 25
