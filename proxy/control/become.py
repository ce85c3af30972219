"""From `xproto run` to the control process: the validated snapshot and its file's path are all that is carried over.

Why exec: see docs/decisions/0004-validate-then-exec.md. The process id stays, so a supervisor of ours (systemd, a shell)
notices nothing; the snapshot travels in a memfd.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import NoReturn

from proxy.control.spawn import command, environment
from proxy.snapshot import Snapshot, decode, encode


def become(snapshot: Snapshot, file: str) -> NoReturn:
    """Replaces this process by the control process, which reads `file` again when it is told to."""
    descriptor = os.memfd_create("xproto-snapshot", 0)
    data = encode(snapshot)
    while data:
        data = data[os.write(descriptor, data) :]
    sys.stdout.flush()
    arguments = command("proxy.control", str(descriptor), str(Path(file).absolute()))
    os.execve(arguments[0], arguments, environment())  # noqa: S606 (no shell is wanted)


def receive(descriptor: int) -> Snapshot:
    """The snapshot that `become` left behind; closes the descriptor."""
    with os.fdopen(descriptor, "rb") as stream:
        stream.seek(0)
        return decode(stream.read())
