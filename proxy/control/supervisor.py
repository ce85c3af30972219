"""Keeps the workers alive: each has a task that starts it, waits for its end, and starts it again.

What always holds: the listening sockets and the counters outlive every worker, so its successor takes connections from
the same queue and adds to the same figures; once draining has begun nothing is started any more. A worker that cannot
start the first time is fatal, since its successor could not either; later deaths are answered with back-off. `state` is
what a worker that is started now gets, and what every worker uses, but for the moment between a commit and its answers:
one that does not confirm is killed, and its successor gets it. Secrets are rotated by replacing the state too, and by
telling whoever has the one before: a worker has the newest of each, or is about to be told.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

from proxy.control.child import Child, ChildError, render_code
from proxy.control.memory import CounterMemory
from proxy.control.state import State, Step
from proxy.observe.counters import CAPACITY, Layout
from proxy.observe.log import Log
from proxy.tls.material import Material

BACKOFF_FIRST = 0.05
BACKOFF_LAST = 5.0
HEALTHY_AFTER = 10.0
"""A worker that lived so long is started again without waiting for long."""
START_TIMEOUT = 30.0
"""A worker that is not ready after so long is killed."""
KILL_AFTER = 1.0
"""Seconds beyond the drain's deadline that a worker gets to exit by itself."""


class Backoff:
    """How long to wait before a worker is started again, from how long the last one lived."""

    def __init__(self) -> None:
        self._next = BACKOFF_FIRST

    def after(self, lived: float) -> float:
        """The seconds to wait after an incarnation that lived so many."""
        if lived >= HEALTHY_AFTER:
            self._next = BACKOFF_FIRST
        wait, self._next = self._next, min(self._next * 2, BACKOFF_LAST)
        return wait


class NotPreparedError(Exception):
    """The workers that cannot take the next state, and why: a line for each."""


class Supervisor:
    """All workers."""

    def __init__(self, state: State, log: Log) -> None:
        self._log = log
        self.state = state
        workers = state.snapshot.workers
        self.memories = [CounterMemory(CAPACITY) for _ in range(workers)]
        self._children: list[Child | None] = [None] * workers
        self._tasks: list[asyncio.Task[None]] = []
        self._stopping = asyncio.Event()
        self._started: list[asyncio.Future[None]] = []
        self.restarts = 0

    @property
    def ready(self) -> bool:
        """Every worker accepts connections, and none is told to stop."""
        return not self._stopping.is_set() and all(
            child is not None and child.ready.done() and child.ready.exception() is None and not child.ended.done()
            for child in self._children
        )

    @property
    def layout(self) -> Layout:
        """Where the series of the state in force lie."""
        return self.state.layout

    @property
    def arrays(self) -> list[memoryview]:
        """The workers' counters."""
        return [memory.array for memory in self.memories]

    @property
    def alive(self) -> int:
        """How many worker processes there are now."""
        return sum(child is not None and not child.ended.done() for child in self._children)

    async def start(self) -> None:
        """Starts all workers and waits until they accept; raises `ChildError` with the first that cannot."""
        loop = asyncio.get_running_loop()
        self._started = [loop.create_future() for _ in self.memories]
        self._tasks = [loop.create_task(self._keep(index)) for index in range(len(self.memories))]
        await asyncio.gather(*self._started)

    async def _keep(self, index: int) -> None:
        backoff, started = Backoff(), self._started[index]
        loop = asyncio.get_running_loop()
        while not self._stopping.is_set():
            born = loop.time()
            child = self._children[index] = Child(index, self.state, self.memories[index].descriptor, loop, not started.done())
            try:
                async with asyncio.timeout(START_TIMEOUT):
                    await asyncio.shield(child.ready)
            except (ChildError, TimeoutError) as error:
                reason = str(error) or f"it was not ready after {START_TIMEOUT:g} s"
                child.kill_nowait()
                if not started.done():
                    started.set_exception(ChildError(f"worker {index}: {reason}"))
                    await child.ended
                    return
                self._log.error(f"worker {index} cannot start: {reason}")
            else:
                if not started.done():
                    started.set_result(None)
            code = await child.ended
            self.memories[index].zero(self.layout.gauge_slots())
            if self._stopping.is_set():
                return
            wait = backoff.after(loop.time() - born)
            self.restarts += 1
            self._log.error(f"worker {index} (pid {child.pid}) died ({render_code(code)}); again in {wait:g} s")
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), wait)

    async def prepare(self, step: Step) -> list[Child]:
        """Lets every worker make the next state ready; raises `NotPreparedError`, and then no worker remembers it."""
        asked = [child for child in self._children if child is not None and not child.ended.done()]
        try:
            answers = await asyncio.gather(*(child.prepare(step) for child in asked))
            reasons = [f"worker {child.index}: {why}" for child, why in zip(asked, answers, strict=True) if why]
            if reasons:
                raise NotPreparedError("\n".join(reasons))
        except BaseException:
            for child in asked:
                child.abort_nowait()
            raise
        return asked

    async def commit(self, step: Step, prepared: list[Child], materials: dict[str, Material]) -> None:
        """The next state is in force from now on. There is no way back: whoever does not take it is replaced.

        `materials` are the newest of its secrets now, which may have been rotated since they were prepared.
        """
        self.state = step.state.rotated(materials)
        answers = asyncio.gather(*(self._commit(child, step.state) for child in prepared))
        for child in self._children:
            if child is not None and child not in prepared:  # started meanwhile, with what was in force then
                child.kill_nowait()
        await answers

    async def _commit(self, child: Child, prepared: State) -> None:
        if not await child.commit():
            self._log.error(f"worker {child.index} (pid {child.pid}) did not take the new configuration: it is replaced")
            child.kill_nowait()
            return
        had = prepared.materials
        # What came between, to a configuration that is gone now; told twice does no harm.
        if newer := {name: each for name, each in self.state.materials.items() if had.get(name) != each}:
            child.rotate_nowait(newer)

    def rotate_nowait(self, materials: dict[str, Material]) -> None:
        """Secrets of the state in force have changed: every worker is told, and those that start later."""
        self.state = self.state.rotated(materials)
        for child in self._children:
            if child is not None and not child.ended.done():
                child.rotate_nowait(materials)

    def reopen_nowait(self) -> None:
        """Files of access logs were moved away: every worker goes on with new ones."""
        self._log.info("the files of access logs are opened again")
        for child in self._children:
            if child is not None and not child.ended.done():
                child.reopen_nowait()

    def stop_nowait(self, timeout: float) -> None:
        """Tells every worker to finish within `timeout` seconds; may be called again with less."""
        self._stopping.set()
        for child in self._children:
            if child is not None:
                child.drain_nowait(timeout)

    async def stopped(self, within: float) -> None:
        """Waits so many seconds for the workers' ends, and kills those that are there `KILL_AFTER` past that."""
        if not self._tasks:
            return
        _, late = await asyncio.wait(self._tasks, timeout=within + KILL_AFTER)
        if late:
            self._log.error(f"{self.alive} workers did not stop in time: killed")
            self.kill_nowait()
            await asyncio.wait(late)

    def kill_nowait(self) -> None:
        for child in self._children:
            if child is not None:
                child.kill_nowait()

    async def describe(self) -> list[dict[str, Any]]:
        """What the workers tell of themselves; those that do not answer are left out."""
        answers = await asyncio.gather(*(child.describe() for child in self._children if child is not None))
        return [answer for answer in answers if answer is not None]

    def close(self) -> None:
        """Frees the counters, once every worker has ended."""
        for memory in self.memories:
            memory.close()
