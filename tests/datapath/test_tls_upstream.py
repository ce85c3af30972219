"""TLS with hosts: a connection is made when its handshake is over, and nothing is sent before."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from proxy.snapshot import Fallback, Http, Route
from proxy.tls.settings import ClientTls, Extension, SanMatch, TlsMatch
from tests.datapath import frames, web
from tests.datapath.frames import request, response
from tests.datapath.secure import CA, CLIENT, OTHER, WEB, material, secure_accept, server_context
from tests.datapath.world import Backend, Peer, World

SECRETS = {"ca": material(trust=CA), "client": material(CLIENT)}
TLS = ClientTls("ca", server_name="web.test")
CONNECT = 16


def start(world: World, backend: Backend, tls: ClientTls | None = TLS, **fields: Any) -> None:
    world.start(backend, tls=tls, materials=fields.pop("materials", SECRETS), **fields)


async def asked(world: World, id: int = 7) -> Peer:
    client = await world.client()
    await client.send(request(id, content=b"hello"))
    return client


async def answered(client: Peer, upstream: Peer, number: int = 1) -> None:
    assert frames.content_of(await upstream.receive()) == b"hello"
    await upstream.send(response(number, content=b"world"))
    assert await client.receive() == response(7, content=b"world")


async def refused(world: World, backend: Backend, context: ssl.SSLContext, why: str, reason: str) -> None:
    """The host is connected to and its handshake fails: the caller is told, the log says why."""
    client = await asked(world)
    with pytest.raises(ssl.SSLError):  # noqa: PT012
        upstream = await secure_accept(world, backend, context)
        await upstream.more()
    assert frames.status_of(await client.receive()) == CONNECT
    assert any(why in line for line in world.log), world.log
    assert world.count("upstream_tls_failures_total", reason=reason) == world.count("upstream_connect_failures_total") == 1
    assert world.count("local_replies_total", fault="connect") == 1


async def test_a_call_over_tls(world: World) -> None:
    backend = world.backend()
    start(world, backend)
    client = await asked(world)
    upstream = await secure_accept(world, backend, server_context(WEB))
    await answered(client, upstream)
    assert world.count("upstream_tls_handshakes_total") == 1
    assert world.upstreams()[0]["tls"]["version"] == "TLSv1.3"
    await client.send(request(7, content=b"hello"))
    await answered(client, upstream, 2)


async def test_the_name_that_is_asked_for(world: World) -> None:
    backend = world.backend()
    start(world, backend, ClientTls("ca", server_name="x.web.test"))
    names: list[str | None] = []
    context = server_context(WEB)
    context.sni_callback = lambda _, name, __: names.append(name)
    client = await asked(world)
    await answered(client, await secure_accept(world, backend, context))
    assert names == ["x.web.test"]


async def test_a_host_that_wants_a_certificate(world: World) -> None:
    backend = world.backend()
    start(world, backend, ClientTls("ca", server_name="web.test", certificate="client"))
    client = await asked(world)
    upstream = await secure_accept(world, backend, server_context(WEB, verify=True))
    assert int(upstream.tls.getpeercert()["serialNumber"], 16) == CLIENT.serial
    await answered(client, upstream)


async def test_a_host_that_wants_a_certificate_and_gets_none(world: World) -> None:
    """TLS 1.3: it says so after our handshake is over, so it looks like a connection that breaks off."""
    backend = world.backend()
    start(world, backend)
    client = await asked(world)
    with pytest.raises(ssl.SSLError):
        await secure_accept(world, backend, server_context(WEB, verify=True))
    assert frames.status_of(await client.receive()) == CONNECT
    assert any("certificate required" in line for line in world.log), world.log


async def test_a_host_that_goes_right_behind_the_handshake(world: World) -> None:
    backend = world.backend()
    start(world, backend)
    client = await asked(world)
    upstream = await secure_accept(world, backend, server_context(WEB))
    upstream.close()
    assert frames.status_of(await client.receive()) == 16
    assert any("it may not accept our certificate" in line for line in world.log), world.log


async def test_a_certificate_of_somebody_else(world: World) -> None:
    backend = world.backend()
    start(world, backend)
    stranger = OTHER.issue("web", dns=["web.test"])
    await refused(world, backend, server_context(stranger), "unable to get local issuer certificate", "untrusted")


async def test_a_certificate_of_another_name(world: World) -> None:
    backend = world.backend()
    start(world, backend, ClientTls("ca", server_name="else.test"))
    await refused(world, backend, server_context(WEB), "Hostname mismatch", "name")


@pytest.mark.parametrize(
    ("days", "why", "reason"),
    [((-20, -10), "certificate has expired", "expired"), ((10, 20), "certificate is not yet valid", "not_yet_valid")],
)
async def test_a_certificate_out_of_its_time(world: World, days: tuple[int, int], why: str, reason: str) -> None:
    now = datetime.now(UTC)
    begin, end = (now + timedelta(days=each) for each in days)
    backend = world.backend()
    start(world, backend)
    late = CA.issue("web", dns=["web.test"], not_before=begin, not_after=end)
    await refused(world, backend, server_context(late), why, reason)


async def test_a_certificate_revoked(world: World) -> None:
    revoked = CA.issue("web", dns=["web.test"])
    backend = world.backend()
    start(world, backend, materials={"ca": material(trust=CA, crl=CA.crl(revoked=[revoked]))})
    await refused(world, backend, server_context(revoked), "certificate revoked", "revoked")


async def test_a_name_that_is_not_wanted(world: World) -> None:
    backend = world.backend()
    start(world, backend, ClientTls("ca", server_name="web.test", sans=(SanMatch("uri", "spiffe://mesh/*"),)))
    client = await asked(world)
    upstream = await secure_accept(world, backend, server_context(WEB))
    assert await upstream.ended(), "nothing was sent"
    assert frames.status_of(await client.receive()) == CONNECT
    assert any("none of its names is one that is wanted: web.test" in line for line in world.log)


async def test_a_name_that_is_wanted_instead_of_the_servers(world: World) -> None:
    backend = world.backend()
    start(world, backend, ClientTls("ca", server_name="any.test", sans=(SanMatch("uri", "spiffe://mesh/*"),)))
    client = await asked(world)
    await answered(client, await secure_accept(world, backend, server_context(CLIENT)))


async def test_an_extension_may_refuse(world: World) -> None:
    backend = world.backend()
    verifier = Extension("fingerprints", {"sha256": ["00" * 32]})
    start(world, backend, ClientTls("ca", server_name="web.test", verifiers=(verifier,)))
    client = await asked(world)
    assert await (await secure_accept(world, backend, server_context(WEB))).ended()
    assert frames.status_of(await client.receive()) == CONNECT
    assert any("is not in the list" in line for line in world.log)


async def test_bytes_before_the_handshake(world: World) -> None:
    """CVE-2026-1642: what a server, or somebody between, says before TLS is no answer."""
    backend = world.backend()
    start(world, backend)
    client = await asked(world)
    upstream = await backend.accept()
    await upstream.send(response(1, content=b"forged"))
    assert frames.status_of(await client.receive()) == CONNECT
    assert any("TLS: it speaks no TLS" in line for line in world.log), world.log


async def test_bytes_right_behind_the_handshake_are_no_answer_to_anything(world: World) -> None:
    backend = world.backend()
    start(world, backend)
    client = await asked(world)
    upstream = await secure_accept(world, backend, server_context(WEB))
    await upstream.send(response(99, content=b"early"))
    await answered(client, upstream)
    assert world.count("upstream_dropped_answers_total", reason="unknown") == 1


async def test_a_handshake_that_does_not_come_to_its_end(world: World) -> None:
    backend = world.backend()
    start(world, backend, connect_timeout=1.0)
    client = await asked(world)
    await backend.accept()
    await world.until(world.upstreams)
    await world.advance(1.5)
    assert frames.status_of(await client.receive()) == CONNECT


async def test_the_next_host_is_asked(world: World) -> None:
    bad, good = world.backend(), world.backend()
    world.start(bad, good, tls=TLS, materials=SECRETS)
    client = await asked(world)
    first, second = (bad, good) if world.upstreams(0) else (good, bad)
    with pytest.raises(ssl.SSLError):
        await secure_accept(world, first, server_context(CA.issue("x", dns=["x.test"])))
    await answered(client, await secure_accept(world, second, server_context(WEB)))


async def test_an_exception_by_metadata(world: World) -> None:
    plain, secret = world.backend(), world.backend()
    world.start(
        plain, secret, tls=TLS, tls_matches=(TlsMatch({"tls": "legacy"}, None),), materials=SECRETS,
        metadata={plain.address: {"tls": "legacy", "zone": "a"}, secret.address: {"zone": "b"}},
    )  # fmt: skip
    clients = [await asked(world), await asked(world)]
    upstreams = [await plain.accept(), await secure_accept(world, secret, server_context(WEB))]
    for upstream in upstreams:
        await upstream.send(response(frames.id_of(await upstream.receive()), content=b"world"))
    for client in clients:
        assert await client.receive() == response(7, content=b"world")


async def test_a_connection_of_one_identity_is_not_used_for_another(world: World) -> None:
    backend = world.backend()
    start(world, backend)
    client = await asked(world)
    upstream = await secure_accept(world, backend, server_context(WEB))
    await answered(client, upstream)
    mutual = ClientTls("ca", server_name="web.test", certificate="client")
    world.change(clusters=world.cluster(tls=mutual))
    await client.send(request(7, content=b"hello"))
    again = await secure_accept(world, backend, server_context(WEB, verify=True))
    await answered(client, again)
    assert await upstream.ended(), "the one without an identity is not used any more"


async def test_a_cluster_that_changes_otherwise_keeps_its_connections(world: World) -> None:
    backend = world.backend()
    start(world, backend)
    client = await asked(world)
    upstream = await secure_accept(world, backend, server_context(WEB))
    await answered(client, upstream)
    world.change(clusters=world.cluster(timeout=7.0))
    await client.send(request(7, content=b"hello"))
    assert frames.content_of(await upstream.receive()) == b"hello"


@pytest.mark.parametrize("version", ["1.2", "1.3"])
async def test_a_session_is_resumed(world: World, version: Any) -> None:
    backend = world.backend()
    start(world, backend, ClientTls("ca", server_name="web.test", max_version=version))
    context = server_context(WEB)
    client = await asked(world)
    upstream = await secure_accept(world, backend, context)
    await answered(client, upstream)
    upstream.close()
    await world.until(lambda: not world.upstreams())
    await client.send(request(7, content=b"hello"))
    again = await secure_accept(world, backend, context)
    assert again.tls.session_reused
    await answered(client, again)


async def test_no_session_is_resumed_with_another_certificate(world: World) -> None:
    backend = world.backend()
    start(world, backend, ClientTls("ca", server_name="web.test", certificate="client"))
    context = server_context(WEB, verify=True)
    client = await asked(world)
    upstream = await secure_accept(world, backend, context)
    await answered(client, upstream)
    new = CA.issue("client2", dns=["client2.test"])
    await world.contexts.rotate({"client": material(new)})
    upstream.close()
    await world.until(lambda: not world.upstreams())
    await client.send(request(7, content=b"hello"))
    again = await secure_accept(world, backend, context)
    assert not again.tls.session_reused
    assert int(again.tls.getpeercert()["serialNumber"], 16) == new.serial


async def test_a_truncated_answer_is_none(world: World) -> None:
    """A body that ends with its connection: whoever cuts the connection must not decide where the body ends."""
    backend = world.backend()
    start(world, backend, protocols=("http1",), routes=web.ROUTES, listener={"http": web.PLAIN})
    world.size_of = web.size_of
    client = await world.client()
    await client.send(web.request("/a"))
    upstream = await secure_accept(world, backend, server_context(WEB))
    await web.take(upstream)
    await upstream.send(b"HTTP/1.1 200 OK\r\n\r\nhalf")
    assert (await client.bytes(15)).startswith(b"HTTP/1.1 200")
    upstream.finish()
    assert await client.was_reset()
    assert any("it ended without TLS's own end" in line for line in world.log), world.log


async def test_an_end_that_tls_says_is_one(world: World) -> None:
    backend = world.backend()
    start(world, backend, protocols=("http1",), routes=web.ROUTES, listener={"http": web.PLAIN})
    world.size_of = web.size_of
    client = await world.client()
    await client.send(web.request("/a"))
    upstream = await secure_accept(world, backend, server_context(WEB))
    await web.take(upstream)
    await upstream.send(b"HTTP/1.1 200 OK\r\n\r\nwhole")
    with pytest.raises(ssl.SSLWantReadError):
        upstream.tls.unwrap()
    await upstream.push()
    whole = await client.bytes(1000)
    assert whole.endswith(b"whole")


async def test_a_tunnel_to_a_host_that_speaks_tls(world: World) -> None:
    backend = world.backend()
    start(world, backend, listener={"fallback": Fallback("main")}, protocols=("bolt", "dubbo"))
    client = await world.client()
    await client.send(b"\x00\x01 a stranger")
    upstream = await secure_accept(world, backend, server_context(WEB))
    assert await upstream.bytes(13) == b"\x00\x01 a stranger"
    await upstream.send(b"welcome")
    assert await client.bytes(7) == b"welcome"
    client.finish()
    assert await upstream.ended()
    await upstream.send(b"still here")
    assert await client.bytes(10) == b"still here"


async def test_an_upgrade_over_tls(world: World) -> None:
    backend = world.backend()
    start(world, backend, protocols=("http1",), routes=(Route("all", (), "main"),), listener={"http": Http()})
    world.size_of = web.size_of
    client = await world.client()
    asks = ("Connection: Upgrade", "Upgrade: websocket")
    await client.send(web.request("/a", None, *asks) + b"early")
    upstream = await secure_accept(world, backend, server_context(WEB))
    await web.take(upstream)
    await upstream.send(web.head("101 Switching Protocols", *asks) + b"late")
    assert (await web.take(client)).status == 101
    assert await upstream.bytes(5) == b"early"
    assert await client.bytes(4) == b"late"
