"""What is wrong with a configuration, said in one line that an editor can jump to.

Problems are values, collected and never raised one at a time, because whoever edits a file wants all of them at once.
Every message has two halves, divided by a semicolon: what is wrong, and what to write instead.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

Path = tuple[str | int, ...]

_PLAIN_KEY = re.compile(r"[^\s.\[\]\"]+")


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """Sorted by place. `line` counts from 1; 0 where the file as a whole is meant."""

    line: int
    column: int
    path: str
    message: str

    def render(self, file: str) -> str:
        """``file:line: value.path: what is wrong; what to write instead``."""
        place = f"{file}:{self.line}" if self.line else file
        return f"{place}: {self.path}: {self.message}" if self.path else f"{place}: {self.message}"


class ConfigurationError(Exception):
    """The file is not a configuration; `problems` are all the reasons, in the order of their lines."""

    def __init__(self, file: str, problems: Iterable[Problem]) -> None:
        self.file = file
        self.problems = tuple(sorted(set(problems)))
        super().__init__(self.render())

    def render(self) -> str:
        """One line for each problem."""
        return "\n".join(problem.render(self.file) for problem in self.problems)


def render_path(path: Path) -> str:
    """``routes.main[0].match.headers["a.b"]``."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        elif _PLAIN_KEY.fullmatch(part):
            text += f".{part}" if text else part
        else:
            text += '["' + part.replace("\\", "\\\\").replace('"', '\\"') + '"]'
    return text
