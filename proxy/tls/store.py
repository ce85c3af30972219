"""The secrets of the snapshot in force: loaded, watched, renewed. Control's only copy, in memory.

A reload takes them as it takes everything: `prepare` loads what is new, next to what is in force, and changes nothing;
`commit` cannot fail (docs/decisions/0006). A secret that says the same as before is the same entry as before and is not
loaded again: it is being watched anyway. Between times, `look` finds out what changed and loads that.

What always holds: `Material` that leaves here was judged good, together with what its users need of it; what is in force is
replaced by good material only; whatever blocks is done in threads (`proxy.tls.threads`), and what never ends there holds up
nobody but its own secret. What needs `cryptography` is imported when there are secrets: it takes six megabytes.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
import traceback
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from proxy.observe.log import Log
from proxy.snapshot import Snapshot
from proxy.tls.guard import failure
from proxy.tls.material import Material
from proxy.tls.needs import NOTHING, Needs, lacks, needs
from proxy.tls.polling import Poll
from proxy.tls.providers import MaterialError
from proxy.tls.settings import Secret
from proxy.tls.threads import each_in_thread, in_thread

if TYPE_CHECKING:
    from proxy.tls.entry import Entry
    from proxy.tls.loading import Loaded
    from proxy.tls.registry import Declared

POLL = 1.0
"""Seconds between looks at whether secrets have changed: rotations are hours apart, and half a second late on average."""
TOGETHER = 0.05
"""Seconds from a provider's word that something changed to the look at it: what changes together is taken together."""
LOAD_TIMEOUT = 10.0
"""Seconds after which a provider counts as failed; files take milliseconds."""
WATCH_AGAIN = 5.0
"""Seconds until a provider that failed to watch is asked to again."""


class SecretsError(Exception):
    """Why a snapshot's secrets cannot be used: a line for each problem."""


class Pending(NamedTuple):
    """What `commit` puts in force: all entries by name, and what is needed of each."""

    entries: dict[str, Entry]
    needed: Mapping[str, Needs]

    @property
    def materials(self) -> dict[str, Material]:
        """As they are at this moment: those in force may be renewed meanwhile."""
        return {name: entry.loaded.material for name, entry in self.entries.items()}


class Secrets:
    """All of them. `start` once, after the first `commit`."""

    def __init__(self, log: Log, clock: Callable[[], float] = time.time) -> None:
        self._log, self._clock = log, clock
        self._entries: dict[str, Entry] = {}
        self._told = asyncio.Event()
        self._running: asyncio.Task[None] | None = None
        self._poll = Poll(log, LOAD_TIMEOUT)

    async def prepare(self, snapshot: Snapshot) -> Pending:
        """Loads the secrets that are not in force yet; raises `SecretsError` with all that is wrong."""
        needed = needs(snapshot)
        fresh = [secret for name, secret in snapshot.secrets.items() if not self._in_force(secret)]
        made: dict[str, Entry] = {}
        wrong: set[str] = set()
        lines: list[str] = []
        for secret, outcome in zip(fresh, await self._open(fresh, needed), strict=True):
            if isinstance(outcome, MaterialError):
                wrong.add(secret.name)
                lines += (f"secret {secret.name}: {line}" for line in outcome.lines())
            else:
                made[secret.name] = outcome
        for name in snapshot.secrets:
            if name in made or name in wrong:
                continue
            made[name] = self._entries[name]
            missing = MaterialError(*lacks(made[name].loaded.material, needed.get(name, NOTHING)))
            lines += (f"secret {name}: {line}" for line in missing.lines())
        if lines:
            raise SecretsError("\n".join(lines))
        return Pending({name: made[name] for name in snapshot.secrets}, needed)

    def commit(self, pending: Pending) -> dict[str, Material]:
        """From now on these are in force; gives the newest material of each."""
        before, self._entries = self._entries, pending.entries
        for name, entry in before.items():
            if self._entries.get(name) is not entry and entry.watching is not None:
                entry.watching.cancel()
        for name, entry in self._entries.items():
            entry.needed = pending.needed.get(name, NOTHING)
            if entry.watching is None:
                entry.watching = asyncio.get_running_loop().create_task(self._watch(entry))
                entry.remind()
        return pending.materials

    def start(self, renewed: Callable[[dict[str, Material]], None]) -> None:
        """From now on looks again and again, and calls back with what replaces what is in force."""
        self._running = asyncio.get_running_loop().create_task(self._run(renewed))

    async def _run(self, renewed: Callable[[dict[str, Material]], None]) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(POLL):  # not wait_for, which up to Python 3.11 may lose a cancellation
                    await self._told.wait()
                    await asyncio.sleep(TOGETHER)
            self._told.clear()
            try:
                found = await self.look()
            except Exception:  # noqa: BLE001 (a bug must not leave secrets unwatched)
                self._log.error(traceback.format_exc())
                continue
            if found:
                renewed(found)

    async def look(self) -> dict[str, Material]:
        """Loads what has changed, and gives what is to replace what is in force; says what is to be said of dates."""
        changed = [entry for entry in await self._changed() if entry.ready]
        found: dict[str, Material] = {}
        for entry, outcome in zip(changed, await self._load(changed), strict=True):
            if self._entries.get(entry.secret.name) is not entry:  # a reload took it away meanwhile
                continue
            if isinstance(outcome, MaterialError):
                entry.refuse(outcome)
                entry.due = True  # it may have been for a moment only
            elif entry.take(outcome):
                found[entry.secret.name] = outcome.material
        for entry in self._entries.values():
            entry.remind()
        return found

    async def stop(self) -> None:
        """Looks no more; everything stays in force."""
        tasks = [each for each in (self._running, *(entry.watching for entry in self._entries.values())) if each is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def describe(self) -> dict[str, Any]:
        """For people, by name: nothing secret."""
        return {name: entry.describe() for name, entry in self._entries.items()}

    def expiries(self) -> Iterable[tuple[str, float]]:
        """When the first certificate of each secret ends, in seconds since 1970."""
        return ((name, entry.loaded.facts.expiry) for name, entry in self._entries.items())

    def loads(self) -> Iterable[tuple[str, str, int]]:
        """Name, result, and how often it came to that."""
        return ((name, result, count) for name, entry in self._entries.items() for result, count in entry.loads.items())

    def _in_force(self, secret: Secret) -> bool:
        return secret.name in self._entries and self._entries[secret.name].secret == secret

    async def _open(self, secrets: list[Secret], needed: Mapping[str, Needs]) -> list[Entry | MaterialError]:
        if not secrets:
            return []
        others = await in_thread(_declared)
        from proxy.tls.entry import Entry
        from proxy.tls.loading import try_open

        jobs = [partial(try_open, each, needed.get(each.name, NOTHING), others) for each in secrets]
        opened = await each_in_thread(jobs, LOAD_TIMEOUT)
        outcomes = [future.result() if future.done() else _late() for future in opened]
        return [
            each
            if isinstance(each, MaterialError)
            else Entry(secret, each, needed.get(secret.name, NOTHING), self._log, self._clock)
            for secret, each in zip(secrets, outcomes, strict=True)
        ]

    async def _load(self, entries: list[Entry]) -> list[Loaded | MaterialError]:
        if not entries:
            return []
        from proxy.tls.loading import try_load

        loaded = await each_in_thread([partial(try_load, entry.provider, entry.needed) for entry in entries], LOAD_TIMEOUT)
        for entry, future in zip(entries, loaded, strict=True):
            entry.busy = future
            if not future.done():
                entry.due = True  # what it gives too late is asked for again
        return [future.result() if future.done() else _late() for future in loaded]

    async def _changed(self) -> list[Entry]:
        """Whose provider says so, or did."""
        entries = [entry for entry in self._entries.values() if entry.ready]
        versions = await self._poll.versions({entry.secret.name: entry.provider for entry in entries})
        changed: list[Entry] = []
        for entry in entries:
            version = versions.get(entry.secret.name, entry.version)
            if entry.due or version != entry.version:
                changed.append(entry)
            entry.due, entry.version = False, version
        return changed

    async def _watch(self, entry: Entry) -> None:
        loop = asyncio.get_running_loop()

        def changed() -> None:
            entry.due = True
            self._told.set()

        while True:
            try:
                return await entry.provider.watch(lambda: _call(loop, changed))
            except Exception as error:  # noqa: BLE001 (whatever a third party does)
                self._log.warning(f"secret {entry.secret.name}: {failure('is not watched now', error)}")
            await asyncio.sleep(WATCH_AGAIN)


def _call(loop: asyncio.AbstractEventLoop, function: Callable[[], None]) -> None:
    with contextlib.suppress(RuntimeError):  # the loop is closed
        loop.call_soon_threadsafe(function)


def _declared() -> Declared:
    import proxy.tls.loading  # noqa: F401 (in this thread: it takes a tenth of a second)
    from proxy.tls.registry import declared

    return declared()


def _late() -> MaterialError:
    return MaterialError(("", f"was not there after {LOAD_TIMEOUT:g} s; look at what its provider waits for"))
