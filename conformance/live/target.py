"""The server under test: how a connection to it is opened, and which requests it answers.

A server knows some services and not others, so each request vector is asked once, on a connection of its own. What is
answered at all, be it with an error, serves the other checks; of each form of the wire one. A protocol
without vectors is asked with frames that are drawn from its declaration.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import cached_property

from conformance.bench import Bench, Profile
from conformance.live.shapes import looks_like_no_route
from conformance.live.wire import PATIENCE, Answer, Gone, Patience, Silence, Wire, told
from conformance.outcome import DisagreementError, Malformed
from xproto.errors import MalformedError, NeedMore
from xproto.kernel.codec import Frame
from xproto.registry import Registered
from xproto.spec import Kind
from xproto.templates import build_template

CALLS = frozenset({Kind.REQUEST, Kind.WRAPPED})
SOON = 0.25
"""Seconds within which a request must be answered to serve other checks."""
MOST_FORMS = 4
"""Requests of different forms that a check is made with."""
DRAWN = 8
"""Requests that are drawn where there are no vectors."""


class LiveError(Exception):
    """The peer cannot be tested: nobody listens there, or there is nothing to ask."""


def refuse_streams(registered: Registered) -> None:
    """Raises `LiveError` for a protocol whose frames mean something only in the state that those before them left behind."""
    if registered.codec.carried:
        name = registered.protocol.name
        raise LiveError(f"{name}: its calls are streams of a connection, and these checks send single frames; none applies")


@dataclass(frozen=True)
class Asked:
    """A frame of a client, by the name of its vector, and what a scan says of it."""

    name: str
    data: bytes
    frame: Frame


@dataclass(frozen=True)
class Asking:
    """What became of a request on a connection of its own: its answer, or the fault in words."""

    asked: Asked
    answer: Answer | None
    fault: DisagreementError | None
    seconds: float


@dataclass
class Target:
    """One server. `bench` has the protocol and its vectors."""

    bench: Bench
    host: str
    port: int
    patience: Patience = PATIENCE

    @property
    def registered(self) -> Registered:
        return self.bench.registered

    @property
    def profile(self) -> Profile:
        return self.bench.profile

    @property
    def has_ids(self) -> bool:
        return self.registered.lowered.identity.id is not None

    def open(self, variant: int = 0) -> Wire:
        """A connection on which calls may be sent; raises `DisagreementError` where the server declines its handshake."""
        try:
            wire = Wire.connect(self.host, self.port, self.registered, self.patience)
        except OSError as error:
            raise DisagreementError("the server accepts no new connection", b"", str(error)) from error
        if self.registered.protocol.session is not None:
            greeting = build_template(self.registered.lowered, Kind.HANDSHAKE, variant, 0)
            wire.send(greeting)
            heard = wire.hear()
            if not isinstance(heard, Answer) or heard.frame.kind != Kind.HANDSHAKE_ACK:
                wire.sock.close()
                raise DisagreementError("the handshake is not answered with one", greeting, told(heard))
        return wire

    @cached_property
    def requests(self) -> tuple[Asked, ...]:
        """The request vectors that these options read, or drawn requests."""
        return self._asked({"request", "wrapped"}, CALLS)

    @cached_property
    def oneways(self) -> tuple[Asked, ...]:
        return self._asked({"oneway"}, frozenset({Kind.ONEWAY}))

    @cached_property
    def heartbeats(self) -> tuple[Asked, ...]:
        return self._asked({"heartbeat"}, frozenset({Kind.HEARTBEAT}))

    def _asked(self, named: set[str], kinds: frozenset[Kind]) -> tuple[Asked, ...]:
        if self.bench.vectors:
            found = [vector for vector in self.bench.vectors if vector.kind in named and vector.direction == 0]
            fit = [vector for vector in found if not vector.options or vector.options == self.registered.options]
            asked = [self._read(vector.name, vector.data) for vector in fit]
            return tuple(each for each in asked if each is not None and each.frame.kind in kinds)
        drawn = [self._read(f"drawn {index}", data) for index, data in enumerate(self.bench.frames(0))]
        fit_drawn = [each for each in drawn if each is not None and each.frame.kind in kinds - {Kind.WRAPPED}]
        return tuple(sorted(fit_drawn, key=self._is_nameless))[:DRAWN]

    def _is_nameless(self, asked: Asked) -> bool:
        """Whether it says no service and no method: of drawn calls those that do come first."""
        found = self.bench.subjects[0].lookup(("service", "method"), asked.data)
        return isinstance(found, Malformed) or not any(found)

    def _read(self, name: str, data: bytes) -> Asked | None:
        try:
            frame = self.registered.codec.scan_bytes(data, 0)
        except MalformedError:
            return None
        return None if isinstance(frame, NeedMore) or frame.size != len(data) else Asked(name, data, frame)

    @cached_property
    def askings(self) -> tuple[Asking, ...]:
        """Every request, asked once."""
        return tuple(self._ask(asked) for asked in self.requests)

    def _ask(self, asked: Asked) -> Asking:
        began, answer, fault = time.monotonic(), None, None
        try:
            answer = self.ask(asked.data)
        except DisagreementError as error:
            fault = error
        return Asking(asked, answer, fault, time.monotonic() - began)

    def ask(self, data: bytes) -> Answer:
        """The answer to one request on a new connection; raises `DisagreementError` where there is none that is right."""
        with self.open(self.frame(data).variant) as wire:
            wire.send(data)
            return self.expect(wire, data)

    def frame(self, data: bytes) -> Frame:
        found = self.registered.codec.scan_bytes(data, 0)
        assert isinstance(found, Frame), found
        return found

    def expect(self, wire: Wire, data: bytes) -> Answer:
        """The next thing heard, which must be the answer to this request."""
        heard = wire.hear()
        if isinstance(heard, Gone | Silence):
            raise DisagreementError(f"a request is not answered: the server {heard}", data)
        if heard.frame.kind not in {Kind.RESPONSE, Kind.WRAPPED}:
            what = f"a request is answered with a frame of kind {Kind(heard.frame.kind).name.lower()}"
            raise DisagreementError(what, data, told(heard))
        asked, lowered = self.frame(data), self.registered.lowered
        if self.has_ids and heard.frame.id != asked.id:
            what = f"an answer has the id {heard.frame.id} where its request has {asked.id}"
            raise DisagreementError(what, data, told(heard), field=lowered.id_name)
        if heard.frame.variant != asked.variant:
            paths = ", ".join(value.path for value in lowered.variant.fields)
            raise DisagreementError("an answer is in another form than its request", data, told(heard), field=paths)
        return heard

    @cached_property
    def chosen(self) -> tuple[Asked, ...]:
        """Of each form of the wire one request: one whose service is there, that names one, answered soon, small."""
        forms: dict[tuple[int, bool], tuple[tuple[bool, bool, bool, int], Asked]] = {}
        for each in self.askings:
            frame = each.asked.frame
            if each.answer is None or frame.kind != Kind.REQUEST:
                continue
            missing = looks_like_no_route(self.bench, each.answer.data)
            rank = missing, self._is_nameless(each.asked), each.seconds > SOON, len(each.asked.data)
            form = frame.variant, frame.crc_at >= 0
            if form not in forms or rank < forms[form][0]:
                forms[form] = rank, each.asked
        return tuple(asked for _, asked in forms.values())[:MOST_FORMS]

    def answer_to(self, asked: Asked) -> Answer:
        """What was answered when it was asked alone."""
        found = next(each.answer for each in self.askings if each.asked is asked)
        assert found is not None
        return found

    def gone(self) -> bool:
        """Whether nobody listens there any more."""
        try:
            Wire.connect(self.host, self.port, self.registered, self.patience).sock.close()
        except OSError:
            return True
        return False

    def with_id(self, data: bytes, id: int) -> bytes:
        """The request with another id; itself where the protocol has none."""
        return self.registered.codec.with_id(data, id) if self.has_ids else data

    def survives(self, data: bytes) -> None:
        """Raises `DisagreementError` unless a new connection is served, after these bytes were sent on another."""
        asked = self.chosen[0]
        try:
            self.ask(asked.data)
        except DisagreementError as error:
            what = f"after these bytes on another connection: {error.what}"
            raise DisagreementError(what, data, *error.found, field=error.field) from error
