"""Frames of Dubbo: calls, generic ones among them, answers and events; and what its calls are drawn from."""

from __future__ import annotations

import random
from collections.abc import Sequence

import construct as c
from hypothesis import strategies as st

from conformance.generate.curated.example import Example
from conformance.generate.hessian_values import HessianWriter
from conformance.generate.strategies import MAX_BYTES, Draw, Override
from xproto.lower import Lowered
from xproto.templates import merge
from xproto.wire import Raw
from xproto.wire.hessian import count_types

_TYPES = ("Ljava/lang/String;", "I", "[[J", "[Ljava/util/Map;", "Ljava/lang/Object;", "Z", "")
_GENERIC = "Ljava/lang/String;[Ljava/lang/String;[Ljava/lang/Object;"


def dubbo(_lowered: Lowered, _direction: int) -> Sequence[Example]:
    """What either side sends; a frame says itself which."""
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


def descriptor(draw: Draw, body: c.Container) -> str | None:
    """Types of a call's arguments."""
    if not body.call:
        return None
    return "".join(draw(st.lists(st.sampled_from(_TYPES), max_size=4))) or draw(st.sampled_from(("", None)))


def arguments(draw: Draw, body: c.Container) -> Raw | None:
    """As many values as the types say."""
    if not body.call:
        return None
    rng = random.Random(draw(st.integers(0, 1 << 32)))  # noqa: S311 - test data
    writer = HessianWriter(rng, deepest=2)
    count = count_types(body.types)
    return Raw(b"".join(writer.value() for _ in range(count)))


def rest(draw: Draw, body: c.Container) -> bytes:
    """Any bytes, but for an event whose meaning goes by its length."""
    length_counts = body._.flags.event and body._.flags.request
    return bytes(draw(st.binary(max_size=MAX_BYTES).filter(lambda data: not length_counts or len(data) != 2)))


DRAWN: dict[str, Override] = {"body.types": descriptor, "body.arguments": arguments, "body.rest": rest}
"""Fields whose values depend on others in a way that the layout does not say."""
