"""gRPC, by grpcio: its own client and server, with handlers for plain bytes instead of generated code.

So two implementations that know nothing of the proxy meet across it. A call's messages bear its number; one of `Watch` has
several answers, and all of them are compared. What an answer of the proxy's own means is looked up in what it declares.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import ssl
from collections.abc import AsyncIterator, Iterator
from functools import partial
from time import perf_counter
from typing import Any
from urllib.parse import unquote

os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")  # a node that is started again is a fork in the midst of calls
import grpc
import grpc.aio

from proxy.demo import scenario
from proxy.demo.authority import SERVER_NAME, Certificates
from proxy.demo.ledger import Ledger
from proxy.demo.line import Line, numbered, split, text_of
from proxy.demo.scenario import Client, Request
from proxy.demo.speech import Reply
from proxy.demo.streams import Host
from xproto.codecs.grpc import GRPC
from xproto.spec import Fault

OK = 0
TIMES = 3
"""Messages that an answer of `WATCH` has."""
ALONE = (("grpc.use_local_subchannel_pool", 1), ("grpc.enable_retries", 0))
"""Each client has a connection of its own, and a call is made once."""
NAMED = (("grpc.ssl_target_name_override", SERVER_NAME),)
CONNECT_TIMEOUT = 5.0


def own_replies() -> dict[tuple[int, str], frozenset[Fault]]:
    """Status and message of the proxy's own answers, and the faults that each may stand for."""
    found: dict[tuple[int, str], frozenset[Fault]] = {}
    for fault, reply in GRPC.reply.items():
        fields = dict(reply["head"]["fields"])
        mark = int(fields[b"grpc-status"]), unquote(fields[b"grpc-message"].decode())
        found[mark] = found.get(mark, frozenset()) | {fault}
    return found


class Stub(Line):
    """A client's channel."""

    def __init__(self, client: Client, certificates: Certificates, ledger: Ledger, numbers: Iterator[int]) -> None:
        super().__init__(client, ledger, numbers)
        self._certificates = certificates
        self._ids = itertools.count(1)
        self._own = own_replies()
        self._text = text_of(client).encode()
        self._channel: Any = None
        self._calls: set[asyncio.Task[None]] = set()

    async def connect(self, host: str, port: int, secure: ssl.SSLContext | None) -> None:
        """The context is made by grpcio itself, of the same certificates."""
        address = f"{host}:{port}"
        if secure is None:
            self._channel = grpc.aio.insecure_channel(address, options=ALONE)
        else:
            root, key, chain = (self._certificates.read(name) for name in ("ca.crt", "client.key", "client.crt"))
            credentials = grpc.ssl_channel_credentials(root, key, chain)
            self._channel = grpc.aio.secure_channel(address, credentials, options=(*ALONE, *NAMED))
        await asyncio.wait_for(self._channel.channel_ready(), CONNECT_TIMEOUT)
        self.tally.connections += 1

    def send(self, request: Request) -> asyncio.Future[None]:
        id = next(self._ids)
        number, answered = self.begin(id, request)
        task = self._loop.create_task(self._call(id, request, number))
        self._calls.add(task)
        task.add_done_callback(self._calls.discard)
        return answered

    async def _call(self, id: int, request: Request, number: bytes) -> None:
        path = f"/{request.service}/{request.method}"
        method = self._channel.unary_stream(path) if request.streams else self._channel.unary_unary(path)
        began = method(numbered(self._text, number), timeout=request.deadline / 1000 or None)
        try:
            said = [each async for each in began] if request.streams else [await began]
        except grpc.aio.AioRpcError as error:
            self._failed(id, error)
            return
        who, heard = split(said[0])
        if said != said[:1] * (TIMES if request.streams else 1):
            who = f"{said}"  # of which the ledger says that it is no cluster
        if id in self.pending:
            self.finish(id, Reply(who, frozenset(), OK), heard, perf_counter())

    def _failed(self, id: int, error: grpc.aio.AioRpcError) -> None:
        status, message = error.code().value[0], error.details() or ""
        faults = self._own.get((status, message), frozenset())
        if not faults:
            self.unexpected(f"status {status} with {message!r} is nothing that the proxy says")
        elif id in self.pending:
            self.finish(id, Reply(message, faults, status), b"", perf_counter())

    def close(self) -> None:
        super().close()
        for task in self._calls:
            task.cancel()

    async def closed(self) -> None:
        """The channel's own end."""
        if self._channel is not None:
            await self._channel.close()


class Handlers(grpc.GenericRpcHandler):  # type: ignore[misc]
    """Answers to every method of every service; those of `WATCH` several times."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self._one = grpc.unary_unary_rpc_method_handler(self.answer)
        self._several = grpc.unary_stream_rpc_method_handler(self.answer_often)

    def service(self, details: Any) -> Any:
        method = details.method.rpartition("/")[2]
        if work := scenario.WORK.get(method.encode()):
            return grpc.unary_unary_rpc_method_handler(partial(self.answer_late, work))
        return self._several if method == scenario.WATCH else self._one

    async def answer(self, request: bytes, _context: Any) -> bytes:
        return self.host.answer(request)

    async def answer_late(self, work: float, request: bytes, _context: Any) -> bytes:
        await asyncio.sleep(work)
        return self.host.answer(request)

    async def answer_often(self, request: bytes, _context: Any) -> AsyncIterator[bytes]:
        said = self.host.answer(request)
        for _ in range(TIMES):
            yield said


async def serve(host: Host, port: int) -> Any:
    """A server that listens; its `stop` is the caller's."""
    server = grpc.aio.server(handlers=(Handlers(host),))
    server.add_insecure_port(f"127.0.0.1:{port}")
    await server.start()
    return server
