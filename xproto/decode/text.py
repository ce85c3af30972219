"""Calls and problems as text for people: a line of who, a line for each message, and what they hold below."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from xproto.decode.calls import Call, Ends, Problem
from xproto.decode.message import Message
from xproto.decode.run import Totals
from xproto.decode.show import milliseconds, short, summary, text, value, when
from xproto.decode.tree import fields
from xproto.registry import Registered
from xproto.spec import Kind

MOST_HEADERS = 32
_NAMES = {Kind.HEARTBEAT_ACK: "heartbeat ack", Kind.HANDSHAKE_ACK: "handshake ack"}


class Text:
    """with_fields: whether messages come with all of their fields and the places of these."""

    def __init__(self, protocols: Mapping[str, Registered], *, with_fields: bool = False) -> None:
        self._protocols, self._with_fields = protocols, with_fields

    def lines(self, said: Call | Problem) -> str:
        return "\n".join(self._call(said) if isinstance(said, Call) else _problem(said))

    def _call(self, call: Call) -> Iterator[str]:
        first = call.request or call.answers[0]
        words = [when(first.time), first.protocol, _ends(call.ends)]
        yield "  ".join(word for word in words if word)
        if call.request is not None:
            yield from self._message(call.request)
        for answer in call.answers:
            took = call.took if answer is call.answers[-1] else None
            yield from self._message(answer, "" if took is None else f"after {milliseconds(took):g} ms")
        if call.ends.client is None:
            return
        if call.request is None and first.kind in {Kind.RESPONSE, Kind.HEARTBEAT_ACK, Kind.HANDSHAKE_ACK}:
            yield "  its request is not in the capture"
        if not call.answers and call.request and call.request.kind in {Kind.REQUEST, Kind.HEARTBEAT, Kind.HANDSHAKE}:
            yield "  no answer is in the capture"

    def _message(self, message: Message, after: str = "") -> Iterator[str]:
        named = [text(name) for name in (message.service, message.method) if name is not None]
        words = [
            _NAMES.get(message.kind, message.kind.name.lower()),
            "" if message.id is None else f"id {message.id}",
            " ".join(named),
            message.status and text(message.status),
            f"{len(message.cut.data)} bytes",
            f"timeout {message.timeout} ms" if message.timeout else "",
            after,
        ]
        arrow = "<" if message.direction else ">"
        yield f"  {arrow} " + "  ".join(word for word in words if word)
        if message.line:
            yield f"      {text(message.line)}"
        if message.plain is not message.cut.data:
            yield f"      compressed; {len(message.plain)} bytes in its plain form"
        for key, each in message.headers[:MOST_HEADERS]:
            yield f"      {text(key)}: {text(each)}"
        if len(message.headers) > MOST_HEADERS:
            yield f"      … ({len(message.headers)} headers)"
        yield from _body(message)
        if self._with_fields:
            yield from self._fields(message)

    def _fields(self, message: Message) -> Iterator[str]:
        for each in fields(self._protocols[message.protocol], message):
            place = "       " if each.offset is None else f"{each.offset:>4}+{each.size:<4}"
            name = each.path.rpartition(".")[2]
            if each.value is None and not each.size:
                continue  # a field that this frame has not
            shown = "" if each.value is None else f" = {short(value(each.value))}"
            yield f"      {place} {'  ' * each.depth}{text(name)}{shown}"


def _body(message: Message) -> Iterator[str]:
    if message.values is not None:
        for name, found in message.values.items() if isinstance(message.values, dict) else [("body", message.values)]:
            yield f"      {text(name)} = {short(value(found))}"
        return
    if message.body:
        yield f"      body, {len(message.body)} bytes: {summary(message.body)}"
    if message.unread:
        yield f"      not decoded: {text(message.unread)}"


def _ends(ends: Ends) -> str:
    if ends.client is None:
        return ""
    behind = f" (for {ends.behind})" if ends.behind is not None else ""
    return f"{ends.client}{behind} > {ends.server}"


def _problem(problem: Problem) -> Iterator[str]:
    whose = "" if problem.direction is None else "the server's bytes" if problem.direction else "the client's bytes"
    fault = problem.fault
    place = f"at offset {fault.offset}" if whose or problem.protocol else ""
    words = [when(problem.time), problem.protocol, _ends(problem.ends)]
    yield "  ".join(word for word in [*words, "NOT READ"] if word)
    field = f"{fault.field}: " if fault.field else ""
    yield "  " + ", ".join(word for word in (whose, place) if word) + (": " if whose or place else "") + text(field + fault.why)
    if fault.data:
        yield f"      {summary(fault.data)}"


def total(totals: Totals) -> str:
    """The last line."""
    words = [_count(totals.packets, "packet"), _count(totals.connections, "connection")] if totals.capture else []
    words.append(_count(totals.calls, "call"))
    if totals.problems:
        words.append(f"{totals.problems} NOT READ")
    return ", ".join(words)


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
