"""`buffer`: requests of HTTP go on when their bodies are whole, so that a slow client holds no connection to a server.

A body that is too long is answered where it gets so. What other filters, retries and copies do sees such a request whole. It
has nothing to say: that calls wait for what it declares is all.
"""

from __future__ import annotations

import msgspec

from proxy.filters.interface import Body, Condition, Filter


class BufferSettings(msgspec.Struct, frozen=True):
    max_bytes: int
    match: tuple[Condition, ...] | None = None


class Buffer(Filter):
    Settings = BufferSettings
    settings: BufferSettings
    body = Body.BUFFERED

    def __init__(self, settings: BufferSettings) -> None:
        super().__init__(settings)
        self.body_limit = settings.max_bytes

    def looks(self) -> tuple[tuple[Condition, ...], ...] | None:
        return None if self.settings.match is None else (self.settings.match,)
