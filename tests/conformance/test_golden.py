"""Frames that real implementations sent (tests/vectors), read as the index says: whole, byte by byte, with more behind."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import pytest

from conformance.checks import agreement as checks
from conformance.checks.ids import check_set_id, edge_ids
from conformance.outcome import Complete, More
from tests.conformance.subjects import subject
from xproto.kernel.codec import Frame
from xproto.registry import load
from xproto.spec import Kind

VECTORS = Path(__file__).parents[1] / "vectors"
KINDS = {
    "request": Kind.REQUEST,
    "oneway": Kind.ONEWAY,
    "response": Kind.RESPONSE,
    "heartbeat": Kind.HEARTBEAT,
    "heartbeat_ack": Kind.HEARTBEAT_ACK,
    "readonly": Kind.GOAWAY,
}


def _entries(name: str) -> list[dict]:
    index = VECTORS / name / "index.json"
    return json.loads(index.read_text()) if index.exists() else []


@cache
def _all_serializations():
    """Dubbo with every serialization allowed: vectors of others than hessian2 are frames as well."""
    from conformance.subject import Subject
    from xproto.codecs.dubbo import SERIALIZATIONS

    return Subject.of(load((), {"dubbo": {"serializations": list(SERIALIZATIONS)}})["dubbo"])


def _cases():
    return [pytest.param(name, entry, id=f"{name}-{entry['name']}") for name in ("bolt", "dubbo") for entry in _entries(name)]


CASES = _cases()


def _read(name: str, entry: dict):
    found = subject(name) if name == "bolt" or entry["serialization"] == 2 else _all_serializations()
    return found, (VECTORS / name / entry["file"]).read_bytes()


def test_there_are_golden_vectors() -> None:
    assert len(CASES) > 100
    assert {case.values[1]["kind"] for case in CASES} == set(KINDS)


@pytest.mark.parametrize(("name", "entry"), CASES)
def test_golden(name, entry) -> None:
    found, data = _read(name, entry)
    frame = found.scan(data)
    assert isinstance(frame, Frame), frame
    assert found.verify(data) == found.oracle.outcome(data) == Complete(len(data))
    assert (frame.size, frame.kind, frame.id) == (len(data), KINDS[entry["kind"]], entry["id"] % (1 << found.codec.id_bits))
    for after in (b"\0", data, b"\xff" * 9):
        checks.check_trailing(found, data, after)
    checks.check_scan(found, data)
    checks.check_interpreter(found, data)
    for new_id in edge_ids(found):
        check_set_id(found, data, new_id)


@pytest.mark.parametrize(("name", "entry"), CASES)
def test_golden_byte_by_byte(name, entry) -> None:
    """Fed one byte at a time, and no sooner than it asked for, the same frame comes out at the end."""
    found, data = _read(name, entry)
    if len(data) > 1 << 16:
        sizes = [*range(200), *range(200, len(data), 4999), len(data) - 1]
        answers = [found.scan(data[:size]) for size in sizes]
        assert all(isinstance(a, More) and size < a.total <= len(data) for a, size in zip(answers, sizes, strict=True))
        return
    checks.check_prefixes(found, data)
    size, asked = 0, []
    while isinstance(answer := found.scan(data[:size]), More):
        asked.append(size)
        size = answer.total
    assert answer == found.scan(data)
    assert size == len(data)
    assert len(asked) <= 12, "each answer must bring the reader a good deal further"


@pytest.mark.parametrize(("name", "entry"), [case for case in CASES if case.values[1]["kind"] in {"request", "oneway"}])
def test_golden_routing_keys(name, entry) -> None:
    found, data = _read(name, entry)
    if name == "dubbo" and entry["serialization"] != 2:
        pytest.skip("other serializations are routed by the header alone")
    for role in ("service", "method"):
        assert found.lookup((role,), data) == (_bytes(entry.get(role)),), role
    pairs = entry["headers"] if name == "bolt" else entry.get("attachments") or {}
    keys = tuple(key for key in pairs if key not in {"service", "method"})[:40]
    assert found.lookup(keys, data) == tuple(_bytes(pairs[key]) for key in keys)
    checks.check_lookup(found, data, ("service", "method", "group", "no-such-key"))
    if "timeout" in entry and name == "bolt":
        assert found.scan(data).timeout == entry["timeout"]


def _bytes(text: str | None) -> bytes | None:
    return None if text is None else text.encode()
