"""Every golden vector (conformance/vectors): what it says it is, to the byte; cut, with more behind it, with other ids."""

from __future__ import annotations

from functools import cache

import pytest

from conformance.checks import agreement
from conformance.checks.golden import check_vector, with_options
from conformance.checks.ids import check_set_id, edge_ids
from conformance.golden import Vector
from conformance.outcome import Complete
from conformance.subject import Subject
from tests.golden import FRAMES, RECORDED
from xproto.errors import MalformedError
from xproto.kernel.codec import Frame
from xproto.registry import find, load, with_carried
from xproto.spec import Kind
from xproto.wire.theader import varint

HOSTILE = [vector for vector in FRAMES if vector.kind == "refused"]
GOOD = [vector for vector in FRAMES if vector.kind != "refused"]
WRAPPED = [vector for vector in GOOD if vector.kind == "wrapped"]
THRIFTS = {
    *("thrift", "thrift-old", "thrift-compact", "thrift-unframed", "thrift-unframed-old", "thrift-unframed-compact"),
    *("thrift-header", "thrift-header-compact"),
}
LIBRARIES = {"thriftpy2", "apache", "go", "java"}
MAKERS = {"thrift-header": {"apache", "go"}, "thrift-header-compact": {"apache", "go"}}
"""Who has a form that not every library has."""


@cache
def subject(protocol: str, direction: int, options: str) -> Subject:
    vector = next(v for v in FRAMES if v.protocol == protocol and str(v.options) == options)
    return Subject.of(with_options(find(protocol), vector), direction)


def subject_of(vector: Vector) -> Subject:
    return subject(vector.protocol, vector.direction, str(vector.options))


def each(vectors: list[Vector]):
    return pytest.mark.parametrize("vector", vectors, ids=[f"{v.protocol}-{v.name}" for v in vectors])


@each(FRAMES)
def test_a_vector_is_read_and_built_as_it_says(vector: Vector) -> None:
    check_vector(subject_of(vector), vector)


@each(GOOD)
def test_what_follows_changes_nothing(vector: Vector) -> None:
    for after in (b"\0", vector.data, b"\xff" * 9):
        agreement.check_trailing(subject_of(vector), vector.data, after)


@each(GOOD)
def test_byte_by_byte(vector: Vector) -> None:
    """Every beginning needs more; given no sooner than it is asked for, the same frame comes out at the end."""
    agreement.check_prefixes(subject_of(vector), vector.data)
    agreement.check_asks(subject_of(vector), vector.data)


@each([vector for vector in GOOD if vector.protocol in {"bolt", "dubbo"}])
def test_both_plans_and_construct_agree(vector: Vector) -> None:
    found = subject_of(vector)
    agreement.check_scan(found, vector.data)
    agreement.check_interpreter(found, vector.data)
    for new_id in edge_ids(found):
        check_set_id(found, vector.data, new_id)


@each([vector for vector in GOOD if "thrift" in vector.protocol and vector.encodes])
def test_another_id_and_back(vector: Vector) -> None:
    """The same frame but for its id, wherever it stands; one that was compressed, in its plain form."""
    found = subject_of(vector)
    data = found.protocol.unwrap(vector.data) if vector.kind == "wrapped" else vector.data
    kind = found.scan(data).kind
    for new_id in edge_ids(found):
        changed = found.codec.with_id(data, new_id, vector.direction)
        assert found.scan(changed)[:3] == (len(changed), kind, new_id)
        assert found.verify(changed) == Complete(len(changed))
        before, after = (found.oracle.parse(each)[1] for each in (data, changed))
        assert after.get("name") == before.get("name")
        if vector.protocol == "dubbothrift":
            assert after.seqid == before.seqid, "the id is in Dubbo's own header"
        elif "seqid" in before:
            assert after.seqid == new_id
        assert found.codec.with_id(changed, vector.id, vector.direction) == data


@each(WRAPPED)
def test_inflated_it_is_the_same_header(vector: Vector) -> None:
    plain = subject_of(vector).protocol.unwrap(vector.data)
    head = varint(2 if vector.protocol.endswith("compact") else 0)
    assert (plain[4:12], plain[14 : 14 + len(head) + 1]) == (vector.data[4:12], head + b"\0")


@each([vector for vector in GOOD if vector.protocol == "thrift-twitter" and "handshake" not in vector.kind])
def test_behind_a_header_of_ttwitter_nothing_is_plain_thrift(vector: Vector) -> None:
    with pytest.raises(MalformedError):
        load()["thrift"].codec.scan_bytes(vector.data)


def test_there_is_every_kind_of_every_protocol() -> None:
    """All but those that a protocol shares with another which does have them."""
    for name, registered in load().items():
        found = {vector.kind for vector in GOOD if vector.protocol == name}
        unseen = {"oneway"} if name == "dubbothrift" else set()
        unseen |= {"handshake"} if "thrift" in name and name != "thrift-twitter" else set()
        assert found >= {kind.name.lower() for kind in registered.protocol.kind} - unseen, name


def test_there_is_every_form_of_thrift_of_every_library() -> None:
    for form in THRIFTS:
        own = [v for v in RECORDED if v.protocol == form and v.name.split("-")[0] in LIBRARIES]
        here = [v for v in own if v.name != "java-refused-response"]
        assert {v.name.split("-")[0] for v in here} == MAKERS.get(form, LIBRARIES)
        types = {(v.expected["fields"].get("head") or v.expected["fields"])["type"] for v in here}
        assert types == {"call", "reply", "exception", "oneway"}


def test_there_is_every_version_of_bolt() -> None:
    seen = {(v.kind, v.expected["fields"]["proto"], v.expected["fields"]["checked"]) for v in RECORDED if v.protocol == "bolt"}
    for kind in ("request", "oneway", "response", "heartbeat", "heartbeat_ack"):
        assert {(kind, 1, 0), (kind, 2, 0), (kind, 2, 1)} <= seen


def test_there_is_both_of_tars() -> None:
    versions = {v.expected["fields"]["body"]["version"] for v in RECORDED if v.protocol == "tars"}
    assert versions == {1, 2}, "TARS and TUP"


def test_there_are_both_ends_of_a_session() -> None:
    kinds = {v.kind for v in GOOD if v.protocol == "thrift-twitter"}
    assert kinds == {"handshake", "handshake_ack", "request", "oneway", "response"}
    keys = {key for v in GOOD if v.protocol == "thrift-twitter" for key in v.expected.get("headers", {})}
    assert {"client_id", "com.twitter.finagle.tracing.TraceContext"} <= keys


def test_every_protocol_has_something_to_refuse() -> None:
    assert {vector.protocol for vector in HOSTILE} == set(with_carried(load()))


def test_what_is_read_is_a_frame() -> None:
    """The kernel's result for each, beside what the checks say."""
    for vector in GOOD:
        found = subject_of(vector).scan(vector.data)
        assert isinstance(found, Frame)
        assert found.size == len(vector.data)
        assert Kind(found.kind).name.lower() == vector.kind
