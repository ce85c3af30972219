"""What the kit answers a client's call with: the recorded answer to a call like it, under its id, or the declared error."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from conformance.golden import Vector
from conformance.live.wire import Answer, read
from xproto.errors import MalformedError
from xproto.registry import Registered
from xproto.spec import Fault, Kind

Keys = tuple[bytes | None, ...]


@dataclass
class Answers:
    """The answers that the vectors have: to the same call but for its id, else to one of its service, method and form."""

    registered: Registered
    vectors: Sequence[Vector]
    _same: dict[bytes, bytes] = field(default_factory=dict)
    _like: dict[tuple[Keys, int, bool], bytes] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._lookup = self.registered.codec.lookup(("service", "method"))
        for call, answer in self._pairs():
            self._same.setdefault(self._without_id(call), answer)
            self._like.setdefault(self._key(call), answer)

    def _pairs(self) -> Iterator[tuple[Answer, bytes]]:
        """Calls with their answers: ``x-request`` and ``x-response``, as vectors are named."""
        answers = {vector.name: vector for vector in self.vectors if vector.direction == 1}
        for vector in self.vectors:
            answer = answers.get(vector.name.removesuffix("-request") + "-response")
            if vector.direction == 0 and vector.kind == "request" and answer is not None:
                call = self._read(vector, 0)
                if call is not None and self._read(answer, 1) is not None:
                    yield call, answer.data

    def _read(self, vector: Vector, direction: int) -> Answer | None:
        try:
            return read(self.registered, vector.data, direction)
        except MalformedError:
            return None

    def _without_id(self, call: Answer) -> bytes:
        identified = self.registered.lowered.identity.id is not None and call.frame.kind != Kind.WRAPPED
        return self.registered.codec.with_id(call.data, 0) if identified else call.data

    def _key(self, call: Answer) -> tuple[Keys, int, bool]:
        try:
            keys = self._lookup.find_bytes(call.data)
        except MalformedError:
            keys = ()
        return keys, call.frame.variant, call.frame.crc_at >= 0

    def to(self, call: Answer) -> bytes:
        """The answer to a call; a call that no vector is like gets the declaration's answer for no route."""
        codec, frame = self.registered.codec, call.frame
        known = self._same.get(self._without_id(call)) or self._like.get(self._key(call))
        if known is None:
            return codec.reply(Fault.NO_ROUTE, frame.variant, frame.echo, frame.id)
        return codec.with_id(known, frame.id, 1) if self.registered.lowered.identity.id is not None else known
