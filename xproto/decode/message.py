"""One frame as what it says: its kind and id, its service, method, headers and status, its body, all of its fields.

Fields are what construct's own parse gives; service and method are found as routes find them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from construct import Container

from xproto.decode.cutter import Cut, Fault
from xproto.decode.fields import at_path, leaves, reason, text_of
from xproto.decode.http import body_of, is_http, read_head
from xproto.decode.statuses import status_of
from xproto.errors import MalformedError, NeedMore
from xproto.registry import Registered
from xproto.spec import Kind

BODIES = ("arguments", "content", "buffer", "result", "body", "payload", "data", "rest")
"""What fields are called that hold what a call is about; the first that a frame has is its body."""
MAX_HEADERS = 256
"""Headers of a message that are kept."""


@dataclass
class Message:
    """A frame that was read. direction: 0 from the client, 1 from the server; time: ns since 1970, of its last byte."""

    protocol: str
    direction: int
    cut: Cut
    kind: Kind
    key: int | None
    """The id as the kernel has it, by which answers find their requests."""
    plain: bytes
    """The frame, without the transform that it came in."""
    id: int | None = None
    service: str | None = None
    method: str | None = None
    timeout: int | None = None
    status: str | None = None
    line: str = ""
    """The first line of a message of HTTP."""
    headers: list[tuple[str, str]] = field(default_factory=list)
    fields: Any = None
    """construct's container; None where construct refused."""
    body: bytes = b""
    values: Any = None
    """The body's values, where somebody was asked to read them: see `xproto.decode.values`."""
    unread: str = ""
    """Why there are none."""
    faults: list[Fault] = field(default_factory=list)

    @property
    def time(self) -> int | None:
        return self.cut.last


class Reader:
    """Reads the frames of one protocol."""

    def __init__(self, registered: Registered) -> None:
        self.registered = registered
        codec = registered.codec
        keys = ("service", "method", *((codec.timeout_key,) if codec.timeout_key else ()))
        self._lookup = codec.lookup(keys)
        self._numbered = registered.protocol.id is not None

    def read(self, cut: Cut, direction: int) -> Message:
        """The message in a frame; what is wrong with it is among its faults."""
        protocol, codec = self.registered.protocol, self.registered.codec
        message = Message(protocol.name, direction, cut, cut.kind, cut.id if self._numbered else None, cut.data)
        message.id = message.key
        message.timeout = cut.timeout if direction == 0 and cut.timeout > 0 else None
        if cut.kind == Kind.WRAPPED and protocol.unwrap is not None:
            try:
                message.plain = protocol.unwrap(cut.data)
                inner = codec.scan_bytes(message.plain, direction)
                if isinstance(inner, NeedMore) or inner.kind == Kind.WRAPPED:
                    raise MalformedError(protocol.name, "unwrap", 0, "what it holds is no frame in its plain form")
            except MalformedError as error:
                message.faults.append(Fault(cut.offset + error.offset, error.path, error.why, cut.data[:64]))
                return message
            message.kind, message.key = Kind(inner.kind), inner.id
        if direction == 0:
            self._keys(message)
        self._fields(message)
        return message

    def _keys(self, message: Message) -> None:
        try:
            found = self._lookup.find_bytes(message.plain)
        except MalformedError as error:
            message.faults.append(Fault(message.cut.offset + error.offset, error.path, error.why))
            return
        message.service, message.method = (None if value is None else text_of(value) for value in found[:2])
        if len(found) > 2 and found[2] is not None and found[2].isdigit():
            message.timeout = int(found[2][:18]) or None

    def _fields(self, message: Message) -> None:
        try:
            message.fields = self._parse(message)
        except Exception as error:  # noqa: BLE001 - whatever a declaration raises is to be said, not to be passed on
            message.faults.append(self._refused(message, reason(error)))
            return
        if message.key is not None:
            message.id = at_path(message.fields, self.registered.lowered.id_name)
        message.status = None if message.direction == 0 else status_of(message.protocol, message.fields)
        if is_http(self.registered.codec):
            message.line = text_of(message.fields.head.line)
        message.headers = list(self._headers(message.fields))[:MAX_HEADERS]
        message.body = _body(message.fields)

    def _parse(self, message: Message) -> Any:
        if is_http(self.registered.codec) and message.direction:
            # What its answer's body is depends on what was asked: the frame was cut accordingly.
            head = read_head(message.plain)
            body = message.plain[message.plain.find(b"\r\n\r\n") + 4 :]
            return Container(head=head, body=body_of(head, body))
        fields = self.registered.protocol.frame.parse(message.plain, from_upstream=message.direction)
        if is_http(self.registered.codec):
            fields.body = body_of(fields.head, fields.body)
        return fields

    def _refused(self, message: Message, why: str) -> Fault:
        """What construct refused, in the kernel's words, which know the place."""
        try:
            self.registered.codec.verify_bytes(message.plain, message.direction)
        except MalformedError as error:
            return Fault(message.cut.offset + error.offset, error.path, error.why, message.cut.data[:64])
        return Fault(message.cut.offset, "", why, message.cut.data[:64])

    def _headers(self, fields: Any) -> Iterator[tuple[str, str]]:
        path = self.registered.lowered.texts.block
        block = None if path is None else at_path(fields, path)
        if isinstance(block, Mapping) and "fields" in block:  # HTTP's head
            block = block["fields"]
        for pair in block or ():
            yield text_of(pair[0]), text_of(pair[1])


def _body(fields: Any) -> bytes:
    found = dict(leaves(fields))
    named = next((found[name] for name in BODIES if name in found), None)
    return named if named is not None else next(reversed(found.values()), b"")
