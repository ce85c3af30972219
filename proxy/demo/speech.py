"""One protocol as the demo speaks it: requests and replies are written in its fields, and read back.

Frames are built and parsed by the same declarations that the proxy runs on (`xproto.templates.build_frame` and
construct itself), so nothing here knows an offset. What a local reply means is looked up in what its protocol
declares, by what tells one fault from another there: a status, with its text where one status stands for several.
The fields themselves are in `protocols`, and HTTP's in `web`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from proxy.demo.scenario import Request
from xproto.kernel.codec import Codec
from xproto.registry import Registered
from xproto.spec import Fault, Kind
from xproto.templates import build_frame, merge


@dataclass(frozen=True)
class Reply:
    """An answer: of a host (`faults` is empty), or of the proxy (the faults that it may stand for)."""

    text: str
    faults: frozenset[Fault]
    status: int


class Speech:
    """One protocol, as the demo's clients and hosts speak it."""

    success: int
    keys = ("service", "method")
    """What a request's service and method are called in its frame."""

    def __init__(self, registered: Registered) -> None:
        self.codec: Codec = registered.codec
        self.layout = registered.protocol.frame
        self.lowered = registered.lowered
        self.numbered = self.lowered.identity.id is not None
        """Whether frames have ids; answers come in the order of the calls where they have none."""
        self._faults: dict[Any, set[Fault]] = {}
        for fault, fields in registered.protocol.reply.items():
            self._faults.setdefault(self._mark(fields), set()).add(fault)

    def request(self, request: Request, text: str, over: Mapping[str, Any]) -> bytes:
        """A request whose only argument is `text`, with id 0; `over` are the connection's own fields."""
        return build_frame(self.lowered, merge(self._request(request, text), over), from_upstream=False)

    def reply(self, text: str, over: Mapping[str, Any]) -> bytes:
        """A successful answer of `text`, with id 0."""
        return build_frame(self.lowered, merge(self._reply(text), over))

    def read(self, frame: bytes) -> Reply:
        """What an answer or a heartbeat's ack says; raises construct's errors, and ValueError."""
        parsed = self.layout.parse(frame, from_upstream=1)
        status = self._status(parsed)
        success = status == self.success
        text = self._text(parsed, success=success)
        return Reply(text, frozenset(), status) if success else self.own_reply(status, text)

    def own_reply(self, status: int, text: str) -> Reply:
        """What an answer of the proxy's own says; raises ValueError for one that it has not."""
        faults = frozenset[Fault](self._faults.get((status, text), ()))
        if not faults:
            raise ValueError(f"status {status} with {text!r} is nothing that this protocol's proxy says")
        return Reply(text, faults, status)

    @property
    def beats(self) -> bool:
        """Whether clients send heartbeats whose acks are no answers."""
        return Kind.HEARTBEAT_ACK in self.lowered.protocol.kind

    def heartbeat(self, over: Mapping[str, Any]) -> bytes:
        """A heartbeat with id 0."""
        fields = self.lowered.protocol.heartbeat or {}
        return build_frame(self.lowered, merge(merge({"id": 0}, fields), over), from_upstream=False)

    def _mark(self, fields: Mapping[str, Any]) -> tuple[int, str]:
        """What a local reply is known by: its status, and its text where that matters."""
        return fields["status"], fields.get("status_text", "")

    def _status(self, parsed: Any) -> int:
        return int(parsed.status)

    def _request(self, request: Request, text: str) -> dict[str, Any]:
        raise NotImplementedError

    def _reply(self, text: str) -> dict[str, Any]:
        raise NotImplementedError

    def _text(self, parsed: Any, *, success: bool) -> str:
        raise NotImplementedError
