"""Frames that Thrift's own libraries sent (tests/vectors/thrift), in every form, read as the index says.

A compressed THeader frame is read twice: as it came, for its size and its id, and in its plain form, for what it says.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import pytest

from conformance.checks import agreement as checks
from conformance.checks.ids import edge_ids
from conformance.outcome import Complete
from conformance.subject import Subject
from xproto.kernel.codec import Frame
from xproto.registry import load
from xproto.spec import Kind
from xproto.wire.theader import varint

VECTORS = Path(__file__).parents[1] / "vectors" / "thrift"
INDEX = json.loads((VECTORS / "index.json").read_text())
CASES = [pytest.param(entry, id=entry["name"]) for entry in INDEX]
ASKED = [pytest.param(entry, id=entry["name"]) for entry in INDEX if entry["kind"] != "response"]
KINDS = {"request": Kind.REQUEST, "oneway": Kind.ONEWAY, "response": Kind.RESPONSE}
FORMS = {
    *("thrift", "thrift-old", "thrift-compact", "thrift-unframed", "thrift-unframed-old", "thrift-unframed-compact"),
    *("thrift-header", "thrift-header-compact"),
    "dubbothrift",
}
LIBRARIES = {"thriftpy2", "apache", "go", "java"}
MAKERS = {"thrift-header": {"apache", "go"}, "thrift-header-compact": {"apache", "go"}, "dubbothrift": {"dubbo"}}
"""Who has a form that not every library has."""


@cache
def _subject(form: str) -> Subject:
    return Subject.of(load()[form])


def _read(entry: dict) -> tuple[Subject, bytes]:
    return _subject(entry["protocol"]), (VECTORS / entry["file"]).read_bytes()


def _plain(entry: dict) -> tuple[Subject, bytes]:
    """The same, inflated if it is compressed."""
    found, data = _read(entry)
    return found, found.protocol.unwrap(data) if entry.get("transforms") else data


def test_there_is_every_form_of_every_library() -> None:
    assert {entry["protocol"] for entry in INDEX} == FORMS
    for form in FORMS:
        here = [entry for entry in INDEX if entry["protocol"] == form]
        oneways = set() if form == "dubbothrift" else {"oneway"}  # Dubbo's codec has none
        assert {entry["type"] for entry in here} == {"call", "reply", "exception"} | oneways
        assert {entry["name"].split("-")[0] for entry in here} == MAKERS.get(form, LIBRARIES)


@pytest.mark.parametrize("entry", CASES)
def test_golden(entry) -> None:
    found, data = _read(entry)
    frame = found.scan(data)
    assert isinstance(frame, Frame), frame
    assert found.verify(data) == found.oracle.outcome(data) == Complete(len(data))
    kind = Kind.WRAPPED if entry.get("transforms") else KINDS[entry["kind"]]
    assert (frame.size, frame.kind, frame.id) == (len(data), kind, entry["id"])
    for after in (b"\0", data, b"\xff" * 9):
        checks.check_trailing(found, data, after)


@pytest.mark.parametrize("entry", CASES)
def test_golden_in_plain_form(entry) -> None:
    """What was compressed says the same inflated; with another id it is the same frame but for the id.

    Dubbo's id is in its own header, and the message keeps its seqid.
    """
    found, data = _plain(entry)
    frame = found.scan(data)
    assert (frame.size, frame.kind, frame.id) == (len(data), KINDS[entry["kind"]], entry["id"])
    assert _said(found, data) == (entry["seqid"], entry["message"].encode())
    for new_id in edge_ids(found):
        changed = found.codec.with_id(data, new_id)
        assert found.scan(changed)[:3] == (len(changed), frame.kind, new_id)
        assert found.verify(changed) == Complete(len(changed))
        seqid = entry["seqid"] if entry["protocol"] == "dubbothrift" else new_id
        assert _said(found, changed) == (seqid, entry["message"].encode())
        assert found.codec.with_id(changed, entry["id"]) == data


def _said(found: Subject, data: bytes) -> tuple[int, bytes]:
    """What construct reads: the message's id and name."""
    outcome, fields = found.oracle.parse(data)
    assert outcome == Complete(len(data))
    return fields.seqid, fields.name


@pytest.mark.parametrize("entry", CASES)
def test_golden_byte_by_byte(entry) -> None:
    """Fed one byte at a time, and no sooner than it asked for, the same frame comes out at the end."""
    found, data = _read(entry)
    checks.check_prefixes(found, data)
    checks.check_asks(found, data)


@pytest.mark.parametrize("entry", ASKED)
def test_golden_routing_keys(entry) -> None:
    found, data = _plain(entry)
    expected = {role: entry[role] for role in ("service", "method")}
    expected.update({key: value for key, value in entry.get("info", {}).items() if key not in {"service", "method"}})
    values = tuple(None if value is None else value.encode() for value in expected.values())
    assert found.lookup((*expected, "no-such-key"), data) == (*values, None)


@pytest.mark.parametrize("entry", [case for case in CASES if case.values[0].get("transforms")])
def test_inflated_it_is_the_same_header(entry) -> None:
    found, data = _read(entry)
    plain = found.protocol.unwrap(data)
    head = varint(2 if entry["protocol"].endswith("compact") else 0)
    assert (plain[4:12], plain[14 : 14 + len(head) + 1]) == (data[4:12], head + b"\0")
