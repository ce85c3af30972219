"""A proxy whose peers and clock are in the test's hands.

Peers are plain sockets on the same loop. The clock only moves by `World.advance`, which fires the proxy's timers that
are due, so a test of a 15-second heartbeat takes no time and never sleeps.
"""

from __future__ import annotations

import array
import asyncio
import socket
import struct
from collections.abc import Callable
from typing import Any

import msgspec

from proxy.datapath.clock import ManualClock
from proxy.datapath.engine import Engine
from proxy.filters.placed import place
from proxy.observe.counters import Layout
from proxy.routing.table import RouteTable
from proxy.snapshot import Cluster, HeaderMatch, Listener, Route, Snapshot
from proxy.tls.contexts import Contexts
from proxy.tls.material import Material
from proxy.tls.settings import Secret
from tests.datapath import frames
from xproto import registry
from xproto.autodetect.detector import Detector

PATIENCE = 5.0
"""Seconds until a test gives up waiting; nothing waits so long unless it is broken."""

SPARE = 1000
"""Slots beyond the first snapshot's, for those that come later."""

REGISTRY = registry.load((), {"bolt": {"goaway": True, "frame_limit": 2**31 - 1}})


class HandLoop:
    """The real loop, but its timers fire by hand."""

    def __init__(self, loop: asyncio.AbstractEventLoop, clock: ManualClock) -> None:
        self.loop, self.clock = loop, clock
        self.now = 0.0
        self.timers: list[tuple[float, HandTimer]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self.loop, name)

    def call_later(self, delay: float, callback: Callable[[], None]) -> HandTimer:
        timer = HandTimer(callback)
        self.timers.append((self.now + delay, timer))
        return timer

    def advance(self, seconds: float) -> None:
        """In steps, so that what one timer sets in motion is seen by the next."""
        end = self.now + seconds
        while self.timers and min(self.timers, key=lambda t: t[0])[0] <= end:
            at, timer = min(self.timers, key=lambda t: t[0])
            self.timers.remove((at, timer))
            self._move(max(at, self.now))
            if not timer.cancelled:
                timer.callback()
        self._move(end)

    def _move(self, to: float) -> None:
        self.clock.advance(to - self.now)
        self.now = to


class HandTimer:
    def __init__(self, callback: Callable[[], None]) -> None:
        self.callback, self.cancelled = callback, False

    def cancel(self) -> None:
        self.cancelled = True


class Peer:
    """One end of a connection, in the test's hands."""

    def __init__(self, loop: asyncio.AbstractEventLoop, sock: socket.socket, size_of: Callable[[bytes], int | None]) -> None:
        sock.setblocking(False)
        self.loop, self.sock, self.size_of = loop, sock, size_of
        self.data = b""
        self.patience: float | None = PATIENCE
        """Of reads; None: whoever reads waits for as long as it takes."""

    async def send(self, data: bytes) -> None:
        await asyncio.wait_for(self.loop.sock_sendall(self.sock, data), PATIENCE)

    async def receive(self) -> bytes:
        """The next frame; b"" at the end of the stream (a reset counts as one)."""
        while True:
            size = self.size_of(self.data)
            if size is not None and len(self.data) >= size:
                frame, self.data = self.data[:size], self.data[size:]
                return frame
            try:
                more = await asyncio.wait_for(self.loop.sock_recv(self.sock, 1 << 20), self.patience)
            except ConnectionResetError:
                more = b""
            if not more:
                assert not self.data, f"the stream ends inside a frame: {self.data!r}"
                return b""
            self.data += more

    async def bytes(self, size: int) -> bytes:
        """So many bytes, or what comes before the end."""
        while len(self.data) < size:
            more = await asyncio.wait_for(self.loop.sock_recv(self.sock, 1 << 20), PATIENCE)
            if not more:
                break
            self.data += more
        data, self.data = self.data[:size], self.data[size:]
        return data

    async def ended(self) -> bool:
        """Waits for the other side's orderly end; any byte before it fails."""
        return not self.data and not await asyncio.wait_for(self.loop.sock_recv(self.sock, 1), PATIENCE)

    async def was_reset(self) -> bool:
        """Waits for a reset; bytes before it are nobody's."""
        try:
            while await asyncio.wait_for(self.loop.sock_recv(self.sock, 1 << 20), PATIENCE):
                pass
        except ConnectionResetError:
            return True
        return False

    async def silent(self) -> bool:
        """Has nothing come, after everything that is under way has been handled?"""
        for _ in range(20):
            await asyncio.sleep(0)
        try:
            return not self.data and not self.sock.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return True

    def finish(self) -> None:
        self.sock.shutdown(socket.SHUT_WR)

    def reset(self) -> None:
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def close(self) -> None:
        self.sock.close()


class Backend:
    """A listening socket; its connections are accepted when the script says so."""

    def __init__(self, world: World, backlog: int = 16, at: tuple[str, int] = ("127.0.0.1", 0)) -> None:
        self.world = world
        self.sock = socket.socket()
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.sock.bind(at)
        self.sock.listen(backlog)
        self.sock.setblocking(False)
        self.address = f"127.0.0.1:{self.sock.getsockname()[1]}"

    async def accept(self) -> Peer:
        sock, _ = await asyncio.wait_for(self.world.loop.sock_accept(self.sock), PATIENCE)
        return self.world.peer(sock)

    def close(self) -> None:
        self.sock.close()


class World:
    """One listener `in`, one route table `table`, clusters by name; everything else by keyword."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.clock = ManualClock()
        self.hand = HandLoop(loop, self.clock)
        self.log: list[str] = []
        self.closing: list[Any] = []
        self.size_of = frames.size_of

    def backend(self, backlog: int = 16) -> Backend:
        made = Backend(self, backlog)
        self.closing.append(made)
        return made

    def backend_at(self, host: str, port: int) -> Backend:
        """A host that comes back where it was."""
        made = Backend(self, at=(host, port))
        self.closing.append(made)
        return made

    def start(
        self, *hosts: Backend | str, protocols: tuple[str, ...] = ("bolt",), listener: dict[str, Any] | None = None,
        routes: tuple[Route, ...] | None = None, table: Any = None, first_id: int = 1, seed: int = 1,
        codecs: dict[str, Any] | None = None, detector: Any = None, materials: dict[str, Material] | None = None,
        clusters: dict[str, Cluster] | None = None, **cluster: Any,
    ) -> World:  # fmt: skip
        routes = (
            routes if routes is not None
            else (Route("echo", (HeaderMatch("service", "exact", frames.SERVICE),), "main"),)
        )  # fmt: skip
        addresses = tuple(host if isinstance(host, str) else host.address for host in hosts)
        self.snapshot = Snapshot(
            listeners={"in": Listener("in", "127.0.0.1:0", protocols, "table", **(listener or {}))},
            routes={"table": routes},
            clusters={"main": Cluster("main", addresses, **cluster), **(clusters or {})},
            secrets={name: Secret(name) for name in materials or ()},
        )
        self.contexts = Contexts(self.snapshot, materials or {})
        found = codecs or {name: REGISTRY[name].codec for name in protocols}
        self.layout = Layout(self.snapshot, found)
        self.codecs = found
        self.array = array.array("Q", bytes(8 * (self.layout.size + SPARE)))
        if self.snapshot.listeners["in"].detects and detector is None:
            detector = Detector([REGISTRY[name] for name in protocols])
        detectors = {"in": detector} | self.detectors_of_chains(self.snapshot)
        self.engine = Engine(
            self.hand, self.snapshot, found, detectors, {"table": table or RouteTable(routes)},
            self.array, self.layout, self.log.append, seed, clock=self.clock, contexts=self.contexts,
            filters=self.placed(self.snapshot),
        )  # fmt: skip
        self.engine.set_first_id(first_id)
        if protocols == ("dubbo",):
            self.size_of = frames.dubbo_size
        self.listening = self.listening_socket()
        self.engine.listen("in", self.listening.fileno())
        return self

    def placed(self, snapshot: Snapshot) -> dict[str, Any]:
        self.filters = place(snapshot, getattr(self, "filters", None))
        return self.filters.listeners

    def detectors_of_chains(self, snapshot: Snapshot) -> dict[Any, Any]:
        return {
            (name, chain.name): Detector([REGISTRY[each] for each in chain.protocols])
            for name, listener in snapshot.listeners.items()
            for chain in listener.chains
        }

    def prepare(
        self, snapshot: Snapshot, codecs: dict[str, Any] | None = None, materials: dict[str, Material] | None = None
    ) -> tuple[Any, Layout]:
        codecs = codecs or self.codecs
        layout = Layout(snapshot, codecs, self.layout)
        detectors: dict[Any, Any] = {
            name: Detector([REGISTRY[each] for each in listener.protocols])
            for name, listener in snapshot.listeners.items()
            if listener.detects
        }
        tables = {name: RouteTable(routes) for name, routes in snapshot.routes.items()}
        self.contexts = Contexts(snapshot, materials or self.contexts.materials, self.contexts)
        detectors |= self.detectors_of_chains(snapshot)
        change = self.engine.prepare(snapshot, codecs, detectors, tables, layout, self.contexts, filters=self.placed(snapshot))
        return change, layout

    def change(
        self, listening: dict[str, int] | None = None, codecs: dict[str, Any] | None = None,
        materials: dict[str, Material] | None = None, **fields: Any,
    ) -> None:  # fmt: skip
        """The snapshot with other fields, from now on; `in` goes on where it was, unless `listening` says otherwise."""
        snapshot = msgspec.structs.replace(self.snapshot, **fields)
        change, layout = self.prepare(snapshot, codecs, materials)
        self.engine.commit(change, {"in": self.listening.fileno()} if listening is None else listening)
        self.snapshot, self.layout = snapshot, layout

    def cluster(self, name: str = "main", **fields: Any) -> dict[str, Cluster]:
        """All clusters, with one of them changed."""
        return self.snapshot.clusters | {name: msgspec.structs.replace(self.snapshot.clusters[name], **fields)}

    def listening_socket(self) -> socket.socket:
        made = socket.socket()
        made.bind(("127.0.0.1", 0))
        made.listen(128)
        made.setblocking(False)
        self.closing.append(made)
        return made

    async def client(self, door: socket.socket | str | None = None, source: str = "127.0.0.1") -> Peer:
        """`door`: where to; a socket that listens, or the address of a proxy elsewhere."""
        sock = socket.socket()
        sock.bind((source, 0))
        sock.setblocking(False)
        made = self.peer(sock)
        if isinstance(door, str):
            host, _, port = door.rpartition(":")
            to = (host, int(port))
        else:
            to = (door or self.listening).getsockname()
        await asyncio.wait_for(self.loop.sock_connect(sock, to), PATIENCE)
        return made

    def peer(self, sock: socket.socket) -> Peer:
        made = Peer(self.loop, sock, self.size_of)
        self.closing.append(made)
        return made

    async def until(self, condition: Callable[[], Any]) -> None:
        """Let the loop turn until the condition holds."""
        end = self.loop.time() + PATIENCE
        while not condition():
            assert self.loop.time() < end, f"never came true; log: {self.log}"
            await asyncio.sleep(0)

    async def advance(self, seconds: float) -> None:
        self.hand.advance(seconds)
        await asyncio.sleep(0)

    def count(self, name: str, **labels: str) -> int:
        """A counter, its usual labels filled in."""
        usual = {
            "listener": "in", "protocol": self.snapshot.listeners["in"].protocols[0], "cluster": "main",
            "host": (self.snapshot.clusters["main"].hosts or ("",))[0], "table": "table",
        }  # fmt: skip
        family = next(c for c in self.layout.counters if c.name == f"xproto_{name}")
        wanted = {label: labels.get(label, usual.get(label, "")) for label, _ in family.labels}
        value: int = self.array[self.layout.slot(f"xproto_{name}", **wanted)]
        return value

    def observed(self, family: str = "call_duration_seconds", **labels: str) -> int:
        """How much the histogram has seen: calls, if nothing else is asked for."""
        first, bounds = self.layout.histogram(f"xproto_{family}", **(labels or {"cluster": "main"}))
        return int(self.array[first + len(bounds) + 1])

    def upstreams(self, host: int = 0) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.engine.describe()["clusters"]["main"]["hosts"][host]["connections"]
        return found

    def tunnels(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.engine.describe()["listeners"]["in"]["tunnels"]
        return found

    def downstreams(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.engine.describe()["listeners"]["in"]["connections"]
        return found

    def close(self) -> None:
        """After every test: nothing may be left."""
        if hasattr(self, "engine"):
            self.engine.close()
            left = self.engine.describe()
            assert not any(each["connections"] or each["tunnels"] for each in left["listeners"].values())
            assert left["leaving"] == {"connections": [], "hosts": []}
            assert left["calls"] == 0, "call records leaked"
            assert left["unwritten"] == 0, "notes leaked"
            assert left["timers"] == 0, "timers leaked"
            assert left["buffers"]["held"] == 0, "buffers leaked"
            assert left["buffers"]["owners"] == 0, "connections leaked"
            assert self.engine.in_flight() == 0
            self.gauges_are_zero()
            assert not [line for line in self.log if "internal error" in line], self.log
        for each in self.closing:
            each.close()

    def gauges_are_zero(self) -> None:
        for counter in self.layout.counters:
            if counter.type == "gauge":
                assert self.array[counter.slot] == 0, counter
