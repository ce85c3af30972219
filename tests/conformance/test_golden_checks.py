"""What a vector that is not so is told: each fault by its field and both values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from conformance.checks.golden import check_decodes, check_encodes, check_vector, with_options
from conformance.golden import FOLDER, Vector, VectorError, load
from conformance.outcome import DisagreementError
from conformance.subject import Subject
from tests.golden import FRAMES
from xproto.registry import load as protocols

BOLT = next(vector for vector in FRAMES if vector.name == "anthunder-echo-request")
DUBBO = next(vector for vector in FRAMES if vector.name == "java-echo-request")
ZIPPED = next(vector for vector in FRAMES if vector.name == "go-header-zlib-info-request")
LIE = next(vector for vector in FRAMES if vector.name == "class-length-0x8000")
CHECKED = next(vector for vector in FRAMES if vector.name == "java-v2crc-echo-request")


def subject(vector: Vector) -> Subject:
    return Subject.of(with_options(protocols()[vector.protocol], vector), vector.direction)


def expecting(vector: Vector, **more: Any) -> Vector:
    return replace(vector, expected={**vector.expected, **more})


def fields(vector: Vector, **more: object) -> Vector:
    known = vector.expected["fields"]
    assert isinstance(known, Mapping)
    return expecting(vector, fields={**known, **more})


FAULTS = {
    "kind": (replace(BOLT, kind="oneway"), "kind", "the kind is request, the vector says oneway"),
    "id": (replace(BOLT, id=7), "id", f"the id is {BOLT.id}, the vector says 7"),
    "service": (expecting(BOLT, service="x"), "service", "finds b'com.test.EchoService:1.0', the vector says b'x'"),
    "no service": (expecting(BOLT, service=None), "service", "the vector says None"),
    "method": (expecting(DUBBO, method="x"), "method", "method: lookup finds b'echo', the vector says b'x'"),
    "timeout": (expecting(BOLT, timeout=1), "timeout", "the timeout is 5000, the vector says 1"),
    "timeout in a header": (expecting(DUBBO, timeout=1), "timeout", "the vector says 1"),
    "header": (expecting(BOLT, headers={"service": "x"}), "service", "service: construct reads b'com.test.EchoService:1.0'"),
    "no header": (expecting(BOLT, headers={"nobody": "x"}), "nobody", "nobody: lookup finds None, the vector says b'x'"),
    "field": (fields(BOLT, codec=12), "codec", "codec is 11, the vector says 12"),
    "field inside": (fields(DUBBO, flags={"serialization": "java"}), "flags.serialization", "hessian2, the vector says java"),
    "no such field": (fields(BOLT, nothing=1), "nothing", "nothing is None, the vector says 1"),
    "of the plain form": (expecting(ZIPPED, method="x"), "method", "the vector says b'x'"),
    "a byte too few": (replace(BOLT, data=BOLT.data[:-1]), "content", "content cannot be read"),
    "a byte too many": (replace(BOLT, data=BOLT.data + b"x"), "content", "1 fewer than it has: the last field is content"),
    "refused elsewhere": (replace(LIE, refused_at="proto"), "class_len", "class_len refuses it"),
    "not refused": (replace(BOLT, kind="refused", refused_at="proto"), "proto", "must be refused at proto, and is accepted"),
    "not yet refused": (replace(BOLT, kind="refused", refused_at="crc", data=BOLT.data[:9]), "crc", "asks for more bytes"),
    "wraps nothing": (replace(BOLT, kind="wrapped"), "kind", "the kind is request, the vector says wrapped"),
    "a corrupt checksum": (replace(CHECKED, data=CHECKED.data[:-1] + b"\0"), "crc", "crc cannot be read: ChecksumError"),
    "encodes after all": (replace(BOLT, encodes=False, because="x"), "encodes", "and it does not"),
    "not why": (replace(BOLT, encodes=False), "because", "not why"),
}  # fmt: skip


@pytest.mark.parametrize("case", FAULTS)
def test_a_fault_is_told_with_its_field(case: str) -> None:
    vector, field, what = FAULTS[case]
    with pytest.raises(DisagreementError) as raised:
        check_vector(subject(vector), vector)
    assert raised.value.field == field
    assert what in raised.value.what
    assert raised.value.what.startswith(f"{vector.name}: ")


def test_building_that_changes_a_frame_is_told_with_the_bytes_and_the_field() -> None:
    vector = next(v for v in FRAMES if v.name == "null-pairs")
    with pytest.raises(DisagreementError) as raised:
        check_encodes(subject(vector), replace(vector, encodes=True))
    assert raised.value.field == "header_len"
    assert raised.value.wanted == vector.data
    assert raised.value.made is not None
    assert len(raised.value.made) < len(vector.data)


def test_options_that_a_protocol_does_not_have() -> None:
    with pytest.raises(TypeError):
        subject(replace(BOLT, options={"colour": "red"}))


def test_options_are_those_that_the_vector_names() -> None:
    goaway = next(v for v in FRAMES if v.name == "goaway-allowed")
    check_decodes(subject(goaway), goaway)
    with pytest.raises(DisagreementError, match="command"):
        check_decodes(subject(replace(goaway, options={})), goaway)


def test_a_session_is_either_of_its_ends() -> None:
    for vector in (v for v in FRAMES if v.kind in {"handshake", "handshake_ack"}):
        check_vector(subject(vector), replace(vector, kind="session"))


def test_a_name_that_is_there_twice(tmp_path: Path) -> None:
    text = (FOLDER / "thrift" / "java-upgrade.yaml").read_text()
    (tmp_path / "a.yaml").write_text(text)
    assert len(load(tmp_path)) == 1
    (tmp_path / "b.yaml").write_text(text)
    with pytest.raises(VectorError, match="java-refused-response of thrift is there twice"):
        load(tmp_path)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("kind: response", "kin: response", "there is no key 'kin'; did you mean kind?"),
        ("kind: response", "kind: respons", "kind cannot be 'respons'; did you mean response?"),
        ("direction: response", "direction: up", "direction cannot be 'up'; write one of: request, response"),
        (
            "meaning:",
            "fields: {}\n    field: ''\n    servce: x\n    meaning:",
            "there is no key 'servce'; did you mean service?",
        ),
        ("00000068", "0000006", "non-hexadecimal number"),
        ("name: java-refused-response", "name: java-refused-response\n    hexa: ''", "no key 'hexa'; did you mean hex?"),
    ],
)
def test_a_vector_that_cannot_be_used_is_named_with_its_file(tmp_path: Path, old: str, new: str, said: str) -> None:
    text = (FOLDER / "thrift" / "java-upgrade.yaml").read_text()
    assert old in text
    (tmp_path / "broken.yaml").write_text(text.replace(old, new, 1))
    with pytest.raises(VectorError, match=r"broken\.yaml: vector java-refused-response: ") as refused:
        load(tmp_path)
    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("vectors", "said"), [("3", "TypeError"), ("[3]", "vector 1: "), ("[{name: x}]", "vector x: direction is")]
)
def test_a_file_without_vectors_is_named(tmp_path: Path, vectors: str, said: str) -> None:
    (tmp_path / "broken.yaml").write_text(f"protocol: bolt\nsource: none\nvectors: {vectors}\n")
    with pytest.raises(VectorError, match=r"broken\.yaml: ") as refused:
        load(tmp_path)
    assert said in str(refused.value)
