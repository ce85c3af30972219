"""Hosts of `http: auto`: each is spoken to by the version that its TLS agrees on, and no call fails over finding out."""

from __future__ import annotations

import ssl
from typing import Any

import pytest

from proxy.datapath.audit import audit
from proxy.tls.settings import ClientTls
from tests.datapath import web
from tests.datapath.h2peer import Server, client_of, start
from tests.datapath.secure import CA, WEB, SecurePeer, material, secure_accept, server_context
from tests.datapath.world import Backend, Peer, World

SECRETS = {"ca": material(trust=CA)}
TLS = ClientTls("ca", server_name="web.test", alpn=("h2", "http/1.1"))


class SecureServer(Server):
    """HTTP/2 inside TLS."""

    peer: SecurePeer

    async def read(self) -> bool:
        data = await self.peer.more()
        self.events += self.conn.receive_data(data) if data else []
        await self.flush()
        return bool(data)


def speaking(*protocols: str) -> ssl.SSLContext:
    made = server_context(WEB)
    if protocols:
        made.set_alpn_protocols(list(protocols))
    return made


def begin(world: World, near: str = "http1", **fields: Any) -> Backend:
    backend = world.backend()
    world.size_of = web.size_of
    start(world, backend, near=near, far="auto", tls=TLS, materials=SECRETS, **fields)
    return backend


async def newer(world: World, backend: Backend) -> SecureServer:
    server = SecureServer(await secure_accept(world, backend, speaking("h2", "http/1.1")), client=False)
    await server.begin()
    return server


async def taken(world: World, backend: Backend, *protocols: str) -> SecurePeer:
    """A connection on which nothing is said yet."""
    return await secure_accept(world, backend, speaking(*protocols))


async def asked(world: World, path: str = "/a") -> Peer:
    client = await world.client()
    await client.send(web.request(path))
    return client


async def given(client: Peer, server: SecurePeer, body: bytes = b"fine") -> None:
    await web.take(server)
    await server.send(web.response(body))
    assert (await web.take(client)).body == body


def spoken(world: World) -> str:
    (cluster,) = world.engine.describe()["clusters"].values()
    (host,) = cluster["hosts"]
    found: str = host["http"]
    return found


@pytest.mark.parametrize("near", ["http1", "http2"])
async def test_a_host_that_speaks_http2(world: World, near: str) -> None:
    backend = begin(world, near)
    if near == "http2":
        client = await client_of(world)
        stream = await client.ask("/a")
    else:
        old = await asked(world)
    server = await newer(world, backend)
    request = await server.request()
    await server.respond(request.stream, b"fine", ("content-length", "4"))
    if near == "http2":
        assert (await client.answer(stream)).body == b"fine"
    else:
        assert (await web.take(old)).body == b"fine"
    assert spoken(world) == "http2"


@pytest.mark.parametrize("protocols", [(), ("http/1.1",)])
async def test_a_host_that_does_not(world: World, protocols: tuple[str, ...]) -> None:
    """It is found out once; the call that was first goes on by another connection, and so do those that wait with it."""
    backend = begin(world)
    clients = [await asked(world, f"/a/{number}") for number in range(3)]
    first = await taken(world, backend, *protocols)
    assert await first.more() == b"", "this one was for streams"
    for client in clients:
        await given(client, await taken(world, backend, *protocols))
    assert spoken(world) == "http1"
    assert world.count("upstream_connect_failures_total") == 0
    assert sum("speaks HTTP/1.1, as its TLS says" in line for line in world.log) == 1
    assert audit(world.engine) == []


async def test_a_host_that_has_learned_http2(world: World) -> None:
    backend = begin(world)
    client = await asked(world)
    await taken(world, backend)
    server = await taken(world, backend)
    await given(client, server)
    server.sock.close()
    await world.until(lambda: not world.upstreams())
    await world.advance(2)
    await client.send(web.request("/a"))
    await taken(world, backend, "h2", "http/1.1")  # what was made for HTTP/1.1
    new = await newer(world, backend)
    request = await new.request()
    await new.respond(request.stream, b"new", ("content-length", "3"))
    assert (await web.take(client)).body == b"new"
    assert spoken(world) == "http2"
    assert world.count("upstream_connect_failures_total") == 0


async def test_a_host_that_cannot_decide_is_one_that_fails(world: World) -> None:
    backend = begin(world)
    client = await asked(world)
    await taken(world, backend)
    await taken(world, backend, "h2", "http/1.1")
    assert (await web.take(client)).status == 503
    assert world.count("upstream_connect_failures_total") == 1
    assert audit(world.engine) == []


async def test_a_host_in_plaintext_gets_http1(world: World) -> None:
    backend = world.backend()
    world.size_of = web.size_of
    start(world, backend, near="http1", far="auto")
    client = await asked(world)
    server = await backend.accept()
    await web.take(server)
    await server.send(web.response(b"plain"))
    assert (await web.take(client)).body == b"plain"
    assert spoken(world) == "http1"
