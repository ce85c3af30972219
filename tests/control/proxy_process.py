"""A proxy as its users start it: a process, its output, its children; and Bolt enough to talk to it."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.golden import frame

PATIENCE = 20.0
REQUEST = frame("bolt", "anthunder-echo-request")
RESPONSE = frame("bolt", "anthunder-echo-response")
HEARTBEAT = bytes.fromhex("01 01 0000 01 0000002a 01 ffffffff 0000 0000 00000000")
HEARTBEAT_ACK = bytes.fromhex("01 00 0000 01 0000002a 01 0000 0000 0000 00000000")
ID = slice(5, 9)
NO_ROUTE = 6

CONFIGURATION = """\
listeners:
  - {{name: mesh, address: {address}, protocols: auto, routes: main}}
routes:
  main:
    - match: {{headers: {{sofa_head_target_service: "com.test.EchoService:1.0"}}}}
      cluster: echo
clusters:
  echo: {{hosts: [{host}]}}
"""


class Lines:
    """A pipe, line by line, with a deadline; remembers what it saw."""

    def __init__(self, pipe: Any) -> None:
        self._fd = pipe.fileno()
        self._rest = b""
        self.seen: list[str] = []

    def next(self) -> str | None:
        """The next line; None at the end."""
        deadline = time.monotonic() + PATIENCE
        while b"\n" not in self._rest:
            ready, _, _ = select.select([self._fd], [], [], max(0, deadline - time.monotonic()))
            assert ready, f"no line for {PATIENCE} s after {self.seen}"
            data = os.read(self._fd, 65536)
            if not data:
                return None
            self._rest += data
        line, _, self._rest = self._rest.partition(b"\n")
        self.seen.append(line.decode())
        return self.seen[-1]

    def until(self, wanted: str) -> str:
        """The next line that contains `wanted`."""
        while (line := self.next()) is not None:
            if wanted in line:
                return line
        raise AssertionError(f"ended without {wanted!r}: {self.seen}")


class ProxyProcess:
    """One `xproto run`."""

    def __init__(self, file: Path, **environment: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "proxy.cli", "run", str(file)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, **environment},
        )
        self._look()

    def _look(self) -> None:
        self.pid = self.process.pid
        self.out, self.log = Lines(self.process.stdout), Lines(self.process.stderr)

    def wait_ready(self) -> dict[str, str]:
        """Addresses by listener name, and the admin port's."""
        addresses: dict[str, str] = {}
        while (line := self.out.next()) != "ready":
            assert line is not None, self.rest_of_log()
            words = line.split()
            addresses[words[-2]] = words[-1]
        return addresses

    def workers(self) -> list[int]:
        return [int(pid) for pid in Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()]

    def signal(self, which: signal.Signals) -> None:
        self.process.send_signal(which)

    def wait(self) -> int:
        return self.process.wait(PATIENCE)

    def rest_of_log(self) -> list[str]:
        while self.log.next() is not None:
            pass
        return self.log.seen


@contextlib.contextmanager
def running(file: Path, **environment: str) -> Iterator[ProxyProcess]:
    """A proxy that is gone afterwards, and its workers too."""
    proxy = ProxyProcess(file, **environment)
    try:
        yield proxy
    finally:
        if proxy.process.poll() is None:
            proxy.process.kill()
            proxy.process.wait()
        proxy.process.stdout.close()
        proxy.process.stderr.close()


def write(folder: Path, text: str = "", address: str = "127.0.0.1:0", host: str = "127.0.0.1:1") -> Path:
    """A configuration file: the usual one, with `text` behind it."""
    file = folder / "proxy.yaml"
    file.write_text(CONFIGURATION.format(address=f"'{address}'", host=f"'{host}'") + text)
    return file


def connect(address: str) -> socket.socket:
    if address.startswith("unix:"):
        made = socket.socket(socket.AF_UNIX)
        made.settimeout(PATIENCE)
        made.connect(address.removeprefix("unix:"))
        return made
    host, _, port = address.rpartition(":")
    return socket.create_connection((host.strip("[]"), int(port)), PATIENCE)


def receive(connection: socket.socket, size: int) -> bytes:
    """Exactly so many bytes, or what came before the end."""
    data = b""
    while len(data) < size and (more := connection.recv(size - len(data))):
        data += more
    return data


def beats(connection: socket.socket) -> bool:
    """Whether a heartbeat over the connection is answered."""
    connection.sendall(HEARTBEAT)
    return receive(connection, len(HEARTBEAT_ACK)) == HEARTBEAT_ACK


def ended(pid: int) -> None:
    """Waits until a process that is not our child is gone."""
    with contextlib.suppress(ProcessLookupError):
        descriptor = os.pidfd_open(pid)
        try:
            assert select.select([descriptor], [], [], PATIENCE)[0], f"{pid} is still there"
        finally:
            os.close(descriptor)
