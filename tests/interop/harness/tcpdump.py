"""tcpdump on the loopback: what real peers say to each other, as a file.

It is ready when it has seen a datagram that is sent for it to see, and has everything when it has seen another one: nothing
here sleeps.
"""

from __future__ import annotations

import contextlib
import signal
import socket
import time
from typing import TYPE_CHECKING, Self

from .processes import STOP_TIMEOUT, Child, PeerError

if TYPE_CHECKING:
    from pathlib import Path

PATIENCE = 30.0
TURN = 0.2


class Tcpdump(Child):
    """Captures what comes and goes on some TCP ports of the loopback into `file`, until it is left."""

    def __init__(self, file: Path, ports: list[int], *options: str) -> None:
        self.file = file
        self._mark = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._mark.bind(("127.0.0.1", 0))
        self._mark.connect(self._mark.getsockname())
        tcp = " or ".join(f"tcp port {port}" for port in ports)
        marks = f"udp port {self._mark.getsockname()[1]}"
        command = ["tcpdump", "-i", "lo", "-n", "-Z", "root", "--immediate-mode", "-U", "--print", "-l", *options]
        try:
            super().__init__("tcpdump", [*command, "-w", str(file), f"{tcp} or {marks}"], file.with_suffix(".log"))
        except BaseException:
            self._mark.close()
            raise
        self._seen("ready")

    def _seen(self, what: str) -> None:
        """Sends datagrams until one of them is in the capture."""
        size, deadline = len(what), time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            self._mark.send(what.encode())
            with contextlib.suppress(PeerError):
                while f"length {size}" not in self._udp_line():
                    pass
                return
        raise self.error(f"saw nothing for {PATIENCE:g} s")

    def _udp_line(self) -> str:
        while "UDP" not in (line := self.line(TURN)):
            pass
        return line

    def finish(self) -> Path:
        """Everything that was sent until now is in the file, which is complete."""
        self._seen("all that was to be seen")
        self.process.send_signal(signal.SIGINT)
        self.process.wait(STOP_TIMEOUT)
        return self.file

    def __enter__(self) -> Self:
        return self

    def stop(self) -> int:
        self._mark.close()
        self.process.send_signal(signal.SIGINT)
        return super().stop()
