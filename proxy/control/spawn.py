"""How processes of this package are started: the same interpreter, the same package, whatever the working directory.

``-P`` keeps a folder named `proxy` in the working directory from being taken for this package; the folder that holds
the package that runs now is handed on instead, unless the interpreter finds it anyway. HUP and USR1 are control's: what it
starts is deaf to them from its first moment.
"""

from __future__ import annotations

import contextlib
import os
import signal
import site
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

ROOT = str(Path(__file__).resolve().parents[2])


def command(module: str, *arguments: str) -> list[str]:
    """The arguments of ``python -m module``."""
    return [sys.executable, "-P", "-m", module, *arguments]


@contextlib.contextmanager
def deaf() -> Iterator[None]:
    """What is started meanwhile has HUP and USR1 blocked; our own wait so long.

    Ignoring them is not inherited by whoever has handlers for them.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGHUP, signal.SIGUSR1))
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def environment(given: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The environment for such a process."""
    made = dict(given)
    if ROOT not in map(str, (*site.getsitepackages(), site.getusersitepackages())):
        before = made.get("PYTHONPATH")
        made["PYTHONPATH"] = f"{ROOT}{os.pathsep}{before}" if before else ROOT
    return made
