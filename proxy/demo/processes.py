"""The child processes: the proxy and the nodes, started, killed, stopped; none is left behind.

Each is in a session of its own, so that Ctrl-C reaches only the demo, which then stops them in order; should the demo
itself be killed, the kernel tells them. The proxy is the real one: ``xproto run FILE``, its addresses read from what
it prints.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import signal
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Mapping
from pathlib import Path

from proxy.control.spawn import command, environment
from proxy.demo.node import LIE, READY

START_TIMEOUT = 10.0
STOP_TIMEOUT = 3.0
TAIL = 2000
"""Characters of a log that are shown when something could not start."""


_LIBC = ctypes.CDLL(None)
PR_SET_PDEATHSIG = 1


def end_with_demo() -> None:
    """In a child, before its program: TERM when the demo's process ends, however it does."""
    _LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


class StartError(Exception):
    """A process that could not start, and what it said."""


class Child:
    """One process at a time, that can be started again after its end."""

    def __init__(self, what: str, log: Path, arguments: list[str]) -> None:
        self._what, self._log, self._arguments = what, log, arguments
        self._spawning: asyncio.Task[Process] | None = None

    async def start(self) -> None:
        """Until it is ready; raises `StartError`."""
        raise NotImplementedError

    async def spawn(self, last: bytes) -> list[str]:
        """Starts it; gives the lines that it prints up to `last`. Raises `StartError`."""
        self._spawning = asyncio.create_task(self._spawn())
        process = await asyncio.shield(self._spawning)  # even a cancelled demo must know what it started
        lines: list[str] = []
        assert process.stdout is not None
        try:
            async with asyncio.timeout(START_TIMEOUT):
                while (line := await process.stdout.readline()) != last:
                    if not line:
                        raise StartError(f"{self._what} ended while starting:\n{self._tail()}")
                    lines.append(line.decode().rstrip("\n"))
        except TimeoutError:
            raise StartError(f"{self._what} was not ready after {START_TIMEOUT:g} s:\n{self._tail()}") from None
        return lines

    async def _spawn(self) -> Process:
        with self._log.open("ab") as errors:
            return await asyncio.create_subprocess_exec(
                *self._arguments,
                stdin=DEVNULL,
                stdout=PIPE,
                stderr=errors,
                env=environment(),
                start_new_session=True,
                preexec_fn=end_with_demo,
            )

    async def kill(self) -> int:
        """SIGKILL: it can say no more. Gives the process's id."""
        assert self._spawning is not None
        process = await self._spawning
        process.kill()
        await process.wait()
        return process.pid

    async def stop(self) -> None:
        """TERM, and KILL if that does not help."""
        if self._spawning is None:
            return
        process = await self._spawning
        with contextlib.suppress(ProcessLookupError, TimeoutError):
            process.terminate()
            await asyncio.wait_for(process.wait(), STOP_TIMEOUT)
        if process.returncode is None:
            await self.kill()

    def _tail(self) -> str:
        return self._log.read_text(errors="replace")[-TAIL:].strip() or "(it said nothing)"


class Node(Child):
    """One node: it is killed, and started again on the same ports."""

    def __init__(self, name: str, ports: Mapping[str, int], log: Path, *, lies: bool = False) -> None:
        pairs = [f"{cluster}={port}" for cluster, port in ports.items()]
        super().__init__(f"node {name}", log, command("proxy.demo.node", name, *pairs, *([LIE] if lies else [])))
        self.name = name

    async def start(self) -> None:
        """Until it accepts connections; raises `StartError`."""
        await self.spawn(READY)


class Proxy(Child):
    """``xproto run FILE``; `listening` and `admin` are addresses."""

    def __init__(self, config: Path, log: Path) -> None:
        super().__init__("the proxy", log, command("proxy.cli", "run", os.fspath(config)))
        self.listening = self.admin = ""

    async def start(self) -> None:
        """Until it is ready; raises `StartError`."""
        for line in await self.spawn(b"ready\n"):
            what, *_, address = line.split()
            if what == "listening":
                self.listening = address
            elif what == "admin":
                self.admin = address.removeprefix("http://").rstrip("/")
