"""A filter that sees the pieces of requests' bodies, and does what its settings say."""

from __future__ import annotations

from typing import Any

import msgspec

from proxy.filters import Body, Call, Filter, Reply
from xproto.spec import Fault


class WatchingSettings(msgspec.Struct, frozen=True):
    act: str = "nothing"
    after: int = 0
    """Bytes."""


class Watching(Filter):
    Settings = WatchingSettings
    settings: WatchingSettings
    body = Body.STREAMED

    def __init__(self, settings: WatchingSettings) -> None:
        super().__init__(settings)
        self.seen: list[tuple[bytes, bool]] = []
        self.size = 0
        self.ended: list[str | None] = []

    @property
    def total(self) -> bytes:
        return b"".join(chunk for chunk, _ in self.seen)

    def on_body(self, call: Call, chunk: bytes, last: bool) -> Any:
        self.seen.append((chunk, last))
        self.size += len(chunk)
        if self.size < self.settings.after:
            return None
        match self.settings.act:
            case "reply":
                return Reply(Fault.OVERLOAD, 422, 9, "not this")
            case "raise":
                raise ValueError("on purpose")
            case "block":
                while True:
                    pass
            case "wait":
                return self.wait()
            case "nonsense":
                return 42
            case "edit":
                call.set_header("x-late", "1")
        return None

    async def wait(self) -> None: ...

    def on_log(self, call: Call) -> None:
        self.ended.append(call.outcome_name)
