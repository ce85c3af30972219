"""Files of access logs: opened by whoever writes them, and opened again when somebody has moved them away.

What always holds: a file is open as long as anybody has it, under one descriptor, which `reopen` turns to what is at the
path then; whoever is just writing to it writes all of that to one file or the other.
"""

from __future__ import annotations

import fcntl
import os

from proxy.snapshot import Snapshot

MODE = 0o640
"""Access logs say who calls whom: they are not everybody's to read."""


class LogFileError(ValueError):
    """A path that cannot be written to; the message says why."""


class LogFile:
    """Open for appending. `torn` and `failing` are of who writes: the last line there is cut off; writing fails."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.fd = _open(path)
        self.torn = self.failing = False

    def __repr__(self) -> str:
        return f"<LogFile {self.path}>"

    def __del__(self) -> None:
        if hasattr(self, "fd"):
            os.close(self.fd)

    def reopen(self) -> None:
        """Goes on with the file that is at the path now; raises `LogFileError`, and then with the one before."""
        fresh = _open(self.path)
        try:
            os.dup2(fresh, self.fd, inheritable=False)
        finally:
            os.close(fresh)


class LogFiles:
    """Those of a snapshot, by path: each is opened once, and what `before` has open stays. Raises `LogFileError`."""

    def __init__(self, snapshot: Snapshot, before: LogFiles | None = None) -> None:
        had = {} if before is None else before.by_path
        self.by_path: dict[str, LogFile] = {}
        for listener in snapshot.listeners.values():
            if listener.access_log is None or listener.access_log.path in self.by_path:
                continue
            path = listener.access_log.path
            try:
                self.by_path[path] = had.get(path) or LogFile(path)
            except LogFileError as error:
                raise LogFileError(f"listener {listener.name}: {error}") from None

    def reopen(self) -> list[str]:
        """What is wrong with some, for the log."""
        problems = []
        for each in self.by_path.values():
            try:
                each.reopen()
            except LogFileError as error:
                problems.append(f"{error}; what was open stays so")
        return problems


def _open(path: str) -> int:
    """Never waits: a pipe that nobody reads is an error."""
    try:
        made = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOCTTY | os.O_NONBLOCK, MODE)
    except OSError as error:
        raise LogFileError(f"access log {path} cannot be opened: {error.strerror}") from None
    fcntl.fcntl(made, fcntl.F_SETFL, fcntl.fcntl(made, fcntl.F_GETFL) & ~os.O_NONBLOCK)
    return made
