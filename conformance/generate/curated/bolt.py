"""Frames of Bolt: both versions, with and without a checksum, of each kind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from conformance.generate.curated.example import Example
from xproto.lower import Lowered
from xproto.templates import merge

_PAIRS = [
    ("service", "com.test.Echo:1.0"), ("sofa_head_method_name", "echo"), ("k", ""), ("group", "g"), ("version", "1"),
    ("group", "last"),
]  # fmt: skip


def bolt(_lowered: Lowered, _direction: int) -> Sequence[Example]:
    """What either side sends; a frame says itself which."""
    base = {
        "proto": 1, "ver1": 0, "version": 1, "id": 7, "codec": 1, "switch": {"unused": 0, "crc": 0}, "timeout": 3000,
        "status": 0, "class_name": b"com.test.Call", "headers": _PAIRS, "content": b"0123456789",
    }  # fmt: skip
    forms: tuple[Mapping[str, Any], ...] = (
        {},
        {"proto": 2, "ver1": 1},
        {"proto": 2, "ver1": 2},
        {"proto": 2, "ver1": 2, "switch": {"unused": 0, "crc": 1}},
    )
    kinds = (
        {"type": "request", "command": "request"},
        {"type": "oneway", "command": "request", "id": 0},
        {"type": "response", "command": "response", "id": 0xFFFFFFFF, "headers": []},
        {"type": "request", "command": "heartbeat", "class_name": b"", "headers": [], "content": b"", "timeout": -1},
        {"type": "response", "command": "heartbeat", "class_name": b"", "headers": [], "content": b""},
    )
    return [merge(merge(base, form), kind) for form in forms for kind in kinds]
