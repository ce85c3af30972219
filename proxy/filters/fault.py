"""`fault`: makes calls wait, or answers them with an error, to see how callers bear it.

Who is hit is drawn for each call: `percent` of those that meet `match`. With both a delay and an abort, a call waits first.
"""

from __future__ import annotations

import asyncio
import random

import msgspec

from proxy.filters.interface import Call, Condition, Filter, Later, Reply

Groups = tuple[tuple[Condition, ...], ...]


class Delay(msgspec.Struct, frozen=True):
    duration: float
    percent: float = 100.0


class Abort(msgspec.Struct, frozen=True):
    fault: int
    http_status: int | None = None
    grpc_status: int | None = None
    text: str | None = None
    percent: float = 100.0


class FaultSettings(msgspec.Struct, frozen=True):
    delay: Delay | None = None
    abort: Abort | None = None
    match: tuple[Condition, ...] | None = None


class FaultInjection(Filter):
    Settings = FaultSettings
    settings: FaultSettings

    def looks(self) -> Groups | None:
        given = self.settings
        if not any(each is not None and each.percent > 0 for each in (given.delay, given.abort)):
            return ()
        return None if given.match is None else (given.match,)

    def on_route(self, call: Call) -> Later:
        del call
        given = self.settings
        if given.delay is not None and _hit(given.delay.percent):
            return self._wait(given.delay.duration)
        return self._abort()

    async def _wait(self, seconds: float) -> Reply | None:
        await asyncio.sleep(seconds)
        return self._abort()

    def _abort(self) -> Reply | None:
        given = self.settings.abort
        if given is None or not _hit(given.percent):
            return None
        return Reply(given.fault, given.http_status, given.grpc_status, given.text)


def _hit(percent: float) -> bool:
    return percent >= 100 or random.random() * 100 < percent  # noqa: S311 (no secret)
