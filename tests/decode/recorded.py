"""Recorded frames of real peers, with what their index says of them."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

VECTORS = Path(__file__).resolve().parent.parent / "vectors"


class Recorded(NamedTuple):
    name: str
    data: bytes
    direction: int
    entry: dict[str, Any]


@cache
def recorded(folder: str) -> dict[str, Recorded]:
    """By name."""
    index = json.loads((VECTORS / folder / "index.json").read_text(encoding="utf-8"))
    return {
        each["name"]: Recorded(
            each["name"], (VECTORS / folder / each["file"]).read_bytes(), int(each["direction"] == "response"), each
        )
        for each in index
    }


def pairs(folder: str) -> list[tuple[Recorded, Recorded]]:
    """Requests with their answers."""
    known = recorded(folder)
    ends = ("-request", "-response")
    return [
        (known[name], known[answer])
        for name in known
        if name.endswith(ends[0]) and (answer := name.removesuffix(ends[0]) + ends[1]) in known
    ]
