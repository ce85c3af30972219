"""Reading the configuration again, and putting it in force whole or not at all (docs/decisions/0006).

One reload at a time. Who asks while one runs gets the next one, together with all who ask until that begins to read:
so the file that was there when somebody asked is read after they asked, however often they ask.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from proxy.control.changes import Changes, compare, need_restart
from proxy.control.sockets import BindError
from proxy.control.state import close_all, digests, step
from proxy.control.supervisor import NotPreparedError, Supervisor
from proxy.control.validator import InvalidError, validate
from proxy.observe.log import Log
from proxy.snapshot import Snapshot
from proxy.tls.store import Secrets, SecretsError

Validate = Callable[[str], Awaitable[Snapshot]]


class Report(NamedTuple):
    """What came of a reload: the changes, or why there are none."""

    changes: Changes | None
    problems: tuple[str, ...] = ()


class Reloader:
    """`ok` and `refused` count; `last` is the time when what is in force was last found to be what the file says."""

    def __init__(self, file: str, supervisor: Supervisor, secrets: Secrets, log: Log, validate: Validate = validate) -> None:
        self.file = file
        self.ok = self.refused = 0
        self.last = time.time()
        self._supervisor, self._secrets, self._log, self._validate = supervisor, secrets, log, validate
        self._one_at_a_time = asyncio.Lock()
        self._next: asyncio.Task[Report] | None = None
        self._tasks: set[asyncio.Task[Report]] = set()
        self._stopped = False

    def ask(self) -> asyncio.Task[Report]:
        """A reload that begins now or when the one that runs is over."""
        if self._next is None:
            self._next = asyncio.get_running_loop().create_task(self._run())
            self._tasks.add(self._next)
            self._next.add_done_callback(self._tasks.discard)
        return self._next

    async def stop(self) -> None:
        """Ends what runs, and refuses all that is asked from now on."""
        self._stopped, self._next = True, None
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _run(self) -> Report:
        async with self._one_at_a_time:
            self._next = None
            try:
                changes = await self._reload()
            except (InvalidError, SecretsError, BindError, NotPreparedError, ValueError, OSError) as error:
                report = Report(None, tuple(str(error).splitlines()))
            else:
                report = Report(changes)
        self._tell(report)
        return report

    async def _reload(self) -> Changes:
        if self._stopped:
            raise InvalidError("the proxy is draining")
        snapshot = await self._validate(self.file)
        before = self._supervisor.state
        if problems := need_restart(before.snapshot, snapshot):
            raise InvalidError(*(f"{self.file}: {problem}" for problem in problems))
        specs = digests(snapshot)
        changes = compare(before.snapshot, snapshot, before.specs, specs)
        if not changes:
            return changes
        secrets = await self._secrets.prepare(snapshot)
        before = self._supervisor.state
        made = step(before, snapshot, specs, secrets.materials)
        try:
            prepared = await self._supervisor.prepare(made)
        except BaseException:
            close_all(made.fresh)
            raise
        try:
            await self._supervisor.commit(made, prepared, self._secrets.commit(secrets))
        finally:
            close_all(made.given_up)
        return changes

    def _tell(self, report: Report) -> None:
        if report.changes is not None:
            self.ok += 1
            self.last = time.time()
            self._log.info(f"reloaded {self.file}: {report.changes}")
            return
        self.refused += 1
        for problem in report.problems:
            self._log.error(problem)
        self._log.error("not reloaded: the configuration in force stays")
