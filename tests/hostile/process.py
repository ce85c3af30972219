"""The real proxy as a child process: its addresses, its log, its metrics, its worker's memory.

Nothing sleeps: log lines are waited for on a condition, metrics are read when an answer or the end of a connection has
shown that the worker counted already, and every wait has a limit.
"""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, Self

PATIENCE = 10.0
"""Seconds until a wait gives up; nothing takes so long unless it is broken."""
STARTS_WITHIN = 20.0
STOPS_WITHIN = 10.0

_SERIES = re.compile(r"^(?P<name>[a-z_]+)(?:\{(?P<labels>.*)\})? (?P<value>\S+)$")
_LABEL = re.compile(r'([a-z_]+)="((?:[^"\\]|\\.)*)"')


class Lines:
    """The lines of a stream, kept, and waited for."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._lines: list[str] = []
        self._ended = False
        self._news = threading.Condition()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        for raw in self._stream:
            with self._news:
                self._lines.append(raw.decode().rstrip("\n"))
                self._news.notify_all()
        with self._news:
            self._ended = True
            self._news.notify_all()

    def mark(self) -> int:
        """Where the next line will be."""
        return len(self._lines)

    def since(self, mark: int) -> list[str]:
        with self._news:
            return self._lines[mark:]

    def expect(self, pattern: str, since: int = 0, within: float = PATIENCE) -> str:
        """The first line from `since` on in which the pattern is found."""
        deadline = time.monotonic() + within
        with self._news:
            while True:
                for line in self._lines[since:]:
                    if re.search(pattern, line):
                        return line
                left = deadline - time.monotonic()
                if left <= 0 or self._ended:
                    raise AssertionError(f"no line like {pattern!r} in {within:g} s; there are: {self._lines[since:][-30:]}")
                self._news.wait(left)

    def close(self) -> None:
        self._thread.join(PATIENCE)
        self._stream.close()


class Proxy:
    """``xproto run`` with this configuration. `listeners` are the addresses by name, `worker` is its worker's pid."""

    def __init__(self, config: str, folder: Path) -> None:
        file = folder / "proxy.yaml"
        file.write_text(config)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "proxy.cli", "run", str(file)], stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        self.log, self._said = Lines(self._process.stderr), Lines(self._process.stdout)
        try:
            self._said.expect("^ready$", within=STARTS_WITHIN)
        except AssertionError:
            self.stop()
            raise AssertionError(f"the proxy does not start: {self.log.since(0)}") from None
        words = [line.split() for line in self._said.since(0)]
        self.listeners = {line[1]: _address(line[2]) for line in words if line[0] == "listening"}
        self._admin = next(_address(line[1]) for line in words if line[0] == "admin")
        (self.worker,) = _children(self._process.pid)

    @property
    def address(self) -> tuple[str, int]:
        return self.listeners["mesh"]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def get(self, path: str) -> str:
        connection = http.client.HTTPConnection(*self._admin, timeout=PATIENCE)
        try:
            connection.request("GET", path)
            return connection.getresponse().read().decode()
        finally:
            connection.close()

    def count(self, family: str, **labels: str) -> int:
        """The sum over all series of a family (without ``xproto_``) that have these labels."""
        return self.counts().count(family, **labels)

    def counts(self) -> Counts:
        """All metrics as they are now."""
        return Counts(self.get("/metrics"))

    def eventually(self, wanted: int, family: str, **labels: str) -> None:
        """For what no answer tells: asks the admin port again and again until the count is as wanted."""
        deadline = time.monotonic() + PATIENCE
        while (found := self.count(family, **labels)) != wanted:
            assert time.monotonic() < deadline, f"{family} {labels} is {found}, not {wanted}"

    def eventually_available(self, cluster: str) -> None:
        """Waits until calls may go to every host of the cluster: one that refused is left alone for a while."""
        deadline = time.monotonic() + PATIENCE
        while True:
            (worker,) = json.loads(self.get("/clusters"))["workers"]
            if all(host["available"] for host in worker[cluster]["hosts"]):
                return
            assert time.monotonic() < deadline, f"{cluster} is still left alone: {worker[cluster]}"

    def memory(self) -> int:
        """The worker's resident set size, in bytes. (Its proportional one changes when other processes come and go.)"""
        for line in Path(f"/proc/{self.worker}/smaps_rollup").read_text().splitlines():
            if line.startswith("Rss:"):
                return int(line.split()[1]) * 1024
        raise AssertionError("no Rss")

    def processor_seconds(self) -> float:
        """What the worker has used so far."""
        fields = Path(f"/proc/{self.worker}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def sound(self) -> None:
        """Still the first worker, and none of its own faults in the log."""
        assert self._process.poll() is None
        assert _children(self._process.pid) == [self.worker]
        assert not [line for line in self.log.since(0) if "internal error" in line or "Traceback" in line]

    def stop(self) -> int:
        """INT ends it at once; one that does not end is killed, and the test fails."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
        try:
            return self._process.wait(STOPS_WITHIN)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            raise AssertionError("the proxy does not stop") from None
        finally:
            self._said.close()
            self.log.close()


class Counts:
    """One reading of /metrics."""

    def __init__(self, text: str) -> None:
        self._series: list[tuple[str, dict[str, str], float]] = []
        for line in text.splitlines():
            if not line.startswith("#") and (found := _SERIES.match(line)):
                labels = dict(_LABEL.findall(found["labels"] or ""))
                self._series.append((found["name"], labels, float(found["value"])))

    def count(self, family: str, **labels: str) -> int:
        named = [(having, value) for name, having, value in self._series if name == f"xproto_{family}"]
        assert named, f"no family xproto_{family}"
        return int(sum(value for having, value in named if labels.items() <= having.items()))


class Watch:
    """What the proxy counted and logged since this was made."""

    def __init__(self, proxy: Proxy) -> None:
        self._proxy, self._before, self._mark = proxy, proxy.counts(), proxy.log.mark()

    def grew(self, family: str, **labels: str) -> int:
        return self._proxy.count(family, **labels) - self._before.count(family, **labels)

    def eventually(self, by: int, family: str, **labels: str) -> None:
        self._proxy.eventually(self._before.count(family, **labels) + by, family, **labels)

    def logged(self, pattern: str) -> str:
        """Waits for the line."""
        return self._proxy.log.expect(pattern, self._mark)

    def lines(self) -> list[str]:
        return self._proxy.log.since(self._mark)


def within(seconds: float, what: Callable[[], Any]) -> Any:
    """The result of `what`, which has to take less than so long."""
    began = time.monotonic()
    result = what()
    took = time.monotonic() - began
    assert took < seconds, f"took {took:.2f} s"
    return result


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    return host, int(port)


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
