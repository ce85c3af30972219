"""The recorded frames of tests/vectors as the kit's vectors: the one place that knows how they are kept."""

from __future__ import annotations

import json
from pathlib import Path

from conformance.golden import Vector

VECTORS = Path(__file__).resolve().parents[2] / "vectors"
FOLDERS = ("bolt", "dubbo", "tars", "thrift", "thrift-twitter")


def recorded(protocol: str) -> list[Vector]:
    """Every recorded frame of that protocol."""
    return [vector for folder in FOLDERS for vector in _folder(folder) if vector.protocol == protocol]


def _folder(folder: str) -> list[Vector]:
    entries = json.loads((VECTORS / folder / "index.json").read_text(encoding="utf-8"))
    return [_vector(folder, entry) for entry in entries]


def _vector(folder: str, entry: dict) -> Vector:
    protocol = entry.get("protocol") or folder
    plain = folder == "thrift-twitter" and entry.get("header") is None
    kind = "session" if plain else entry["kind"]
    data = (VECTORS / folder / entry["file"]).read_bytes()
    direction = int(entry["direction"] == "response")
    return Vector(protocol, entry["name"], data, direction, kind, entry.get("meaning", ""), entry["source"], entry.get("id"))
