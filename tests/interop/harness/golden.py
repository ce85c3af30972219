"""The golden vectors of every built-in protocol, as `conformance.golden` has them."""

from __future__ import annotations

import json
from pathlib import Path

from conformance.golden import Vector

VECTORS = Path(__file__).resolve().parents[2] / "vectors"
_KINDS = {"readonly": "goaway"}


def recorded() -> list[Vector]:
    """Every frame that was recorded from real software."""
    return [vector for index in sorted(VECTORS.glob("*/index.json")) for vector in _folder(index.parent)]


def _folder(folder: Path) -> list[Vector]:
    entries = json.loads((folder / "index.json").read_text(encoding="utf-8"))
    return [
        Vector(
            entry.get("protocol", folder.name), entry["name"], (folder / entry["file"]).read_bytes(),
            int(entry["direction"] == "response"), _KINDS.get(entry["kind"], entry["kind"]), "", entry["source"], entry["id"],
        )
        for entry in entries
    ]  # fmt: skip
