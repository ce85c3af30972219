"""HTTP/2, and gRPC over it: a call is a stream, and the `h2` package speaks for both ends."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, NamedTuple

import h2.events
import h2.exceptions

from proxy.snapshot import DirectResponse
from tests.datapath import h2peer
from tests.datapath.world import Peer
from tests.policy.speech.http1 import OK, Http1, headers_of, joined
from tests.policy.speech.model import HTTP, PLAIN, RPC, Answer, Asked, Call, Speech

MEDIA = ("content-type", "application/grpc")
OF_STREAMS = (
    h2.events.ResponseReceived, h2.events.TrailersReceived, h2.events.DataReceived, h2.events.StreamEnded,
    h2.events.StreamReset, h2.events.ConnectionTerminated,
)  # fmt: skip


class Response(NamedTuple):
    """`body` None: there is none at all, not even an empty one."""

    status: int
    head: Mapping[str, str]
    body: bytes | None
    trailers: dict[str, str]


class StreamClient:
    def __init__(self, speech: Http2, client: h2peer.Client) -> None:
        self.speech, self.client, self.peer = speech, client, client.peer
        self.numbers = dict[int, int]()

    async def ask(self, call: Call | None = None, **fields: Any) -> None:
        call = call or Call(**fields)
        body = self.speech.packed(call.body)
        stream = self.client.conn.get_next_available_stream_id()
        self.numbers[stream] = call.number
        method = call.http_method or self.speech.method or ("POST" if call.body else "GET")
        head = {":method": method, ":scheme": "http", ":authority": call.host, ":path": call.target, **self.speech.own}
        headers = ((name.lower(), text) for name, text in call.headers.items())
        self.client.conn.send_headers(stream, [*head.items(), *headers], end_stream=not body)
        await self.client.flush()
        if body:
            await self.client.data(stream, body, ends=True)

    async def answer(self) -> Answer:
        found = await received(self.client, h2.events.ResponseReceived)
        return self.speech.heard(self.speech.answered(found, self.numbers.pop(found.stream)))

    async def silent(self) -> bool:
        for _ in range(20):
            await asyncio.sleep(0)
        with contextlib.suppress(BlockingIOError):
            while data := self.peer.sock.recv(1 << 18):
                self.client.events += self.client.conn.receive_data(data)
        return not any(isinstance(event, OF_STREAMS) for event in self.client.events)


class StreamServer:
    """Its calls say for themselves which of the protocols here they are in."""

    def __init__(self, server: h2peer.Server) -> None:
        self.server, self.peer = server, server.peer
        self.speeches = dict[int, Http2]()

    async def take(self) -> Asked:
        found = await received(self.server, h2.events.RequestReceived)
        speech = Grpc() if MEDIA in found.fields.items() else Http2()
        self.speeches[found.stream] = speech
        return speech.asked(found)

    async def reply(self, asked: Asked, answer: Answer) -> None:
        status, head, body, trailers = self.speeches.pop(asked.number).response(answer)
        with contextlib.suppress(h2.exceptions.StreamClosedError):  # who asked may have enough when it has the head
            await self.server.respond(asked.number, body, *head.items(), status=status, trailers=trailers)

    async def refuse(self, asked: Asked) -> None:
        await self.server.reset(asked.number, h2peer.REFUSED)


class Http2(Speech):
    name = protocol = "http2"
    says = HTTP | {"http_method", "numbers", "unordered", "refusal"}
    faults, bad, busy = Http1.faults, Http1.bad, Http1.busy
    listener, cluster = PLAIN, {"http": "http2"}
    method = ""
    """Of all requests; empty: as the call says."""
    own: dict[str, str] = {}
    """Fields of all requests."""

    def begins(self, data: bytes) -> bool:
        return data.startswith(b"PRI ")

    async def speak(self, peer: Peer) -> StreamClient:
        client = h2peer.Client(at_once(peer), client=True)
        await client.begin()
        return StreamClient(self, client)

    async def serve(self, peer: Peer) -> StreamServer:
        server = h2peer.Server(at_once(peer), client=False)
        await server.begin()
        return StreamServer(server)

    def direct(self, said: DirectResponse) -> tuple[int, str]:
        return said.status, said.body

    def packed(self, body: bytes) -> bytes:
        return body

    def asked(self, found: h2peer.Message) -> Asked:
        path, mark, query = found.path.partition("?")
        roles = {"path": path, "host": found.fields[":authority"], "http_method": found.fields[":method"]}
        return Asked(found.stream, roles, headers_of(found.fields), found.body, query if mark else None)

    def response(self, answer: Answer) -> Response:
        return Response(answer.code or OK, answer.headers, answer.text.encode(), {})

    def answered(self, found: h2peer.Message, number: int) -> Answer:
        code = 0 if found.status == OK else found.status
        return Answer(found.body.decode("utf-8", "replace"), code, headers_of(found.fields), number)


class Grpc(Http2):
    name = "grpc"
    says = (HTTP | RPC | {"numbers", "unordered", "refusal"}) - {"http_method"}
    faults = {
        "no_route": (12, "xproto: no route matches this call"),
        "no_host": (14, "xproto: the cluster has no host"),
        "connect": (14, "xproto: no host of the cluster can be reached"),
        "overload": (8, "xproto: the cluster is overloaded"),
        "timeout": (4, "xproto: the server did not answer in time"),
        "closed": (14, "xproto: the server's connection ended before it answered"),
        "malformed": (13, "xproto: the request cannot be read"),
        "misdirected": (14, "xproto: this host is not to be had on this connection"),
        "filter": (13, "xproto: a filter failed"),
    }
    bad = ("unavailable", Answer(code=14))
    busy = None
    method, own = "POST", {**dict([MEDIA]), "te": "trailers"}

    def direct(self, said: DirectResponse) -> tuple[int, str]:
        return said.grpc_status, said.body or f"{said.status} {HTTPStatus(said.status).phrase}"

    def packed(self, body: bytes) -> bytes:
        return struct.pack(">BI", 0, len(body)) + body

    def asked(self, found: h2peer.Message) -> Asked:
        asked = super().asked(found)
        asked.body = found.body[5:]
        del asked.roles["http_method"]
        parts = asked.roles["path"].split("/")
        asked.roles["service"], asked.roles["method"] = parts[1:] if len(parts) == 3 else ("", "")
        return asked

    def response(self, answer: Answer) -> Response:
        head, status = {**dict([MEDIA]), **answer.headers}, {"grpc-status": str(answer.code)}
        if answer.ok:
            return Response(OK, head, self.packed(answer.text.encode()), status)
        return Response(OK, {**head, **status, **({"grpc-message": answer.text} if answer.text else {})}, None, {})

    def answered(self, found: h2peer.Message, number: int) -> Answer:
        said = {**found.fields, **found.trailers}
        text = found.body[5:].decode("utf-8", "replace") or said.get("grpc-message", "")
        return Answer(text, int(said["grpc-status"]), headers_of(found.fields), number)


async def received(end: h2peer.H2Peer, kind: type[h2.events.RequestReceived | h2.events.ResponseReceived]) -> h2peer.Message:
    """The next message, whole; EOFError where the connection ends before."""
    try:
        event = await end.next(kind)
        assert event.stream_id is not None
        return await end.whole(event.stream_id, fields_of(event.headers))
    except AssertionError as error:
        if end.over:
            raise EOFError from error
        raise


def fields_of(headers: Any) -> dict[str, str]:
    return joined((name.decode(), value.decode("latin-1")) for name, value in headers)


def at_once(peer: Peer) -> Peer:
    """Without waiting for acknowledgements: a message goes in several frames."""
    peer.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return peer
