"""The recorded vectors say what the harness itself reads of them, and every kind and status was recorded."""

from __future__ import annotations

import struct
import zlib

import pytest
from harness.described import describe
from harness.frames import frame_length
from harness.rpc_facts import bolt_facts, dubbo_facts
from harness.vectors import MAX_TEXT, MAX_VECTOR

from conformance.golden import Vector
from tests.golden import RECORDED

RPC = [vector for vector in RECORDED if vector.protocol != "http1"]
DIRECTIONS = ("request", "response")


@pytest.mark.parametrize("vector", RPC, ids=[f"{v.protocol}-{v.name}" for v in RPC])
def test_vector(vector: Vector) -> None:
    assert len(vector.data) < MAX_VECTOR
    assert vector.protocol not in {"bolt", "dubbo"} or frame_length(vector.data) == len(vector.data)
    entry = describe(vector.protocol, vector.data, DIRECTIONS[vector.direction])
    assert (vector.kind, vector.id) == (entry["kind"], entry.get("id"))
    assert vector.meaning.startswith(entry["meaning"].split(" of ")[0])
    assert vector.expected.get("fields") == entry.get("fields")
    headers = {key: value for key, value in entry.get("headers", {}).items() if len(value) <= MAX_TEXT}
    assert vector.expected.get("headers", {}).items() >= headers.items()
    if vector.protocol == "bolt" and bolt_facts(vector.data)["crc"]:
        assert struct.unpack(">I", vector.data[-4:])[0] == zlib.crc32(vector.data[:-4])


def test_every_status_is_there() -> None:
    bolt = [bolt_facts(vector.data) for vector in RPC if vector.protocol == "bolt"]
    assert {facts.get("status") for facts in bolt} >= {0, 2, 3, 6, 7, 8, 17}
    dubbo = [dubbo_facts(vector.data) for vector in RPC if vector.protocol == "dubbo"]
    assert {facts.get("flag") for facts in dubbo} >= {0, 1, 2, 3, 4, 5}
    assert {facts["kind"] for facts in dubbo} >= {"request", "oneway", "response", "heartbeat", "heartbeat_ack", "readonly"}
    assert {facts.get("status") for facts in dubbo} >= {20, 40, 70, 100}
