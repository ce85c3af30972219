"""`xproto new-protocol`: whatever is answered, what it writes is accepted, and its vectors are what it declares."""

from __future__ import annotations

import re
from itertools import product
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from conformance import Profile, judge
from conformance.checks.agreement import check_trailing, check_verify
from conformance.golden import load as load_vectors
from conformance.outcome import Complete, More
from conformance.scaffold import Answers, ScaffoldError, create, questions
from conformance.subject import Subject
from proxy.cli import main
from xproto.kernel.codec import Frame
from xproto.registry import load
from xproto.spec import Fault, Kind

YES_NO = ("yes", "no")
ALL = list(product(("big", "little"), ("16", "32", "64", "none"), ("parts", "whole"), ("pairs", "fields"), YES_NO, YES_NO))


def answers(name: str = "kettle", **given: str) -> Answers:
    return Answers.of(name, {each.key: each.default for each in questions(name)} | given)


def ask(folder: Path, *arguments: str, typed: str = "") -> Result:
    return CliRunner().invoke(main, ["new-protocol", "--folder", str(folder), *arguments], input=typed)


def test_every_combination_of_answers(tmp_path: Path) -> None:
    """All are declared side by side, under names and magics of their own, so that loading them once is enough."""
    for number, (order, bits, length, headers, heartbeat, checksum) in enumerate(ALL):
        given = {"order": order, "id": bits, "length": length, "headers": headers, "heartbeat": heartbeat, "checksum": checksum}
        create(answers(f"k{number}", magic=f"f1{number:04x}", **given), tmp_path)
    found = load([str(tmp_path / f"k{number}.py") for number in range(len(ALL))])
    for number, (_, bits, _, _, heartbeat, checksum) in enumerate(ALL):
        registered = found[f"k{number}"]
        subjects = [Subject.of(registered, direction) for direction in (0, 1)]
        vectors = load_vectors(tmp_path / "vectors" / f"k{number}")
        assert {vector.kind for vector in vectors} >= {"request", "oneway", "response"}
        assert len(vectors) == (5 if heartbeat == "yes" else 3)
        for vector in vectors:
            subject = subjects[vector.direction]
            assert check_verify(subject, vector.data) == Complete(len(vector.data))
            scanned = subject.scan(vector.data)
            assert isinstance(scanned, Frame)
            assert (scanned.size, scanned.kind.name.lower()) == (len(vector.data), vector.kind)
            assert vector.id == (None if bits == "none" else scanned.id)
            assert (scanned.crc_at >= 0) is (checksum == "yes")
            if "service" in vector.expected:
                assert subject.lookup(("service", "method"), vector.data) == (b"shop.Cart", b"add")
            for size in range(len(vector.data)):
                assert isinstance(subject.verify(vector.data[:size]), More)
            check_trailing(subject, vector.data, b"\xf1")
        for fault in set(Fault) - {Fault.MISDIRECTED}:
            assert registered.codec.scan_bytes(registered.codec.reply(fault, 0, 0, 7), 1).kind is Kind.RESPONSE


@pytest.mark.parametrize(
    ("bits", "length", "headers", "checksum"), list(product(("32", "none"), ("parts", "whole"), ("pairs", "fields"), YES_NO))
)
def test_what_is_written_conforms(tmp_path: Path, bits: str, length: str, headers: str, checksum: str) -> None:
    create(answers(id=bits, length=length, headers=headers, checksum=checksum), tmp_path)
    few = Profile("few", 10, 100, 50)
    only = ("golden", "replies", "heartbeats", "oneways", "checksum", "ids", "edits", "limits", "generated")
    judge(str(tmp_path / "kettle.py"), profile=few, only=only).raise_for_failures()


def test_what_is_written_where(tmp_path: Path) -> None:
    ran = ask(tmp_path, "kettle", "--yes")
    assert ran.exit_code == 0, ran.output
    files = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file())
    assert files == ["kettle.py", "test_kettle.py", "vectors/kettle/first.yaml"]
    for command in ("xproto explain ", "xproto conformance", "python -m pytest", "xproto run", "protocol_specs"):
        assert command in ran.output


def test_the_configuration_that_is_printed_is_one(tmp_path: Path) -> None:
    from proxy.config.loader import load as load_configuration

    told = ask(tmp_path, "kettle", "--yes").output
    (tmp_path / "kettle.yaml").write_text(told[told.index("protocol_specs") :])
    assert list(load_configuration(str(tmp_path / "kettle.yaml")).listeners) == ["main"]


def test_it_asks(tmp_path: Path) -> None:
    ran = ask(tmp_path, "kettle", "--magic", "f0f1", typed="little\n16\nwhole\nfields\nno\nyes\n")
    assert ran.exit_code == 0, ran.output
    assert [each.text for each in questions("kettle") if each.text in ran.output] == [
        each.text for each in questions("kettle") if each.key != "magic"
    ]
    codec = load([str(tmp_path / "kettle.py")])["kettle"].codec
    frame = codec.scan_bytes(load_vectors(tmp_path / "vectors" / "kettle")[0].data)
    assert (frame.id_end - frame.id_at, frame.crc_at > 0) == (2, True)


def test_the_bytes_stand_under_their_names(tmp_path: Path) -> None:
    create(answers(), tmp_path)
    lines = (tmp_path / "vectors" / "kettle" / "first.yaml").read_text().splitlines()
    names = next(number for number, line in enumerate(lines) if line.lstrip().startswith("#   magic"))
    heads, parts = lines[names].replace("#", " "), lines[names + 2]
    assert heads.split() == ["magic", "kind", "id", "status", "headers_len", "body_len", "headers", "body"]
    assert [at.start() for at in re.finditer(r"\S+", heads)] == [at.start() for at in re.finditer(r"\S+", parts)]


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("bolt", "there is a protocol bolt already (built-in); choose another name"),
        ("http1", "there is a protocol http1 already (built-in); choose another name"),
        ("json", "json.py would hide the Python module of that name; choose another name"),
        ("xproto", "xproto.py would hide the Python module of that name; choose another name"),
        ("a-b", "'a-b' cannot name a Python file; use small letters, digits and _, such as my_protocol"),
        ("../up", "'../up' cannot name a Python file; use small letters, digits and _, such as my_protocol"),
        ("class", "'class' cannot name a Python file; use small letters, digits and _, such as my_protocol"),
        ("Kettle", "'Kettle' cannot name a Python file; use small letters, digits and _, such as my_protocol"),
        ("1st", "'1st' cannot name a Python file; use small letters, digits and _, such as my_protocol"),
    ],
)
def test_names_that_are_refused(tmp_path: Path, name: str, told: str) -> None:
    ran = ask(tmp_path, name, "--yes")
    assert (ran.exit_code, ran.output.strip()) == (1, told)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("there", ["kettle.py", "vectors/kettle/first.yaml", "test_kettle.py"])
def test_nothing_is_overwritten(tmp_path: Path, there: str) -> None:
    path = tmp_path / there
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("mine")
    ran = ask(tmp_path, "kettle", "--yes")
    assert (ran.exit_code, ran.output.strip()) == (1, f"{path} exists; remove it, or choose another name")
    assert [each for each in tmp_path.rglob("*") if each.is_file()] == [path]
    assert path.read_text() == "mine"


@pytest.mark.parametrize(
    ("magic", "told"),
    [
        ("zz", "the magic 'zz' is not hex; write two digits a byte: f06b"),
        ("", "a magic of 0 bytes; choose 1 to 8"),
        ("000102030405060708", "a magic of 9 bytes; choose 1 to 8"),
        ("dabb", "choose another magic"),
    ],
)
def test_magics_that_are_refused(tmp_path: Path, magic: str, told: str) -> None:
    with pytest.raises(ScaffoldError) as caught:
        create(answers(magic=magic), tmp_path)
    assert told in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_vectors_notice_a_changed_declaration(tmp_path: Path) -> None:
    """They are bytes, not the declaration again: what is changed there no longer fits them."""
    create(answers(), tmp_path)
    path = tmp_path / "kettle.py"
    path.write_text(path.read_text().replace('"id" / Int32ub', '"id" / Int16ub'))
    subject = Subject.of(load([str(path)])["kettle"])
    (call,) = [vector for vector in load_vectors(tmp_path / "vectors" / "kettle") if vector.name == "call"]
    assert subject.verify(call.data) != Complete(len(call.data))
