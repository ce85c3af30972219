"""Clients, servers and hosts of a simulation: fakes below the datapath. What they do wrong is the scenario's choice."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Any

from proxy.snapshot.listeners import DOWNSTREAM_IDLE_TIMEOUT
from tests.hostile.speech import FOREIGN, SPEECHES
from tests.hostile.wire import read_answer, size_of
from tests.simulation import speech
from tests.simulation.http_server import WebServer
from tests.simulation.http_speech import Talker
from tests.simulation.speech import BIG

if TYPE_CHECKING:
    from tests.simulation.world import World


class Peer:
    """One end of a connection, read frame by frame."""

    def __init__(self, world: World) -> None:
        self.world, self.dice = world, world.loop.dice
        self.data = bytearray()
        self.size: int | None = None
        self.over = False
        self.wire: Any = None

    def received(self, data: bytes) -> None:
        self.world.loop.mark(zlib.crc32(data))
        self.data += data
        try:
            while self.data and self.whole():
                frame, self.size = bytes(self.data[: self.size]), None
                del self.data[: len(frame)]
                self.frame(frame)
        except AssertionError as error:
            self.world.ledger.blame(f"bytes that are no frame: {error}")

    def whole(self) -> bool:
        if self.size is None:
            self.size = size_of(bytes(self.data) if self.data[0] == 0xAC else bytes(self.data[:64]))
        assert self.size is None or self.size > 0, "none at all"
        return self.size is not None and len(self.data) >= self.size

    def ended(self, reset: bool) -> None:
        self.over = True
        self.wire.close()

    def frame(self, frame: bytes) -> None:
        raise NotImplementedError


class Client(Peer):
    def __init__(self, world: World, number: int, protocol: str) -> None:
        super().__init__(world)
        self.number, self.protocol = number, protocol
        self.mask = (1 << speech.ID_BITS[protocol]) - 1
        self.next = self.dice.choice((1, self.mask - 3, self.dice.below(self.mask)))
        self.waits: dict[int, int] = {}
        self.beats = 0
        self.excused = False
        """It did what entitles the proxy to let it go with calls unanswered."""
        self.over_its_head = False
        self.active = self.before = world.now
        """When it last sent or got something, and the time before that."""

    def whole(self) -> bool:
        if self.excused and self.data.startswith(b"H"):
            self.over_its_head = True  # refused in HTTP/1.1, since nothing else is spoken any more
        if self.over_its_head:
            self.data.clear()
        return bool(self.data) and super().whole()

    def acts(self) -> None:
        if self.active != self.world.now:
            self.before, self.active = self.active, self.world.now

    def frame(self, frame: bytes) -> None:
        self.acts()
        if self.beats and read_answer(frame).kind == "ack":
            self.beats -= 1
            return
        if "in order" in self.world.scenario and self.waits and read_answer(frame).id != next(iter(self.waits)):
            self.world.ledger.blame(f"client {self.number} got an answer before that to its oldest call")
        self.world.ledger.told(self.number, frame, self.waits)

    def ended(self, reset: bool) -> None:
        super().ended(reset)
        if self.waits and not self.excused and not self.met(20_000) and not self.broken_off():
            self.world.ledger.blame(f"client {self.number} was let go with {len(self.waits)} calls unanswered")

    def met(self, within: int) -> bool:
        """Is all that it waits for so young (microseconds) that it met the end of an idle connection on its way?"""
        calls, quiet = self.world.ledger.calls, self.active - self.before
        idle = "idle" in self.world.scenario or quiet > DOWNSTREAM_IDLE_TIMEOUT * 1_000_000 - within
        return idle and all(self.world.now - calls[n].begun < within for n in self.waits.values())

    def broken_off(self) -> bool:
        """May it have been sent a part of an answer? Nothing but the end of its connection can follow then."""
        calls = self.world.ledger.calls
        return any(len(body) > BIG for n in self.waits.values() for body in calls[n].bodies)

    def fresh_id(self) -> int:
        while self.next & self.mask in self.waits:
            self.next += 1
        self.next += 1
        return (self.next - 1) & self.mask

    def call(self, number: int, size: int, oneway: bool, timeout: int) -> bytes:
        self.acts()
        id = self.fresh_id()
        frame = speech.request(self.protocol, id, speech.content(number, size), oneway, timeout)
        self.world.ledger.asked(number, self.number, id, oneway, frame, self.world.now)
        if not oneway:
            self.waits[id] = number
        return frame

    def ask(self, numbers: range) -> None:
        """Send so many calls in one go."""
        data = b"".join(self.world.call(self, number) for number in numbers)
        self.wire.send(data, self.dice.below(3) * self.dice.below(2000))

    def finish(self) -> None:
        self.wire.finish()

    def lie(self) -> None:
        self.wire.send(b"\xee" * 50)

    def beat(self) -> bytes:
        self.beats += 1
        return speech.heartbeat(self.protocol, self.fresh_id())


class Server(Peer):
    """The upstream end of one connection."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.reserved: set[int] = set()
        self.greeted = False

    def frame(self, frame: bytes) -> None:
        read = speech.read(frame)
        if read.kind == "ack":
            return
        if read.id in self.reserved:
            self.world.ledger.blame(f"id {read.id} waits for its answer, and is used again")
        if read.kind == "beat":
            if "session" in self.world.scenario and self.greeted:
                self.world.ledger.blame("a second handshake")
            if not self.world.wrongly("deaf", 300):
                self.world.loop.call_later(self.dice.below(2000) / 1e6, self.acknowledge, speech.acknowledge(frame))
            return
        if "session" in self.world.scenario and not self.greeted:
            self.world.ledger.blame("a call before the handshake was answered")
        if "alone" in self.world.scenario and self.reserved:
            self.world.ledger.blame(f"a connection for one call at a time got another before {self.reserved} was answered")
        call = self.world.ledger.arrived(frame, read)
        if call is None or call.oneway:
            return
        self.reserved.add(read.id)
        size = self.world.streamed() if len(frame) > BIG and self.dice.below(2) else self.world.size()
        call.bodies.append(speech.content(read.number, size))
        self.reply(frame, read, speech.answer(frame, call.bodies[-1]))

    def acknowledge(self, ack: bytes) -> None:
        self.greeted = True
        self.wire.send(ack)

    def reply(self, frame: bytes, read: speech.Read, answer: bytes) -> None:
        wrongly = self.world.wrongly
        if wrongly("server resets", 5):
            self.wire.reset()
        elif wrongly("server closes", 5):
            self.wire.close()
        elif wrongly("half an answer", 5):
            self.wire.send(answer[: 1 + self.dice.below(len(answer) - 1)])
            self.wire.reset()
        elif wrongly("garbage", 3):
            self.wire.send(b"\xff" * 40)
        elif wrongly("version", 3):
            self.wire.send(speech.other_version(frame))
        elif wrongly("late", 20):
            self.world.loop.call_later(2.0 + self.dice.below(3000) / 1000, self.answer, read.id, answer)
        elif not wrongly("never", 10):
            self.in_time(frame, read, answer)

    def in_time(self, frame: bytes, read: speech.Read, answer: bytes) -> None:
        wrongly = self.world.wrongly
        if wrongly("unknown", 20):
            self.wire.send(self.foreign(frame))
        if wrongly("goaway", 10):
            self.wire.send(speech.goaway(frame))
        if wrongly("stuck", 3):
            self.wire.read_on(False)
            self.world.loop.call_later(self.dice.below(4000) / 1000, self.wire.read_on)
        if wrongly("beats", 20):
            self.wire.send(speech.heartbeat("boltv2" if frame[0] == 2 else speech.name(frame), 3))
        if wrongly("twice", 20):
            answer += answer
        if wrongly("slow", 300):
            self.world.loop.call_later(self.dice.below(200) / 1000, self.answer, read.id, answer)
        else:
            self.answer(read.id, answer)

    def foreign(self, frame: bytes) -> bytes:
        """An answer with an id that waits for nothing."""
        return b"" if FOREIGN in self.reserved else SPEECHES[speech.name(frame)].foreign(frame)

    def answer(self, id: int, answer: bytes) -> None:
        """Whatever is sent from now on, the id may be given out again."""
        self.reserved.discard(id)
        self.wire.send(answer, self.dice.below(500))


class Front:
    """A server that learns from the first byte what it is to speak."""

    def __init__(self, world: World, framed: type[Peer] = Server, web: type[Talker] = WebServer) -> None:
        self.world, self.framed, self.web = world, framed, web
        self.wire: Any = None
        self.speaks: Peer | Talker | None = None

    def received(self, data: bytes) -> None:
        if self.speaks is None:
            self.speaks = self.web(self.world) if data[:1].isalpha() else self.framed(self.world)
            self.speaks.wire = self.wire
        self.speaks.received(data)

    def ended(self, reset: bool) -> None:
        if self.speaks is None:
            self.wire.close()
        else:
            self.speaks.ended(reset)


class Host:
    """What answers the proxy's connects."""

    def __init__(self, world: World) -> None:
        self.world = world

    def dialled(self, wire: Any) -> int:
        world, dice = self.world, self.world.loop.dice
        if world.wrongly("hangs", 100):
            return 0
        refused = world.wrongly("refused", 150)
        server = Front(world)
        server.wire = wire
        outcome = (111, None) if refused else (0, server)
        world.loop.call_later(dice.below(2000) / 1e6, wire.settle, *outcome)
        return 0
