"""How processes of this package are started: the same interpreter, the same package, whatever the working directory.

``-P`` keeps a folder named `proxy` in the working directory from being taken for this package; the folder that holds
the package that runs now is handed on instead, unless the interpreter finds it anyway.
"""

from __future__ import annotations

import os
import site
import sys
from collections.abc import Mapping
from pathlib import Path

ROOT = str(Path(__file__).resolve().parents[2])


def command(module: str, *arguments: str) -> list[str]:
    """The arguments of ``python -m module``."""
    return [sys.executable, "-P", "-m", module, *arguments]


def environment(given: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The environment for such a process."""
    made = dict(given)
    if ROOT not in map(str, (*site.getsitepackages(), site.getusersitepackages())):
        before = made.get("PYTHONPATH")
        made["PYTHONPATH"] = f"{ROOT}{os.pathsep}{before}" if before else ROOT
    return made
