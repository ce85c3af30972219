"""A filter that wants the body of requests, and does what its settings say when it has seen as much of it as they say."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec

from proxy.filters import Body, Call, Filter, Reply
from xproto.spec import Fault


class ReadingSettings(msgspec.Struct, frozen=True):
    limit: int = 100
    act: str = "nothing"
    only: str = "on_request on_route"
    """The phases in which it has something to do."""


class Buffering(Filter):
    Settings = ReadingSettings
    settings: ReadingSettings
    body = Body.BUFFERED

    def __init__(self, settings: ReadingSettings) -> None:
        super().__init__(settings)
        self.body_limit = settings.limit
        self.seen: list[tuple[str, Any]] = []
        self.gates: list[asyncio.Future[Any]] = []
        self.ended: list[str | None] = []

    def on_request(self, call: Call) -> Any:
        return self.act("on_request", call)

    def on_route(self, call: Call) -> Any:
        return self.act("on_route", call)

    def on_log(self, call: Call) -> None:
        self.ended.append(call.outcome_name)

    def act(self, phase: str, call: Call) -> Any:
        if phase not in self.settings.only:
            return None
        self.seen.append((phase, call.body))
        match self.settings.act:
            case "wait":
                return self.wait()
            case "reply":
                return Reply(Fault.OVERLOAD, 422, 9, "not this")
            case "edit":
                call.set_header("x-size", str(len(call.body or b"")))
            case "keep":
                self.kept = call
        return None

    async def wait(self) -> Any:
        self.gates.append(asyncio.get_running_loop().create_future())
        return await self.gates[-1]
