"""The fields of the four RPC protocols' requests and replies, and by name all whose frames are built from declarations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from proxy.demo.scenario import Request
from proxy.demo.speech import Speech
from proxy.demo.web import Http
from xproto import registry
from xproto.codecs.thrift.message import TYPES
from xproto.wire.hessian import Raw, decode_text, encode_text
from xproto.wire.hessian_skip import BadValueError, Reader, ShortError

HESSIAN = {"event": 0, "serialization": "hessian2"}
VALUE = b"\x91"
"""Hessian's int 1: Dubbo's answer carries a value."""
STRING = "Ljava/lang/String;"
GENERIC_TYPES = f"{STRING}[{STRING}[Ljava/lang/Object;"


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


class Thrift(Speech):
    """Service and method in one name; a struct of one text; errors are messages of a type of their own."""

    success = 2

    def _mark(self, fields: Mapping[str, Any]) -> tuple[int, str]:
        return TYPES["exception"], self._first_text(fields["body"])

    def _status(self, parsed: Any) -> int:
        return TYPES[str(parsed.type)]

    def _request(self, request: Request, text: str) -> dict[str, Any]:
        kind = "oneway" if request.oneway else "call"
        return {"type": kind, "name": f"{request.service}:{request.method}".encode(), "seqid": 0, "body": self._struct(1, text)}

    def _reply(self, text: str) -> dict[str, Any]:
        return {"type": "reply", "name": b"answer", "seqid": 0, "body": self._struct(0, text)}

    def _text(self, parsed: Any, *, success: bool) -> str:  # noqa: ARG002 (an exception's text is its first field)
        return self._first_text(bytes(parsed.body))

    @staticmethod
    def _struct(number: int, text: str) -> bytes:
        said = text.encode()
        return b"\x0b" + number.to_bytes(2, "big") + len(said).to_bytes(4, "big") + said + b"\x00"

    @staticmethod
    def _first_text(body: bytes) -> str:
        size = int.from_bytes(body[3:7], "big")
        if body[:1] != b"\x0b" or len(body) < 7 + size:
            raise ValueError(f"a struct that begins with {body[:1]!r}")
        return body[7 : 7 + size].decode()


class Tars(Speech):
    """Servant and function in fields, the text as the buffer, the deadline in a field."""

    success = 0
    common: Mapping[str, Any] = {
        "version": 1, "oneway": 0, "message_type": 0, "id": 0, "answer_type": 0, "code": 0, "servant": b"", "function": b"",
        "result": b"", "buffer": b"", "answer_status": [], "timeout": 0, "context": [], "status": [], "rest": b"",
    }  # fmt: skip

    def _mark(self, fields: Mapping[str, Any]) -> tuple[int, str]:
        return fields["body"]["code"], ""

    def _status(self, parsed: Any) -> int:
        return int(parsed.body.code)

    def _request(self, request: Request, text: str) -> dict[str, Any]:
        told = {"servant": request.service.encode(), "function": request.method.encode(), "buffer": text.encode()}
        return {"body": {**self.common, **told, "oneway": int(request.oneway), "timeout": request.deadline}}

    def _reply(self, text: str) -> dict[str, Any]:
        return {"body": {**self.common, "result": text.encode()}}

    def _text(self, parsed: Any, *, success: bool) -> str:
        return bytes(parsed.body.result).decode() if success else ""


def speeches() -> dict[str, Speech]:
    """By the protocol's name."""
    found = registry.load()
    spoken: dict[str, type[Speech]] = {"bolt": Bolt, "dubbo": Dubbo, "thrift": Thrift, "tars": Tars, "http1": Http}
    return {name: speech(found[name]) for name, speech in spoken.items()}
