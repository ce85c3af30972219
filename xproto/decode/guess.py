"""Which protocol a connection speaks, and which side of it is the client.

Where the connection's beginning was captured, the client is known, and its first bytes are for the detector. Where not, the
first bytes of either side that are a frame tell: requests come from clients, answers from servers. A side's packets are tried
one by one, since most begin with a frame; heartbeats go both ways and tell only if nothing else does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from xproto.autodetect import Detector
from xproto.errors import MalformedError, NeedMore
from xproto.kernel.pieces import known
from xproto.registry import Registered
from xproto.spec import Kind

ASKS = frozenset({Kind.REQUEST, Kind.ONEWAY, Kind.HANDSHAKE, Kind.WRAPPED})
ANSWERS = frozenset({Kind.RESPONSE, Kind.INTERIM, Kind.HANDSHAKE_ACK, Kind.HEARTBEAT_ACK})


@dataclass(frozen=True)
class Guess:
    """side: the direction, 0 or 1, that the bytes came from; from_client: whether that is the client's."""

    registered: Registered
    side: int = 0
    from_client: bool = True


@dataclass(frozen=True)
class Nobody:
    """No protocol begins like this."""

    why: str


class Guesser:
    """Asks the protocols in rank order; of one alone, only that one."""

    def __init__(self, protocols: Mapping[str, Registered], only: Registered | None = None) -> None:
        self.only = only
        self._protocols: Sequence[Registered] = [only] if only else list(protocols.values())
        self._by_name = {each.protocol.name: each for each in self._protocols}
        self._detector = Detector(self._protocols)

    def of_client(self, data: bytes) -> Guess | Nobody | NeedMore:
        """What a client that began with these bytes speaks."""
        if self.only is not None:
            return Guess(self.only)
        found = self._detector.detect(data)
        if isinstance(found, int):
            return NeedMore(found)
        if found in self._by_name:
            return Guess(self._by_name[found])
        if found is not None:
            return Nobody(f"{found}: recognised, and not read here")
        return Nobody(f"no protocol begins with {data[:16].hex(' ')}")

    def of_server(self, data: bytes, *, unfinished: bool = False) -> Guess | Nobody:
        """What a server that answered with these bytes speaks. unfinished: they may be the beginning of one answer alone."""
        for each in self._protocols:
            if self._kind(each, data, 1) in ANSWERS:
                return Guess(each, from_client=False)
        left = [each for each in self._protocols if unfinished and self._wants_more(each, data)]
        if len(left) == 1:
            return Guess(left[0], from_client=False)
        return Nobody(f"no protocol answers with {data[:16].hex(' ')}")

    def of_either(self, side: int, data: bytes) -> Guess | None:
        """What bytes of a side tell of which it is known neither whose it is nor whether a frame begins there."""
        asked = self.of_client(data)
        if isinstance(asked, Guess) and self._kind(asked.registered, data, 0) in ASKS:
            return Guess(asked.registered, side)
        told = self.of_server(data)
        return Guess(told.registered, side, from_client=False) if isinstance(told, Guess) else None

    @staticmethod
    def _wants_more(registered: Registered, data: bytes) -> bool:
        try:
            return isinstance(registered.codec.scan_bytes(data, 1), NeedMore)
        except MalformedError:
            return False

    @staticmethod
    def _kind(registered: Registered, data: bytes, direction: int) -> Kind | None:
        """Of the frame that these bytes begin with, whole or not; None while that is not known, or where it is none."""
        try:
            found = registered.codec.scan_bytes(data, direction)
        except MalformedError:
            return None
        if isinstance(found, NeedMore):
            begun = known(registered.codec, data, direction)
            return None if begun is None else Kind(begun.kind)
        return Kind(found.kind)
