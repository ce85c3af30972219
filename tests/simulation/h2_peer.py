"""One end of a connection of HTTP/2 in a simulation, by the `h2` package, which knows nothing of the proxy's own engine.

`h2` regards a connection as over with its first GOAWAY; here it goes on, as RFC 9113 says. So these frames pass it by, in
both directions. Windows are given back by hand: at once, or when the scenario likes.
"""

from __future__ import annotations

import contextlib
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import h2.config
import h2.connection
import h2.events
import h2.exceptions
from h2.settings import SettingCodes
from hyperframe.frame import GoAwayFrame

if TYPE_CHECKING:
    from tests.simulation.h2_world import World

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
HEAD = 9
GOAWAY = 7
LAST_ID = 2**31 - 1
WINDOWS = (100, 1000, 20_000, 65_535, 300_000)
"""The first is for small bodies alone: a big one would take thousands of updates, which the proxy calls a flood."""
REFUND = 4096
"""Bytes of a window that are given back at a time."""
Fields = list[tuple[str, str]]


@dataclass(slots=True)
class Outgoing:
    """A body on its way."""

    data: bytes
    trailers: Fields
    most: int
    """Bytes of a frame."""
    breaks_at: int = -1
    """Its stream is reset there, with `code`."""
    code: int = 0
    at: int = 0


class Peer:
    def __init__(self, world: World, client_side: bool) -> None:
        self.world, self.dice = world, world.loop.dice
        config = h2.config.H2Configuration(client_side=client_side, header_encoding="latin-1")
        self.conn = h2.connection.H2Connection(config)
        self.wire: Any = None
        self.over = self.excused = False
        self.outbox: dict[int, Outgoing] = {}
        self.data = b""
        self.rest = 0 if client_side else len(PREFACE)
        """Bytes of the preface that have not come yet."""
        self.timer: Any = None
        self.unsettled = 1
        """SETTINGS that are not acknowledged; `h2` takes an answer to one for an answer to all."""
        self.calms = False
        self.owed: dict[int, int] = {}
        """Bytes of windows that are to be given back, by stream; of 0 for the connection."""

    def blame(self, what: object) -> None:
        self.world.judge.blame(f"{self}: {what}")

    def greet(self) -> None:
        self.conn.initiate_connection()
        self.flush()

    def flush(self) -> None:
        data = self.conn.data_to_send()
        if data and not self.over:
            self.wire.send(data, self.dice.below(3000) if self.world.wrongly("delays", 300) else 0)

    # -- what comes -----------------------------------------------------------------------------------------------------

    def received(self, data: bytes) -> None:
        self.world.loop.mark(zlib.crc32(data))
        self.data += data
        try:
            if self.rest and len(self.data) >= self.rest:
                self.conn.receive_data(self.data[: self.rest])
                self.data, self.rest = self.data[self.rest :], 0
            while not self.rest and not self.over and len(self.data) >= HEAD:
                whole = HEAD + int.from_bytes(self.data[:3], "big")
                if len(self.data) < whole:
                    break
                frame, self.data = self.data[:whole], self.data[whole:]
                if frame[3] == GOAWAY:
                    self.goes(int.from_bytes(frame[HEAD : HEAD + 4], "big"), int.from_bytes(frame[HEAD + 4 : HEAD + 8], "big"))
                else:
                    for event in self.conn.receive_data(frame):
                        self.happened(event)
            self.pump()
        except AssertionError as error:
            self.blame(error)
        except h2.exceptions.ProtocolError as error:
            self.blame(f"{type(error).__name__}: {error}")

    def happened(self, event: Any) -> None:
        kind = type(event).__name__
        if kind == "DataReceived":
            self.came(event.stream_id, event.data)
            self.eat(event.stream_id, event.flow_controlled_length)
        elif kind == "StreamEnded":
            self.ends(event.stream_id)
        elif kind == "StreamReset":
            self.outbox.pop(event.stream_id, None)
            self.broken(event.stream_id, int(event.error_code))
        elif kind in {"RequestReceived", "ResponseReceived"}:
            self.headed(event.stream_id, dict(event.headers))
        elif kind == "SettingsAcknowledged":
            self.unsettled -= 1
            for whose in list(self.owed):
                self.refund(whose)  # the window may be smaller now than what is owed
            if self.calms:
                self.calm()
        elif kind == "TrailersReceived":
            self.trailed(event.stream_id, dict(event.headers))

    def eat(self, id: int, size: int) -> None:
        """Give the window back, now or later."""
        if not size:
            return
        if self.world.wrongly("stalls", 100):
            self.world.loop.call_later(self.dice.choice((1, 50, 1000)) * self.dice.below(1000) / 1e6, self.give, id, size)
        else:
            self.give(id, size)

    def give(self, id: int, size: int) -> None:
        """Of big bodies not for each frame, as nobody does: small frames would beget small ones, by the thousand."""
        if self.over:
            return
        least = min(REFUND, self.conn.local_settings.initial_window_size // 2) if self.world.has("big") else 1
        for whose in (0, id):
            self.owed[whose] = self.owed.get(whose, 0) + size
            if self.owed[whose] >= least:
                self.refund(whose)
        self.flush()

    def refund(self, whose: int) -> None:
        """A stream's, or the connection's."""
        size = self.owed.pop(whose)
        with contextlib.suppress(h2.exceptions.StreamClosedError, h2.exceptions.NoSuchStreamError, KeyError):
            self.conn.increment_flow_control_window(size, whose or None)

    # -- what is sent ---------------------------------------------------------------------------------------------------

    def put(self, id: int, data: bytes, trailers: Fields, breaks_at: int = -1, code: int = 0) -> None:
        """A body, with the end of the stream."""
        most = 1 + self.dice.below(max(len(data), 1)) if self.world.has("pieces") else len(data)
        self.outbox[id] = Outgoing(data, trailers, max(most, 1, len(data) // 20), breaks_at, code)

    def pump(self) -> None:
        """Send what the windows allow."""
        for id, item in list(self.outbox.items()):
            while id in self.outbox and not self.over:
                if not self.piece(id, item):
                    break
        self.flush()

    def piece(self, id: int, item: Outgoing) -> bool:
        """One frame; False: no more now."""
        end = item.breaks_at if item.breaks_at >= 0 else len(item.data)
        some = min(end - item.at, self.conn.local_flow_control_window(id), self.conn.max_outbound_frame_size, item.most)
        if some <= 0 and item.at < end:
            return False
        at, item.at = item.at, item.at + some
        if item.at == item.breaks_at:
            if some:
                self.conn.send_data(id, item.data[at : item.at])
            del self.outbox[id]
            self.breaks(id, item.code)
            return False
        last = item.at == len(item.data)
        if some or not item.trailers:
            self.conn.send_data(id, item.data[at : item.at], end_stream=last and not item.trailers)
        if last:
            if item.trailers:
                self.conn.send_headers(id, item.trailers, end_stream=True)
            del self.outbox[id]
            self.said(id)
            return False
        if self.world.wrongly("pieces", 500):
            if self.timer is None:
                self.timer = self.world.loop.call_later(self.dice.below(3000) / 1e6, self.pump_later)
            return False
        return True

    def pump_later(self) -> None:
        self.timer = None
        if not self.over:
            self.pump()

    def reset(self, id: int, code: int) -> None:
        self.outbox.pop(id, None)
        self.conn.reset_stream(id, code)
        self.flush()

    def goaway(self, last: int, code: int) -> None:
        self.flush()
        self.wire.send(GoAwayFrame(0, last_stream_id=last, error_code=code).serialize())

    def fidget(self) -> None:
        """Other settings, a ping."""
        wrongly = self.world.wrongly
        if wrongly("windows", 100):
            self.settle({SettingCodes.INITIAL_WINDOW_SIZE: self.dice.choice(WINDOWS[self.world.has("big") :])})
        if wrongly("few streams", 100):
            self.settle({SettingCodes.MAX_CONCURRENT_STREAMS: self.dice.choice((1, 2, 3, 100))})
        if wrongly("pings", 60):
            self.conn.ping(b"simulate")
        self.flush()

    def settle(self, settings: dict[SettingCodes, int]) -> None:
        if not self.unsettled:
            self.unsettled += 1
            self.conn.update_settings(settings)

    def calm(self) -> None:
        """Windows and streams enough for all."""
        if not self.over:
            self.wire.read_on()
            self.calms = self.unsettled > 0
            self.settle({SettingCodes.INITIAL_WINDOW_SIZE: 65_535, SettingCodes.MAX_CONCURRENT_STREAMS: 100})
            self.flush()

    def ended(self, reset: bool) -> None:
        self.over = True
        self.wire.close()

    # -- for clients and servers ----------------------------------------------------------------------------------------

    def headed(self, id: int, fields: dict[str, str]) -> None:
        raise NotImplementedError

    def came(self, id: int, data: bytes) -> None:
        raise NotImplementedError

    def trailed(self, id: int, fields: dict[str, str]) -> None:
        raise NotImplementedError

    def ends(self, id: int) -> None:
        raise NotImplementedError

    def broken(self, id: int, code: int) -> None:
        raise NotImplementedError

    def breaks(self, id: int, code: int) -> None:
        """Its own reset is due."""
        raise NotImplementedError

    def said(self, id: int) -> None:
        """A message is sent."""

    def goes(self, last: int, code: int) -> None:
        raise NotImplementedError
