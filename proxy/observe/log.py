"""Log lines: ``time level process message``, one write each, to stderr.

Not `logging`: the proxy logs rarely (never per call), and a worker should not carry handlers and formatters. A peer
that misbehaves can cause a line for each of its connections, so lines are rationed, and what was left out is counted.
A message is one line whatever a peer puts into it.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable
from typing import Literal

Level = Literal["info", "warning", "error"]

BURST = 200
"""Lines that may come at once, after silence."""
RATE = 20.0
"""Lines a second thereafter."""
LINE_MAX = 2000
"""Characters of a message; a regex or a path can be long, a log line should not."""
STDERR = 2


class Ration:
    """A token bucket: `allow` says whether one more line may be written at `now` (seconds)."""

    def __init__(self, burst: float = BURST, rate: float = RATE) -> None:
        self._burst, self._rate = burst, rate
        self._tokens, self._then = burst, 0.0
        self.left_out = 0
        """Lines refused since the last one that was allowed."""

    def allow(self, now: float) -> bool:
        self._tokens = min(self._burst, self._tokens + max(0.0, now - self._then) * self._rate)
        self._then = now
        if self._tokens < 1:
            self.left_out += 1
            return False
        self._tokens -= 1
        return True


class Log:
    """The log of one process, told apart by `process` (``control``, ``worker-0``)."""

    def __init__(
        self,
        process: str,
        write: Callable[[bytes], object] = lambda data: os.write(STDERR, data),
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._process, self._write, self._clock = process, write, clock
        self._ration = Ration()

    def info(self, message: str) -> None:
        self._line("info", message)

    def warning(self, message: str) -> None:
        self._line("warning", message)

    def error(self, message: str) -> None:
        self._line("error", message)

    def _line(self, level: Level, message: str) -> None:
        now = self._clock()
        left_out = self._ration.left_out
        if not self._ration.allow(now):
            return
        if left_out:
            self._ration.left_out = 0
            self._put(now, "warning", f"{left_out} lines left out")
        self._put(now, level, message)

    def _put(self, now: float, level: Level, message: str) -> None:
        with contextlib.suppress(OSError):  # nobody reads the log any more
            self._write(render_line(now, level, self._process, message))


def render_line(now: float, level: Level, process: str, message: str) -> bytes:
    """``2026-01-31T12:00:00.000Z warning worker-0 message``."""
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now))
    text = "".join(c if c.isprintable() else repr(c)[1:-1] for c in message[:LINE_MAX])
    return f"{stamp}.{int(now * 1000) % 1000:03d}Z {level} {process} {text}\n".encode(errors="backslashreplace")
