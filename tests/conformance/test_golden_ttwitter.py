"""Frames that Finagle sent (tests/vectors/thrift-twitter), before and after the upgrade, read as the index says."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import pytest

from conformance.checks import agreement as checks
from conformance.checks.ids import edge_ids
from conformance.outcome import Complete
from conformance.subject import Subject
from xproto.errors import MalformedError
from xproto.kernel.codec import Frame
from xproto.registry import load
from xproto.spec import Kind

VECTORS = Path(__file__).parents[1] / "vectors" / "thrift-twitter"
INDEX = json.loads((VECTORS / "index.json").read_text())
CASES = [pytest.param(entry, id=entry["name"]) for entry in INDEX]
UPGRADED = [pytest.param(entry, id=entry["name"]) for entry in INDEX if entry["header"] is not None]
KINDS = {"request": Kind.REQUEST, "oneway": Kind.ONEWAY, "response": Kind.RESPONSE}
HANDSHAKE = {"request": Kind.HANDSHAKE, "response": Kind.HANDSHAKE_ACK}


@cache
def _subject(name: str) -> Subject:
    return Subject.of(load()[name])


def _spoken(entry: dict) -> str:
    """Plain Thrift, if it is neither an upgrade that was granted nor behind a header."""
    granted = entry["upgrade"] and entry["type"] != "exception"
    return "thrift-twitter" if granted or entry["header"] is not None else "thrift"


def _read(entry: dict) -> tuple[Subject, bytes]:
    return _subject(_spoken(entry)), (VECTORS / entry["file"]).read_bytes()


def test_there_is_all_that_a_session_has() -> None:
    assert {(entry["upgrade"], entry["type"]) for entry in INDEX if entry["upgrade"]} == {
        (True, "call"), (True, "reply"), (True, "exception")
    }  # fmt: skip
    assert {entry["type"] for entry in INDEX if entry["header"]} >= {"call", "oneway"}
    assert {key for entry in INDEX for key in entry["header"] or ()} >= {"client_id", "contexts", "delegations", "flags"}


@pytest.mark.parametrize("entry", CASES)
def test_golden(entry) -> None:
    found, data = _read(entry)
    frame = found.scan(data)
    assert isinstance(frame, Frame), frame
    assert found.verify(data) == found.oracle.outcome(data) == Complete(len(data))
    kinds = HANDSHAKE if entry["upgrade"] and entry["type"] != "exception" else KINDS
    assert (frame.size, frame.kind, frame.id) == (len(data), kinds[entry["kind"]], entry["id"])
    for after in (b"\0", data, b"\xff" * 9):
        checks.check_trailing(found, data, after)
    for new_id in edge_ids(found):
        changed = found.codec.with_id(data, new_id)
        assert found.scan(changed)[:3] == (len(data), frame.kind, new_id)
        assert found.codec.with_id(changed, entry["id"]) == data


@pytest.mark.parametrize("entry", CASES)
def test_golden_byte_by_byte(entry) -> None:
    found, data = _read(entry)
    checks.check_prefixes(found, data)
    checks.check_asks(found, data)


@pytest.mark.parametrize("entry", UPGRADED)
def test_golden_headers(entry) -> None:
    """Construct and the kernel find the same, and what the index says: contexts by their keys, and who calls."""
    found, data = _read(entry)
    outcome, fields = found.oracle.parse(data)
    assert outcome == Complete(len(data))
    expected = {key: bytes.fromhex(value) for key, value in entry["header"].get("contexts", [])}
    if "client_id" in entry["header"]:
        expected["client_id"] = entry["header"]["client_id"].encode()
    assert {key: value.encode("utf-8", "surrogateescape") for key, value in fields.header} == expected
    assert len(fields.header.data) == entry["header_size"]
    if entry["direction"] == "request":
        asked = {"service": entry["service"], "method": entry["method"]}
        values = tuple(value and value.encode() for value in asked.values())
        assert found.lookup((*asked, *expected, "no-such-key"), data) == (*values, *expected.values(), None)


@pytest.mark.parametrize("entry", UPGRADED)
def test_behind_a_header_nothing_is_plain_thrift(entry) -> None:
    _, data = _read(entry)
    with pytest.raises(MalformedError):
        load()["thrift"].codec.scan_bytes(data)
