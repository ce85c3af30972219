"""docs/protocols.md is run: its protocol, its session, its refusals. README's declaration too."""

import dataclasses
import doctest
import re
import tomllib
from pathlib import Path

import construct
import pytest
import yaml

from tests.xproto.small import refusal
from xproto import wire
from xproto.errors import MalformedError, NeedMore
from xproto.explain import explain
from xproto.registry import ENTRY_POINTS, load
from xproto.spec import Fault, Kind, Protocol

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "protocols.md").read_text()


def blocks(language, page=PAGE):
    return re.findall(rf"^```{re.escape(language)}\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)


@pytest.fixture
def parcel_file(tmp_path, monkeypatch):
    path = tmp_path / "parcel.py"
    path.write_text(blocks("python")[0])
    monkeypatch.chdir(tmp_path)
    return path


@pytest.fixture
def parcel(parcel_file):
    return load([str(parcel_file)])["parcel"]


def frame(parcel, **fields):
    given = {"kind": "request", "status": None, "tag": 1, "id": 7, "headers": {"service": "shop"}, "body": b"tea"}
    return parcel.protocol.frame.build(given | fields)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("request", Kind.REQUEST), ("oneway", Kind.ONEWAY), ("response", Kind.RESPONSE), ("ping", Kind.HEARTBEAT),
        ("pong", Kind.HEARTBEAT_ACK), ("bye", Kind.GOAWAY),
    ],
)  # fmt: skip
def test_frames_of_every_kind(parcel, name, kind):
    data = frame(parcel, kind=name, status="ok" if name == "response" else None)
    for sent in (data, data + b"PX"):
        scanned = parcel.codec.scan_bytes(sent)
        assert (scanned.size, scanned.kind, scanned.id, scanned.echo) == (len(data), kind, 7, 1)
    assert all(isinstance(parcel.codec.scan_bytes(data[:size]), NeedMore) for size in range(len(data)))
    assert parcel.codec.verify_bytes(data) == len(data)


def test_the_same_id_and_another_one(parcel):
    data = frame(parcel)
    assert parcel.codec.with_id(data, 7) == data
    assert parcel.codec.with_id(data, 2**32 - 1) == frame(parcel, id=2**32 - 1)


@pytest.mark.parametrize("fault", [fault for fault in Fault if fault is not Fault.MISDIRECTED])
def test_every_fault_is_answered(parcel, fault):
    reply = parcel.codec.reply(fault, 0, 200, 99)
    parsed = parcel.protocol.frame.parse(reply)
    assert (parsed.kind, parsed.tag, parsed.id) == ("response", 200, 99)
    declared = parcel.protocol.reply
    assert parsed.body == declared.get(fault, declared[Fault.OVERLOAD])["body"], "FILTER, where it is left out, is OVERLOAD"


def test_what_it_refuses(parcel):
    for bad in (b"PY", frame(parcel)[:9] + b"\x20\x01", frame(parcel)[:10] + b"\x00\x10\x00\x01"):
        with pytest.raises(MalformedError):
            parcel.codec.scan_bytes(bad + bytes(16))


def test_nothing_of_it_stays_interpreted(parcel):
    assert parcel.lowered.opaque == ()


def test_the_session(parcel_file):
    (session,) = blocks("pycon")
    runner = doctest.DocTestRunner(verbose=False)
    runner.run(doctest.DocTestParser().get_doctest(session, {}, "docs/protocols.md", None, 0))
    assert runner.summarize(verbose=False).failed == 0


def test_the_explanation(parcel):
    (fields,) = blocks("text")
    assert [line.rstrip() for line in fields.splitlines()] == [
        line.rstrip() for line in explain(parcel).split("\n\n")[1].splitlines()
    ]


def test_the_configuration(parcel_file):
    (text,) = blocks("yaml")
    given = yaml.safe_load(text)
    found = load(given["protocol_specs"], given["protocol_options"])
    assert found["parcel"].lowered.scan.limit == 4096 + 16 * 1024


def test_the_entry_point(parcel):
    (text,) = blocks("toml")
    assert tomllib.loads(text)["project"]["entry-points"] == {ENTRY_POINTS: {"parcel": "parcel:PARCEL"}}


REFUSED = [
    (code, told) for block in blocks("python refused") for code, told in re.findall(r"^(?!#)(.+)\n# (.+)$", block, re.MULTILINE)
]


@pytest.mark.parametrize(("code", "told"), REFUSED, ids=[code for code, _ in REFUSED])
def test_refusals(code, told):
    names = {name: getattr(construct, name) for name in dir(construct)} | {name: getattr(wire, name) for name in wire.__all__}
    fields = eval(code, names)
    path, wrong, instead = refusal(*(fields if isinstance(fields, tuple) else (fields,)))
    assert f"{path}: {wrong}; {instead}" == told


def test_every_refusal_was_found():
    assert len(REFUSED) == sum(block.count("\n# ") for block in blocks("python refused")) > 10


def test_every_role_kind_fault_and_primitive_is_on_the_page():
    rows = {name for line in PAGE.splitlines() if line.startswith("| `") for name in re.findall(r"`(\w+)", line.split("|")[1])}
    assert {field.name for field in dataclasses.fields(Protocol)} <= rows
    for name in [*(kind.name for kind in Kind), *(fault.name for fault in Fault)]:
        assert f"`{name}`" in PAGE
    for name in set(wire.__all__) - {"WirePrimitive"}:
        assert f"`{name}(" in PAGE or f"`{name}`" in PAGE


def test_the_declaration_in_the_readme(tmp_path):
    (text,) = (block for block in blocks("python", (ROOT / "README.md").read_text()) if "Protocol(" in block)
    path = tmp_path / "ping.py"
    path.write_text(text)
    ping = load([str(path)])["ping"]
    data = ping.protocol.frame.build({"type": "request", "id": 3, "headers": {"service": "s"}, "body": b"x"})
    assert ping.codec.scan_bytes(data).kind == Kind.REQUEST
    assert ping.codec.lookup(("service",)).find_bytes(data) == (b"s",)
    assert ping.codec.scan_bytes(ping.codec.reply(Fault.TIMEOUT, 0, 0, 3)).id == 3
