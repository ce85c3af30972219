"""Starting proxies and reading from /proc what they cost: all of their processes, whatever they fork or spawn.

A proxy's family is every process of the session that it was started in, and every descendant; so neither a daemonised
worker nor a helper escapes. Processor time of members that have died is in the `cutime` of those that reaped them.
"""

from __future__ import annotations

import contextlib
import os
import random
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

TICK = os.sysconf("SC_CLK_TCK")
PATH = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
"""The interpreter's own folder first: `xproto` and `envoy` are installed beside it."""
START_SECONDS = 20.0
STOP_SECONDS = 10.0
PORTS = range(20000, 30000)
"""Below the range that the kernel takes for outgoing connections, so a load's own sockets never sit on a port."""


class StartError(Exception):
    """A proxy or a backend did not come up; the text ends with the last lines that it wrote."""


class Ports(NamedTuple):
    backend: int
    front: int


class _Stat(NamedTuple):
    parent: int
    session: int
    ticks: int


def which(name: str) -> str | None:
    return shutil.which(name, path=PATH)


def pick_ports(text: str) -> Ports:
    """`auto`, or `BACKEND,FRONT`."""
    if text != "auto":
        backend, front = map(int, text.split(","))
        return Ports(backend, front)
    return Ports(*free_ports(2))


def free_ports(count: int) -> list[int]:
    """So many different ones that nobody has now."""
    free: list[int] = []
    while len(free) < count:
        port = random.choice(PORTS)
        if port not in free and is_free(port):
            free.append(port)
    return free


def is_free(port: int) -> bool:
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            s.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def _stats() -> dict[int, _Stat]:
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                fields = (entry / "stat").read_text().rsplit(")", 1)[1].split()
                ticks = sum(int(field) for field in fields[11:15])  # utime, stime, cutime, cstime
                found[int(entry.name)] = _Stat(int(fields[1]), int(fields[3]), ticks)
    return found


def _family(pid: int, stats: dict[int, _Stat]) -> set[int]:
    found = {p for p, stat in stats.items() if pid in (p, stat.session)}
    while more := {p for p, stat in stats.items() if stat.parent in found} - found:
        found |= more
    return found


def family(pid: int) -> set[int]:
    """The pids of the process, of its session and of its descendants."""
    return _family(pid, _stats())


def cpu_seconds(pid: int) -> float:
    """Processor time that the family has used so far."""
    stats = _stats()
    return sum(stats[p].ticks for p in _family(pid, stats)) / TICK


def cpu_nanoseconds(pid: int) -> int:
    """The same, finer, of members that live."""
    total = 0
    for p in family(pid):
        for task in Path(f"/proc/{p}/task").iterdir():
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                total += int((task / "schedstat").read_text().split()[0])
    return total


def machine_seconds() -> float:
    """Processor time that everything on this machine has used so far, interrupts included."""
    fields = [int(word) for word in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]]
    return (sum(fields[:3]) + sum(fields[5:7])) / TICK  # user, nice, system; irq, softirq


def pss_bytes(pid: int) -> int:
    """Proportional set size of the family: shared pages are counted once, divided among those who share them."""
    total = 0
    for p in _family(pid, _stats()):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            found = re.search(r"^Pss:\s+(\d+)", Path(f"/proc/{p}/smaps_rollup").read_text(), re.MULTILINE)
            total += int(found[1]) * 1024 if found else 0
    return total


def _wait(program: str, process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 0.2):
            return
        time.sleep(0.05)
    what = "does not listen" if process.poll() is None else f"exited with {process.returncode}"
    raise StartError(f"{program} {what}: {' | '.join(log.read_text().splitlines()[-3:])}")


@contextlib.contextmanager
def running(command: Sequence[str], port: int, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The command, from when it listens on the port; stopped, and the port free again, at the end."""
    until = time.monotonic() + STOP_SECONDS
    while not is_free(port):
        if time.monotonic() > until:
            raise StartError(f"port {port} stays taken")
        time.sleep(0.05)
    with log.open("wb") as sink:
        process = subprocess.Popen(
            list(command), stdout=sink, stderr=sink, start_new_session=True, env={**os.environ, "PATH": PATH}
        )
    try:
        _wait(command[0], process, port, log)
        yield process
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
