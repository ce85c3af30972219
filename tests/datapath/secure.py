"""TLS in the tests' hands: clients and servers that speak it over the world's plain sockets, by the standard library."""

from __future__ import annotations

import asyncio
import ssl
import tempfile
from pathlib import Path
from typing import Any

from proxy.tls.material import Material
from tests.datapath.world import PATIENCE, Backend, Peer, World
from tests.tls.authority import Authority, Issued

CA = Authority("mesh")
WEB = CA.issue("web.test", dns=["web.test", "*.web.test"])
CLIENT = CA.issue("client", dns=["client.test"], uris=["spiffe://mesh/ns/a/sa/b"])
OTHER = Authority("other")
STRANGER = OTHER.issue("stranger", dns=["client.test"])


def material(issued: Issued | None = None, trust: Authority | None = None, crl: str = "") -> Material:
    return Material(issued.certificate if issued else "", issued.key if issued else "", trust.certificate if trust else "", crl)


def load(context: ssl.SSLContext, issued: Issued) -> None:
    with tempfile.TemporaryDirectory() as folder:
        context.load_cert_chain(*issued.write(Path(folder), "x"))


def client_context(issued: Issued | None = None, **fields: Any) -> ssl.SSLContext:
    """That of a client which trusts CA."""
    made = ssl.create_default_context(cadata=CA.certificate)
    if issued is not None:
        load(made, issued)
    for name, value in fields.items():
        setattr(made, name, value)
    return made


def server_context(issued: Issued, verify: bool = False) -> ssl.SSLContext:
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    load(made, issued)
    if verify:
        made.load_verify_locations(cadata=CA.certificate)
        made.verify_mode = ssl.CERT_REQUIRED
    return made


class SecurePeer(Peer):
    """One end that speaks TLS. `send` and `receive` are of plaintext; `sock` has the records."""

    tls: ssl.SSLObject
    incoming: ssl.MemoryBIO
    outgoing: ssl.MemoryBIO
    over = False
    """The other side said its end, in TLS."""

    def begin(self, context: ssl.SSLContext, **fields: Any) -> None:
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.incoming, self.outgoing, **fields)

    async def push(self) -> None:
        if self.outgoing.pending:
            await Peer.send(self, self.outgoing.read())

    async def pull(self) -> bool:
        more = await asyncio.wait_for(self.loop.sock_recv(self.sock, 1 << 20), PATIENCE)
        if more:
            self.incoming.write(more)
        else:
            self.incoming.write_eof()
        return bool(more)

    async def shake(self) -> None:
        """Raises `ssl.SSLError` where the handshake fails."""
        while True:
            try:
                self.tls.do_handshake()
            except ssl.SSLWantReadError:
                await self.push()
                await self.pull()
            except ssl.SSLError:
                await self.push()
                raise
            else:
                return await self.push()

    async def send(self, data: bytes) -> None:
        self.tls.write(data)
        await self.push()

    async def more(self) -> bytes:
        """Plaintext as it comes; b"" at TLS's end. Raises `ssl.SSLEOFError` at an end of the socket alone."""
        while True:
            try:
                return self.tls.read(1 << 20)
            except ssl.SSLWantReadError:
                await self.push()
                await self.pull()
            except ssl.SSLZeroReturnError:
                self.over = True
                return b""

    async def receive(self) -> bytes:
        while True:
            size = self.size_of(self.data)
            if size is not None and len(self.data) >= size:
                frame, self.data = self.data[:size], self.data[size:]
                return frame
            more = await self.more()
            if not more:
                assert not self.data, f"the stream ends inside a frame: {self.data!r}"
                return b""
            self.data += more

    async def bytes(self, size: int) -> bytes:
        while len(self.data) < size:
            more = await self.more()
            if not more:
                break
            self.data += more
        data, self.data = self.data[:size], self.data[size:]
        return data

    async def ended(self) -> bool:
        return not self.data and await self.more() == b""


async def secure_client(world: World, name: str | None = "web.test", context: ssl.SSLContext | None = None,
                        session: ssl.SSLSession | None = None) -> SecurePeer:  # fmt: skip
    """Connected, its handshake done."""
    made = await raw_client(world, name, context, session)
    await made.shake()
    return made


async def raw_client(world: World, name: str | None = "web.test", context: ssl.SSLContext | None = None,
                     session: ssl.SSLSession | None = None) -> SecurePeer:  # fmt: skip
    plain = await world.client()
    made = SecurePeer(world.loop, plain.sock, world.size_of)
    context = context or client_context()
    if name is None:
        context.check_hostname = False
    made.begin(context, server_hostname=name, session=session)
    return made


async def secure_accept(world: World, backend: Backend, context: ssl.SSLContext) -> SecurePeer:
    plain = await backend.accept()
    made = SecurePeer(world.loop, plain.sock, world.size_of)
    made.begin(context, server_side=True)
    await made.shake()
    return made
