"""What the tests ask of every Thrift peer, and what they expect to be told."""

from __future__ import annotations

from typing import Any

CALLS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"method": "echo", "text": "hello é😀漢"}, {"ok": True, "value": "hello é😀漢"}),
    ({"method": "echo", "text": ""}, {"ok": True, "value": ""}),
    ({"method": "add", "a": 2**31 - 1, "b": -7}, {"ok": True, "value": 2**31 - 8}),
    ({"method": "fail"}, {"ok": False, "error": "Refused", "why": "no", "code": 7}),
    ({"method": "slow", "ms": 1}, {"ok": True, "value": 1}),
    ({"method": "big", "n": 300_000}, {"ok": True, "length": 300_000}),
]
"""A call of each method that every peer has, with its answer."""
UNKNOWN_METHOD, INTERNAL_ERROR = 1, 6
"""Types of a TApplicationException."""


def refusal(kind: int, text: str) -> dict[str, Any]:
    """What a client is told when the proxy itself answers."""
    return {"ok": False, "error": "TApplicationException", "type": kind, "message": f"xproto: {text}"}
