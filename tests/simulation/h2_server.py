"""Servers of a simulation of HTTP/2: one with streams, one of HTTP/1.1, and the hosts that they belong to."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.simulation.h2_client import CODES
from tests.simulation.h2_ledger import REFUSED, Call
from tests.simulation.h2_peer import LAST_ID, Fields, Peer
from tests.simulation.http_speech import Form, Head, Talker, content, cut_up, framing, head, written

if TYPE_CHECKING:
    from tests.simulation.h2_world import World

GOODBYES = (0, 0, 2, 11)


@dataclass(slots=True)
class Serving:
    call: Call
    body: bytearray = field(default_factory=bytearray)
    asked: bool = False
    """The request is whole."""
    trailed: bool = False
    begun: bool = False
    """Its answer is, or it never will be."""
    done: bool = False


class StreamServer(Peer):
    def __init__(self, world: World) -> None:
        super().__init__(world, client_side=False)
        self.open: dict[int, Serving] = {}
        self.had: list[Call] = []
        self.highest = 0
        self.last = LAST_ID
        """Of the streams that it looks at."""
        self.leaves = False

    def __repr__(self) -> str:
        return f"server with {[each.call.number for each in self.open.values()]}"

    # -- requests -------------------------------------------------------------------------------------------------------

    def headed(self, id: int, fields: dict[str, str]) -> None:
        call = self.world.judge.calls.get(int(fields[":path"].removeprefix("/echo/")))
        assert call is not None, f"a request that nobody made: {fields}"
        assert call.far == "h2", f"it goes to others: {call}"
        if id > self.last:
            call.left += 1
            call.deliveries += 1
            return
        self.highest = max(self.highest, id)
        call.delivered(self.world.now, self.world.has("keepalive"))
        self.had.append(call)
        said = (fields[":method"], fields["x-call"], fields.get("content-type", ""))
        assert said == (call.method, str(call.number), "application/grpc" if call.grpc else ""), f"{fields}: {call}"
        if self.world.wrongly("refuses", 40):
            call.refused += 1
            self.world.judge.last_refused = self.world.now
            self.reset(id, REFUSED)
            return
        serving = self.open[id] = Serving(call)
        if self.world.wrongly("goaway", 40) and not self.leaves:
            self.leaves = True
            self.goaway(LAST_ID, 0)
            self.world.loop.call_later(self.dice.below(20_000) / 1e6, self.goodbye)
        if call.size and self.world.wrongly("early", 200):
            self.reply(id, serving)

    def came(self, id: int, data: bytes) -> None:
        if id in self.open:
            serving = self.open[id]
            serving.body += data
            assert serving.call.body.startswith(serving.body), f"its body is another's: {serving.call}"

    def trailed(self, id: int, fields: dict[str, str]) -> None:
        if id in self.open:
            self.open[id].trailed = True
            wanted = "1" if self.open[id].call.near == "h1" else str(self.open[id].call.number)
            assert fields == {"x-check": wanted}, f"trailers {fields}: {self.open[id].call}"

    def ends(self, id: int) -> None:
        serving = self.open.get(id)
        if serving is None:
            return
        call = serving.call
        serving.asked = True
        assert bytes(serving.body) == call.body, f"{len(serving.body)} bytes of {call.size} are whole here: {call}"
        assert serving.trailed == call.trailers or call.near == "h1", f"trailers: {serving.trailed}: {call}"
        if serving.done:
            self.leave(id)
        else:
            self.reply(id, serving)

    def broken(self, id: int, code: int) -> None:
        serving = self.open.pop(id, None)
        if serving is not None:
            self.world.judge.heard(serving.call, code, serving.done, self.world.now)
            self.maybe_close()

    # -- answers --------------------------------------------------------------------------------------------------------

    def reply(self, id: int, serving: Serving) -> None:
        wrongly = self.world.wrongly
        if serving.begun or self.over:
            return
        serving.begun = True
        if wrongly("server resets", 30):
            self.breaks(id, self.dice.choice(CODES))
        elif wrongly("abrupt goaway", 30) and not self.leaves:
            serving.begun = False
            self.desert()
        elif wrongly("server cuts", 10):
            self.cut()
        elif wrongly("never", 10):
            pass
        elif wrongly("late", 20):
            self.world.loop.call_later(2.0 + self.dice.below(2000) / 1000, self.answer, id, serving)
        elif wrongly("slow", 400):
            self.world.loop.call_later(self.dice.below(200) / 1000, self.answer, id, serving)
        else:
            self.answer(id, serving)

    def answer(self, id: int, serving: Serving) -> None:
        if self.open.get(id) is not serving or self.over:
            return
        wrongly, call = self.world.wrongly, serving.call
        for _ in range(self.dice.below(3) if wrongly("interim", 200) and not call.grpc else 0):
            self.conn.send_headers(id, [(":status", "103"), ("x-call", str(call.number))])
        call.status = 200 if call.grpc else self.dice.choice((200, 200, 200, 500, 204, 304))
        bare = call.method == "HEAD" or call.status in {204, 304}
        fails = call.grpc and wrongly("statuses", 300)
        size = 0 if bare or (fails and self.dice.below(4)) else self.world.size()
        call.answer = content(call.number, size, "answers")
        call.grpc_status = "14" if fails else "0"
        trailers: Fields = [("grpc-status", call.grpc_status)] if call.grpc else []
        if (wrongly("trailers", 300) or call.grpc) and not bare:
            trailers.append(("x-check", str(call.number)))
        call.answer_trailers = any(name == "x-check" for name, _ in trailers)
        fields = [(":status", str(call.status)), ("x-call", str(call.number))]
        fields += [("content-type", "application/grpc")] if call.grpc else []
        fields += [("content-length", str(size))] if not trailers and not bare and self.dice.below(2) else []
        call.counted = any(name == "content-length" for name, _ in fields)
        if bare or (not size and not trailers):
            call.whole = True
            self.conn.send_headers(id, fields, end_stream=True)
            self.said(id)
        else:
            self.conn.send_headers(id, fields)
            breaks = wrongly("half", 60)
            self.put(id, call.answer, trailers, self.dice.below(size + 1) if breaks else -1, self.dice.choice(CODES))
        self.pump()

    def said(self, id: int) -> None:
        serving = self.open[id]
        serving.done = serving.call.whole = True
        if serving.asked:
            self.leave(id)
        elif self.dice.below(2):
            del self.open[id]
            self.reset(id, 0)
            self.maybe_close()

    def leave(self, id: int) -> None:
        del self.open[id]
        self.maybe_close()

    # -- what it does wrong ---------------------------------------------------------------------------------------------

    def breaks(self, id: int, code: int) -> None:
        serving = self.open.pop(id)
        serving.call.reset_code = code
        self.reset(id, code)
        self.maybe_close()

    def goodbye(self) -> None:
        """The second step: what is here now is served."""
        if not self.over:
            self.last = self.highest
            self.goaway(self.last, 0)
            self.maybe_close()

    def desert(self) -> None:
        """It never looked at some, and says so."""
        self.leaves = True
        young = sorted((id for id, each in self.open.items() if not each.begun), reverse=True)
        some = []
        for id in young[: 1 + self.dice.below(len(young))] if young else ():
            if id == max(self.open):
                some.append(id)
                self.open.pop(id).call.left += 1
        self.last = max(min(some) - 2, 0) if some else self.highest
        self.goaway(self.last, self.dice.choice(GOODBYES))
        for id, serving in list(self.open.items()):
            if serving.asked:
                self.reply(id, serving)
        self.maybe_close()

    def maybe_close(self) -> None:
        if self.leaves and self.last != LAST_ID and not self.open and not self.over:
            self.world.loop.call_later(self.dice.below(5000) / 1e6, self.close)

    def close(self) -> None:
        """It reads on: a reset would overtake its goodbye."""
        if not self.over and not self.open:
            self.wire.finish()

    def cut(self) -> None:
        """The whole connection, with all that is on it."""
        self.lost()
        if self.dice.below(2):
            self.wire.reset()
        else:
            self.wire.close()

    def lost(self) -> None:
        self.over = True
        self.world.judge.last_cut = self.world.now
        for call in self.had:
            call.cut |= not call.over  # what was said may be lost
        self.open.clear()

    def goes(self, last: int, code: int) -> None:
        assert code == 0, f"the proxy is not content: {code}"

    def ended(self, reset: bool) -> None:
        left = [each.call.number for each in self.open.values() if not each.done]
        if left and not self.world.ending and not self.world.has("keepalive"):
            self.blame(f"the proxy left it with {left}")
        if self.open:
            self.lost()
        super().ended(reset)


class PlainServer(Talker):
    """HTTP/1.1."""

    def __init__(self, world: World) -> None:
        super().__init__(world)  # type: ignore[arg-type]
        self.sim = world
        self.call: Call | None = None

    def __repr__(self) -> str:
        return f"plain server with {self.call}"

    def blame(self, what: object) -> None:
        self.sim.judge.blame(f"{self}: {what}")

    def headed(self, found: Head) -> Form:
        method, path, _ = found.line.split(" ")
        call = self.call = self.sim.judge.calls[int(path.removeprefix("/echo/"))]
        assert call.far == "h1", f"it goes to others: {call}"
        assert (method, found.one("x-call")) == (call.method, str(call.number)), f"{found}: {call}"
        call.delivered(self.sim.now, self.sim.has("keepalive"))
        return "chunked" if found.one("transfer-encoding") else "counted" if found.all_of("content-length") else "none"

    def whole(self, body: bytes) -> None:
        call, wrongly = self.call, self.sim.wrongly
        assert call is not None
        assert body == call.body, f"{len(body)} bytes of {call.size}: {call}"
        if wrongly("server cuts", 10):
            self.cut()
        elif not wrongly("never", 10):
            self.sim.loop.call_later(self.dice.below(200) / 1000 if wrongly("slow", 400) else 0.0, self.answer, call)

    def answer(self, call: Call) -> None:
        if self.over or self.call is not call:
            return
        call.status = self.dice.choice((200, 200, 200, 500, 204, 304))
        bare = call.method == "HEAD" or call.status in {204, 304}
        size = 0 if bare else self.sim.size()
        form: Form = "none" if bare else self.dice.choice(("counted", "chunked"))
        call.answer = content(call.number, size, "answers")
        fields = (f"X-Call: {call.number}", *framing(form, size))
        data = head(f"HTTP/1.1 {call.status} Whatever", *fields) + written(call.answer, form, self.dice)
        if self.sim.wrongly("half", 60):
            self.wire.send(data[: self.dice.below(len(data))])
            self.cut()
            return
        call.whole, self.call = True, None
        for piece in cut_up(data, self.dice, 4) if self.sim.has("pieces") else [data]:
            self.wire.send(piece, self.dice.below(3000) if self.sim.has("delays") else 0)

    def cut(self) -> None:
        self.ended(True)

    def ended(self, reset: bool) -> None:
        self.over = True
        if self.call is not None:
            self.call.cut = True
            self.sim.judge.last_cut = self.sim.now
        self.wire.close()


class Host:
    """What answers the proxy's connects."""

    def __init__(self, world: World, far: str) -> None:
        self.world, self.far = world, far

    def dialled(self, wire: Any) -> int:
        world, dice = self.world, self.world.loop.dice
        refused = world.wrongly("refused connects", 150)
        server: Any = StreamServer(world) if self.far == "h2" else PlainServer(world)
        server.wire = wire
        world.loop.call_later(dice.below(2000) / 1e6, self.settle, wire, refused, server)
        return 0

    def settle(self, wire: Any, refused: bool, server: Any) -> None:
        if refused:
            self.world.judge.last_refused = self.world.judge.last_cut = self.world.now
        wire.settle(111 if refused else 0, None if refused else server)
        if not refused:
            self.world.servers.append(server)
            if self.far == "h2":
                server.greet()
