"""Clients of a simulation of HTTP/2: one with streams, and one of HTTP/1.1, that ask for the same things."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from tests.simulation.h2_ledger import CANCEL, INTERNAL, UNAWARE, Call
from tests.simulation.h2_peer import Peer
from tests.simulation.http_speech import Form, Head, Talker, framing, head, written

if TYPE_CHECKING:
    from tests.simulation.h2_world import World

MOST = 60
"""Calls at a time."""
CODES = (CANCEL, INTERNAL, 11, 0x1234)


@dataclass(slots=True)
class Waiting:
    call: Call
    status: int = 0
    fields: dict[str, str] = field(default_factory=dict)
    body: bytearray = field(default_factory=bytearray)
    trailers: dict[str, str] = field(default_factory=dict)


class Streamer(Peer):
    def __init__(self, world: World, number: int) -> None:
        super().__init__(world, client_side=True)
        self.number = number
        self.open: dict[int, Waiting] = {}
        self.given_up: list[Call] = []
        self.leaving = False

    def __repr__(self) -> str:
        return f"client {self.number} with {[each.call.number for each in self.open.values()]}"

    @property
    def waits(self) -> bool:
        return bool(self.open)

    def ask(self, numbers: range) -> None:
        for number in numbers:
            if len(self.open) < MOST and not self.leaving:
                self.begin(self.world.drawn(number, "h2"))
        self.pump()

    def begin(self, call: Call) -> None:
        id = self.conn.get_next_available_stream_id()
        self.open[id] = Waiting(call)
        fields = [(":method", call.method), (":scheme", "http"), (":authority", "sim"), (":path", f"/echo/{call.number}")]
        fields += [("x-call", str(call.number)), ("x-cluster", call.far)]
        if call.grpc:
            fields += [("content-type", "application/grpc"), ("te", "trailers"), ("grpc-timeout", "2S")]
        if call.size and not call.trailers and not call.grpc and self.dice.below(2):
            fields.append(("content-length", str(call.size)))
        bare = not call.size and not call.trailers
        self.conn.send_headers(id, fields, end_stream=bare)
        if not bare:
            self.put(id, call.body, [("x-check", str(call.number))] if call.trailers else [])

    # -- misdeeds -------------------------------------------------------------------------------------------------------

    def resets(self) -> None:
        """One of its calls."""
        if self.open:
            self.breaks(self.dice.choice(list(self.open)), self.dice.choice(CODES))

    def breaks(self, id: int, code: int) -> None:
        waiting = self.open.pop(id)
        waiting.call.client_code, waiting.call.over = code, True
        waiting.call.reset_at = self.world.now
        self.given_up.append(waiting.call)
        self.reset(id, code)

    def cuts(self) -> None:
        self.excused = True
        for waiting in self.open.values():
            waiting.call.client_gone = waiting.call.over = True
        for call in self.given_up:
            call.client_gone |= self.world.now - call.reset_at < UNAWARE  # the reset may go with the connection
        self.open.clear()
        self.over = True
        if self.dice.below(2):
            self.wire.reset()
        else:
            self.wire.close()

    # -- answers --------------------------------------------------------------------------------------------------------

    def headed(self, id: int, fields: dict[str, str]) -> None:
        if id in self.open:
            self.open[id].status, self.open[id].fields = int(fields.pop(":status")), fields

    def came(self, id: int, data: bytes) -> None:
        if id in self.open:
            waiting = self.open[id]
            waiting.body += data
            if "x-call" in waiting.fields:
                assert waiting.call.answer.startswith(waiting.body), f"its beginning is another's: call {waiting.call.number}"

    def trailed(self, id: int, fields: dict[str, str]) -> None:
        if id in self.open:
            self.open[id].trailers = fields

    def ends(self, id: int) -> None:
        waiting = self.open.pop(id, None)
        if waiting is not None:
            now = self.world.now
            self.world.judge.answered(waiting.call, waiting.status, waiting.fields, bytes(waiting.body), waiting.trailers, now)

    def broken(self, id: int, code: int) -> None:
        waiting = self.open.pop(id, None)
        if waiting is not None:
            self.world.judge.was_reset(waiting.call, code, self.world.now)

    def goes(self, last: int, code: int) -> None:
        assert code == 0, f"the proxy is not content: {code}"
        self.leaving = True

    def ended(self, reset: bool) -> None:
        super().ended(reset)
        if self.open and not self.excused:
            self.blame("was let go")


class Plain(Talker):
    """HTTP/1.1, one request at a time."""

    def __init__(self, world: World, number: int) -> None:
        super().__init__(world)  # type: ignore[arg-type]
        self.sim, self.number = world, number
        self.queue: list[int] = []
        self.call: Call | None = None
        self.found: Head | None = None
        self.excused = self.leaving = False

    def __repr__(self) -> str:
        return f"plain client {self.number} with {self.call}"

    def blame(self, what: object) -> None:
        self.sim.judge.blame(f"{self}: {what}")

    @property
    def waits(self) -> bool:
        return self.call is not None or bool(self.queue)

    def greet(self) -> None:
        pass

    def fidget(self) -> None:
        pass

    def calm(self) -> None:
        self.wire.read_on()

    def ask(self, numbers: range) -> None:
        self.queue += numbers
        if self.call is None:
            self.further_on()

    def further_on(self) -> None:
        if not self.queue or self.over:
            return
        call = self.call = self.sim.drawn(self.queue.pop(0), "h1")
        form: Form = "none" if not call.size else self.dice.choice(("counted", "chunked"))
        fields = ("Host: sim", f"X-Call: {call.number}", f"X-Cluster: {call.far}", *framing(form, call.size))
        self.wire.send(head(f"{call.method} /echo/{call.number} HTTP/1.1", *fields) + written(call.body, form, self.dice))

    def resets(self) -> None:
        """There is no way but to go."""
        self.cuts()

    def cuts(self) -> None:
        self.excused = self.over = True
        if self.call is not None:
            self.call.client_gone = self.call.over = True
        self.call, self.queue = None, []
        self.wire.reset()

    def headed(self, found: Head) -> Form | Literal["head"]:
        status = int(found.line.split(" ")[1])
        if status < 200:
            return "head"
        self.found = found
        if self.call is None or self.call.method == "HEAD" or status in {204, 304}:
            return "none"
        return "chunked" if found.one("transfer-encoding") else "counted" if found.all_of("content-length") else "until close"

    def whole(self, body: bytes) -> None:
        call, found, self.call = self.call, self.found, None
        assert call is not None, f"an answer to nothing: {found}"
        assert found is not None
        self.sim.judge.answered(call, int(found.line.split(" ")[1]), dict(found.fields), body, {}, self.sim.now)
        if found.one("connection") == "close":
            self.leaving, self.queue = True, []
        self.further_on()

    def ended(self, reset: bool) -> None:
        super().ended(reset)
        call, self.call, self.queue = self.call, None, []
        if call is None or self.excused:
            return
        call.over = True
        late = self.sim.now - call.begun >= 2_000_000
        cut = call.cut or self.sim.judge.last_cut >= call.begun or call.reset_code is not None
        if not (late or cut):
            self.blame(f"was let go (reset: {reset}): {call}")
