"""Filters of a simulated world, each with a whim of its own, and what must hold for the calls that go through them.

* A call that a filter answers, or fails, before it is sent reaches no server, and its caller gets no server's answer.
* Whoever sees a request hears of its end: once.
* Only a call that a filter has failed is answered so.
* When all is closed no filter waits.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TYPE_CHECKING

from proxy.datapath.audit import ViolationError
from proxy.filters import Call, Filter, Next, Reply
from proxy.filters.interface import PHASES
from proxy.filters.placed import Placed
from tests.simulation import speech
from xproto.spec import Fault

if TYPE_CHECKING:
    from tests.simulation.world import World

TIMEOUT = 0.3
"""Seconds that a filter may wait."""
NEVER = 1e6
"""Seconds: nothing here is broken off because the machine is slow."""
NUMBER = "number"


class Passing:
    """What filters see of calls, by their numbers."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.seen: dict[int, int] = {}
        """How often the end is still to be told."""
        self.waiting = 0
        drawn = [kind for kind in WHIMS if world.loop.dice.below(2)]
        self.placed = tuple(self.place(kind(world, self)) for kind in (Grumbles, Watches, *drawn))

    @staticmethod
    def place(made: Whim) -> Placed:
        methods = {name: getattr(made, name) for name in PHASES if getattr(type(made), name) is not getattr(Filter, name)}
        return Placed(made.name, made, methods, -1, None, TIMEOUT, NEVER, NEVER)

    def check(self) -> None:
        """At the end of all."""
        if lost := {number: times for number, times in self.seen.items() if times}:
            raise ViolationError(f"ends of calls were told too seldom, or too often: {lost}")
        if self.waiting:
            raise ViolationError(f"{self.waiting} filters still wait")


class Whim(Filter):
    name = ""

    def __init__(self, world: World, passing: Passing) -> None:
        super().__init__(None)
        self.world, self.passing, self.dice = world, passing, world.loop.dice

    def now(self, in_1000: int) -> bool:
        return not self.world.calm and self.dice.chance(in_1000)

    def number(self, call: Call) -> int:
        return int(call.metadata[NUMBER])

    def stop(self, call: Call, failed: bool) -> None:
        self.world.ledger.stopped.add(self.number(call))
        if failed:
            self.world.ledger.failed.add(self.number(call))


class Grumbles(Whim):
    """Raises when it hears of an end: the others hear of it all the same."""

    name = "grumbles"

    def on_log(self, call: Call) -> None:
        if self.now(100):
            raise RuntimeError(call.outcome_name)


class Watches(Whim):
    name = "watches"

    def on_request(self, call: Call) -> None:
        path = call.get("path") if call.protocol == "http1" else None
        number = speech.number_of(call.frame_bytes) if path is None else int(path.rpartition("/")[2])
        call.metadata[NUMBER] = str(number)
        self.passing.seen[number] = self.passing.seen.get(number, 0) + 1

    def on_log(self, call: Call) -> None:
        assert call.outcome_name
        self.passing.seen[self.number(call)] -= 1


class Replies(Whim):
    name = "replies"

    def on_request(self, call: Call) -> Reply | None:
        if not self.now(20):
            return None
        self.stop(call, failed=False)
        return Reply(Fault.OVERLOAD, text="xproto: as it likes")

    on_route = on_request

    def on_response(self, _: Call) -> Reply | None:
        return Reply(Fault.OVERLOAD) if self.now(20) else None


class Raises(Whim):
    name = "raises"

    def on_request(self, call: Call) -> None:
        if self.now(15):
            self.stop(call, failed=True)
            raise RuntimeError("as it likes")

    on_route = on_request

    def on_host(self, call: Call) -> None:
        if self.now(15):
            self.world.ledger.failed.add(self.number(call))
            raise RuntimeError("as it likes")

    on_response = on_host


class Waits(Whim):
    """For a while, or for too long; and now and then it does not heed that it is cancelled."""

    name = "waits"

    def __init__(self, world: World, passing: Passing) -> None:
        super().__init__(world, passing)
        self.held: dict[int, object] = {}
        """Calls that have not gone on since they were to wait, and for what."""

    def on_request(self, call: Call) -> Awaitable[Reply | None] | None:
        self.goes_on(call)
        if not self.now(100):
            return None
        number = self.number(call)
        wait = self.held[number] = object()
        self.world.loop.call_later(TIMEOUT, self.has_waited, number, wait)
        return self.waits(call)

    on_route = on_request

    def goes_on(self, call: Call) -> None:
        self.held.pop(self.number(call), None)

    on_host = on_log = goes_on

    def has_waited(self, number: int, wait: object) -> None:
        """Longer than it may: where much else is to do, that comes of a short wait, too."""
        if self.held.get(number) is wait:
            self.world.ledger.failed.add(number)

    async def waits(self, call: Call) -> Reply | None:
        self.passing.waiting += 1
        try:
            return await self.in_time(call)
        finally:
            self.passing.waiting -= 1

    async def in_time(self, call: Call) -> Reply | None:
        too_long = self.now(50)
        if too_long:
            self.stop(call, failed=True)
        try:
            await self.pause(1.0 if too_long else self.dice.below(100) / 1000)
        except asyncio.CancelledError:
            if self.now(300):
                await self.pause(0.5)
            raise
        if self.now(50):
            self.stop(call, failed=False)
            return Reply(Fault.OVERLOAD)
        if self.now(50):
            self.stop(call, failed=True)
            raise RuntimeError("after all")
        return None

    def pause(self, seconds: float) -> Awaitable[None]:
        future = asyncio.Future[None](loop=self.world.loop)  # type: ignore[arg-type]
        self.world.loop.call_later(seconds, lambda: None if future.done() else future.set_result(None))
        return future


class Wavers(Whim):
    """Has the route matched again, and other hosts chosen."""

    name = "wavers"

    def on_route(self, call: Call) -> Next | None:
        if "for ever" not in call.metadata and self.now(5):
            call.metadata["for ever"] = ""
            self.stop(call, failed=True)
        return Next.MATCH_AGAIN if "for ever" in call.metadata or self.now(150) else None

    def on_host(self, _: Call) -> Next | None:
        return Next.CHOOSE_AGAIN if self.now(150) else None


class Edits(Whim):
    """Requests and answers of HTTP, and requests of what else has headers."""

    name = "edits"

    def on_request(self, call: Call) -> None:
        if not self.now(300):
            return
        ledger, number = self.world.ledger, self.number(call)
        try:
            call.set_header("x-sim", str(number))
        except (NotImplementedError, LookupError):
            return
        if call.protocol == "http1":
            ledger.exchanges[number].fields += (f"x-sim: {number}",)
        else:
            ledger.calls[number].sent = speech.masked(call.frame_bytes)
            assert speech.number_of(call.frame_bytes) == number

    def on_response(self, call: Call) -> None:
        if call.protocol == "http1" and self.now(300):
            number = self.number(call)
            call.response.set_header("x-sim", str(number))
            self.world.ledger.exchanges[number].answer_fields.append(f"x-sim: {number}")


WHIMS: tuple[type[Whim], ...] = (Replies, Raises, Waits, Wavers, Edits)
