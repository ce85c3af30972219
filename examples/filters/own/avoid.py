"""A host that answers 503 gets no calls for a while, and no caller hears which host it was.

A host that is sick is for health checks to find; this is for one that says so only now and then.
"""

from __future__ import annotations

import time

from pydantic import BaseModel, Field

from proxy.filters import Call, Filter, Next

UNAVAILABLE = 503


class AvoidSettings(BaseModel):
    seconds: float = Field(default=10, gt=0)


class Avoid(Filter):
    Settings = AvoidSettings
    settings: AvoidSettings

    def __init__(self, settings: AvoidSettings) -> None:
        super().__init__(settings)
        self.until: dict[str | None, float] = {}
        """By the host's address."""

    def on_host(self, call: Call) -> Next | None:
        return Next.CHOOSE_AGAIN if self.until.get(call.host, 0.0) > time.monotonic() else None

    def on_response(self, call: Call) -> None:
        if call.response.status == UNAVAILABLE:
            self.until[call.host] = time.monotonic() + self.settings.seconds
        call.response.remove_header("server")
