"""The proxy under test as a child process, and what it has counted."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path

from .processes import Child, PeerError

START_TIMEOUT = 20.0
STOP_TIMEOUT = 15.0
LOG_TIMEOUT, LOOK_EVERY = 5.0, 0.02


class Proxy(Child):
    """`xproto run` with this configuration; `address` is where the listener called "mesh" is."""

    def __init__(self, config: str, folder: Path, name: str = "proxy") -> None:
        file = folder / f"{name}.yaml"
        file.write_text(config, encoding="utf-8")
        super().__init__(f"xproto ({name})", [sys.executable, "-m", "proxy.cli", "run", str(file)], folder / f"{name}.log")
        self.listeners: dict[str, str] = {}
        self.admin = ""
        try:
            self._ready()
        except PeerError:
            super().stop()
            raise

    def _ready(self) -> None:
        deadline = time.monotonic() + START_TIMEOUT
        while (line := self.line(max(0.0, deadline - time.monotonic()))) != "ready":
            words = line.split()
            if words[:1] == ["listening"]:
                self.listeners[words[1]] = words[2]
            elif words[:1] == ["admin"]:
                self.admin = words[1]

    def metrics(self, name: str) -> dict[str, int]:
        """The counters called `xproto_<name>`, by their labels as they are printed; for a proxy with an admin port."""
        with urllib.request.urlopen(f"http://{self.admin}/metrics", timeout=STOP_TIMEOUT) as answer:
            lines = answer.read().decode().splitlines()
        found = (line.rsplit(" ", 1) for line in lines if line.startswith(f"xproto_{name}{{"))
        return {labels.removeprefix(f"xproto_{name}"): int(float(value)) for labels, value in found}

    def logged(self, text: str, since: int = 0) -> str:
        """The log's lines with that text, from byte `since` on. Waits for one: it may come after what it is about."""
        tick = threading.Event()
        for _ in range(int(LOG_TIMEOUT / LOOK_EVERY)):
            lines = self.log.read_bytes()[since:].decode("utf-8", "replace").splitlines()
            if found := [line for line in lines if text in line]:
                return "\n".join(found)
            tick.wait(LOOK_EVERY)
        raise self.error(f"did not log {text!r}")

    @property
    def address(self) -> str:
        return self.listeners["mesh"]

    def stop(self) -> int:
        """Asks the proxy to drain and end; a proxy that does not end in time is killed and fails the test."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(STOP_TIMEOUT)
            except subprocess.TimeoutExpired:
                super().stop()
                raise self.error("did not stop on TERM") from None
        return super().stop()


def config(clusters: dict[str, str], routes: list[tuple[dict[str, str], str]], extra: str = "") -> str:
    """A configuration with one listener for every protocol; `routes` are (exact headers, cluster)."""
    lines = ["listeners:", '  - {name: mesh, address: "127.0.0.1:0", protocols: auto, routes: main}', "routes:", "  main:"]
    for headers, cluster in routes:
        wanted = ", ".join(f'{key}: "{value}"' for key, value in headers.items())
        lines += [f"    - match: {{headers: {{{wanted}}}}}", f"      cluster: {cluster}"]
    lines.append("clusters:")
    for name, address in clusters.items():
        lines.append(f'  {name}: {{lb: round_robin, hosts: ["{address}"]{extra}}}')
    return "\n".join(lines) + "\n"
