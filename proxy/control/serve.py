"""The life of the control process: bind, start workers, say so, wait for a signal, drain, exit.

TERM drains: readiness fails first, nothing new is accepted, calls in flight finish within the one deadline
(`drain_timeout`). INT, or a second TERM, ends at once. Either way the exit code is 0; it is 1 when the proxy could not
start. HUP reads the configuration again; USR1 opens the files of access logs again. Whoever starts the proxy reads
standard output: a line for each listener, then ``ready``; logs go to stderr.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable

from proxy.control.child import ChildError
from proxy.control.reload import Reloader
from proxy.control.sockets import BindError
from proxy.control.state import close_all, first
from proxy.control.supervisor import Supervisor
from proxy.observe.log import Log
from proxy.snapshot import Snapshot
from proxy.tls.store import Secrets, SecretsError

STDOUT = 1


def say(line: str) -> None:
    """One line on standard output, at once; nobody has to read it."""
    with contextlib.suppress(OSError):
        os.write(STDOUT, f"{line}\n".encode())


class Signals:
    """TERM asks for a drain; INT, or TERM again, for the end at once; HUP calls `hangup`, USR1 `reopen`."""

    def __init__(self, loop: asyncio.AbstractEventLoop, hangup: Callable[[], object], reopen: Callable[[], object]) -> None:
        self.asked = asyncio.Event()
        self.hurry = asyncio.Event()
        loop.add_signal_handler(signal.SIGTERM, self._term)
        loop.add_signal_handler(signal.SIGINT, self._interrupt)
        loop.add_signal_handler(signal.SIGHUP, hangup)
        loop.add_signal_handler(signal.SIGUSR1, reopen)

    def _term(self) -> None:
        if self.asked.is_set():
            self.hurry.set()
        self.asked.set()

    def _interrupt(self) -> None:
        self.asked.set()
        self.hurry.set()


class Control:
    """One run of the proxy."""

    def __init__(self, snapshot: Snapshot, file: str, log: Log, tell: Callable[[str], None] = say) -> None:
        self.snapshot = snapshot
        self.file = file
        self.log = log
        self.tell = tell

    async def run(self) -> int:
        """Everything from binding to the exit code."""
        secrets = Secrets(self.log)
        try:
            found = await secrets.prepare(self.snapshot)
            supervisor = Supervisor(first(self.snapshot, found.materials), self.log)
        except (SecretsError, BindError, ValueError) as error:
            for line in str(error).splitlines():
                self.log.error(line)  # noqa: TRY400 (not a logger)
            return 1
        secrets.commit(found)
        secrets.start(supervisor.rotate_nowait)
        reloader = Reloader(self.file, supervisor, secrets, self.log)
        signals = Signals(asyncio.get_running_loop(), reloader.ask, supervisor.reopen_nowait)
        try:
            async with contextlib.AsyncExitStack() as stack:
                stack.callback(lambda: close_all(supervisor.state.bound))
                stack.push_async_callback(secrets.stop)
                stack.push_async_callback(reloader.stop)
                if self.snapshot.admin is not None:
                    from proxy.admin.server import Admin  # aiohttp is 15 MB

                    admin = Admin(supervisor, reloader, secrets)
                    stack.push_async_callback(admin.stop)
                    self.tell(f"admin {await admin.start(self.snapshot.admin)}")
                for each in supervisor.state.bound:
                    self.tell(f"listening {each.name} {each.address}")
                return await self._serve(supervisor, reloader, signals)
        except (BindError, ChildError) as error:
            self.log.error(str(error))  # noqa: TRY400 (not a logger)
            return 1
        finally:
            supervisor.kill_nowait()
            await supervisor.stopped(0)
            supervisor.close()

    async def _serve(self, supervisor: Supervisor, reloader: Reloader, signals: Signals) -> int:
        asked = asyncio.create_task(signals.asked.wait())
        starting = asyncio.create_task(supervisor.start())
        await asyncio.wait((asked, starting), return_when=asyncio.FIRST_COMPLETED)
        if starting.done():
            starting.result()
            self.tell("ready")
            await asked
        else:
            starting.cancel()
        await self._drain(supervisor, reloader, signals)
        return 0

    async def _drain(self, supervisor: Supervisor, reloader: Reloader, signals: Signals) -> None:
        timeout = 0.0 if signals.hurry.is_set() else supervisor.state.snapshot.drain_timeout
        self.log.info(f"draining for at most {timeout:g} s" if timeout else "stopping")
        supervisor.stop_nowait(timeout)
        await reloader.stop()
        close_all(supervisor.state.bound)
        hurry = asyncio.create_task(signals.hurry.wait())
        stopped = asyncio.create_task(supervisor.stopped(timeout))
        await asyncio.wait((hurry, stopped), return_when=asyncio.FIRST_COMPLETED)
        hurry.cancel()
        if not stopped.done():
            self.log.info("stopping at once")
            stopped.cancel()
            supervisor.stop_nowait(0.0)
            await supervisor.stopped(0.0)
