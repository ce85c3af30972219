"""HTTP/2 with everything at once and in any order: clients and hosts that call, stop, break off and lie, by seeds.

After each step the audit looks at all structures; at the end nothing may be left (`World.close`). What is sent is made by
hand, so that nothing keeps these peers from what they should not do. XPROTO_STORM_SEEDS=from:to runs others.
"""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import Callable
from typing import Any

import pytest

from proxy.datapath.audit import audit
from proxy.snapshot import Keepalive
from tests.datapath import web
from tests.datapath.h2peer import DATA, GOAWAY, HEADERS, PING, RST_STREAM, SETTINGS, frame, start
from tests.datapath.world import Peer, World
from tests.http2.speech import block

FIRST, LAST = (int(each) for each in os.environ.get("XPROTO_STORM_SEEDS", "1:25").split(":"))
STEPS = 600
WINDOW_UPDATE = 8


def u32(value: int) -> bytes:
    return value.to_bytes(4, "big")


class End:
    """A peer that writes what it likes, as far as the socket takes it, and reads or does not."""

    def __init__(self, peer: Peer, dice: random.Random, *, serves: bool) -> None:
        self.peer, self.dice, self.serves = peer, dice, serves
        self.data, self.reads, self.gone = b"", True, False
        self.open: list[int] = []
        self.next = 1
        window = dice.choice((0, 1, 100, 65535, 1 << 20))
        pairs = b"\0\4" + u32(window)
        if serves and dice.random() < 0.5:
            pairs += b"\0\3" + u32(dice.choice((0, 1, 2, 10, 100)))
        self.write((b"" if serves else b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n") + frame(SETTINGS, 0, 0, pairs))

    def write(self, data: bytes) -> None:
        if self.gone:
            return
        try:
            while data:
                data = data[self.peer.sock.send(data) :]
        except BlockingIOError:
            self.leave()  # half a frame is no good any more
        except OSError:
            self.gone = True

    def leave(self) -> None:
        if not self.gone:
            self.gone = True
            self.dice.choice((self.peer.close, self.peer.reset))()

    def take(self) -> None:
        if self.gone or not self.reads:
            return
        try:
            more = self.peer.sock.recv(1 << 16)
        except BlockingIOError:
            return
        except OSError:
            more = b""
        if not more:
            self.gone = True
            self.peer.close()
            return
        self.data += more
        if self.data.startswith(b"PRI"):
            if len(self.data) < 24:
                return
            self.data = self.data[24:]
        while len(self.data) >= 9 and len(self.data) >= 9 + (size := int.from_bytes(self.data[:3], "big")):
            kind, flags, stream = self.data[3], self.data[4], int.from_bytes(self.data[5:9], "big")
            self.heard(kind, flags, stream, self.data[9 : 9 + size])
            self.data = self.data[9 + size :]

    def heard(self, kind: int, flags: int, stream: int, payload: bytes) -> None:
        if kind == PING and not flags & 1 and self.dice.random() < 0.9:
            self.write(frame(PING, 1, 0, payload))
        elif kind == HEADERS and self.serves and stream not in self.open:
            self.open.append(stream)
        elif kind == SETTINGS and not flags & 1:
            self.write(frame(SETTINGS, 1, 0))
        elif kind == DATA and payload and self.dice.random() < 0.7:
            self.write(frame(WINDOW_UPDATE, 0, 0, u32(len(payload))) + frame(WINDOW_UPDATE, 0, stream, u32(len(payload))))
        elif kind == RST_STREAM and stream in self.open and self.dice.random() < 0.9:
            self.open.remove(stream)

    def stream(self) -> int:
        """One of those that there are; now and then one that there is not."""
        if self.open and self.dice.random() < 0.997:
            return self.dice.choice(self.open)
        return self.dice.choice((1, 3, 2, 99, 1001))

    def act(self) -> None:
        if not self.open and self.dice.random() < 0.99:
            if not self.serves:
                self.ask()
        elif self.serves:
            self.answer() if self.dice.random() < 0.6 else self.anything()
        elif self.dice.random() < 0.5:
            self.ask()
        else:
            self.anything()

    def ask(self) -> None:
        ends = self.dice.random() < 0.6
        head = [
            (":method", "GET" if ends else self.dice.choice(("POST", "HEAD", "CONNECT"))),
            (":scheme", "http"),
            (":authority", "h"),
            (":path", self.dice.choice(("/a", "/a/b", "/nowhere"))),
        ]
        if not ends and self.dice.random() < 0.4:
            head.append(("content-length", str(self.dice.choice((0, 5, 1000, 100_000)))))
        if self.dice.random() < 0.1:
            head += [("x-many", "v")] * self.dice.choice((100, 125, 150, 250))
        self.write(frame(HEADERS, 4 | ends, self.next, block(*head)))
        self.open.append(self.next)
        self.next += 2

    def answer(self) -> None:
        ends = self.dice.random() < 0.3
        head = [(":status", self.dice.choice(("200", "200", "204", "304", "100", "500", "abc")))]
        if self.dice.random() < 0.3:
            head.append(("content-length", str(self.dice.choice((0, 5, 1000, 100_000)))))
        stream = self.stream()
        self.write(frame(HEADERS, 4 | ends, stream, block(*head)))
        if not ends and self.dice.random() < 0.7:
            size = self.dice.choice((0, 1, 5, 1000, 16384))
            self.write(frame(DATA, 1, stream, bytes(size)))
            if stream in self.open:
                self.open.remove(stream)

    def anything(self) -> None:
        stream, dice = self.stream(), self.dice
        kind = dice.randrange(100)
        if kind < 40:
            self.write(
                frame(DATA, dice.random() < 0.3, stream, bytes(dice.choice((0, 1, 5, 995, 4097, 16384))))
                * dice.choice((1, 1, 1, 8))
            )
        elif kind < 55:
            self.write(frame(RST_STREAM, 0, stream, u32(dice.choice((0, 1, 2, 7, 8)))))
        elif kind < 65:
            self.write(frame(WINDOW_UPDATE, 0, dice.choice((0, stream)), u32(dice.choice((1, 100, 65535, 1 << 20)))))
        elif kind < 72:
            self.write(frame(SETTINGS, 0, 0, b"\0\4" + u32(dice.choice((0, 1, 100, 65535, 1 << 20)))))
        elif kind < 76 and self.serves:
            self.write(frame(SETTINGS, 0, 0, b"\0\3" + u32(dice.choice((0, 1, 2, 100)))))
        elif kind < 80:
            self.write(frame(HEADERS, 5, stream, block(("x-end", "1"))))
        elif kind < 83:
            self.write(frame(GOAWAY, 0, 0, u32(dice.choice((0, 1, stream, 0x7FFFFFFF))) + u32(dice.choice((0, 0, 2)))))
        elif kind < 86:
            self.reads = not self.reads
        elif kind < 89:
            self.leave()
        elif kind < 90:
            self.write(dice.randbytes(dice.choice((9, 20, 100))))


class Plain(End):
    """The same of HTTP/1.1."""

    def __init__(self, peer: Peer, dice: random.Random, *, serves: bool) -> None:
        self.peer, self.dice, self.serves = peer, dice, serves
        self.data, self.reads, self.gone = b"", True, False

    def take(self) -> None:
        if self.reads and not self.gone:
            try:
                if not self.peer.sock.recv(1 << 16):
                    self.leave()
            except BlockingIOError:
                pass
            except OSError:
                self.gone = True

    def act(self) -> None:
        dice = self.dice
        kind = dice.randrange(10)
        if kind < 6 and self.serves:
            self.write(
                dice.choice(
                    (
                        web.response(b"x" * dice.choice((0, 5, 5000, 200_000))),
                        web.head("200 OK", "Content-Length: 100") + b"half",
                        web.head("200 OK", "Transfer-Encoding: chunked") + web.chunks(b"one", b"x" * 5000),
                        web.head("200 OK") + b"until",
                        web.head("204 No"),
                        web.head("103 Early", "x: y"),
                        web.head("200 OK", "Connection: close", "Content-Length: 0"),
                        b"garbage\r\n\r\n",
                    )
                )
            )
        elif kind < 6:
            self.write(
                dice.choice(
                    (
                        web.request("/a"),
                        web.request("/a", b"x" * dice.choice((0, 5, 5000, 200_000))),
                        web.request("/a", b"xxxxx")[:-2],
                        b"POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n" + web.chunks(b"one", b"x" * 5000),
                        web.request("/nowhere"),
                    )
                )
            )
        elif kind == 6:
            self.reads = not self.reads
        elif kind == 7:
            self.leave()


class Storm:
    def __init__(self, world: World, seed: int) -> None:
        self.world, self.dice = world, random.Random(seed)
        self.near, self.far = self.dice.choice((("http2", "http2"), ("http2", "http2"), ("http1", "http2"), ("http2", "http1")))
        self.backends = [world.backend() for _ in range(self.dice.choice((1, 2)))]
        start(
            world,
            *self.backends,
            near=self.near,
            far=self.far,
            max_connections=self.dice.choice((1, 2, None)),
            timeout=self.dice.choice((1.0, 30.0)),
            idle_timeout=self.dice.choice((0.0, 3.0)),
            keepalive=Keepalive(2.0, 0.5, 2),
            listener={"idle_timeout": self.dice.choice((0.0, 4.0))},
            first_id=self.dice.choice((1, 1, 0x7FFFF000 - 21)),
            max_pending=5,
        )
        self.ends: list[End] = []
        self.steps: list[tuple[int, Callable[[], Any]]] = [
            (200, self.act),
            (10, self.connect),
            (20, self.accept),
            (5, self.later),
            (2, self.reload),
            (1, self.other_host),
        ]

    async def run(self) -> None:
        for _ in range(STEPS):
            (step,) = self.dice.choices([each for _, each in self.steps], [weight for weight, _ in self.steps])
            if (waits := step()) is not None:
                await waits
            for _ in range(self.dice.choice((0, 1, 3))):
                for end in self.ends:
                    end.take()
                await asyncio.sleep(0)
                found = audit(self.world.engine)
                assert not found, found
            self.ends = [end for end in self.ends if not end.gone]

    def act(self) -> None:
        if self.ends:
            self.dice.choice(self.ends).act()

    async def connect(self) -> None:
        if sum(not end.serves for end in self.ends) < 5:
            self.add(await self.world.client(), self.near, serves=False)

    def accept(self) -> None:
        for backend in self.backends:
            try:
                sock, _ = backend.sock.accept()
            except BlockingIOError:
                continue
            self.add(self.world.peer(sock), self.far, serves=True)

    def add(self, peer: Peer, version: str, *, serves: bool) -> None:
        self.ends.append((End if version == "http2" else Plain)(peer, self.dice, serves=serves))

    async def later(self) -> None:
        await self.world.advance(self.dice.choice((0.1, 0.5, 1.0, 3.0)))

    def reload(self) -> None:
        self.world.change(
            clusters=self.world.cluster(timeout=self.dice.choice((1.0, 30.0)), idle_timeout=self.dice.choice((0.0, 3.0)))
        )

    def other_host(self) -> None:
        self.backends.append(self.world.backend())
        self.world.change(clusters=self.world.cluster(hosts=(self.backends[-1].address,)))


@pytest.mark.parametrize("seed", range(FIRST, LAST))
async def test_storm(world: World, seed: int) -> None:
    await Storm(world, seed).run()
    assert not [line for line in world.log if "internal error" in line], world.log
