"""``python -m tests.simulation.h2_world``: HTTP/2 and HTTP/1.1, crossing in a world that a seed decides.

Clients of both versions call servers of both through the real datapath. After every callback the compiled `Auditor` looks at
the engine and the judge at the calls. At the end everybody behaves: then every call has its end, no stream is left to a
server, and when all is closed nothing is left.
"""

from __future__ import annotations

import argparse
import array
import os
import sys
import time
from functools import cache
from typing import Any

from proxy.datapath.audit import Auditor, ViolationError, audit
from proxy.datapath.clock import ManualClock
from proxy.datapath.engine import Engine
from proxy.datapath.simulated import SimulatedNetwork
from proxy.datapath.simulated_loop import Dice, SimulatedLoop
from proxy.observe.counters import Layout
from proxy.routing.table import RouteTable
from proxy.snapshot import Cluster, HeaderMatch, Keepalive, Listener, Retry, RetryBudget, Route, Snapshot
from tests.simulation.h2_client import Plain, Streamer
from tests.simulation.h2_ledger import TIMEOUT, Call, Judge
from tests.simulation.h2_server import Host, StreamServer
from xproto import registry
from xproto.autodetect.detector import Detector

FAULTS = (
    "short",  # reads and writes that move less than they could
    "delays",
    "pieces",  # bodies with time between their frames
    "slow",
    "late",
    "never",
    "server resets",
    "half",  # an answer that is reset, or cut, within it
    "refuses",  # REFUSED_STREAM
    "goaway",  # in two steps
    "abrupt goaway",  # with streams that were not looked at
    "server cuts",
    "early",  # answers before the request is whole
    "interim",
    "trailers",
    "grpc",
    "windows",  # that shrink and grow
    "few streams",
    "pings",
    "stalls",  # windows that are given back late
    "dawdles",  # somebody does not read for a while
    "client resets",
    "client cuts",
    "big",
    "refused connects",
    "keepalive",
    "retries",  # routes that send calls again
    "statuses",  # all of them, and servers whose calls of gRPC end with a status for which they do
)
APART = -2
"""The last so many are drawn apart: what other seeds mean stays what it is."""
RETRY = Retry(("connect_failure", "refused", "reset"), attempts=2, back_off_base=0.01, back_off_max=0.05, buffer=100_000)
"""By the methods of HTTP; gRPC's calls only where nothing was processed."""
STATUSES = Retry(
    RETRY.on, ("unavailable",), attempts=2, back_off_base=0.01, back_off_max=0.05, buffer=100_000, idempotent=True,
)  # fmt: skip
DOOR = 3
SETTLES = 60_000_000
LOOK = 16
PROTOCOLS = ("http1", "http2")
HELD = 1_500_000
"""Bytes that the proxy may hold for each call and connection: two windows, what one read brings, and a queue."""
CALLS = 60
say = print


@cache
def protocols() -> Any:
    return registry.load()


class World:
    def __init__(self, seed: int, calls: int = CALLS, faults: tuple[str, ...] | None = None) -> None:
        self.loop = SimulatedLoop(ManualClock(), Dice(seed))
        self.loop.drift, self.dice = 50, self.loop.dice
        drawn = Dice(seed ^ 0x42)
        self.faults = frozenset(each for each in FAULTS[:APART] if drawn.below(3) == 0) if faults is None else frozenset(faults)
        if faults is None and Dice(seed ^ 0xA6A1).below(3) == 0:
            self.faults |= {"retries"}
        if faults is None and Dice(seed ^ 0x57A7).below(4) == 0:
            self.faults |= {"statuses", "grpc"}
        self.asked, self.wanted = 0, calls
        self.settled = self.ending = False
        self.judge, self.log = Judge(self.has("keepalive")), list[str]()
        self.network = SimulatedNetwork(self.loop)
        self.network.short_in_1000 = 300 if self.has("short") else 0
        self.servers: list[Any] = []
        self.layout = self.start(seed, 1 + drawn.below(3))
        self.everyone: list[Any] = []
        self.clients = [self.client() for _ in range(1 + drawn.below(4))]

    def start(self, seed: int, hosts: int) -> Layout:
        known = protocols()
        codecs = {name: known[name].codec for name in PROTOCOLS}
        beats = {"keepalive": Keepalive(0.2, 0.3, 2)} if self.has("keepalive") else {}
        clusters = {
            far: Cluster(
                far, tuple(f"{far}:{n}" for n in range(hosts)), http="http2" if far == "h2" else "http1", timeout=TIMEOUT,
                connect_timeout=0.2, max_connections=1 + self.dice.below(3) if far == "h2" else 8,
                retry_budget=RetryBudget(percent=50), **beats,
            )
            for far in ("h1", "h2")
        }  # fmt: skip
        retry = STATUSES if self.has("statuses") else RETRY if self.has("retries") else None
        routes = tuple(Route(far, (HeaderMatch("x-cluster", "exact", far),), far, retry=retry) for far in clusters)
        snapshot = Snapshot({"in": Listener("in", "simulated:0", PROTOCOLS, "table")}, {"table": routes}, clusters)
        self.network.hosts.update({address: Host(self, far) for far, each in clusters.items() for address in each.hosts})
        layout = Layout(snapshot, codecs)
        self.counters = array.array("Q", bytes(8 * 4096))
        detectors = {"in": Detector([known[name] for name in PROTOCOLS])}
        self.engine = Engine(
            self.loop, snapshot, codecs, detectors, {"table": RouteTable(routes)}, self.counters, layout, self.log.append, seed,
            network=self.network, clock=self.loop.clock,
        )  # fmt: skip
        self.network.listen(DOOR)
        self.engine.listen("in", DOOR)
        self.loop.watch = Auditor(self.engine, LOOK)
        return layout

    # -- what is drawn --------------------------------------------------------------------------------------------------

    def has(self, fault: str) -> bool:
        return fault in self.faults

    def wrongly(self, fault: str, in_1000: int) -> bool:
        return not self.settled and self.has(fault) and bool(self.dice.chance(in_1000))

    def size(self) -> int:
        return 60_000 + self.dice.below(400_000) if self.wrongly("big", 60) else int(self.dice.choice((0, 1, 20, 300, 5000)))

    def client(self) -> Streamer | Plain:
        kind = Streamer if self.dice.below(3) else Plain
        made = kind(self, len(self.everyone) + 1)
        made.wire = self.network.dial(DOOR, made)
        made.greet()
        self.everyone.append(made)
        return made

    def drawn(self, number: int, near: str) -> Call:
        dice = self.dice
        far = dice.choice(("h1", "h2", "h2"))
        method = dice.choice(("GET", "HEAD", "POST", "POST", "PUT"))
        grpc = near == "h2" and far == "h2" and self.wrongly("grpc", 400)
        size = self.size() if method in {"POST", "PUT"} or grpc else 0
        trailers = near == far == "h2" and size > 0 and not grpc and self.wrongly("trailers", 300)
        call = Call(number, self.now, "POST" if grpc else method, far, size, near, grpc, trailers)
        if self.has("statuses") or (self.has("retries") and call.method in {"GET", "HEAD", "PUT"}):
            call.retried = RETRY.attempts
        self.judge.calls[number] = call
        return call

    @property
    def now(self) -> int:
        return round(self.loop.now * 1e6)

    # -- a run ----------------------------------------------------------------------------------------------------------

    def run(self) -> Judge:
        """Raises `ViolationError`."""
        while self.asked < self.wanted:
            self.act()
            for _ in range(self.dice.below(30)):
                self.step(self.now + 300_000)
        self.settle()
        self.end()
        return self.judge

    def step(self, until: int) -> bool:
        more = self.loop.step(until)
        self.complain()
        return bool(more)

    def complain(self) -> None:
        if self.judge.wrong:
            raise ViolationError("; ".join(self.judge.wrong))
        if self.log:
            if bad := [line for line in self.log if "internal error" in line]:
                raise ViolationError(bad[0])
            self.log.clear()

    def act(self) -> None:
        at = self.dice.below(len(self.clients))
        client = self.clients[at]
        if client.over or client.leaving:
            client = self.clients[at] = self.client()
        if self.wrongly("client resets", 500):
            client.resets()
        if self.wrongly("client cuts", 20):
            client.cuts()
            return
        self.servers = [each for each in self.servers if not each.over]
        for peer in (client, *([self.dice.choice(self.servers)] if self.servers else ())):
            if isinstance(peer, StreamServer | Streamer) and not peer.over:
                peer.fidget()
            if self.wrongly("dawdles", 50) and not peer.over:
                peer.wire.read_on(False)
                self.loop.call_later(self.dice.below(1000) / 1e3, peer.wire.read_on)
        more = 1 + self.dice.below(5)
        self.asked += more
        client.ask(range(self.asked - more + 1, self.asked + 1))
        held, calls = self.engine.describe()["buffers"]["held"], sum(not call.over for call in self.judge.calls.values())
        if held > HELD * (calls + len(self.everyone) + len(self.servers)):
            raise ViolationError(f"{held} bytes are held for {calls} calls")

    def settle(self) -> None:
        """From now on nobody does anything wrong."""
        self.settled = True
        for each in self.everyone:
            each.calm()
        for server in self.servers:
            if isinstance(server, StreamServer):
                server.calm()
        until = self.now + SETTLES
        while self.now < until and (any(each.waits and not each.over for each in self.everyone) or self.owing()):
            self.step(until)
        if left := [each for each in self.everyone if each.waits and not each.over]:
            raise ViolationError(f"never answered: {left}")
        if owing := self.owing():
            raise ViolationError(f"their ends were never told: {owing}")
        if found := audit(self.engine):
            raise ViolationError("; ".join(found))

    def owing(self) -> list[Call]:
        """Calls that servers still have, although their callers have their ends, or wait for nothing."""
        return [
            serving.call for server in self.servers if isinstance(server, StreamServer) and not server.over
            for serving in server.open.values()
        ]  # fmt: skip

    def end(self) -> None:
        """When all is closed nothing is left."""
        self.loop.watch, self.ending = None, True
        self.engine.close()
        left = self.engine.describe()
        rest = {"calls": left["calls"], "timers": left["timers"], "bytes": left["buffers"]["held"],
                "owners": left["buffers"]["owners"], "transports": self.network.open}  # fmt: skip
        rest |= {each.name: self.counters[each.slot] for each in self.layout.counters if each.type == "gauge"}
        if any(rest.values()):
            raise ViolationError(f"left when all was closed: { {name: value for name, value in rest.items() if value} }")


def failure(seed: int, calls: int, faults: tuple[str, ...] | None = None) -> str:
    """What goes wrong, or nothing."""
    try:
        World(seed, calls, faults).run()
    except AssertionError as error:
        return f"{type(error).__name__}: {error}"
    return ""


def smallest(seed: int, calls: int) -> str:
    """The fewest faults with which the seed, or one near it, still fails."""
    faults, why = tuple(each for each in FAULTS if World(seed, calls).has(each)), failure(seed, calls)
    for fault in faults:
        fewer = tuple(each for each in faults if each != fault)
        for near in range(seed, seed + 5):
            if found := failure(near, calls, fewer):
                faults, why, seed = fewer, found, near
                break
    return f"seed {seed}, {calls} calls, {faults}: {why}"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation.h2_world")
    parser.add_argument("--seed", type=int, default=1, help="the first seed")
    parser.add_argument("--seeds", type=int, default=1, help="how many of them")
    parser.add_argument("--calls", type=int, default=CALLS, help="calls in each")
    parser.add_argument("--shrink", action="store_true", help="look for the fewest faults that still fail")
    given = parser.parse_args()
    began, ends = time.perf_counter(), [0, 0, 0]
    for seed in range(given.seed, given.seed + given.seeds):
        world = World(seed, given.calls)
        try:
            judge = world.run()
        except AssertionError as error:
            said = f"seed {seed} fails: {type(error).__name__}: {error}\nfaults: {sorted(world.faults)}"
            say(f"{said}\nreplay: make sim-http2 SEED={seed}")
            if given.shrink:
                say(smallest(seed, given.calls))
            return 1
        if given.seeds == 1:
            say(f"seed {seed}: steps={world.loop.steps}, trace={world.loop.trace}")
        ends = [a + b for a, b in zip(ends, (judge.answers, judge.refusals, judge.resets), strict=True)]
    spent = time.perf_counter() - began
    say(f"{given.seeds} seeds: {ends[0]} answers, {ends[1]} refusals, {ends[2]} resets in {spent:.1f} s: all is well")
    return 0


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    os._exit(code)  # an engine that is broken may never come to its end
