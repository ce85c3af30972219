"""Golden vectors: frames with their meaning and their source, as YAML files in a folder of the protocol's name.

A file holds what is common to its vectors (protocol, source) and the vectors::

    protocol: bolt
    source: SOFABolt 1.6.7, RpcClient to RpcServer over loopback
    vectors:
      - name: java-v1-heartbeat
        direction: request            # request: a client sent it; response: a server did
        meaning: a heartbeat of protocol v1
        kind: heartbeat               # a Kind in lower case, `refused`, or `session` for either frame of a handshake
        id: 3
        hex: |
          01 01 0000 01 00000003 01 00000000 0000 0000 00000000

Optional: `source` of one vector; `service`, `method`, `timeout` (milliseconds), `headers` (a map of text by routing key;
null for one that is not there), and `fields` (a nested map of what construct decodes), each compared where it is given, with
bytes that are no text as ``hex:…``; `field` (of a `refused` frame: the path that refuses it); `options` (the `protocol_options`
it is read with); `encodes: false` with a `because` where building from the decoded fields gives other bytes of one meaning;
`detected: false` where the signature leaves the frame out, which nobody is known to send.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from xproto.errors import suggest
from xproto.spec import Kind

FOLDER = Path(__file__).with_name("vectors")
DIRECTIONS = {"request": 0, "response": 1}
KINDS = (*(kind.name.lower() for kind in Kind), "refused", "session")
_COMPARED = ("service", "method", "timeout", "headers", "fields")
_KEYS = (
    "protocol", "source", "name", "direction", "meaning", "kind", "id", "hex", *_COMPARED,
    "field", "options", "encodes", "because", "detected",
)  # fmt: skip


class VectorError(ValueError):
    """A vector file that cannot be used, with its path and what is wrong."""


@dataclass(frozen=True)
class Vector:
    """One frame, and what is known of it. `direction`: 0 from a client, 1 from a server."""

    protocol: str
    name: str
    data: bytes
    direction: int
    kind: str
    meaning: str
    source: str
    id: int | None = None
    expected: Mapping[str, Any] = field(default_factory=dict)
    """service, method, timeout, headers, fields: each where it is given."""
    refused_at: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    encodes: bool = True
    because: str = ""
    detected: bool = True


def load(folder: Path) -> list[Vector]:
    """The vectors of every YAML file in the folder, by file name, or those of one file; raises `VectorError`."""
    paths = [folder] if folder.is_file() else sorted(folder.glob("*.yaml"))
    found = [vector for path in paths for vector in _file(path)]
    names = [(vector.protocol, vector.name) for vector in found]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice:
        raise VectorError(f"{folder}: the vector {twice[1]} of {twice[0]} is there twice")
    return found


def read(path: Path) -> Any:
    """A vector file as YAML reads it; raises `VectorError`."""
    try:
        return yaml.load(path.read_text(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 - both are safe
    except (OSError, yaml.YAMLError) as error:
        raise VectorError(f"{path}: {type(error).__name__}: {error}") from error


def _file(path: Path) -> list[Vector]:
    try:
        text = read(path)
        entries, common = list(text["vectors"]), text
    except (KeyError, TypeError) as error:
        raise VectorError(f"{path}: {type(error).__name__}: {error}") from error
    return [_named(path, number, entry, common) for number, entry in enumerate(entries, 1)]


def _named(path: Path, number: int, entry: Any, common: Mapping[str, Any]) -> Vector:
    """The vector; what is wrong with it is said with its name, or its place in the file."""
    try:
        return _vector(entry, common)
    except KeyError as error:
        why = f"{error.args[0]} is missing"
    except (TypeError, ValueError, AttributeError) as error:
        why = str(error)
    where = entry.get("name") if isinstance(entry, Mapping) else None
    raise VectorError(f"{path}: vector {where or number}: {why}")


def _vector(entry: Mapping[str, Any], common: Mapping[str, Any]) -> Vector:
    for key in entry:
        if key not in _KEYS:
            raise ValueError(f"there is no key {key!r}; {suggest(str(key), _KEYS)}")
    for key, known in (("direction", DIRECTIONS), ("kind", KINDS)):
        if entry[key] not in known:
            raise ValueError(f"{key} cannot be {entry[key]!r}; {suggest(str(entry[key]), known)}")
    expected = {key: entry[key] for key in _COMPARED if key in entry}
    return Vector(
        entry.get("protocol", common["protocol"]), entry["name"], bytes.fromhex(entry["hex"]),
        DIRECTIONS[entry["direction"]], entry["kind"], entry["meaning"], entry.get("source") or common["source"],
        entry.get("id"), expected, entry.get("field", ""), entry.get("options") or {},
        entry.get("encodes", True), entry.get("because", ""), entry.get("detected", True),
    )  # fmt: skip
