"""Everything at once, at random: clients that leave, upstreams that lie, die, stall and drain, deadlines in between.

What must hold whatever happens: a two-way call is answered once on a connection that lives, an answer goes to its own
caller, and nothing is left when all is closed (`World.close`). A seed that fails replays the same decisions.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections import Counter

import pytest

from proxy.snapshot import Keepalive
from tests.datapath import frames
from tests.datapath.frames import request, response
from tests.datapath.world import PATIENCE, Backend, Peer, World

ROUNDS = 150
CLIENTS = 12


class Caller:
    """One client: what it asked, and what it was told."""

    def __init__(self, peer: Peer, number: int) -> None:
        self.peer, self.number = peer, number
        self.asked: set[int] = set()
        self.told: Counter[int] = Counter()
        self.wrong: list[bytes] = []
        self.closed = False
        self.reading = asyncio.ensure_future(self.read())

    async def ask(self, dice: random.Random) -> None:
        data = b""
        for _ in range(dice.randrange(1, 6)):
            id = dice.randrange(2**32)
            if id in self.asked:
                continue
            oneway = dice.random() < 0.2
            content = b"%d.%d" % (self.number, id) + bytes(dice.choice((0, 0, 10, 5000, 200_000)))
            data += request(id, oneway=oneway, content=content, timeout=dice.choice((0, 50, 5000)))
            if not oneway:
                self.asked.add(id)
        with contextlib.suppress(OSError, TimeoutError):
            await self.peer.send(data)

    async def read(self) -> None:
        with contextlib.suppress(OSError, TimeoutError, AssertionError):
            while answer := await self.peer.receive():
                id = frames.id_of(answer)
                self.told[id] += 1
                if frames.status_of(answer) == 0 and frames.content_of(answer) != b"%d.%d" % (self.number, id):
                    self.wrong.append(answer)
        self.closed = True


class Liar:
    """A host: answers, twice, late, wrongly, or not; drains and dies."""

    def __init__(self, world: World, backend: Backend, dice: random.Random) -> None:
        self.world, self.backend, self.dice = world, backend, dice
        self.calm = False
        self.tasks = [asyncio.ensure_future(self.accept())]

    async def accept(self) -> None:
        while True:
            sock, _ = await self.world.loop.sock_accept(self.backend.sock)
            self.tasks.append(asyncio.ensure_future(self.serve(self.world.peer(sock))))

    async def serve(self, peer: Peer) -> None:
        held: list[bytes] = []
        with contextlib.suppress(OSError, TimeoutError, AssertionError):
            while call := await peer.receive():
                if call[1:4] == b"\x01\x00\x00":
                    await peer.send(frames.ack(frames.id_of(call)))
                    continue
                if call[1] != 1:  # a oneway, or the ack of our own heartbeat
                    continue
                tag = frames.content_of(call).rstrip(b"\0")
                answer = response(frames.id_of(call), content=tag)
                if not await self.misbehave(peer, answer, held):
                    return
        peer.close()

    async def misbehave(self, peer: Peer, answer: bytes, held: list[bytes]) -> bool:
        lot = 1.0 if self.calm else self.dice.random()
        if lot < 0.02:
            await peer.send(answer[: self.dice.randrange(len(answer))])
            peer.reset()
            return False
        if lot < 0.03:
            await peer.send(b"\xff" * 40)
        elif lot < 0.05:
            await peer.send(frames.goaway())
        elif lot < 0.08:
            await peer.send(answer + answer)
            return True
        elif lot < 0.10:
            await peer.send(response(self.dice.randrange(2**32)))
        elif lot < 0.2:
            held.append(answer)
            return True
        elif lot < 0.22:
            return True
        elif lot < 0.3:
            await peer.send(frames.heartbeat(3))
        self.dice.shuffle(held)
        await peer.send(answer + b"".join(held))
        held.clear()
        return True


async def storm(world: World, seed: int) -> None:
    dice = random.Random(seed)
    backends = [world.backend() for _ in range(3)]
    world.start(
        *backends, lb=dice.choice(("round_robin", "random")), max_connections=dice.choice((1, 3)),
        max_in_flight=dice.choice((5, 50, 4096)), out_buffer_limit=dice.choice((50_000, 4_000_000)), timeout=2.0,
        first_id=dice.choice((1, 2**32 - 20)), listener={"max_in_flight": dice.choice((2, 100))}, seed=seed,
        keepalive=Keepalive(0.5, 0.1, 2), idle_timeout=3.0,
    )  # fmt: skip
    liars = [Liar(world, backend, dice) for backend in backends]
    callers = [Caller(await world.client(), n) for n in range(CLIENTS)]
    left: list[Caller] = []
    for _ in range(ROUNDS):
        await step(world, dice, callers, left)
    for liar in liars:
        liar.calm = True
    for _ in range(80):
        await world.advance(0.1)
        for _ in range(20):
            await asyncio.sleep(0)
    await settle(world, callers)
    judge(callers, left)
    for each in [*callers, *left]:
        each.reading.cancel()
    for task in [task for liar in liars for task in liar.tasks]:
        task.cancel()
    await asyncio.gather(*(c.reading for c in [*callers, *left]), return_exceptions=True)


async def settle(world: World, callers: list[Caller]) -> None:
    """Until every call is answered; a call that never is, is found by `judge`.

    The kernel takes real time to open a window that was shut, so this waits by the real clock as well.
    """
    end = world.loop.time() + PATIENCE
    turns = 0
    while world.engine.in_flight() or any(not each.closed and len(each.told) < len(each.asked) for each in callers):
        if world.loop.time() > end:
            break
        turns += 1
        await (world.advance(0.01) if turns < 3000 else asyncio.sleep(0))
    for _ in range(100):
        await asyncio.sleep(0)


async def step(world: World, dice: random.Random, callers: list[Caller], left: list[Caller]) -> None:
    at = dice.randrange(len(callers))
    lot = dice.random()
    if lot < 0.03:
        left.append(callers[at])
        callers[at].peer.sock.shutdown(2) if dice.random() < 0.5 else callers[at].peer.sock.shutdown(1)
        callers[at] = Caller(await world.client(), 1000 + len(left))
    elif lot < 0.9:
        await callers[at].ask(dice)
    else:
        await world.advance(dice.choice((0.01, 0.06, 0.3)))
    for _ in range(dice.randrange(4)):
        await asyncio.sleep(0)


def judge(callers: list[Caller], left: list[Caller]) -> None:
    for each in [*callers, *left]:
        assert not each.wrong, "an answer went to another caller"
        assert not set(each.told) - each.asked, "an answer to what was never asked"
        assert set(each.told.values()) <= {1}, "a call was answered twice"
    for each in callers:
        if not each.closed:
            assert set(each.told) == each.asked, "a call was never answered"
    assert sum(not each.closed for each in callers) >= len(callers) // 2, "hardly anybody was left to be asked"


@pytest.mark.parametrize("seed", range(8))
async def test_storm(world: World, seed: int) -> None:
    await storm(world, seed)
