"""The line discipline of every peer: READY first, then a JSON line in and a JSON line out, until input ends."""

from __future__ import annotations

import json
import os
import sys
from typing import Any
from collections.abc import Callable


def serve(port: int, commands: dict[str, Callable[[dict[str, Any]], dict[str, Any]]]) -> None:
    """Answers commands until standard input ends, then ends the process at once."""
    _say(f"READY {port}")
    for line in sys.stdin:
        args = json.loads(line)
        try:
            result = commands[args["cmd"]](args)
        except Exception as error:  # noqa: BLE001  (every failure is the test's to judge)
            result = {"ok": False, "error": type(error).__name__, "message": str(error)}
        _say(json.dumps(result))
    os._exit(0)


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
