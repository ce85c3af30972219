"""The configuration file, read again: by a child process that lives just for that.

Control stays small because pydantic, YAML and the protocols' compilers are not in it (docs/decisions/0004); and a
protocol's file is Python, which may hang, print or crash, so what reads it has a deadline and a process of its own. The
child (`python -m proxy.config`) writes its `Outcome` into a memfd, since its standard output is whoever's.
"""

from __future__ import annotations

import asyncio
import os
import subprocess

import msgspec

from proxy.control.spawn import command, deaf, environment
from proxy.outcome import read
from proxy.snapshot import Snapshot

VALIDATE_TIMEOUT = 60.0
"""Seconds that reading a file may take: a million values take about ten on a busy machine."""


class InvalidError(Exception):
    """Why there is no snapshot: a line for each problem."""

    def __init__(self, *problems: str) -> None:
        self.problems = problems
        super().__init__("\n".join(problems))


async def validate(file: str, within: float = VALIDATE_TIMEOUT) -> Snapshot:
    """The file's snapshot; raises `InvalidError`. Variables and relative paths mean what they meant at the start.

    They do because control never changes its environment or its working directory.
    """
    descriptor = os.memfd_create("xproto-outcome", os.MFD_CLOEXEC)
    try:
        code = await _run(command("proxy.config", file, str(descriptor)), descriptor, within)
        if code is None:
            raise InvalidError(f"{file}: was not read after {within:g} s; look for a protocol's file that waits for something")
        if code:
            how = f"signal {-code}" if code < 0 else f"exit code {code}"
            raise InvalidError(f"{file}: could not be read: the process that does ended with {how}; see standard error")
        try:
            outcome = read(descriptor)
        except msgspec.DecodeError:
            raise InvalidError(f"{file}: could not be read: the process that does ended early; see standard error") from None
    finally:
        os.close(descriptor)
    if isinstance(outcome.result, Snapshot):
        return outcome.result
    raise InvalidError(*outcome.result)


async def _run(arguments: list[str], descriptor: int, within: float) -> int | None:
    """The exit code of the process; None when it was killed because it took too long."""
    loop = asyncio.get_running_loop()
    with deaf():
        process = subprocess.Popen(  # noqa: ASYNC220, S603 (our own program; starting it does not block)
            arguments,
            stdin=subprocess.DEVNULL,
            stdout=2,
            pass_fds=(descriptor,),
            env=environment(),
            process_group=0,  # HUP to our whole group is meant for control
        )
    pidfd = os.pidfd_open(process.pid)
    ended = asyncio.Event()
    loop.add_reader(pidfd, ended.set)
    try:
        await asyncio.wait_for(ended.wait(), within)
    except TimeoutError:
        return None
    else:
        return process.wait()
    finally:
        loop.remove_reader(pidfd)
        os.close(pidfd)
        if process.poll() is None:
            process.kill()
            process.wait()
