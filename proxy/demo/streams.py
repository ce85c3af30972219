"""HTTP/2 as the demo's clients and hosts speak it: streams of a connection, by the frame engine that the proxy has too.

Both ends are `xproto.kernel.http2_face.End`: real frames, header blocks and windows. What always holds: a stream is one
call, and its whole answer is compared, every field and byte.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterator
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any, cast
from urllib.parse import quote, unquote_to_bytes

from proxy.demo import scenario
from proxy.demo.authority import SERVER_NAME
from proxy.demo.frames import LIE_EVERY, another
from proxy.demo.ledger import Ledger
from proxy.demo.line import Line, numbered, split, text_of
from proxy.demo.scenario import Client, Request
from proxy.demo.speech import Reply
from proxy.demo.web import Http
from xproto.kernel.http2_face import End
from xproto.spec import Fault

ALPN = "h2"
CANCEL = 8
Fields = list[tuple[bytes, bytes]]


@dataclass
class Message:
    """One that comes."""

    fields: Fields = field(default_factory=list)
    body: bytes = b""


class Ended(asyncio.Protocol):
    """One end of a connection: whole messages go to `message`, resets to `reset`."""

    def __init__(self, *, server: bool) -> None:
        self.session = End(server)
        self.transport: asyncio.Transport | None = None
        self.coming: dict[int, Message] = {}
        self._rest = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # uvloop's are no subclass of it
        self.session.begin()
        self.flush()

    def data_received(self, data: bytes) -> None:
        data = self._rest + data
        self._rest = data[self.session.feed(data, int(perf_counter() * 1e6)) :]
        events = self.session.events[:]
        self.session.events.clear()
        for event in events:
            self.happened(*event)
        self.flush()

    def happened(self, what: str, *said: Any) -> None:
        if what == "head":
            id, fields, ends = said
            self.coming[id] = Message(fields)
            if ends:
                self.message(id, self.coming.pop(id))
        elif what == "data":
            id, data, ends = said
            self.coming[id].body += data
            if ends:
                self.message(id, self.coming.pop(id))
            else:
                self.session.eat(id, len(data))
        elif what == "reset":
            id, code, _ = said
            self.coming.pop(id, None)
            self.reset(id, code)
        elif what in {"error", "goaway"}:
            self.broken(f"{what} {said}")

    def say(self, id: int, fields: Fields, body: bytes) -> None:
        """A message, with the end of its stream. Bodies here are far smaller than any window."""
        self.session.say_head(id, fields, not body)
        if body and self.session.say_data(id, body, True) != len(body):
            raise AssertionError("a window of less than a body")

    def flush(self) -> None:
        said = self.session.take_out()
        if said and self.transport is not None and not self.transport.is_closing():
            self.transport.write(said)

    def message(self, id: int, message: Message) -> None:
        raise NotImplementedError

    def reset(self, id: int, code: int) -> None:
        raise NotImplementedError

    def broken(self, why: str) -> None:
        """The other end is not content, or wants no more."""


class Streams(Line, Ended):
    """A client's connection: calls are streams, all at once."""

    def __init__(self, client: Client, speech: Http, ledger: Ledger, numbers: Iterator[int]) -> None:
        Line.__init__(self, client, ledger, numbers)
        Ended.__init__(self, server=False)
        self.speech = speech
        self._text = text_of(client).encode()

    async def connect(self, host: str, port: int, secure: ssl.SSLContext | None) -> None:
        """By TLS with ALPN."""
        name = SERVER_NAME if secure is not None else None
        await self._loop.create_connection(lambda: self, host, port, ssl=secure, server_hostname=name)
        self.tally.connections += 1
        if secure is not None and self.transport is not None:
            chosen = self.transport.get_extra_info("ssl_object").selected_alpn_protocol()
            if chosen != ALPN:
                raise OSError(f"ALPN chose {chosen}, not {ALPN}")

    def send(self, request: Request) -> asyncio.Future[None]:
        id = self.session.open_stream()
        number, answered = self.begin(id, request)
        self.say(id, *asked(request, numbered(self._text, number), secure=self.client.secret))
        self.flush()
        return answered

    def message(self, id: int, message: Message) -> None:
        if id not in self.pending:
            self.unexpected(f"stream {id}, which nobody waits for")
            return
        try:
            reply, number = self.understood(message)
        except ValueError as error:
            self.unexpected(error)
            return
        self.finish(id, reply, number, perf_counter())

    def understood(self, message: Message) -> tuple[Reply, bytes]:
        """What an answer says, and its number; raises ValueError."""
        (_, status), *fields = message.fields
        if int(status) != self.speech.success:
            return self.speech.own_reply(int(status), message.body.decode()), b""
        self.speech.check_fields(fields, len(message.body))
        text, number = split(message.body)
        return Reply(text, frozenset[Fault](), int(status)), number

    def reset(self, id: int, code: int) -> None:
        self.unexpected(f"stream {id} was reset with {code}")

    def broken(self, why: str) -> None:
        self.unexpected(why)

    def connection_lost(self, exc: Exception | None) -> None:
        self.ended(exc)

    def close(self) -> None:
        super().close()
        if self.transport is not None:
            self.transport.close()


def asked(request: Request, text: bytes, *, secure: bool) -> tuple[Fields, bytes]:
    """A request's fields and body: the text in the query, or in a POST's body."""
    path = request.method if request.posts else f"{request.method}?said={quote(text, safe=':@')}"
    fields = [
        (b":method", b"POST" if request.posts else b"GET"),
        (b":scheme", b"https" if secure else b"http"),
        (b":authority", request.service.encode()),
        (b":path", path.encode()),
        (b"user-agent", b"xproto-demo"),
    ]
    if not request.posts:
        return fields, b""
    return [*fields, (b"content-length", b"%d" % len(text))], text


class Host:
    """One cluster's member on a node. lies: now and then an answer is about another call."""

    def __init__(self, node: str, cluster: str, *, lies: bool) -> None:
        self.who, self.lies, self.answered = f"{cluster}/{node}", lies, 0

    def answer(self, text: bytes) -> bytes:
        """To a call whose text has a number."""
        _, number = split(text)
        self.answered += 1
        if self.lies and self.answered % LIE_EVERY == 0:
            number = another(number)
        return numbered(text_of_host(self.who), number)


def text_of_host(who: str) -> bytes:
    """What a host says, with a blank for the number."""
    return text_of(Client(who, "")).encode()


class Shared(Ended):
    """A connection of the proxy to a host: all callers' calls come on it."""

    def __init__(self, host: Host) -> None:
        super().__init__(server=True)
        self.host = host
        self.working: set[int] = set()

    def message(self, id: int, message: Message) -> None:
        fields = dict(message.fields)
        path, _, query = fields[b":path"].partition(b"?")
        said = self.host.answer(message.body or unquote_to_bytes(query))
        self.working.add(id)
        if work := scenario.WORK.get(path):
            asyncio.get_running_loop().call_later(work, self.answer, id, said)
        else:
            self.answer(id, said)

    def answer(self, id: int, said: bytes) -> None:
        """If it is still wanted."""
        if id not in self.working:
            return
        self.working.discard(id)
        length = (b"content-length", b"%d" % len(said))
        self.say(id, [(b":status", b"200"), *((name.lower(), value) for name, value in Http.said), length], said)
        self.flush()

    def reset(self, id: int, code: int) -> None:  # noqa: ARG002 (the code tells a host nothing)
        self.working.discard(id)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        self.working.clear()
