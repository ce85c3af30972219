"""The golden vectors are whole, and their index says what is in them."""

from __future__ import annotations

import json
import struct
import zlib
from pathlib import Path
from typing import Any

import pytest
from harness.frames import frame_length
from harness.vectors import MAX_VECTOR, facts_of

VECTORS = Path(__file__).resolve().parent.parent / "vectors"
FOLDERS = ("bolt", "dubbo", "thrift", "thrift-twitter", "tars")
INDEXES = {name: json.loads((VECTORS / name / "index.json").read_text(encoding="utf-8")) for name in FOLDERS}
ENTRIES = [(name, entry) for name, index in INDEXES.items() for entry in index]


@pytest.mark.parametrize(("protocol", "entry"), ENTRIES, ids=[f"{name}-{entry['name']}" for name, entry in ENTRIES])
def test_vector(protocol: str, entry: dict[str, Any]) -> None:
    data = (VECTORS / protocol / str(entry["file"])).read_bytes()
    assert len(data) == entry["size"] < MAX_VECTOR
    assert protocol not in {"bolt", "dubbo"} or frame_length(data) == len(data)
    facts = facts_of(protocol, data, entry.get("protocol", ""), entry["direction"])
    expected = {key: entry.get(key) for key in facts}
    assert facts == expected
    if facts.get("crc"):
        assert struct.unpack(">I", data[-4:])[0] == zlib.crc32(data[:-4])


@pytest.mark.parametrize("protocol", list(INDEXES))
def test_every_file_is_in_the_index(protocol: str) -> None:
    files = {file.name for file in (VECTORS / protocol).glob("*.bin")}
    assert files == {entry["file"] for entry in INDEXES[protocol]}


def test_every_kind_is_there() -> None:
    bolt = {(entry["kind"], entry["variant"], entry["crc"]) for entry in INDEXES["bolt"]}
    for kind in ("request", "oneway", "response", "heartbeat", "heartbeat_ack"):
        assert {(kind, "v1", False), (kind, "v2", False), (kind, "v2", True)} <= bolt
    assert {entry.get("status") for entry in INDEXES["bolt"]} >= {0, 2, 3, 6, 7, 8, 17}
    dubbo = INDEXES["dubbo"]
    assert {entry.get("flag") for entry in dubbo} >= {0, 1, 2, 3, 4, 5}
    assert {entry["kind"] for entry in dubbo} >= {"request", "oneway", "response", "heartbeat", "heartbeat_ack", "readonly"}
    assert {entry.get("status") for entry in dubbo} >= {20, 40, 70, 100}
