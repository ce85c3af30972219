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

FOLDER = Path(__file__).with_name("vectors")
DIRECTIONS = {"request": 0, "response": 1}


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
        return [_vector(entry, text) for entry in text["vectors"]]
    except (KeyError, TypeError, ValueError) as error:
        raise VectorError(f"{path}: {type(error).__name__}: {error}") from error


def _vector(entry: Mapping[str, Any], common: Mapping[str, Any]) -> Vector:
    expected = {key: entry[key] for key in ("service", "method", "timeout", "headers", "fields") if key in entry}
    return Vector(
        entry.get("protocol", common["protocol"]), entry["name"], bytes.fromhex(entry["hex"]),
        DIRECTIONS[entry["direction"]], entry["kind"], entry["meaning"], entry.get("source") or common["source"],
        entry.get("id"), expected, entry.get("field", ""), entry.get("options") or {},
        entry.get("encodes", True), entry.get("because", ""), entry.get("detected", True),
    )  # fmt: skip
