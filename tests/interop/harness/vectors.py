"""Golden vectors as they are recorded: frames with what they must be read as, written to conformance/vectors."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import yaml

from .described import describe

if TYPE_CHECKING:
    from pathlib import Path

MAX_VECTOR = 1 << 16
ORDER = ("name", "source", "direction", "meaning", "kind", "id", "service", "method", "timeout", "headers", "fields", "hex")
MAX_TEXT = 256
"""A longer header is in the bytes alone."""


@dataclass(frozen=True)
class Software:
    """What sent a frame: the file that its vectors are in, its name and version."""

    file: str
    name: str

    @property
    def source(self) -> str:
        return f"{self.name}; recorded from a connection over loopback by tests/interop/record.py"


@dataclass
class Vectors:
    """Frames by protocol and file; `add` keeps one, `save` writes the files anew."""

    root: Path
    files: dict[tuple[str, str], list[dict[str, Any]]] = field(default_factory=dict)
    sources: dict[tuple[str, str], str] = field(default_factory=dict)
    frames: dict[str, bytes] = field(default_factory=dict)
    """By name."""

    def add(
        self, protocol: str, name: str, software: Software, direction: str, data: bytes, *, meaning: str = "", **expected: Any
    ) -> None:
        """Keeps one frame that went in that direction ("request", "response").

        `meaning` is added to the sentence that the frame tells of itself; `expected` is what the scenario asked for, and
        `headers` among it come on top of the frame's own.
        """
        if len(data) >= MAX_VECTOR:
            raise ValueError(f"{name}: {len(data)} bytes are too many for a vector")
        if name in self.frames:
            raise ValueError(f"two vectors are called {name}")
        self.frames[name] = data
        key = (protocol, software.file)
        entry = describe(protocol, data, direction)
        headers = {**entry.get("headers", {}), **expected.pop("headers", {})}
        headers = {key: value for key, value in headers.items() if value is None or len(value) <= MAX_TEXT}
        entry |= {"name": name, "direction": direction, "hex": Hex(hexadecimal(data)), **expected}
        entry |= {"headers": headers} if headers else {}
        entry["meaning"] += f"; {meaning}" if meaning else ""
        if self.sources.setdefault(key, software.source) != software.source:
            entry["source"] = software.source
        self.files.setdefault(key, []).append({part: entry[part] for part in ORDER if part in entry and entry[part] != {}})

    def save(self) -> None:
        for (protocol, file), entries in self.files.items():
            path = self.root / protocol / f"{file}.yaml"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(written({"protocol": protocol, "source": self.sources[protocol, file], "vectors": entries}))


def hexadecimal(data: bytes) -> str:
    """32 bytes a line, in groups of four."""
    lines = (data[at : at + 32].hex(" ", -4) for at in range(0, len(data), 32))
    return "".join(f"{line}\n" for line in lines)


class Hex(str):
    """Text that is written as a block."""

    __slots__ = ()


class Dumper(yaml.SafeDumper):
    """Text in double quotes only where it must be, hexadecimal in blocks."""

    def ignore_aliases(self, _data: object) -> bool:
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)


Dumper.add_representer(Hex, lambda dumper, data: dumper.represent_scalar("tag:yaml.org,2002:str", str(data), style="|"))


def written(document: dict[str, Any]) -> str:
    """A vector file's text."""
    return yaml.dump(document, Dumper=Dumper, sort_keys=False, allow_unicode=True, width=120, default_flow_style=None)
