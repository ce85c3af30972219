"""A page of the docs as what its reader does, in order: files that are written, changes to them, commands, what these say.

A block of `python` or `yaml` is a file, and one of `diff` changes to it, whose name stands in the line above. A change
begins with ``@@``, and has lines of the file as they are (after a space), those that go (-) and those that come (+). A
block of `sh` is run; of `sh terminal`, in a terminal of its own. A block of `text` is what the
commands before it print: these lines in this order, with `…` for anything.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

_BLOCK = re.compile(r"^(?:`([\w./]+)`\n\n)?```(\w+)(?: (\w+))?\n(.*?)^```$", re.DOTALL | re.MULTILINE)
WRITTEN = {"python", "yaml", "diff"}


@dataclass(frozen=True)
class Step:
    """One block. name: of the file. own: it has a terminal of its own."""

    language: str
    text: str
    name: str = ""
    own: bool = False

    @property
    def written(self) -> int:
        """Lines that the reader writes."""
        lines = self.text.splitlines()
        if self.language not in WRITTEN:
            return 0
        return sum(line.startswith("+") for line in lines) if self.language == "diff" else len(lines)


def steps(page: str) -> list[Step]:
    """All blocks of the page; raises where one is written that has no name."""
    found = [Step(language, text, name, own == "terminal") for name, language, own, text in _BLOCK.findall(page)]
    nameless = [step.text for step in found if (step.language in WRITTEN) != bool(step.name)]
    if nameless:
        raise ValueError(f"a block that is written has a name above it, and no other has: {nameless[0]}")
    return found


def write(step: Step, folder: Path) -> None:
    """Does what the reader does with the file."""
    path = folder / step.name
    if step.language != "diff":
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(step.text, encoding="utf-8")
        return
    text = path.read_text(encoding="utf-8")
    for before, after in _hunks(step.text.splitlines()):
        if text.count(before) != 1:
            raise ValueError(f"{step.name} has this {text.count(before)} times: {before}")
        text = text.replace(before, after)
    path.write_text(text, encoding="utf-8")


def _hunks(lines: list[str]) -> list[tuple[str, str]]:
    """For each part behind a line of ``@@``: its lines as they are, and as they become."""
    found: list[tuple[str, str]] = []
    for line in lines:
        if line == "@@":
            found.append(("", ""))
            continue
        before, after = found.pop()
        sign, rest = line[:1], line[1:] + "\n"
        found.append((before + (rest if sign in " -" else ""), after + (rest if sign in " +" else "")))
    return found


def missing(said: str, text: str) -> str | None:
    """The first line of `text` that does not come in what was said, in its place; None where all do."""
    at = 0
    for line in text.splitlines():
        pattern = r"[ \t]+".join(re.escape(word).replace("…", ".*") for word in line.split())
        found = re.compile(pattern).search(said, at)
        if found is None:
            return line
        at = found.end()
    return None
