"""A filter that does what its settings say, in the phase that they say, and remembers what it saw."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import msgspec

from proxy.filters import Call, Condition, Filter, Next, Reply
from xproto.spec import Fault


class Endless:
    def __repr__(self) -> str:
        while True:
            pass


class EndlessError(Exception):
    def __str__(self) -> str:
        return repr(Endless())


class ActingSettings(msgspec.Struct, frozen=True):
    status: int | None = None
    phase: str = ""
    act: str = "nothing"
    only: str | None = None
    """Looks at calls of this service only."""


class Acting(Filter):
    Settings = ActingSettings
    settings: ActingSettings
    keys = ("service", "method")

    def __init__(self, settings: ActingSettings) -> None:
        super().__init__(settings)
        self.seen: list[tuple[str, Any]] = []
        self.gates: list[asyncio.Future[Any]] = []
        self.hosts: list[str | None] = []
        self.once = True

    def looks(self) -> tuple[tuple[Condition, ...], ...] | None:
        return None if self.settings.only is None else ((Condition("service", "exact", self.settings.only),),)

    def on_request(self, call: Call) -> Any:
        return self.act("on_request", call)

    def on_route(self, call: Call) -> Any:
        return self.act("on_route", call)

    def on_host(self, call: Call) -> Any:
        self.hosts.append(call.host)
        return self.act("on_host", call)

    def on_response(self, call: Call) -> Any:
        return self.act("on_response", call)

    def on_log(self, call: Call) -> Any:
        return self.act("on_log", call)

    def act(self, phase: str, call: Call) -> Any:
        self.seen.append((phase, call.outcome_name if phase == "on_log" else call.method))
        if phase != self.settings.phase:
            return None
        match self.settings.act:
            case "reply":
                return Reply(Fault.OVERLOAD)
            case "raise":
                raise ValueError("on purpose")
            case "exit":
                raise SystemExit
            case "nonsense":
                return 42
            case "wait" | "wait and reply":
                return self.wait()
            case "wait and raise":
                return self.wait_and_raise()
            case "no awaitable":
                return asyncio.Future  # the class: it has what awaitables have
            case "raise for ever":
                raise EndlessError
            case "endless":
                return Endless()
            case "mark":
                call.metadata["number"] = 7  # type: ignore[assignment]
                call.metadata.update(kept="1")
                self.kept = call
            case "mark for ever":
                call.metadata["endless"] = EndlessError()  # type: ignore[assignment]
            case "no content":
                return Reply(Fault.OVERLOAD, self.settings.status)
            case "wait and set":
                return self.wait_and_set(call)
            case "wait after the first":
                once, self.once = self.once, False
                return None if once else self.wait()
            case "again":
                once, self.once = self.once, False
                return (Next.CHOOSE_AGAIN if phase == "on_host" else Next.MATCH_AGAIN) if once else None
            case "again for ever":
                return Next.CHOOSE_AGAIN if phase == "on_host" else Next.MATCH_AGAIN
            case "block":
                while True:
                    pass
            case "block twice":
                try:
                    while True:
                        pass
                except BaseException:  # noqa: BLE001 (as careless code does)
                    while True:
                        pass
            case "block in await":
                return self.block_later()
            case "sleep in C":
                time.sleep(600)
            case "keep":
                self.kept = call
            case "set":
                (call.response if phase == "on_response" else call).set_header("x-env", "new")
            case "frame":
                (call.response if phase == "on_response" else call).set_header("Content-Length", "77")
        return None

    async def wait(self) -> Any:
        self.gates.append(asyncio.get_running_loop().create_future())
        return await self.gates[-1]

    async def wait_and_raise(self) -> Any:
        await self.wait()
        raise ValueError("on purpose")

    async def wait_and_set(self, call: Call) -> Any:
        found = await self.wait()
        call.response.set_header("x-late", "1")
        return found

    async def block_later(self) -> Any:
        await asyncio.sleep(0)
        while True:
            pass
