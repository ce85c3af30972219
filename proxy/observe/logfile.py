"""Files of access logs: opened by whoever writes them, and opened again when somebody has moved them away.

What always holds: a file is a regular one, which takes whole lines and never makes anybody wait for a reader; it is open
as long as anybody has it, under one descriptor, which `reopen` turns to what is at the path then. Only a worker that comes
back may have one that cannot be opened: whoever writes tries again.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import threading
import time

from proxy.snapshot import Snapshot

MODE = 0o640
"""Access logs say who calls whom: they are not everybody's to read."""
NO_FILE = "is not a file; name a file (pipes and devices cannot take whole lines at once)"
RETRY = 1.0
"""Seconds after which a file that cannot be opened is tried again."""


class LogFileError(ValueError):
    """A path that cannot be written to; the message says why."""


class LogFile:
    """Open for appending; `problem` says why it is not, if it need not be (`must`), and then `fd` is -1.

    `torn` and `failing` are of who writes: the `generation` whose last line is cut off, or -1; writing fails.
    """

    def __init__(self, path: str, must: bool = True) -> None:
        self.path, self.fd, self.problem = path, -1, ""
        self.generation, self.torn, self.failing = 0, -1, False
        self._lock = threading.Lock()
        self._again = 0.0
        try:
            self.fd = _open(path)
        except LogFileError as error:
            if must:
                raise
            self.problem, self.failing = str(error), True
            self._again = time.monotonic() + RETRY

    def __repr__(self) -> str:
        return f"<LogFile {self.path}>"

    def __del__(self) -> None:
        if self.fd >= 0:
            os.close(self.fd)

    def reopen(self) -> None:
        """Goes on with the file that is at the path now; raises `LogFileError`, and then with the one before."""
        fresh = _open(self.path)
        with self._lock:
            if self.fd < 0:
                self.fd = fresh
                return
            try:
                self.generation += 1
                os.dup2(fresh, self.fd, inheritable=False)
            finally:
                os.close(fresh)

    def descriptor(self) -> int:
        """For whoever writes; -1 while it cannot be opened, which is tried once a second."""
        if self.fd < 0 and time.monotonic() >= self._again:
            self._again = time.monotonic() + RETRY
            with contextlib.suppress(LogFileError):
                self.reopen()
        return self.fd


class LogFiles:
    """Those of a snapshot, by path: each is opened once, and what `before` has open stays.

    Raises `LogFileError`; if they need not be open (`must`), `problems` says what is wrong instead.
    """

    def __init__(self, snapshot: Snapshot, before: LogFiles | None = None, must: bool = True) -> None:
        had = {} if before is None else before.by_path
        self.by_path: dict[str, LogFile] = {}
        self.problems: list[str] = []
        for listener in snapshot.listeners.values():
            if listener.access_log is None or listener.access_log.path in self.by_path:
                continue
            path = listener.access_log.path
            try:
                file = self.by_path[path] = had.get(path) or LogFile(path, must)
                if must and file.fd < 0:
                    file.reopen()
            except LogFileError as error:
                raise LogFileError(f"listener {listener.name}: {error}") from None
            if file.fd < 0:
                self.problems.append(f"listener {listener.name}: {file.problem}; its lines are dropped until it can be")

    def reopen(self) -> list[str]:
        """What is wrong with some, for the log."""
        problems = []
        for each in self.by_path.values():
            try:
                each.reopen()
            except LogFileError as error:
                problems.append(f"{error}; {'its lines are dropped' if each.fd < 0 else 'what was open stays so'}")
        return problems


def _open(path: str) -> int:
    """Never waits, not for a pipe either."""
    try:
        made = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOCTTY | os.O_NONBLOCK, MODE)
    except OSError as error:
        if error.errno == errno.ENXIO:  # a socket, or a pipe that nobody reads
            raise LogFileError(f"access log {path}: {NO_FILE}") from None
        raise LogFileError(f"access log {path} cannot be opened: {error.strerror}") from None
    if not stat.S_ISREG(os.fstat(made).st_mode):
        os.close(made)
        raise LogFileError(f"access log {path}: {NO_FILE}")
    return made
