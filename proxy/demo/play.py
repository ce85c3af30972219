"""The demo's course: start everything, traffic, kill a node, bring it back, stop everything.

The steps wait for what happens, not only for the clock: a slow machine makes the demo longer, never wrong. Whatever
ends it (the end, an error, Ctrl-C), every process is stopped and every port given back.
"""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from time import perf_counter

from proxy.demo import config, metrics, scenario
from proxy.demo.authority import Certificates
from proxy.demo.client import Traffic
from proxy.demo.processes import Node, Proxy
from proxy.demo.protocols import speeches
from proxy.demo.scene import BACK, DOWN, Scene

KILL_AT, RESTART_AT = 0.4, 0.65
"""Parts of the demo's time."""
REFRESH = 0.25
COME_BACK_WITHIN = 5.0
"""Seconds that the traffic goes on beyond its time for the killed node to be used again."""
PATIENCE, GRACE = 5.0, 0.3
"""Seconds for the last answers, and for answers that nobody waits for."""


class Play:
    """One demo. `shown` is called a few times a second and `said` with each event, as they happen."""

    def __init__(
        self, scene: Scene, shown: Callable[[], Awaitable[None]], said: Callable[[float, str], None], *, lies: bool
    ) -> None:
        self.scene, self._shown, self._said, self._lies = scene, shown, said, lies
        self._began = 0.0
        self.folder = Path(tempfile.mkdtemp(prefix="xproto-demo-"))
        self.config = self.folder / "xproto.yaml"
        self._ports = config.Ports(config.all_hosts())
        scene.addresses = {host: self._ports.address(host) for host in self._ports.of}
        self._certificates = Certificates(self.folder / "tls")
        self.config.write_text(config.render(self._ports, self._certificates))

    def say(self, text: str) -> None:
        """An event."""
        self.scene.now = self._time()
        self.scene.events.append((self.scene.now, text))
        self._said(self.scene.now, text)

    async def run(self) -> None:
        """All of it; raises `StartError`. What was seen is in the scene."""
        async with contextlib.AsyncExitStack() as stack:
            stack.callback(self._ports.close)
            nodes = await self._start(stack)
            traffic = Traffic(self.scene.ledger, speeches())
            stack.push_async_callback(traffic.closed)
            stack.callback(traffic.close)
            host, _, port = self.scene.listening.rpartition(":")
            self._began = perf_counter()
            await traffic.start(host, int(port), self._certificates)
            secret = sum(client.secret for client in scenario.CLIENTS)
            self.say(f"{len(scenario.CLIENTS)} clients connected, {secret} by TLS; each sends its calls to the one port")
            watching = asyncio.create_task(self._watch())
            stack.callback(watching.cancel)
            await self._course(nodes[scenario.VICTIM])
            self.scene.ended = self._time()
            await traffic.stop(PATIENCE, GRACE)
            watching.cancel()
            traffic.close()
            self.scene.sample = await metrics.fetch(self.scene.admin)
            self.scene.tick(self._time())

    async def _start(self, stack: contextlib.AsyncExitStack) -> dict[str, Node]:
        """The nodes and the proxy, all at once."""
        nodes = {}
        for name in scenario.NODES:
            of_node = {cluster: port for (cluster, node), port in self._ports.of.items() if node == name}
            log = self.folder / f"node-{name}.log"
            nodes[name] = Node(name, of_node, log, lies=self._lies and name != scenario.VICTIM)
        proxy = Proxy(self.config, self.folder / "proxy.log")
        for each in (*nodes.values(), proxy):
            stack.push_async_callback(each.stop)
        for ended in await asyncio.gather(*(each.start() for each in (*nodes.values(), proxy)), return_exceptions=True):
            if ended is not None:
                raise ended
        self.scene.listening, self.scene.admin = proxy.listening, proxy.admin
        return nodes

    async def _course(self, victim: Node) -> None:
        scene, name = self.scene, victim.name
        await self._until(KILL_AT * scene.seconds)
        scene.victim_at_kill, scene.survivors_at_kill = scene.by_victim(), scene.survivors
        scene.ledger.killed_at = perf_counter()
        scene.nodes[name] = DOWN
        pid = await victim.kill()
        self.say(f"node {name} killed (SIGKILL to {pid}): {len(scenario.PROTOCOL_OF)} hosts of all protocols are gone")
        before = scene.survivors
        await self._until(RESTART_AT * scene.seconds)
        excused = scene.ledger.sum("excused")
        self.say(
            f"since then: {scene.survivors - before:,} calls answered by the other nodes; {excused} that were in flight on "
            f"node {name} got their protocol's own error"
        )
        await victim.start()
        self.say(f"node {name} started again, on the same ports")
        await self._return(name)
        await self._until(scene.seconds)

    async def _return(self, name: str) -> None:
        """Until the proxy uses the node again, for calls of every protocol."""
        scene = self.scene
        before, end = scene.by_victim(), perf_counter() + COME_BACK_WITHIN
        while not (back := self._is_back(before)) and perf_counter() < end:  # noqa: ASYNC110 (a deadline, nothing hot)
            await asyncio.sleep(0.01)
        if back:
            scene.nodes[name] = BACK
            self.say(f"node {name} answers calls again")

    def _is_back(self, before: Mapping[str, int]) -> bool:
        return all(count > before[protocol] for protocol, count in self.scene.by_victim().items())

    async def _watch(self) -> None:
        """Keeps the scene's figures fresh, and shows them."""
        while True:
            with contextlib.suppress(OSError):
                self.scene.sample = await metrics.fetch(self.scene.admin)
            self.scene.tick(self._time())
            await self._shown()
            await asyncio.sleep(REFRESH)

    def _time(self) -> float:
        return perf_counter() - self._began  # the loop's own clock has milliseconds

    async def _until(self, at: float) -> None:
        await asyncio.sleep(max(0.0, at - self._time()))
        self.scene.tick(self._time())
