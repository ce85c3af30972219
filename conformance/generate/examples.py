"""Frames to begin with: for each built-in protocol a few of every kind, and a strategy for many more.

A protocol without an entry here is drawn from its layout alone, which is enough where no field's values depend on
another's in a way that the layout does not say.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import construct as c
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from conformance.generate.hessian_values import HessianWriter
from conformance.generate.strategies import MAX_BYTES, Draw, Override, frames
from conformance.judges.oracle import Oracle
from xproto.lower import Lowered
from xproto.templates import build_frame, merge
from xproto.wire import Raw
from xproto.wire.hessian import count_types

Example = Mapping[str, Any] | bytes
"""Field values to build a frame from, or the frame itself."""

_TYPES = ("Ljava/lang/String;", "I", "[[J", "[Ljava/util/Map;", "Ljava/lang/Object;", "Z", "")
_GENERIC = "Ljava/lang/String;[Ljava/lang/String;[Ljava/lang/Object;"
_PAIRS = [
    ("service", "com.test.Echo:1.0"), ("sofa_head_method_name", "echo"), ("k", ""), ("group", "g"), ("version", "1"),
    ("group", "last"),
]  # fmt: skip


def strategy(lowered: Lowered, vectors: Iterable[bytes] = ()) -> st.SearchStrategy[bytes]:
    """Valid frames of the protocol. vectors: good frames, which give the values of what only construct can read."""
    drawn = frames(lowered, OVERRIDES.get(lowered.protocol.name) or _interpreted(lowered, vectors))
    fixed = curated(lowered)
    return drawn | st.sampled_from(fixed) if fixed else drawn


def _interpreted(lowered: Lowered, vectors: Iterable[bytes]) -> dict[str, Override]:
    """For each field that only construct can read, the values that it has in the vectors."""
    paths = [told.partition(": ")[0] for told in lowered.opaque]
    oracle = Oracle(lowered.protocol)
    parsed = [fields for _, fields in map(oracle.parse, vectors) if fields is not None] if paths else []
    found = {path: [value for value in (_at(fields, path) for fields in parsed) if value is not None] for path in paths}
    return {path: _one_of(values) for path, values in found.items() if values}


def _at(fields: Any, path: str) -> Any:
    for name in path.split("."):
        fields = None if fields is None else fields.get(name)
    return fields


def _one_of(values: Sequence[Any]) -> Override:
    return lambda draw, _context: draw(st.sampled_from(values))


def curated(lowered: Lowered) -> list[bytes]:
    """A few frames of each kind; none for a protocol that is not built in."""
    build = CURATED.get(lowered.protocol.name)
    made = build() if build else ()
    return [fields if isinstance(fields, bytes) else build_frame(lowered, fields) for fields in made]


def collect(found: st.SearchStrategy[bytes], count: int, number: int = 0) -> list[bytes]:
    """`count` different frames of a strategy at most, the same in every run."""
    seen: dict[bytes, None] = {}

    @seed(number)
    @settings(
        max_examples=count, database=None, phases=[Phase.generate], deadline=None, suppress_health_check=list(HealthCheck)
    )
    @given(found)
    def gather(frame: bytes) -> None:
        seen[frame] = None

    gather()
    return list(seen)


def _bolt() -> Sequence[Example]:
    base = {
        "proto": 1, "ver1": 0, "version": 1, "id": 7, "codec": 1, "switch": {"unused": 0, "crc": 0}, "timeout": 3000,
        "status": 0, "class_name": b"com.test.Call", "headers": _PAIRS, "content": b"0123456789",
    }  # fmt: skip
    forms: tuple[Mapping[str, Any], ...] = (
        {},
        {"proto": 2, "ver1": 1},
        {"proto": 2, "ver1": 2},
        {"proto": 2, "ver1": 2, "switch": {"unused": 0, "crc": 1}},
    )
    kinds = (
        {"type": "request", "command": "request"},
        {"type": "oneway", "command": "request", "id": 0},
        {"type": "response", "command": "response", "id": 0xFFFFFFFF, "headers": []},
        {"type": "request", "command": "heartbeat", "class_name": b"", "headers": [], "content": b"", "timeout": -1},
        {"type": "response", "command": "heartbeat", "class_name": b"", "headers": [], "content": b""},
    )
    return [merge(merge(base, form), kind) for form in forms for kind in kinds]


def _dubbo() -> Sequence[Example]:
    flags = {"request": 1, "two_way": 1, "event": 0, "serialization": "hessian2"}
    call = {
        "dubbo": "2.0.2", "path": "com.test.Echo", "version": "1.0", "method": "echo", "types": "Ljava/lang/String;I",
        "arguments": ["hello", 5], "rest": b"",
        "attachments": [("path", "com.test.Echo"), ("group", "g"), ("timeout", "1000"), ("k", "v")],
    }  # fmt: skip
    base = {"flags": flags, "status": 0, "id": 1 << 63 | 5, "body": call}
    event = {"event": 0, "rest": b"N"}
    overriding = [("version", None), ("path", "other"), ("k", 5), ("path", "last"), ("group", "g")]
    response = {"flags": {**flags, "request": 0, "two_way": 0}, "status": 20, "id": 9}
    return [
        base,
        merge(base, {"flags": {"two_way": 0}, "id": 0, "body": {"attachments": None, "rest": b"trailing"}}),
        merge(base, {"body": {"method": "$invoke", "types": _GENERIC, "arguments": ["real", Raw(b"N"), Raw(b"N")]}}),
        merge(base, {"body": {"attachments": overriding}}),
        merge(base, {"body": {"version": None, "types": "", "arguments": [], "attachments": []}}),
        merge(base, {"body": {"path": "p\U0001f600" * 9, "method": "m" * 1100, "types": "D", "arguments": [Raw(b"[")]}}),
        {**response, "body": {"event": 0, "rest": b"\x94\x05hello"}},
        {**response, "body": {"event": 0, "rest": b""}, "status": 70},
        merge(base, {"flags": {"event": 1}, "body": event}),
        {**response, "flags": {**response["flags"], "event": 1}, "body": event},  # type: ignore[dict-item]
        bytes.fromhex("dabba2000000000000000001000000020152"),  # READONLY: its length cannot be built from its fields
        bytes.fromhex("dabbe2000000000000000001000000020152"),
        bytes.fromhex("dabba2000000000000000001000000020157"),  # WRITEABLE: an event of no kind to us
        bytes.fromhex("dabba200000000000000000100000003015257"),
    ]


def _descriptor(draw: Draw, body: c.Container) -> str | None:
    if not body.call:
        return None
    return "".join(draw(st.lists(st.sampled_from(_TYPES), max_size=4))) or draw(st.sampled_from(("", None)))


def _arguments(draw: Draw, body: c.Container) -> Raw | None:
    if not body.call:
        return None
    rng = random.Random(draw(st.integers(0, 1 << 32)))  # noqa: S311 - test data
    writer = HessianWriter(rng, deepest=2)
    count = count_types(body.types)
    return Raw(b"".join(writer.value() for _ in range(count)))


def _rest(draw: Draw, body: c.Container) -> bytes:
    length_counts = body._.flags.event and body._.flags.request
    return bytes(draw(st.binary(max_size=MAX_BYTES).filter(lambda data: not length_counts or len(data) != 2)))


CURATED: dict[str, Callable[[], Sequence[Example]]] = {"bolt": _bolt, "dubbo": _dubbo}
OVERRIDES: dict[str, dict[str, Override]] = {
    "dubbo": {"body.types": _descriptor, "body.arguments": _arguments, "body.rest": _rest}
}
