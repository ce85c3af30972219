"""A declaration alone: what must be found where there are no vectors to say it."""

from __future__ import annotations

from pathlib import Path

import pytest

from conformance import Profile, Report, judge

SMALL = Profile("small", 40, 300, 100)
DECLARATION = """
from construct import Bytes, Const, Int8ub, Int16ub, Int32ub, Rebuild, Struct, len_, this
from xproto.spec import Detect, Kind, Limits, Protocol
from xproto.wire import Bounded

CRATE = Protocol(
    name="crate",
    frame=Struct(
        "magic" / Const(b"\\xf1\\xf2"),
        "type" / Int8ub,
        "id" / Int32ub,
        "length" / Rebuild(Bounded(Int16ub, 0, 4000), len_(this.body)),
        "body" / Bytes(this.length),
    ),
    id=this.id,
    kind={Kind.REQUEST: this.type == 7, Kind.RESPONSE: this.type == 70, Kind.HEARTBEAT: (this.type & 127) == 115},
    service=this.body,
    limits=Limits(frame=5000),
    heartbeat_ack={"type": 70, "body": b""},
    detect=Detect(through="magic"),
)
"""


def judged(folder: Path, old: str, new: str, *only: str) -> Report:
    assert old in DECLARATION
    (folder / "crate.py").write_text(DECLARATION.replace(old, new))
    return judge(str(folder / "crate.py"), profile=SMALL, only=only)


def test_the_sound_declaration_passes_and_every_kind_is_tried(tmp_path: Path) -> None:
    report = judged(tmp_path, "crate", "crate", "ids", "heartbeats", "detection", "generated")
    report.raise_for_failures()
    assert all(result.cases for result in report.results)


@pytest.mark.parametrize(
    ("old", "new", "check", "fault"),
    [
        ('    heartbeat_ack={"type": 70, "body": b""},\n', "", "heartbeats", "a heartbeat is not acknowledged"),
        ('through="magic"', 'through="magic", followed_by=b"z"', "detection", "the signature leaves out all"),
    ],
)
def test_a_slip_is_noticed(tmp_path: Path, old: str, new: str, check: str, fault: str) -> None:
    (result,) = judged(tmp_path, old, new, check).results
    assert any(fault in failure.fault for failure in result.failures), result


NO_BODY, NAMED = '"body": b""', '"name": b"ab", "body": b""'
ODD = """
from construct import Adapter, FixedSized, GreedyBytes

class Odd(Adapter):
    _decode = _encode = lambda self, data, *_: data[::-1]


CRATE ="""


def test_what_only_construct_reads_wants_a_vector(tmp_path: Path) -> None:
    text = DECLARATION.replace("CRATE =", ODD).replace("service=this.body", "service=this.name").replace(NO_BODY, NAMED)
    text = text.replace('"body" / Bytes(this.length)', '"name" / Bytes(2), "body" / FixedSized(this.length, Odd(GreedyBytes))')
    (tmp_path / "crate.py").write_text(text)
    (result,) = judge(str(tmp_path / "crate.py"), profile=SMALL, only=("generated",)).results
    assert result.failures[0].fault == (
        "its cases cannot be made: TypeError: no values are known for Odd: add a vector, whose value of this field is taken"
    )
