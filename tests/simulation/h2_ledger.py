"""What was asked over HTTP/2 and HTTP/1.1 in a simulation of both, and what may become of it: the invariants of calls.

* A server gets a call once, with what was sent. It may get it again only if the one before has said that it had not looked
  at it (REFUSED_STREAM, a GOAWAY below it), or has lost the connection of a request that may be repeated.
* A caller gets one end: its own server's answer, whole, with its trailers; an answer of the proxy's own, for a reason; or a
  reset, whose code is the server's if the server has reset the stream.
* A call that was only left by a GOAWAY is not lost.
* A server hears of a caller's reset, with its code, and of every other end: no stream is left to it for ever.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.simulation.http_speech import content

TIMEOUT = 2.0
"""Seconds: of clusters, and of all calls of gRPC that say so."""
SECOND = 1_000_000
NO_ERROR, INTERNAL, REFUSED, CANCEL = 0, 2, 7, 8
UNAWARE = 20_000
"""Microseconds for which the proxy may not know of a connection's end."""
KEPT = 60_000
"""Bytes of a request that surely can be sent again."""
GRPC_FAULTS = {"4": 504, "8": 503, "14": 502, "12": 404, "13": 400}


@dataclass(slots=True)
class Call:
    number: int
    begun: int
    """Microseconds."""
    method: str
    far: str
    """"h2" or "h1": what its servers speak."""
    size: int
    near: str = "h2"
    grpc: bool = False
    trailers: bool = False
    client_code: int | None = None
    """Its caller has reset it."""
    reset_at: int = 0
    arrived: int = 0
    """When its server got it."""
    client_gone: bool = False
    over: bool = False
    """Its caller has its end."""
    deliveries: int = 0
    retried: int = 0
    """So often its route may send it again, if its connection ends, or its stream."""
    left: int = 0
    """By GOAWAY."""
    refused: int = 0
    cut: bool = False
    """A connection that it was on has ended."""
    reset_code: int | None = None
    """By which its server has reset it."""
    status: int = 0
    answer: bytes = b""
    answer_trailers: bool = False
    grpc_status: str = "0"
    """Of its server's answer."""
    counted: bool = False
    """The answer says its length: with so many bytes it is whole, whatever its stream's end."""
    whole: bool = False
    """The answer was sent to its end."""
    fields: dict[str, str] = field(default_factory=dict)

    @property
    def body(self) -> bytes:
        return content(self.number, self.size, "asks")

    @property
    def repeats(self) -> bool:
        return self.method in {"GET", "HEAD", "PUT"} and self.size == 0 and not self.trailers

    def delivered(self, now: int, doubtful: bool) -> None:
        """To a server, once more. doubtful: its connection may have been given up."""
        self.arrived = now
        again = self.left + self.refused + self.retried + (1000 if self.repeats and (self.cut or doubtful) else 0)
        assert self.deliveries <= again, f"it was delivered twice: {self}"
        self.deliveries += 1
        self.reset_code, self.status, self.whole = None, 0, False


class Judge:
    """The world's memory. `last_cut`: when a server's connection was last cut, or refused."""

    def __init__(self, keepalive: bool) -> None:
        self.keepalive = keepalive
        """Connections may be given up by the proxy."""
        self.calls: dict[int, Call] = {}
        self.wrong: list[str] = []
        self.last_cut = self.last_refused = -1
        self.answers = self.refusals = self.resets = 0

    def lost(self, call: Call) -> bool:
        """May a connection have ended with it?"""
        return call.cut or self.last_cut >= call.begun - UNAWARE or self.keepalive

    def blame(self, what: str) -> None:
        self.wrong.append(what)

    def answered(
        self, call: Call, status: int, fields: dict[str, str], body: bytes, trailers: dict[str, str], now: int
    ) -> None:
        """An answer came to its end."""
        assert not call.over, f"a second end: {call}"
        call.over = True
        if "x-call" not in fields:
            self.refused(call, status, {**fields, **trailers}, now)
            return
        if call.grpc and call.far == "h2" and "grpc-status" in trailers and trailers.get("x-check") != str(call.number):
            self.refused(call, status, trailers, now)  # ended by the proxy within it
            return
        self.answers += 1
        assert fields["x-call"] == str(call.number), f"another's answer, {fields}: {call}"
        assert call.deliveries, f"answered by nobody: {call}"
        assert status == call.status, f"status {status}: {call.number}, {call.status}"
        assert body == call.answer, f"{len(body)} bytes of {len(call.answer)}, or another's: call {call.number}"
        assert call.whole or call.cut or call.counted, f"it was not sent whole: call {call.number}"
        if call.near == call.far == "h2":
            wanted = {"x-check": str(call.number)} if call.answer_trailers else {}
            wanted |= {"grpc-status": call.grpc_status} if call.grpc else {}
            assert trailers == wanted, f"trailers {trailers}: {call}"

    def refused(self, call: Call, status: int, fields: dict[str, str], now: int) -> None:
        """By the proxy itself: is there a reason?"""
        self.refusals += 1
        if "grpc-status" in fields:
            assert call.grpc, f"gRPC's {fields}: {call}"
            status = GRPC_FAULTS[fields["grpc-status"]]
        late = now - call.begun >= TIMEOUT * SECOND
        lost = self.lost(call)
        # A cause may lie behind: a connection that was cut or refused is not tried again for a while.
        if status == 504:
            assert late, f"504 after {now - call.begun} us: {call}"
        elif status == 502:
            lost |= call.near == "h1" and (call.reset_code is not None or call.refused > 0 or call.left > 0)
            lost |= call.grpc and self.last_refused >= 0
            assert lost, f"502: {call}"
        else:
            assert status == 503, f"{status}: {call}"
            assert self.last_refused >= 0 or self.last_cut >= 0, f"503: {call}"
        excused = late or call.cut or call.near == "h1"
        assert call.reset_code is None or excused, f"{status} for a reset with {call.reset_code}: {call}"

    def was_reset(self, call: Call, code: int, now: int) -> None:
        """The caller's stream was."""
        assert not call.over, f"reset after its end: {call}"
        call.over = True
        self.resets += 1
        late = now - call.begun >= TIMEOUT * SECOND
        if call.reset_code is not None and not late and not call.cut:
            assert code == call.reset_code, f"reset with {code}, not {call.reset_code}: {call}"
        elif code == REFUSED:
            assert call.refused or (call.left and call.size > KEPT), f"refused, although it was not: {call}"
        else:
            assert code in {INTERNAL, CANCEL}, f"reset with {code}: {call}"
            assert late or self.lost(call), f"reset with {code} for nothing: {call}"

    def heard(self, call: Call, code: int, answered: bool, now: int) -> None:
        """A server was told that its stream is reset."""
        late = now - call.begun >= TIMEOUT * SECOND
        if call.client_code is not None and not answered and not late and not call.client_gone:
            met = call.arrived > call.reset_at  # on its way, or in a line, when its caller went: so CANCEL will do
            right = code == call.client_code or (met and code == CANCEL)
            assert right, f"its server heard of {code}, not {call.client_code}: {call}"
        elif not answered and not late:
            assert call.client_gone or call.client_code is not None, f"its server heard of a reset with {code}: {call}"
