"""What all clients have: calls that begin with a number of their own and end in the ledger, each once.

Ids are the connection's own (a frame's, a stream's); numbers are unique in the whole demo, so an answer that reached the
wrong connection, or the wrong call, cannot pass for a right one.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterator
from time import perf_counter

from proxy.demo.frames import BLANK, TAG, number_text
from proxy.demo.ledger import Ledger, Pending
from proxy.demo.scenario import Client, Request
from proxy.demo.speech import Reply


class Line:
    """One connection to the proxy's port. `numbers` is shared by all."""

    def __init__(self, client: Client, ledger: Ledger, numbers: Iterator[int]) -> None:
        self.client, self.ledger = client, ledger
        self.tally = ledger.tallies[client.protocol]
        self.pending: dict[int, tuple[Pending, asyncio.Future[None]]] = {}
        self._loop = asyncio.get_running_loop()
        self._numbers = numbers

    async def connect(self, host: str, port: int, secure: ssl.SSLContext | None) -> None:
        """By TLS if there is a context; raises OSError."""
        raise NotImplementedError

    def send(self, request: Request) -> asyncio.Future[None]:
        """Sends a call; the future is done when it has its answer (a oneway's at once)."""
        raise NotImplementedError

    def send_heartbeat(self) -> None:
        """Where the protocol has heartbeats that the proxy answers itself, and counts."""

    @property
    def waits(self) -> bool:
        """Has something been sent that has no answer yet?"""
        return bool(self.pending)

    def begin(self, id: int, request: Request) -> tuple[bytes, asyncio.Future[None]]:
        """The call's number, and what is done when it has its answer."""
        number = number_text(next(self._numbers))
        answered: asyncio.Future[None] = self._loop.create_future()
        if request.oneway:
            self.tally.oneways += 1
            answered.set_result(None)
        else:
            self.tally.sent += 1
            self.pending[id] = Pending(request, number, perf_counter()), answered
        return number, answered

    def finish(self, id: int, reply: Reply, number: bytes, now: float) -> None:
        """Its answer, and the number that it bears."""
        pending, answered = self.pending.pop(id)
        self.tally.secret += self.client.secret
        self.ledger.answered(pending, reply, number, now)
        if not answered.done():
            answered.set_result(None)

    def unexpected(self, what: object) -> None:
        self.ledger.unexpected(self.client.protocol, f"{self.client.name}: {what}")

    def ended(self, why: object) -> None:
        """The connection has."""
        if self.pending:
            self.ledger.complain(f"{self.client.name}: the connection ended with {len(self.pending)} calls open: {why}")

    def close(self) -> None:
        """Calls that wait are lost."""
        for pending, _ in self.pending.values():
            self.ledger.never(pending)
        self.pending.clear()

    async def closed(self) -> None:
        """What takes a moment of it."""


def text_of(client: Client) -> str:
    """What a call says, with a blank for its number."""
    return f"{client.name} {TAG}{BLANK}"


def numbered(text: bytes, number: bytes) -> bytes:
    """The text of one call."""
    return text.replace(BLANK.encode(), number)


def split(text: bytes) -> tuple[str, bytes]:
    """Who answered, and the number that the answer bears; the text alone where there is none."""
    who, tag, number = text.partition(TAG.encode())
    return who.decode().rstrip(), number if tag else b""
