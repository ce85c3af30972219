"""How SOFABolt with SOFARPC's header codec reads unusual header blocks, and what its client makes of statuses."""

from __future__ import annotations

import struct
from typing import Any

from harness.processes import Peer
from harness.rpc_facts import bolt_facts
from harness.wire import FakeServer, ask

CLASS = b"com.test.BoltCall"
STATUSES = (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 16, 17, 18, 10, 15, 19, 100, 255, 256, 65535)


def text(value: str | None) -> bytes:
    """One string of a header map; None is length -1."""
    if value is None:
        return b"\xff\xff\xff\xff"
    return struct.pack(">i", len(value.encode())) + value.encode()


def pairs(*values: str | None) -> bytes:
    return b"".join(text(value) for value in values)


METHOD = pairs("sofa_head_method_name", "headers")
BLOCKS: dict[str, bytes] = {
    "plain": METHOD + pairs("a", "1", "b", "2"),
    "duplicate": METHOD + pairs("a", "first", "b", "2", "a", "last"),
    "duplicate three times": METHOD + pairs("a", "1", "a", "2", "a", "3"),
    "duplicate routing key": METHOD + pairs("service", "first:1.0", "service", "last:1.0"),
    "null value": METHOD + pairs("a", None, "b", "2"),
    "null key": METHOD + pairs(None, "1", "b", "2"),
    "null pair": METHOD + pairs(None, None, "b", "2"),
    "value, then null for the same key": METHOD + pairs("a", "1", "a", None),
    "null, then value for the same key": METHOD + pairs("a", None, "a", "1"),
    "empty key": METHOD + pairs("", "1"),
    "empty value": METHOD + pairs("a", ""),
    "duplicate, last empty": METHOD + pairs("a", "1", "a", ""),
    "length -2 as a value": METHOD + pairs("a") + struct.pack(">i", -2) + pairs("b", "2"),
    "least length as a value": METHOD + pairs("a") + struct.pack(">i", -(2**31)) + pairs("b", "2"),
    "key in another case": METHOD + pairs("Service", "upper", "service", "lower"),
    "key without a value": METHOD + pairs("a", "1", "b"),
    "one byte of a length": METHOD + pairs("a", "1") + b"\0",
    "three bytes of a length": METHOD + pairs("a", "1") + b"\0\0\0",
    "value runs past the end by 3": METHOD + pairs("a") + struct.pack(">i", 5) + b"xy",
    "key runs past the end by 3": METHOD + struct.pack(">i", 5) + b"xy",
    "invalid UTF-8": METHOD + pairs("a") + struct.pack(">i", 2) + b"\xc3\x28",
    "four-byte UTF-8": METHOD + pairs("a", "😀"),
    "surrogates as three bytes each": METHOD + pairs("a") + struct.pack(">i", 6) + b"\xed\xa0\xbd\xed\xb8\x80",
    "NUL in a value": METHOD + pairs("a", "x\0y"),
}


def request(block: bytes) -> bytes:
    head = struct.pack(">BBHBIBiHHI", 1, 1, 1, 1, 42, 1, 3000, len(CLASS), len(block), 0)
    return head + CLASS + block


def header_blocks(server: Peer) -> list[dict[str, Any]]:
    """Each block as the real server resolved it: its map, or the status of its refusal."""
    results: list[dict[str, Any]] = []
    for name, block in BLOCKS.items():
        answer = bolt_facts(ask(server.address, request(block)))
        result: dict[str, Any] = {"name": name, "block": block.hex()}
        if answer["status"] == 0 and "echoed" not in answer["headers"]:
            result["headers"] = answer["headers"]
        else:
            result["refused"] = {"status": answer["status"], "headers": answer["headers"]}
        results.append(result)
    return results


def client_statuses(client: Peer) -> list[dict[str, Any]]:
    """What the real client raises for an empty response with each status, as a proxy's local reply has it."""
    results: list[dict[str, Any]] = []
    for version, crc in ((1, False), (2, False), (2, True)):
        for status in STATUSES if version == 1 else (4, 6, 7, 16):

            def reply(frame: bytes, status: int = status) -> bytes:
                return local_reply(frame, status)

            with FakeServer(reply) as server:
                outcome = client.do("call", target=server.address, version=version, crc=crc, text="x", headers={}, timeout=700)
            seen = {key: outcome.get(key) for key in ("ok", "error", "cause")}
            results.append({"variant": f"v{version}{'crc' if crc else ''}", "status": status, **seen})
    return results


def local_reply(frame: bytes, status: int) -> bytes:
    """An empty response of command 2 with the request's version, id and codec; never with a CRC."""
    facts = bolt_facts(frame)
    head = bytes([frame[0]]) if frame[0] == 1 else frame[:2]
    switch = b"" if frame[0] == 1 else b"\0"
    start = struct.pack(">BHBIB", 0, 2, 1, facts["id"], facts["codec"])
    return head + start + switch + struct.pack(">HHHI", status, 0, 0, 0)
