"""Tars frames that real implementations sent (tests/vectors/tars), read as the index says: whole and byte by byte."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from conformance.subject import Subject
from xproto.kernel.codec import Frame
from xproto.registry import load
from xproto.spec import Kind

VECTORS = Path(__file__).parents[1] / "vectors" / "tars"
ENTRIES = json.loads((VECTORS / "index.json").read_text())
CASES = [pytest.param(entry, id=entry["name"]) for entry in ENTRIES]
CALLS = [pytest.param(entry, id=entry["name"]) for entry in ENTRIES if entry["direction"] == "request"]
SUBJECT = Subject.of(load()["tars"])


def test_every_kind_is_there() -> None:
    assert {entry["kind"] for entry in ENTRIES} == {"request", "oneway", "response", "heartbeat", "goaway"}
    assert {entry["variant"] for entry in ENTRIES} == {"tars", "tup"}


def _read(entry: dict[str, Any]) -> tuple[bytes, int]:
    return (VECTORS / entry["file"]).read_bytes(), int(entry["direction"] == "response")


@pytest.mark.parametrize("entry", CASES)
def test_golden(entry: dict[str, Any]) -> None:
    data, direction = _read(entry)
    frame = SUBJECT.codec.scan_bytes(data, direction)
    assert isinstance(frame, Frame)
    # The kernel widens an id with its sign.
    assert (frame.size, frame.kind, frame.id) == (len(data), Kind[entry["kind"].upper()], entry["id"] % (1 << 64))
    for after in (b"\0", data, b"\xff" * 9):
        assert SUBJECT.codec.scan_bytes(data + after, direction) == frame


@pytest.mark.parametrize("entry", CASES)
def test_golden_byte_by_byte(entry: dict[str, Any]) -> None:
    data, direction = _read(entry)
    for size in range(len(data)):
        found = SUBJECT.codec.scan_bytes(data[:size], direction)
        assert not isinstance(found, Frame)
        assert size < found.total <= len(data)


@pytest.mark.parametrize("entry", CALLS)
def test_golden_routing_keys(entry: dict[str, Any]) -> None:
    data, _ = _read(entry)
    pairs = {"service": entry["service"], "method": entry["method"], **entry["headers"]}
    assert SUBJECT.lookup(tuple(pairs), data) == tuple(value.encode() for value in pairs.values())
    assert SUBJECT.lookup(("no-such-key",), data) == (None,)
