"""Vectors to begin with, made by the declaration itself: the bytes of each field apart, under the fields' names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from construct import Struct, Tell

from conformance.scaffold.answers import Answers
from xproto.lower import Lowered
from xproto.templates import build_frame

SERVICE, METHOD = "shop.Cart", "add"
_MEANING = {
    "call": ("request", "request", f"a call of {SERVICE}'s {METHOD}"),
    "oneway": ("request", "oneway", "a call that is not answered"),
    "answer": ("response", "response", "the answer to the call"),
    "ping": ("request", "heartbeat", "is the other end there?"),
    "pong": ("response", "heartbeat_ack", "it is"),
}


def vectors(answers: Answers, lowered: Lowered) -> str:
    """The YAML text of the vectors of the protocol that was declared."""
    return "\n".join(_lines(answers, lowered)) + "\n"


def _lines(answers: Answers, lowered: Lowered) -> Iterator[str]:
    yield f"# Frames of {answers.name}, and what they mean. A frame that was captured from a real peer proves more than these,"
    yield "# which the declaration made itself: add some, with their source. The bytes of each field stand under its name."
    yield f"protocol: {answers.name}"
    yield f"source: made from {answers.name}.py by xproto new-protocol"
    yield "vectors:"
    for name, fields in _frames(answers):
        direction, kind, meaning = _MEANING[name]
        data = build_frame(lowered, fields, from_upstream=direction == "response")
        yield f"  - name: {name}"
        yield f"    direction: {direction}"
        yield f"    meaning: {meaning}"
        yield f"    kind: {kind}"
        if answers.id_bits:
            yield f"    id: {fields['id']}"
        if kind in {"request", "oneway"}:
            yield f"    service: {SERVICE}"
            yield f"    method: {METHOD}"
        yield f"    fields: {{status: {fields['status']}, body: 'hex:{fields['body'].hex()}'}}"
        named = _apart(lowered.protocol.frame, data)
        widths = [max(len(field), len(part)) for field, part in named]
        names, parts = (" ".join(map(str.ljust, row, widths)).rstrip() for row in zip(*named, strict=True))
        yield f"    #   {names}"
        yield "    hex: |"
        yield f"        {parts}"


def _frames(answers: Answers) -> Iterator[tuple[str, Mapping[str, Any]]]:
    where: dict[str, Any] = {"headers": []} if answers.pairs else {"service": b"", "method": b""}
    texts: dict[str, Any] = {"service": SERVICE, "method": METHOD}
    target = {"headers": texts} if answers.pairs else {key: text.encode() for key, text in texts.items()}
    empty = {"id": 1, "status": 0, "body": b"", **where}
    yield "call", {**empty, "kind": "request", **target, "body": b"tea"}
    yield "oneway", {**empty, "kind": "oneway", "id": 2, **target, "body": b"milk"}
    yield "answer", {**empty, "kind": "response", "body": b"2 things"}
    if answers.heartbeat:
        yield "ping", {**empty, "kind": "ping", "id": 3}
        yield "pong", {**empty, "kind": "pong", "id": 3}


def _apart(frame: Struct, data: bytes) -> list[tuple[str, str]]:
    """Each field that has bytes, with these in hex."""
    steps = [step for field in frame.subcons for step in (field, f"{field.name} ends" / Tell)]
    ends = Struct(*steps).parse(data)
    found, at = [], 0
    for field in frame.subcons:
        end = ends[f"{field.name} ends"]
        if end > at:
            found.append((str(field.name), data[at:end].hex()))
        at = end
    return found
