"""Messages as calls: an answer is put to its request by its id, or by the order where the protocol keeps one."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

from xproto.autodetect.proxy_protocol import Endpoint
from xproto.decode.cutter import Fault
from xproto.decode.message import Message
from xproto.spec import Kind

MOST_WAITING = 65_536
"""Requests of a connection whose answers are waited for; over it the oldest counts as unanswered."""
_ASKS = {Kind.REQUEST, Kind.HEARTBEAT, Kind.HANDSHAKE}
_ANSWERS = {Kind.RESPONSE, Kind.HEARTBEAT_ACK, Kind.HANDSHAKE_ACK}


@dataclass(frozen=True)
class Ends:
    """client, server: its addresses; None for bytes without a connection. behind: who a PROXY header says the client is."""

    client: Endpoint | None = None
    server: Endpoint | None = None
    behind: Endpoint | None = None


@dataclass
class Call:
    """A request and what came of it.

    request: None where it was not seen. answers: the last one is the answer, those before it are interim.
    """

    ends: Ends
    request: Message | None
    answers: list[Message] = field(default_factory=list)

    @property
    def took(self) -> int | None:
        """Nanoseconds from the request's last byte to the answer's."""
        if self.request is None or not self.answers or self.request.time is None or self.answers[-1].time is None:
            return None
        return self.answers[-1].time - self.request.time


@dataclass(frozen=True)
class Problem:
    """What could not be read. direction: whose bytes, or None; protocol: "" where it is not known."""

    ends: Ends
    direction: int | None
    protocol: str
    fault: Fault
    time: int | None = None


Said = Callable[[Call | Problem], None]


class Calls:
    """Requests that wait for their answers, of both directions: servers send heartbeats as well."""

    def __init__(self, ends: Ends, by_id: bool, said: Said, *, unanswered: AbstractSet[Kind] = frozenset()) -> None:
        """unanswered: kinds of which nothing comes back."""
        self._ends, self._by_id, self._said = ends, by_id, said
        self._asks = _ASKS - unanswered
        self._waiting: tuple[OrderedDict[int | None, deque[Call]], ...] = (OrderedDict(), OrderedDict())
        self._count = 0

    def take(self, message: Message) -> None:
        key = message.key if self._by_id else None
        if message.kind in self._asks:
            self._waiting[message.direction].setdefault(key, deque()).append(Call(self._ends, message))
            self._count += 1
            if self._count > MOST_WAITING:
                self._said(self._next(*next((d, next(iter(w))) for d, w in enumerate(self._waiting) if w)))
            return
        asked = 1 - message.direction
        if message.kind is Kind.INTERIM and key in self._waiting[asked]:
            self._waiting[asked][key][0].answers.append(message)
            return
        if message.kind not in _ANSWERS:
            self._said(Call(self._ends, message))
            return
        call = self._next(asked, key) if key in self._waiting[asked] else Call(self._ends, None)
        call.answers.append(message)
        self._said(call)

    def _next(self, direction: int, key: int | None) -> Call:
        waiting = self._waiting[direction]
        call = waiting[key].popleft()
        if not waiting[key]:
            del waiting[key]
        self._count -= 1
        return call

    def end(self) -> None:
        """Whatever has no answer by now has none."""
        left = [call for waiting in self._waiting for calls in waiting.values() for call in calls]
        for call in sorted(left, key=lambda each: (each.request.time or 0) if each.request else 0):
            self._said(call)
