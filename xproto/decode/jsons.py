"""Calls and problems as JSON, one object a line. Texts are as they were sent; bytes are hex."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from xproto.decode.calls import Call, Ends, Problem
from xproto.decode.message import Message
from xproto.decode.show import milliseconds, when
from xproto.decode.tree import fields
from xproto.registry import Registered


class Json:
    """with_fields: whether messages come with all of their fields and the places of these."""

    def __init__(self, protocols: Mapping[str, Registered], *, with_fields: bool = False) -> None:
        self._protocols, self._with_fields = protocols, with_fields

    def line(self, said: Call | Problem) -> str:
        found = self._call(said) if isinstance(said, Call) else _problem(said)
        return json.dumps({key: each for key, each in found.items() if each is not None})

    def _call(self, call: Call) -> dict[str, Any]:
        first = call.request or call.answers[0]
        asked = call.request
        return {
            "type": "call",
            "protocol": first.protocol,
            **_ends(call.ends),
            "kind": first.kind.name.lower(),
            "id": first.id,
            "service": asked.service if asked else None,
            "method": asked.method if asked else None,
            "timeout_ms": asked.timeout if asked else None,
            "status": call.answers[-1].status if call.answers else None,
            "took_ms": None if call.took is None else milliseconds(call.took),
            "request": self._message(asked) if asked else None,
            "interim": [self._message(each) for each in call.answers[:-1]] or None,
            "response": self._message(call.answers[-1]) if call.answers else None,
        }

    def _message(self, message: Message) -> dict[str, Any]:
        found: dict[str, Any] = {
            "time": when(message.time) or None,
            "from": "server" if message.direction else "client",
            "kind": message.kind.name.lower(),
            "offset": message.cut.offset,
            "bytes": len(message.cut.data),
            "plain_bytes": None if message.plain is message.cut.data else len(message.plain),
            "line": message.line or None,
            "status": message.status,
            "headers": [list(pair) for pair in message.headers] or None,
            "body_bytes": len(message.body),
            "body": None if message.values is not None else _body(message.body),
            "values": message.values,
            "unread": message.unread or None,
        }
        if self._with_fields:
            found["fields"] = [
                {"path": each.path, "offset": each.offset, "bytes": each.size, "value": each.value}
                for each in fields(self._protocols[message.protocol], message)
            ]
        return {key: each for key, each in found.items() if each is not None}


def _body(body: bytes) -> dict[str, str]:
    try:
        return {"text": body.decode("utf-8")}
    except UnicodeDecodeError:
        return {"hex": body.hex()}


def _ends(ends: Ends) -> dict[str, str]:
    named = {"client": ends.client, "server": ends.server, "behind": ends.behind}
    return {name: str(end) for name, end in named.items() if end is not None}


def _problem(problem: Problem) -> dict[str, Any]:
    fault = problem.fault
    return {
        "type": "problem",
        "protocol": problem.protocol or None,
        **_ends(problem.ends),
        "from": None if problem.direction is None else "server" if problem.direction else "client",
        "time": when(problem.time) or None,
        "offset": fault.offset,
        "field": fault.field or None,
        "why": fault.why,
        "hex": fault.data.hex() or None,
    }
