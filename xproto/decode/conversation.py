"""One connection of a capture: which protocol it speaks and which side is the client, then what they say.

Both are decided by the first bytes, which are kept for so long; a header of the PROXY protocol may stand in front of them.
"""

from __future__ import annotations

from collections.abc import Sequence

from xproto.autodetect.proxy_protocol import read
from xproto.decode.calls import Ends, Problem, Said
from xproto.decode.cutter import Fault, Kept
from xproto.decode.guess import Guess, Guesser, Nobody
from xproto.decode.speech import Speech
from xproto.decode.values import Values
from xproto.errors import MalformedError, NeedMore

MOST_UNDECIDED = 1 << 20
"""Bytes of a connection that are looked at before it is given up that no protocol is found in them."""


class Conversation:
    """Takes the bytes of both directions as they come, and tells `said` the calls. `streams.Receiver` is its face."""

    def __init__(
        self, ends: Ends, guesser: Guesser, said: Said, kept: Kept, values: Sequence[Values] = (), *, certain: bool
    ) -> None:
        self.ends, self._guesser, self._said, self._certain = ends, guesser, said, certain
        self._kept, self._values = kept, values
        self._early: list[tuple[int, int | None, bytes | int]] = []
        """(direction, time, bytes or how many are missing) of what came before the protocol was known."""
        self._size = 0
        self._wanted = 0
        self._speech: Speech | None = None
        self._flipped = False
        self._given_up = False

    def data(self, direction: int, time: int | None, data: bytes) -> None:
        self._take(direction, time, data)

    def gap(self, direction: int, time: int | None, size: int) -> None:
        self._take(direction, time, size)

    def _take(self, direction: int, time: int | None, what: bytes | int) -> None:
        if self._given_up:
            return
        if self._speech is not None:
            self._pass(direction, time, what)
            return
        self._early.append((direction, time, what))
        self._size += len(what) if isinstance(what, bytes) else 0
        if isinstance(what, bytes):
            self._decide(direction, what)
        if self._speech is None and self._size > MOST_UNDECIDED:
            self._give_up(Nobody(f"no protocol was found in the first {self._size} bytes"))

    def _pass(self, direction: int, time: int | None, what: bytes | int) -> None:
        assert self._speech is not None
        direction ^= self._flipped
        if isinstance(what, bytes):
            self._speech.data(direction, time, what)
        else:
            self._speech.gap(direction, time, what)

    def _decide(self, direction: int, data: bytes) -> None:
        if not self._certain:
            found = self._guesser.of_either(direction, data)
            if found is not None:
                self._begin(found)
            return
        if direction:
            return
        first = self._first(0)
        if len(first) < self._wanted:
            return
        try:
            header = read(first)
        except MalformedError as error:
            self._give_up(Nobody(str(error)))
            return
        if isinstance(header, int):
            self._wanted = header
            return
        skip = 0
        if header is not None:
            self.ends, skip = Ends(self.ends.client, self.ends.server, header.source), header.size
        told = self._guesser.of_client(first[skip:])
        if isinstance(told, NeedMore):
            self._wanted = skip + told.total
        elif isinstance(told, Nobody):
            self._give_up(told)
        else:
            self._begin(told, skip)

    def _first(self, direction: int) -> bytes:
        pieces: list[bytes] = []
        for side, _, what in self._early:
            if side == direction:
                if not isinstance(what, bytes):
                    break
                pieces.append(what)
        return b"".join(pieces)

    def _begin(self, guess: Guess, skip: int = 0) -> None:
        self._flipped = guess.side == int(guess.from_client)
        if self._flipped:
            self.ends = Ends(self.ends.server, self.ends.client)
        self._speech = Speech(self.ends, guess.registered, self._said, self._kept, self._values, lost=not self._certain)
        early, self._early = self._early, []
        for direction, time, what in early:
            passed = what
            if skip and direction == 0 and isinstance(what, bytes):
                passed, skip = what[skip:], max(0, skip - len(what))
            if passed:
                self._pass(direction, time, passed)

    def _give_up(self, nobody: Nobody) -> None:
        time = self._early[0][1] if self._early else None
        self._said(Problem(self.ends, None, "", Fault(0, "", nobody.why, self._first(0)[:64]), time))
        self._given_up, self._early = True, []

    def end(self, _reason: str) -> None:
        if self._speech is not None:
            self._speech.end()
        elif self._size and not self._given_up:
            self._give_up(Nobody(f"{self._size} bytes are too few to tell the protocol, or none is found in them"))
