"""A server of a simulation that speaks HTTP/1.1: what it does wrong is the scenario's choice.

It takes one request at a time, and says so if it gets another before it has answered, or behind one that was not whole.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.simulation.http_ledger import Exchange, checked_request
from tests.simulation.http_speech import PATH, Form, Head, Talker, content, cut_up, framing, head, written

if TYPE_CHECKING:
    from tests.simulation.world import World

REASONS = {200: "OK", 204: "No Content", 304: "Not Modified", 500: "Internal Server Error", 102: "Processing", 103: "Hints"}


class WebServer(Talker):
    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.now: Exchange | None = None
        self.replied: Exchange | None = None
        self.owes = False
        """An answer, or a part of one."""
        self.done = ""
        """Why it takes no other request."""

    def __repr__(self) -> str:
        return f"server at request {self.now.number if self.now else None}"

    # -- requests -------------------------------------------------------------------------------------------------------

    def headed(self, found: Head) -> Form:
        method, path, version = found.line.split(" ")
        exchange = self.world.ledger.exchanges.get(int(path.removeprefix(PATH)))
        assert exchange is not None, f"a request that nobody made: {found}"
        again = "retries" in self.world.scenario and exchange.idempotent
        assert not exchange.delivered or exchange.repeats or again, f"request {exchange.number} was delivered twice"
        assert not exchange.lost, f"request {exchange.number} has no route"
        assert exchange.number not in self.world.ledger.stopped, f"request {exchange.number} was stopped by a filter"
        assert not self.owes, f"it got request {exchange.number} before it had answered"
        assert not self.done, f"it got request {exchange.number} although {self.done}"
        assert (method, version) == (exchange.method, "HTTP/1.1"), f"request {exchange.number}: {found}"
        checked_request(exchange, found)
        exchange.delivered, self.now, self.owes = True, exchange, True
        self.world.ledger.delivered += 1
        if exchange.form != "none" and self.world.wrongly("early", 500):
            self.world.loop.call_later(self.dice.below(2000) / 1e6, self.reply, exchange)
        elif exchange.expects and self.dice.below(4):
            self.wire.send(head("HTTP/1.1 100 Continue", f"X-Call: {exchange.number}"))
        return exchange.form

    def whole(self, body: bytes) -> None:
        exchange = self.now
        assert exchange is not None
        assert exchange.sent, f"request {exchange.number} is whole here, and was not sent so"
        assert body == content(exchange.number, exchange.size, "asks"), f"request {exchange.number} has another body"
        self.reply(exchange)

    def ended(self, reset: bool) -> None:
        super().ended(reset)
        if self.now is not None and self.form != "head" and self.body:
            body = content(self.now.number, self.now.size, "asks")
            if not body.startswith(bytes(self.body)):
                self.blame("the beginning of its body is another's")

    # -- answers --------------------------------------------------------------------------------------------------------

    def reply(self, exchange: Exchange) -> None:
        wrongly = self.world.wrongly
        if self.replied is exchange or self.now is not exchange or self.over:
            return
        self.replied = exchange
        if wrongly("server resets", 5):
            exchange.spoiled = True
            self.wire.reset()
        elif wrongly("server closes", 5):
            exchange.spoiled = True
            self.wire.close()
        elif wrongly("garbage", 5):
            exchange.spoiled = True
            self.wire.send(self.dice.choice((b"\xff" * 40, b"HTTP/1.1 200 OK\nX: 1\n\n", b"HTTP/1.1 2000 OK\r\n\r\n")))
        elif wrongly("never", 10):
            exchange.spoiled = True
        elif wrongly("late", 20):
            exchange.spoiled = True
            self.world.loop.call_later(2.0 + self.dice.below(3000) / 1000, self.answer, exchange)
        elif wrongly("slow", 300):
            self.world.loop.call_later(self.dice.below(200) / 1000, self.answer, exchange)
        else:
            self.answer(exchange)

    def answer(self, exchange: Exchange) -> None:
        wrongly = self.world.wrongly
        if self.over:
            return
        if wrongly("stuck", 3):
            exchange.spoiled = True
            self.wire.read_on(False)
            self.world.loop.call_later(self.dice.below(4000) / 1000, self.wire.read_on)
        for _ in range(self.dice.below(3) if wrongly("interim", 300) else 0):
            status = self.dice.choice((102, 103))
            self.wire.send(head(f"HTTP/1.1 {status} {REASONS[status]}", f"X-Call: {exchange.number}"))
        data = self.drawn(exchange)
        if wrongly("half an answer", 20):
            exchange.spoiled = True
            self.wire.send(data[: 1 + self.dice.below(max(len(data) - 1, 1))])
            end = self.dice.below(3)
            if end == 0 or (end == 1 and exchange.answer_form == "until close"):
                self.wire.reset()
            elif end == 1:
                self.wire.close()
            return
        at_once = len(data) < 4000 and "short" not in self.world.scenario
        if at_once and exchange.answer_form != "until close" and wrongly("twice", 20):
            self.done = "there were bytes behind its answer"
            data += data
        self.send_on(exchange, cut_up(data, self.dice, 6) if not self.done and wrongly("pieces", 500) else [data])

    def drawn(self, exchange: Exchange) -> bytes:
        """The head and the body of its answer."""
        exchange.status = self.dice.choice((200, 200, 200, 200, 500, 204, 304))
        forms: tuple[Form, ...] = ("counted", "chunked")
        form = "until close" if self.world.wrongly("until close", 200) else self.dice.choice(forms)
        size = self.world.streamed() if self.world.wrongly("streams", 100) else self.dice.choice((0, 1, self.world.size()))
        bare = exchange.method == "HEAD" or exchange.status in {204, 304}
        fields = [f"X-Call: {exchange.number}", f"X-Size: {size}", *(framing(form, size) if exchange.status != 204 else ())]
        exchange.answer_form = "none" if bare else form
        exchange.answer = b"" if bare else content(exchange.number, size, "answers")
        exchange.answer_fields = [name.lower() + ":" + value for name, _, value in (each.partition(":") for each in fields)]
        if exchange.answer_form == "until close":
            self.done = "its answer ends with the connection"
        elif self.world.wrongly("server leaves", 100):
            self.done = "it said that it takes no other"
            fields.append("Connection: close")
        line = f"HTTP/1.1 {exchange.status} {REASONS[exchange.status]}"
        return head(line, *fields) + written(exchange.answer, exchange.answer_form, self.dice)

    def send_on(self, exchange: Exchange, pieces: list[bytes]) -> None:
        """One piece, and the others a little later."""
        if self.over or self.now is not exchange:
            return
        if len(pieces) == 1:
            self.owes = False
        self.wire.send(pieces[0], self.dice.below(500))
        if len(pieces) > 1:
            delay = self.dice.choice((1, 1, 1, 60)) * self.dice.below(3000)
            self.world.loop.call_later(delay / 1e6, self.send_on, exchange, pieces[1:])
        elif exchange.answer_form == "until close":
            self.leave(exchange)
        elif self.done and self.dice.below(2):
            self.world.loop.call_later(0.01, self.leave, exchange)

    def leave(self, exchange: Exchange) -> None:
        """Its side ends; it goes on reading a request that is not whole, or goes altogether."""
        if self.over:
            return
        if self.form == "head" or self.dice.below(2) == 0:
            exchange.spoiled |= self.form != "head"
            self.wire.close()
            self.over = True
        else:
            self.wire.finish()
