"""A client of a simulation that speaks HTTP/1.1: it sends requests one behind the other, and knows what it may be told.

What it sends goes through an outbox, piece by piece: so it stops where it waits for a 100, and a body takes its time.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from proxy.snapshot.listeners import DOWNSTREAM_IDLE_TIMEOUT
from tests.simulation.http_ledger import Exchange, checked_answer, may_close, must_close
from tests.simulation.http_speech import PATH, Form, Head, Talker, content, cut_up, framing, head, written

if TYPE_CHECKING:
    from tests.simulation.world import World

TIMEOUT = 2_000_000
"""Microseconds until a call's deadline (`configuration.TIMEOUT`)."""
HOPE = 0.05
"""Seconds that it waits for a 100."""
LIES = (
    b"\xee" * 50, b"GET / HTTP/1.1\nHost: sim\n\n", b"GET /echo/1 HTTP/1.1\r\n\r\n",
    b"POST /echo/1 HTTP/1.1\r\nHost: sim\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
    b"POST /echo/none HTTP/1.1\r\nHost: sim\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
)  # fmt: skip


class Piece(NamedTuple):
    data: bytes
    exchange: Exchange
    first: bool
    last: bool
    waits: bool
    """Behind it comes a body that needs a 100."""


class Browser(Talker):
    protocol = "http1"

    def __init__(self, world: World, number: int) -> None:
        super().__init__(world)
        self.number = number
        self.asked: deque[Exchange] = deque()
        """What it has begun to send, and has no final answer to."""
        self.outbox: deque[Piece] = deque()
        self.timer: Any = None
        self.excused = False
        """It did what entitles the proxy to let it go with requests unanswered."""
        self.leaving = False
        """It sends no more requests: it said so, or its side has ended."""
        self.half = False
        self.local = False
        """The answer that comes now is the proxy's own."""
        self.told_close = False
        """An answer said that the connection ends behind it."""
        self.active = self.before = world.now

    def __repr__(self) -> str:
        return f"client {self.number} at request {self.asked[0].number if self.asked else None}"

    @property
    def waits(self) -> bool:
        """Is something of it still to come, or to go?"""
        return bool(self.asked or (self.outbox and not self.told_close))

    def acts(self) -> None:
        if self.active != self.world.now:
            self.before, self.active = self.active, self.world.now

    # -- requests -------------------------------------------------------------------------------------------------------

    def ask(self, numbers: range) -> None:
        """So many requests, behind those that are on their way."""
        for number in numbers:
            if not self.leaving:
                self.add(number)
        if self.timer is None:
            self.pump()

    def add(self, number: int) -> None:
        exchange = self.drawn(number)
        self.world.ledger.exchanges[number] = exchange
        said = ("Connection: close",) if exchange.closes and not exchange.old else ()
        said += ("Connection: keep-alive",) if exchange.keeps else ()
        said += ("Expect: 100-continue",) if exchange.expects else ()
        path = f"{'/nowhere/' if exchange.lost else PATH}{number}"
        line = f"{exchange.method} {path} HTTP/1.{0 if exchange.old else 1}"
        first = head(line, *exchange.fields, *framing(exchange.form, exchange.size), *said)
        lasting = (*exchange.fields, *framing(exchange.form, exchange.size), *said[-1:] * exchange.expects)
        exchange.fields = tuple(name.lower() + ":" + value for name, _, value in (each.partition(":") for each in lasting))
        body = written(content(number, exchange.size, "asks"), exchange.form, self.dice)
        pieces = [(first, exchange.expects), (body, False)] if exchange.expects else [(first + body, False)]
        if self.world.wrongly("pieces", 300) or (exchange.form != "none" and self.world.wrongly("early", 500)):
            pieces = [(each, False) for each in cut_up(first + body, self.dice, 6)] if not exchange.expects else pieces
        pieces = [each for each in pieces if each[0]]
        for at, (data, waits) in enumerate(pieces):
            self.outbox.append(Piece(data, exchange, at == 0, at == len(pieces) - 1, waits))
        self.leaving |= exchange.closes

    def drawn(self, number: int) -> Exchange:
        wrongly, dice = self.world.wrongly, self.dice
        method = dice.choice(("GET", "GET", "HEAD", "POST", "POST", "PUT", "DELETE"))
        old = wrongly("old clients", 150)
        keeps = old and dice.below(2) == 1
        forms: tuple[Form, ...] = ("counted", "counted") if old else ("counted", "chunked")
        form: Form = dice.choice(forms) if method in {"POST", "PUT"} else "none"
        size = self.world.streamed() if wrongly("streams", 60) else dice.choice((0, 1, self.world.size()))
        return Exchange(
            number, method, ("Host: sim", f"X-Call: {number}", "Accept: */*"), size if form != "none" else 0, form, old,
            not keeps if old else wrongly("client leaves", 60), keeps,
            form != "none" and size > 0 and not old and wrongly("expects", 200), wrongly("lost", 30),
        )  # fmt: skip

    def pump(self) -> None:
        """Send what may be sent now."""
        self.timer = None
        while self.outbox and not self.over and not self.told_close and not self.half:
            piece = self.outbox[0]
            exchange = piece.exchange
            if not piece.first and exchange.expects and not exchange.released:
                exchange.released = True  # that was time enough
            self.outbox.popleft()
            if piece.first:
                exchange.begun = self.world.now
                self.asked.append(exchange)
            self.acts()
            exchange.sent |= piece.last
            exchange.moved = self.world.now
            self.wire.send(piece.data, self.dice.below(3) * self.dice.below(2000))
            if piece.waits:
                self.timer = self.world.loop.call_later(HOPE, self.pump)
                return
            if not piece.last and self.dice.below(2):
                delay = self.dice.choice((1, 1, 60)) * self.dice.below(3000)
                self.timer = self.world.loop.call_later(delay / 1e6, self.pump)
                return
        if not self.over and not self.half and self.world.wrongly("client ends", 30):
            self.finish()

    def release(self, exchange: Exchange) -> None:
        """Its body may go, or need not wait: it has its answer."""
        if exchange.expects and not exchange.released and exchange.begun:
            exchange.released = True
            if self.timer is not None:
                self.timer.cancel()
            self.pump()

    # -- what it does wrong -----------------------------------------------------------------------------------------

    def finish(self) -> None:
        """Its side ends. In the midst of a request that is an end of that, too."""
        self.excused |= any(not each.sent for each in self.asked) or bool(self.outbox and not self.outbox[0].first)
        self.half = self.leaving = True
        self.wire.finish()

    def beat(self) -> bytes:
        """It has none."""
        return b""

    def dawdle(self) -> None:
        """It does not read for a while: as good as idle, where that is not allowed for long."""
        self.excused |= "idle" in self.world.scenario
        self.wire.read_on(False)
        self.world.loop.call_later(self.dice.choice((10, 1000)) * self.dice.below(1000) / 1e6, self.wire.read_on)

    def lie(self) -> None:
        if not self.outbox:
            self.excused = self.leaving = True
            self.wire.send(self.dice.choice(LIES))

    # -- answers --------------------------------------------------------------------------------------------------------

    def headed(self, found: Head) -> Form | Literal["head"]:
        self.acts()
        version, status, _ = found.line.split(" ", 2)
        assert version == "HTTP/1.1", found
        if not self.asked:
            assert self.excused, f"an answer to nothing: {found}"
            return "none" if found.one("content-length") in {"", "0"} else "counted"
        exchange = self.asked[0]
        if int(status) < 200:
            assert not exchange.old, f"an interim answer to HTTP/1.0: {found}"
            assert found.one("x-call") == str(exchange.number), f"exchange {exchange.number}: {found}"
            assert found.one("via") == "1.1 xproto", f"exchange {exchange.number}: {found}"
            if int(status) == 100:
                exchange.told_to = True
                self.release(exchange)
            return "head"
        self.persists(exchange, found)
        self.local = not found.one("x-call")
        if self.local:
            return self.refused(exchange, found, int(status))
        checked_answer(exchange, found, int(status))
        if exchange.answer_form == "chunked" and exchange.old:
            return "until close"
        return exchange.answer_form

    def persists(self, exchange: Exchange, found: Head) -> None:
        """Is it said whether the connection goes on, and is that right?"""
        said = found.one("connection")
        assert said in ({"close", "keep-alive"} if exchange.old else {"", "close"}), f"Connection: {said} for {exchange}"
        local = not found.one("x-call")
        if said != "close":
            assert not must_close(exchange, local), f"it goes on after {exchange}"
        elif not self.excused and not self.half:
            assert may_close(exchange, local), f"it ends after {exchange}"
        self.told_close = said == "close"

    def refused(self, exchange: Exchange, found: Head, status: int) -> Form:
        """The proxy's own answer: does it make sense?"""
        ledger, now = self.world.ledger, self.world.now
        ledger.refusals += 1
        assert not found.one("via"), f"exchange {exchange.number}: {found}"
        why = f"{status} for {exchange}"
        if status == 400:
            assert self.excused or not exchange.sent, why
        elif status == 404:
            assert exchange.lost, why
        elif status == 502:
            assert exchange.spoiled, why
        elif status == 500:
            assert exchange.number in ledger.failed, why
        elif status == 504:
            assert now - exchange.begun >= TIMEOUT, why
        else:
            assert status == 503, why
        return "none" if exchange.method == "HEAD" else "counted"

    def whole(self, body: bytes) -> None:
        """A final answer has come to its end."""
        self.acts()
        if not self.asked:
            return
        exchange = self.asked.popleft()
        if self.local:
            assert body.startswith(b"xproto: ") or exchange.method == "HEAD", f"exchange {exchange.number} got {body[:40]!r}"
        else:
            assert body == exchange.answer, f"exchange {exchange.number} got another's body, or half of one"
            self.world.ledger.answers += 1
        self.release(exchange)
        if self.told_close:
            self.outbox.clear()

    def ended(self, reset: bool) -> None:
        super().ended(reset)
        if self.timer is not None:
            self.timer.cancel()
        if self.asked and self.form not in {"head", "none"}:
            self.broken_off(self.asked[0], reset)
        elif not self.excused and not self.may_go(reset):
            self.blame(f"was let go (reset: {reset}) with {len(self.asked)} unanswered: {list(self.asked)[:1]}")

    def broken_off(self, exchange: Exchange, reset: bool) -> None:
        """An answer that has no end yet: the end of the connection is that, or it is cut."""
        body = bytes(self.body)
        if self.form == "until close" and not reset:
            if body != exchange.answer:
                self.blame(f"half an answer ({len(body)} of {len(exchange.answer)}) that looks whole: {exchange}")
            self.asked.popleft()
        elif not self.local and not exchange.answer.startswith(body):
            self.blame(f"the beginning of its answer is another's: {exchange}")
        elif not self.excused and not (reset and self.breaks()):
            self.blame(f"an answer broke off (reset: {reset}): {exchange}")

    def breaks(self) -> bool:
        """Is an answer cut that was sent in part? The reset may overtake those that were whole."""
        return any(
            each.told and (each.spoiled or each.answer_form == "until close" or self.world.now - each.begun >= TIMEOUT)
            for each in self.asked
        )

    def may_go(self, reset: bool) -> bool:
        """Is there a reason for its end?"""
        if self.told_close or (self.half and not self.asked):
            return True
        if not self.asked:
            return self.idle()
        oldest = self.asked[0]
        if self.half and self.world.now - oldest.begun >= TIMEOUT:
            return True
        return (reset and self.breaks()) or self.idle()

    def idle(self) -> bool:
        """Is all that it waits for so young that it met the end of an idle connection on its way?"""
        within, now = 20_000, self.world.now
        idle = "idle" in self.world.scenario or self.active - self.before > (DOWNSTREAM_IDLE_TIMEOUT * 1_000_000 - within)
        return idle and all(now - each.moved < within or not each.sent for each in self.asked)
