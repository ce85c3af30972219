"""A filter that in every phase says something else, at once or later, as its dice fall."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import msgspec

from proxy.filters import Body, Call, Filter, Next, Reply
from xproto.spec import Fault


class StormingSettings(msgspec.Struct, frozen=True):
    seed: int
    buffers: bool = False


class Storming(Filter):
    Settings = StormingSettings
    settings: StormingSettings
    body_limit = 3000

    def __init__(self, settings: StormingSettings) -> None:
        super().__init__(settings)
        self.dice = random.Random(settings.seed)
        self.body = Body.BUFFERED if settings.buffers else Body.NONE
        self.gates: list[asyncio.Future[None]] = []
        self.begun = self.ended = 0

    def on_request(self, call: Call) -> Any:
        self.begun += 1
        return self.say("on_request", call)

    def on_route(self, call: Call) -> Any:
        return self.say("on_route", call)

    def on_host(self, call: Call) -> Any:
        return self.say("on_host", call)

    def on_response(self, call: Call) -> Any:
        return self.say("on_response", call)

    def on_log(self, call: Call) -> None:
        self.ended += 1

    def say(self, phase: str, call: Call) -> Any:
        return self.later(phase, call) if self.dice.random() < 0.3 else self.now(phase, call)

    async def later(self, phase: str, call: Call) -> Any:
        self.gates.append(asyncio.get_running_loop().create_future())
        await self.gates[-1]
        return self.now(phase, call)

    def now(self, phase: str, call: Call) -> Any:
        match self.dice.randrange(20):
            case 0:
                raise ValueError("on purpose")
            case 1 if phase != "on_host":
                return Reply(Fault.OVERLOAD)
            case 2 | 3 if phase in ("on_route", "on_host"):
                return Next.MATCH_AGAIN if phase == "on_route" else Next.CHOOSE_AGAIN
            case 4 | 5 | 6 if phase != "on_host":
                self.edit(call.response if phase == "on_response" else call, call.protocol)
        return None

    def edit(self, message: Any, protocol: str) -> None:
        """Where there is something to be edited."""
        if protocol == "http1":
            message.set_header("x-env", "x" * self.dice.randrange(100))
