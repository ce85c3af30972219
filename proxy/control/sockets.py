"""Listening sockets: bound here, before any worker is there, so that a worker's death closes nothing.

TCP gets a socket for each worker (SO_REUSEPORT: the kernel spreads connections), a unix path one that all share. What
always holds: a path is unlinked only when nobody listens on it, or when it is still the one that was bound here.
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from proxy.snapshot import Listener

BACKLOG = 4096
"""Connections that wait while a worker is respawned; the kernel cuts it to net.core.somaxconn."""
UNIX_UMASK = 0o117
"""A unix socket is open to its owner and group."""


class BindError(Exception):
    """An address that cannot be listened on, and why."""


@dataclass(slots=True)
class Bound:
    """One listener's sockets, one for each worker.

    `address` has the port that the kernel chose; `asked` is what the configuration says.
    """

    name: str
    address: str
    asked: str
    sockets: list[socket.socket]
    inode: int = 0

    def close(self) -> None:
        """Stops listening as far as this process is concerned, and takes a unix path away."""
        for each in self.sockets:
            each.close()
        if self.address.startswith("unix:"):
            path = Path(self.address.removeprefix("unix:"))
            with contextlib.suppress(FileNotFoundError):
                if path.lstat().st_ino == self.inode:
                    path.unlink()


def bind_all(listeners: Iterable[Listener], workers: int) -> list[Bound]:
    """Binds every listener for every worker, or none: raises `BindError` with all that could not be bound."""
    bound: list[Bound] = []
    problems: list[str] = []
    for listener in listeners:
        try:
            bound.append(bind(listener.name, listener.address, workers))
        except BindError as error:
            problems.append(str(error))
    if problems:
        for each in bound:
            each.close()
        raise BindError("\n".join(problems))
    return bound


def bind(name: str, address: str, workers: int) -> Bound:
    """Binds one address and listens; raises `BindError`."""
    try:
        if address.startswith("unix:"):
            return _bind_unix(name, address, workers)
        return _bind_tcp(name, address, workers)
    except OSError as error:
        raise BindError(f"{name}: cannot listen on {address}: {error.strerror or error}") from error


def split(address: str) -> tuple[str, int]:
    """IP and port of a canonical TCP address."""
    host, _, port = address.rpartition(":")
    return host.strip("[]"), int(port)


def _bind_tcp(name: str, address: str, workers: int) -> Bound:
    host, port = split(address)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = Bound(name, address, address, [])
    try:
        for _ in range(workers):
            made = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
            bound.sockets.append(made)
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            if workers > 1:
                made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            made.bind((host, port))
            port = made.getsockname()[1]
            made.listen(BACKLOG)
    except OSError:
        bound.close()
        raise
    bound.address = f"{address.rpartition(':')[0]}:{port}"
    return bound


def _bind_unix(name: str, address: str, workers: int) -> Bound:
    path = Path(address.removeprefix("unix:"))
    _remove_stale(path)
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    before = os.umask(UNIX_UMASK)
    try:
        made.bind(str(path))
        made.listen(BACKLOG)
    except OSError:
        made.close()
        raise
    finally:
        os.umask(before)
    return Bound(name, address, address, [made] * workers, path.lstat().st_ino)


def _remove_stale(path: Path) -> None:
    """Unlinks a socket that nobody listens on; anything else that is there is an error."""
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise OSError(errno.EEXIST, "there is a file that is no socket")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK) as probe:
        # A full backlog gives EAGAIN: somebody listens.
        result = probe.connect_ex(str(path))
    if result != errno.ECONNREFUSED:
        raise OSError(errno.EADDRINUSE, "it is in use")
    path.unlink()
