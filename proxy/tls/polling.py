"""Asking providers for their versions: all of them one after another, in one thread, since each takes microseconds.

One that does not answer holds up the others, but not control's loop, and is named in the log. Providers that may wait have
`watch`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from proxy.observe.log import Log
from proxy.tls.guard import version_of
from proxy.tls.providers import Provider
from proxy.tls.threads import in_thread


class Poll:
    """One question at a time."""

    def __init__(self, log: Log, within: float) -> None:
        self._log, self._within = log, within
        self._asking: asyncio.Future[dict[str, object]] | None = None
        self._asked = ""

    async def versions(self, providers: Mapping[str, Provider]) -> dict[str, object]:
        """By name; nothing as long as a provider does not answer."""
        if not providers or (self._asking is not None and not self._asking.done()):
            return {}
        self._asking = in_thread(lambda: self._ask(providers))
        done, _ = await asyncio.wait((self._asking,), timeout=self._within)
        if done:
            return self._asking.result()
        self._log.error(f"secret {self._asked}: its provider does not say whether it changed; until it does, none is polled")
        return {}

    def _ask(self, providers: Mapping[str, Provider]) -> dict[str, object]:
        found: dict[str, object] = {}
        for name, provider in providers.items():
            self._asked = name
            found[name] = version_of(provider)
        return found
