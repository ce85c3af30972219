"""The two protocols' fields: how the demo's requests and replies are written in each, and read back.

Frames are built and parsed by the same declarations that the proxy runs on (`xproto.templates.build_frame` and
construct itself), so nothing here knows an offset. What a local reply means is looked up in what its protocol
declares, by status and text: Dubbo uses one status for several faults.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from proxy.demo.scenario import Request
from xproto import registry
from xproto.kernel.codec import Codec
from xproto.registry import Registered
from xproto.spec import Fault
from xproto.templates import build_frame, merge
from xproto.wire.hessian import Raw, decode_text, encode_text
from xproto.wire.hessian_skip import BadValueError, Reader, ShortError

HESSIAN = {"event": 0, "serialization": "hessian2"}
VALUE = b"\x91"
"""Hessian's int 1: Dubbo's answer carries a value."""
STRING = "Ljava/lang/String;"
GENERIC_TYPES = f"{STRING}[{STRING}[Ljava/lang/Object;"


@dataclass(frozen=True)
class Reply:
    """An answer: of a host (`faults` is empty), or of the proxy (the faults that it may stand for)."""

    text: str
    faults: frozenset[Fault]
    status: int


class Speech:
    """One protocol, as the demo's clients and hosts speak it."""

    success: int

    def __init__(self, registered: Registered) -> None:
        self.codec: Codec = registered.codec
        self.layout = registered.protocol.frame
        self.lowered = registered.lowered
        self._faults: dict[tuple[int, str], set[Fault]] = {}
        for fault, fields in registered.protocol.reply.items():
            self._faults.setdefault((fields["status"], fields.get("status_text", "")), set()).add(fault)

    def request(self, request: Request, text: str, over: Mapping[str, Any]) -> bytes:
        """A request whose only argument is `text`, with id 0; `over` are the connection's own fields."""
        return build_frame(self.lowered, merge(self._request(request, text), over))

    def reply(self, text: str, over: Mapping[str, Any]) -> bytes:
        """A successful answer of `text`, with id 0."""
        return build_frame(self.lowered, merge(self._reply(text), over))

    def read(self, frame: bytes) -> Reply:
        """What an answer or a heartbeat's ack says; raises construct's errors, and ValueError."""
        parsed = self.layout.parse(frame)
        success = parsed.status == self.success
        text = self._text(parsed, success=success)
        faults = frozenset[Fault]() if success else frozenset(self._faults.get((parsed.status, text), ()))
        if not success and not faults:
            raise ValueError(f"status {parsed.status} with {text!r} is nothing that this protocol's proxy says")
        return Reply(text, faults, parsed.status)

    def heartbeat(self, over: Mapping[str, Any]) -> bytes:
        """A heartbeat with id 0."""
        fields = self.lowered.protocol.heartbeat or {}
        return build_frame(self.lowered, merge(merge({"id": 0}, fields), over))

    def _request(self, request: Request, text: str) -> dict[str, Any]:
        raise NotImplementedError

    def _reply(self, text: str) -> dict[str, Any]:
        raise NotImplementedError

    def _text(self, parsed: Any, *, success: bool) -> str:
        raise NotImplementedError


class Bolt(Speech):
    """Service and method in the header map, the deadline in its own field."""

    success = 0
    common: Mapping[str, Any] = {
        "proto": 1, "version": 1, "id": 0, "codec": 1, "switch": {"unused": 0, "crc": 0}, "class_name": b"", "headers": [],
    }  # fmt: skip

    def _request(self, request: Request, text: str) -> dict[str, Any]:
        return {
            **self.common,
            "type": "oneway" if request.oneway else "request",
            "command": "request",
            "timeout": request.deadline or -1,
            "class_name": b"com.alipay.sofa.rpc.core.request.SofaRequest",
            "headers": [("service", request.service), ("sofa_head_method_name", request.method)],
            "content": text.encode(),
        }

    def _reply(self, text: str) -> dict[str, Any]:
        return {**self.common, "type": "response", "command": "response", "status": self.success, "content": text.encode()}

    def _text(self, parsed: Any, *, success: bool) -> str:  # noqa: ARG002 (the text lies in the same place)
        return bytes(parsed.content).decode()


class Dubbo(Speech):
    """Hessian2 in the body, the deadline among the attachments, generic calls with the method as an argument."""

    success = 20

    def _request(self, request: Request, text: str) -> dict[str, Any]:
        attachments = {"path": request.service, "interface": request.service, "version": request.version}
        if request.deadline:
            attachments["timeout"] = str(request.deadline)
        if request.generic:
            attachments["generic"] = "true"
        # A string array and an object array of one string each: a typed list of fixed length.
        types = Raw(b"\x71" + encode_text("[string") + encode_text("java.lang.String"))
        values = Raw(b"\x71" + encode_text("[object") + encode_text(text))
        return {
            "flags": {**HESSIAN, "request": 1, "two_way": not request.oneway},
            "status": 0,
            "id": 0,
            "body": {
                "call": 1,
                "event": 0,
                "dubbo": "2.0.2",
                "path": request.service,
                "version": request.version or None,
                "method": "$invoke" if request.generic else request.method,
                "types": GENERIC_TYPES if request.generic else STRING,
                "arguments": [request.method, types, values] if request.generic else [text],
                "attachments": attachments,
                "rest": b"",
            },
        }

    def _reply(self, text: str) -> dict[str, Any]:
        return {
            "flags": {**HESSIAN, "request": 0, "two_way": 0},
            "status": self.success,
            "id": 0,
            "body": {"event": 0, "rest": VALUE + encode_text(text)},
        }

    def _text(self, parsed: Any, *, success: bool) -> str:
        rest = bytes(parsed.body.rest)
        if parsed.flags.event:
            return ""
        if success and not rest.startswith(VALUE):
            raise ValueError(f"an answer that begins with {rest[:1]!r}")
        try:
            return decode_text(Reader(rest[len(VALUE) :] if success else rest).text_or_null() or b"")
        except (BadValueError, ShortError):
            raise ValueError("an answer that is no string") from None


def speeches() -> dict[str, Speech]:
    """By the protocol's name."""
    found = registry.load()
    return {"bolt": Bolt(found["bolt"]), "dubbo": Dubbo(found["dubbo"])}
