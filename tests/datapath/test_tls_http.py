"""What HTTP says and does of TLS: who the client is, which hosts a connection may ask for."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.snapshot import Http, Route
from proxy.tls.settings import FilterChain, ServerTls
from tests.datapath import web
from tests.datapath.secure import CA, CLIENT, WEB, SecurePeer, client_context, material, secure_client
from tests.datapath.world import Backend, Peer, World

SECRETS = {"web": material(WEB), "ca": material(trust=CA)}
OPEN = ServerTls(("web",), verify="optional", trust="ca")
CLOSED = ServerTls(("web",), verify="required", trust="ca")
ALL = (Route("all", (), "main"),)
CERTIFIES = Http(request_id=False, via="", client_certificate=True)


def start(world: World, *chains: FilterChain, plaintext: bool = False, http: Http = CERTIFIES) -> Backend:
    backend = world.backend()
    listener = {"chains": chains or (chain(),), "plaintext": plaintext, "http": http}
    world.start(backend, listener=listener, materials=SECRETS, protocols=("http1",), routes=ALL)
    world.size_of = web.size_of
    return backend


def chain(tls: ServerTls = OPEN, name: str = "default", *server_names: str) -> FilterChain:
    return FilterChain(name, tls, "table", ("http1",), server_names)


async def passed_on(client: Peer, backend: Backend, *fields: str) -> dict[str, str]:
    await client.send(web.request("/a", None, *fields))
    upstream = await backend.accept()
    return (await web.take(upstream)).fields


async def test_the_server_hears_who_the_client_is(world: World) -> None:
    backend = start(world)
    client = await secure_client(world, context=client_context(CLIENT))
    fields = await passed_on(client, backend)
    assert fields["x-forwarded-proto"] == "https"
    told = world.downstreams()[0]["tls"]
    assert fields["x-forwarded-client-cert"] == (
        f'Hash={told["sha256"]};Subject="CN=client";URI=spiffe://mesh/ns/a/sa/b;DNS=client.test'
    )


async def test_what_a_client_says_of_itself_goes_no_further(world: World) -> None:
    backend = start(world)
    client = await secure_client(world)
    fields = await passed_on(client, backend, "X-Forwarded-Client-Cert: Hash=00;URI=spiffe://mesh/admin")
    assert "x-forwarded-client-cert" not in fields


@pytest.mark.parametrize("plaintext", [True, False])
async def test_nor_where_nothing_of_it_is_written(world: World, plaintext: bool) -> None:
    backend = start(world, plaintext=True, http=Http(client_certificate=False))
    client = await world.client() if plaintext else await secure_client(world, context=client_context(CLIENT))
    fields = await passed_on(client, backend, "X-Forwarded-Client-Cert: Hash=00")
    assert "x-forwarded-client-cert" not in fields
    assert fields["x-forwarded-proto"] == ("http" if plaintext else "https")


async def test_a_trusted_hop_is_believed_and_added_to(world: World) -> None:
    backend = start(world, http=Http(trusted=("127.0.0.0/8",), client_certificate=True))
    client = await secure_client(world, context=client_context(CLIENT))
    fields = await passed_on(client, backend, "X-Forwarded-Client-Cert: Hash=00")
    first, _, second = fields["x-forwarded-client-cert"].partition(", ")
    assert (first, second[:5]) == ("Hash=00", "Hash=")


# -- hosts that are to be had with a certificate only -----------------------------------------------------------------


PUBLIC = chain(ServerTls(("web",)), "public", "public.web.test")
SECRET = chain(CLOSED, "secret", "secret.web.test")


async def ask(client: Peer, host: str, target: str = "/a") -> None:
    await client.send(f"GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())


@pytest.mark.parametrize("host", ["secret.web.test", "SECRET.web.test", "secret.web.test:443", "secret.web.test."])
@pytest.mark.parametrize("way", ["tls", "plaintext", "no name"])
async def test_a_host_that_wants_a_certificate_is_not_reached_by_another_door(world: World, host: str, way: str) -> None:
    start(world, PUBLIC, SECRET, chain(ServerTls(("web",))), plaintext=True)
    context = client_context(check_hostname=False)
    client: Peer
    match way:
        case "tls":
            client = await secure_client(world, "public.web.test", context)
        case "no name":
            client = await secure_client(world, None, context)
        case _:
            client = await world.client()
    await ask(client, host)
    assert (await web.take(client)).status == 421
    assert world.count("local_replies_total", fault="misdirected") == 1
    assert world.upstreams() == []
    await ask(client, "secret.web.test", f"http://{host}/a")
    assert (await web.take(client)).status == 421, "nor by a target that has the host in it"


async def test_such_a_host_after_another_one_in_a_pipeline(world: World) -> None:
    backend = start(world, PUBLIC, SECRET)
    client = await secure_client(world, "public.web.test")
    await ask(client, "public.web.test")
    await ask(client, "secret.web.test")
    await ask(client, "public.web.test")
    upstream = await backend.accept()
    await web.take(upstream)
    await upstream.send(web.response(b"one"))
    assert (await web.take(client)).body == b"one"
    assert (await web.take(client)).status == 421
    await web.take(upstream)
    await upstream.send(web.response(b"three"))
    assert (await web.take(client)).body == b"three"


async def test_such_a_host_with_a_certificate(world: World) -> None:
    backend = start(world, PUBLIC, SECRET)
    client = await secure_client(world, "secret.web.test", client_context(CLIENT))
    await ask(client, "secret.web.test")
    await web.take(await backend.accept())


async def test_hosts_that_want_nothing_are_anybodys(world: World) -> None:
    backend = start(world, PUBLIC, SECRET)
    client = await secure_client(world, "secret.web.test", client_context(CLIENT))
    await ask(client, "public.web.test")
    await web.take(await backend.accept())


async def test_plaintext_beside_a_chain_for_everything_is_allowed(world: World) -> None:
    """Mutual TLS that is being introduced: both are taken, and the operator said so."""
    backend = start(world, chain(CLOSED), plaintext=True)
    client = await world.client()
    await ask(client, "any.test")
    await web.take(await backend.accept())


async def test_an_upgrade_inside_tls(world: World) -> None:
    backend = start(world, http=Http())
    client: Any = await secure_client(world)
    assert isinstance(client, SecurePeer)
    asks = ("Connection: Upgrade", "Upgrade: websocket")
    await client.send(web.request("/a", None, *asks))
    upstream = await backend.accept()
    await web.take(upstream)
    await client.send(b"early")
    await world.until(lambda: world.downstreams()[0]["buffered"] == 5)
    await upstream.send(web.head("101 Switching Protocols", *asks) + b"late")
    assert (await web.take(client)).status == 101
    assert await upstream.bytes(5) == b"early"
    assert await client.bytes(4) == b"late"
    upstream.finish()
    assert await client.ended(), "an end on one side is TLS's own on the other"
    await client.send(b"still here")
    assert await upstream.bytes(10) == b"still here"
