"""Filters that say anything at any time, clients and servers that go, deadlines: every call has one end, and nothing is left
behind. After each step the audit looks at all that must hold.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
from collections.abc import Callable
from typing import Any

import pytest

from proxy.datapath.audit import audit
from proxy.snapshot import Cluster, Filter, Http, Mirror, Retry, Route
from tests.datapath import web
from tests.datapath.world import Backend, World
from tests.policy.bodies import watching
from tests.policy.speech.framed import Framed
from tests.policy.speech.table import BOLT, DUBBO, THRIFT, Answer, Call
from xproto.kernel.http1_body import parts_of

STORMING = __file__.replace("test_filters_storm", "storming")
STEPS = 3000
SEEDS = range(6)
Cut = Callable[[bytes], tuple[bytes, bytes] | None]
"""The first request of what a server has read, and what is behind it; None: it is not whole."""


class Servers:
    """Answer what they read, mostly."""

    def __init__(self, world: World, dice: random.Random, cut: Cut, answer: Callable[[bytes], bytes]) -> None:
        self.loop, self.dice, self.cut, self.answer = world.loop, dice, cut, answer
        self.tasks: list[asyncio.Task[None]] = []

    def listen(self, backend: Backend) -> None:
        self.tasks.append(self.loop.create_task(self._accept(backend)))

    async def _accept(self, backend: Backend) -> None:
        while True:
            sock, _ = await self.loop.sock_accept(backend.sock)
            self.tasks.append(self.loop.create_task(self._serve(sock)))

    async def _serve(self, sock: socket.socket) -> None:
        data = b""
        with contextlib.suppress(OSError), sock:
            while more := await self.loop.sock_recv(sock, 65536):
                data += more
                while (found := self.cut(data)) is not None:
                    request, data = found
                    if self.dice.random() < 0.05:
                        return
                    if self.dice.random() < 0.95:
                        await self.loop.sock_sendall(sock, self.answer(request))

    async def close(self) -> None:
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)


def framed(speech: Framed) -> Cut:
    def cut(data: bytes) -> tuple[bytes, bytes] | None:
        size = speech.size_of(data)
        return None if size is None or len(data) < size else (data[:size], data[size:])

    return cut


def answering(speech: Framed) -> Callable[[bytes], bytes]:
    def answer(frame: bytes) -> bytes:
        asked = speech.asked(frame)
        asked.raw = frame
        return speech.response(asked, Answer("ok"))

    return answer


def message(data: bytes) -> tuple[bytes, bytes] | None:
    """Of HTTP/1.1, chunked or counted."""
    head, end, rest = data.partition(b"\r\n\r\n")
    if not end:
        return None
    if b"chunked" in head:
        found = parts_of([rest])
        assert found is not None
        return (data, b"") if found[2] else None  # there is one at a time
    [size] = [int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
    return (data[: len(head) + 4 + size], rest[size:]) if len(rest) >= size else None


def http_requests(dice: random.Random) -> list[bytes]:
    found = []
    for _ in range(dice.randrange(1, 5)):
        body = bytes(dice.choice([0, 1, 100, 3000, 3001, 20_000]))
        if dice.random() < 0.5:
            found += [web.request("/a", None, "Transfer-Encoding: chunked", method="POST"), *cut_up(web.chunks(body), dice)]
        else:
            found += cut_up(web.request("/a", body), dice)
    return found


def cut_up(data: bytes, dice: random.Random) -> list[bytes]:
    at = dice.randrange(len(data))
    return [data[:at], data[at:]]


async def turns(number: int) -> None:
    for _ in range(number):
        await asyncio.sleep(0)


async def client(world: World, pieces: list[bytes], dice: random.Random) -> None:
    """Sends these, reads what comes, and goes at some time."""
    peer = await world.client()
    with contextlib.suppress(OSError, TimeoutError):
        for piece in pieces:
            if piece:
                await peer.send(piece)
            await turns(dice.randrange(40))
            if dice.random() < 0.02:
                break
        while await asyncio.wait_for(world.loop.sock_recv(peer.sock, 65536), 0.05):
            pass
    with contextlib.suppress(OSError):
        peer.reset()


async def storm(world: World, dice: random.Random, clients: list[asyncio.Task[None]], filters: list[Any]) -> None:
    gates: Callable[[], list[Any]] = lambda: [gate for each in filters for gate in each.gates if not gate.done()]
    for _ in range(STEPS):
        if all(each.done() for each in clients):
            break
        await turns(5)
        if (waiting := gates()) and dice.random() < 0.6:
            dice.choice(waiting).set_result(None)
        if dice.random() < 0.02:
            await world.advance(dice.choice([0.1, 0.6]))
        assert audit(world.engine) == []
    await asyncio.gather(*clients)
    for _ in range(20):
        for gate in gates():
            gate.set_result(None)
        await turns(20)
        await world.advance(1.1)


def route_of(dice: random.Random) -> Route:
    retry = Retry(on=("reset", "connect_failure"), attempts=2, idempotent=True, back_off_base=0.0)
    return Route(
        "all", (), "main", timeout=2.0, retry=retry if dice.random() < 0.5 else None,
        mirrors=(Mirror("shadow"),) if dice.random() < 0.3 else (),
    )  # fmt: skip


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("speech", [BOLT, DUBBO, THRIFT, None], ids=["bolt", "dubbo", "thrift", "http1"])
async def test_every_call_has_one_end(world: World, speech: Framed | None, seed: int) -> None:
    dice = random.Random(seed)
    backends, shadow = [world.backend() for _ in range(2)], world.backend()
    servers = (
        Servers(world, dice, message, lambda _: web.response(bytes(dice.randrange(3000)))) if speech is None
        else Servers(world, dice, framed(speech), answering(speech))
    )  # fmt: skip
    for backend in (*backends, shadow):
        servers.listen(backend)
    storms = [Filter(f"storm{at}", "", STORMING, {"seed": seed + at, "buffers": dice.random() < 0.7}) for at in range(2)]
    world.size_of = web.size_of if speech is None else speech.size_of
    world.start(
        *backends, protocols=("http1" if speech is None else speech.protocol,), routes=(route_of(dice),),
        listener={"filters": (storms[0], watching(), storms[1]), "http": Http(forwarded=False)},
        clusters={"shadow": Cluster("shadow", (shadow.address,))},
        pool=dice.choice([None, "ping_pong"]), max_connections=dice.choice([1, 2]),
    )  # fmt: skip
    filters = [world.filters.listeners["in"].filters[at].filter for at in (0, 2)]
    clients = [
        world.loop.create_task(client(world, pieces, dice))
        for pieces in (
            http_requests(dice)
            if speech is None
            else [speech.request(Call(number=number)) for number in range(1, dice.randrange(2, 12))]
            for _ in range(6)
        )
    ]
    await storm(world, dice, clients, filters)
    await servers.close()
    await world.until(lambda: not world.downstreams())
    for _ in range(3):
        await turns(20)
        await world.advance(100)
    await world.until(lambda: world.engine.describe()["calls"] == 0)
    assert audit(world.engine) == []
    assert not [line for line in world.log if "internal" in line]
    assert all(each.ended >= each.begun > 0 for each in filters[:1]), "each call that it saw has had its end"
    world.log.clear()
