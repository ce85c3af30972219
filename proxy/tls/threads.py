"""Blocking work off control's loop: in daemon threads, because what a provider does may never end.

Not an executor's: those are waited for when the process ends, and some few of theirs that hang would stop everything else.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeVar

T = TypeVar("T")
AT_ONCE = 4
"""Threads that load secrets at the same time: enough to wait for several, and the processor is control's too."""


def in_thread(job: Callable[[], T]) -> asyncio.Future[T]:
    """What the job gives or raises, once it does. Whoever waits no longer does not stop it."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def run() -> None:
        settle: Callable[[], None]
        try:
            settle = partial(future.set_result, job())
        except BaseException as error:  # noqa: BLE001 (it is passed on)
            settle = partial(future.set_exception, error)
        with contextlib.suppress(RuntimeError):  # the loop is closed
            loop.call_soon_threadsafe(lambda: None if future.done() else settle())

    threading.Thread(target=run, name="secrets", daemon=True).start()
    return future


async def each_in_thread(jobs: Sequence[Callable[[], T]], within: float) -> list[asyncio.Future[T]]:
    """A future for each job, in order; those that took more than `within` seconds are not done, and still may be later."""
    futures: dict[int, asyncio.Future[T]] = {}
    left = iter(enumerate(jobs))

    async def work() -> None:
        for index, job in left:
            futures[index] = in_thread(job)
            await asyncio.wait((futures[index],), timeout=within)

    await asyncio.gather(*(work() for _ in range(min(AT_ONCE, len(jobs)))))
    return [futures[index] for index in range(len(jobs))]
