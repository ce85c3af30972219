"""What a review of TLS found: ends, errors and reloads at moments when nobody expects them."""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from proxy.snapshot import Fallback, Route
from proxy.tls import verifiers
from proxy.tls.failures import RejectedError
from proxy.tls.settings import ClientTls, Extension, FilterChain, ServerTls
from tests.datapath import web
from tests.datapath.frames import request, response
from tests.datapath.secure import (
    CA,
    CLIENT,
    WEB,
    SecurePeer,
    client_context,
    material,
    raw_client,
    secure_accept,
    secure_client,
    server_context,
)
from tests.datapath.world import Peer, World

SECRETS = {"web": material(WEB), "ca": material(trust=CA), "client": material(CLIENT)}
TO_HOSTS = ClientTls("ca", server_name="web.test")
OPEN = ServerTls(("web",))
CLOSED = ServerTls(("web",), verify="required", trust="ca")
ALL = (Route("all", (), "main"),)


def chain(tls: ServerTls = OPEN, name: str = "default", *names: str, protocols: tuple[str, ...] = ("bolt",)) -> FilterChain:
    return FilterChain(name, tls, "table", protocols, names)


def add_chain(world: World, added: FilterChain) -> None:
    listener = world.snapshot.listeners["in"]
    changed = msgspec.structs.replace(listener, chains=(*listener.chains, added))
    world.change(listeners={"in": changed}, materials=SECRETS)


@pytest.mark.parametrize("said", [b"", b"\x16", b"\x16\x03\x01\x02\x00\x01"])
@pytest.mark.parametrize("ends", [True, False])
async def test_no_fallback_for_who_does_not_finish_a_hello_where_tls_is_required(world: World, said: bytes, ends: bool) -> None:
    backend = world.backend()
    two = ("bolt", "dubbo")
    listener = {"chains": (chain(CLOSED, protocols=two),), "plaintext": False, "fallback": Fallback("main")}
    world.start(backend, protocols=two, listener=listener, materials=SECRETS)
    client = await world.client()
    await world.until(world.downstreams)
    if said:
        await client.send(said)
        await world.until(lambda: world.downstreams()[0]["buffered"])
    if ends:
        client.finish()
        await world.until(lambda: not world.downstreams())
    else:
        await world.advance(95)
        assert world.downstreams() == []
    assert world.count("detected_total", result="fallback") == 0
    assert world.tunnels() == []
    reason = "closed" if ends else "timeout"
    assert world.count("tls_handshake_failures_total", reason=reason) == (1 if said else 0)


async def test_half_a_hello_beside_plaintext_is_no_strangers_either(world: World) -> None:
    backend = world.backend()
    listener = {"chains": (chain(),), "plaintext": True, "fallback": Fallback("main")}
    world.start(backend, listener=listener, materials=SECRETS)
    client = await world.client()
    await client.send(b"\x16\x03\x01\x02\x00\x01")
    await world.until(lambda: world.downstreams() and world.downstreams()[0]["buffered"])
    await world.advance(11)
    assert world.count("tls_handshake_failures_total", reason="timeout") == 1
    assert world.tunnels() == []


async def test_a_host_that_wants_a_certificate_since_a_reload(world: World) -> None:
    backend = world.backend()
    public = chain(OPEN, "public", "public.web.test", protocols=("http1",))
    guarded = chain(CLOSED, "secret", "secret.web.test", protocols=("http1",))
    listener = {"chains": (public, guarded), "plaintext": False, "http": web.PLAIN}
    world.start(backend, listener=listener, materials=SECRETS, protocols=("http1",), routes=ALL)
    world.size_of = web.size_of
    client = await secure_client(world, "public.web.test")
    ask = b"GET /a HTTP/1.1\r\nHost: new.web.test\r\n\r\n"
    await client.send(ask)
    upstream = await backend.accept()
    await web.take(upstream)
    await upstream.send(web.response(b"one"))
    assert (await web.take(client)).status == 200
    add_chain(world, chain(CLOSED, "new", "new.web.test", protocols=("http1",)))
    await client.send(ask)
    assert (await web.take(client)).status == 421


async def test_a_name_that_is_another_chains_since_a_reload(world: World) -> None:
    backend = world.backend()
    world.start(backend, listener={"chains": (chain(),), "plaintext": False}, materials=SECRETS)
    admin, other = await secure_client(world, "admin.web.test"), await secure_client(world, "other.web.test")
    await world.until(lambda: world.count("tls_handshakes_total") == 2)
    add_chain(world, chain(CLOSED, "admin", "admin.web.test"))
    assert await admin.ended(), "its name leads to a chain now that it was not judged by"
    await other.send(request(7))
    await (await backend.accept()).receive()


async def test_a_hello_after_a_reload_took_tls_away(world: World) -> None:
    world.start(world.backend(), listener={"chains": (chain(),), "plaintext": True}, materials=SECRETS)
    client = await raw_client(world)
    await world.until(world.downstreams)
    listener = world.snapshot.listeners["in"]
    world.change(listeners={"in": msgspec.structs.replace(listener, chains=())})
    with pytest.raises(ssl.SSLWantReadError):
        client.tls.do_handshake()
    await client.push()
    await world.until(lambda: world.count("malformed_total") == 1)


# -- records --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("plain", [16_338, 16_350, 16_361, 16_362, 16_363])
async def test_an_orderly_end_right_behind_a_record(world: World, plain: int) -> None:
    """It comes in the same read as the record, and OpenSSL is given both in pieces."""
    backend = world.backend()
    listener = {"http": web.PLAIN}
    world.start(backend, tls=TO_HOSTS, materials=SECRETS, protocols=("http1",), routes=web.ROUTES, listener=listener)
    world.size_of = web.size_of
    client = await world.client()
    await client.send(web.request("/a"))
    upstream = await secure_accept(world, backend, server_context(WEB))
    await web.take(upstream)
    head = b"HTTP/1.1 200 OK\r\n\r\n"
    upstream.tls.write(head + b"x" * (plain - len(head)))
    with contextlib.suppress(ssl.SSLWantReadError):
        upstream.tls.unwrap()
    await Peer.send(upstream, upstream.outgoing.read())
    upstream.finish()
    assert (await client.bytes(1 << 20)).endswith(b"x" * (plain - len(head)))


async def test_an_answer_in_front_of_an_alert(world: World) -> None:
    backend = world.backend()
    world.start(backend, tls=TO_HOSTS, materials=SECRETS)
    client = await world.client()
    await client.send(request(7, content=b"hello"))
    upstream = await secure_accept(world, backend, server_context(WEB))
    await upstream.receive()
    upstream.tls.write(response(1, content=b"world"))
    await Peer.send(upstream, upstream.outgoing.read() + b"\x15\x03\x03\x00\x02\x02\x50")
    assert await client.receive() == response(7, content=b"world")


def key_updates(secret: bytes) -> Iterator[bytes]:
    """Records that change a client's keys and ask for the same of us (RFC 8446, sections 4.6.3 and 7.2), without end."""
    while True:
        header = b"\x17\x03\x03" + (6 + 16).to_bytes(2, "big")
        yield header + AESGCM(expand(secret, b"key", 32)).encrypt(expand(secret, b"iv", 12), b"\x18\0\0\x01\x01\x16", header)
        secret = expand(secret, b"traffic upd", 48)


def expand(secret: bytes, label: bytes, size: int) -> bytes:
    label = b"tls13 " + label
    info = size.to_bytes(2, "big") + bytes([len(label)]) + label + b"\0"
    return hmac.digest(secret, info + b"\x01", "sha384")[:size]


async def test_who_asks_for_new_keys_and_reads_none_of_the_answers(world: World, tmp_path: Path) -> None:
    world.start(world.backend(), listener={"chains": (chain(),), "plaintext": False}, materials=SECRETS)
    context = client_context()
    context.keylog_filename = str(tmp_path / "keys")
    client = await secure_client(world, context=context)
    assert client.tls.cipher()[0] == "TLS_AES_256_GCM_SHA384"
    lines = (tmp_path / "keys").read_text().splitlines()
    (secret,) = (bytes.fromhex(line.split()[2]) for line in lines if line.startswith("CLIENT_TRAFFIC_SECRET_0"))
    records = key_updates(secret)
    with contextlib.suppress(OSError):
        for _ in range(400):
            await Peer.send(client, b"".join(next(records) for _ in range(1000)))
            if not world.downstreams():
                break
    await world.until(lambda: not world.downstreams())
    assert any("does not read them" in line for line in world.log), world.log


# -- judges that fail ---------------------------------------------------------------------------------------------


class Odd:
    """Fails for the first peer, and takes all others."""

    def __init__(self, how: str) -> None:
        self.how, self.left = how, 1

    def __call__(self, identity: Any, certificate: bytes | None, /) -> None:
        self.left -= 1
        if self.left == 0:
            raise KeyError("bug") if self.how == "error" else RejectedError("spiffe", "a reason of its own")


@pytest.mark.parametrize("how", ["error", "reason"])
async def test_a_verifier_that_fails_refuses_a_client(world: World, how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(verifiers.VERIFIERS, "odd", Odd)
    tls = ServerTls(("web",), verify="required", trust="ca", verifiers=(Extension("odd", {"how": how}),))
    world.start(world.backend(), listener={"chains": (chain(tls),), "plaintext": False}, materials=SECRETS)
    client = await secure_client(world, context=client_context(CLIENT))
    assert await client.ended()
    assert world.count("tls_handshake_failures_total", reason="verifier") == 1


@pytest.mark.parametrize("how", ["error", "reason"])
async def test_a_verifier_that_fails_costs_a_host_no_more_than_that(
    world: World, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(verifiers.VERIFIERS, "odd", Odd)
    backend = world.backend()
    tls = ClientTls("ca", server_name="web.test", verifiers=(Extension("odd", {"how": how}),))
    listener = {"http": web.PLAIN}
    world.start(backend, tls=tls, materials=SECRETS, protocols=("http1",), routes=web.ROUTES, listener=listener)
    world.size_of = web.size_of
    client = await world.client()
    await client.send(web.request("/a"))
    await secure_accept(world, backend, server_context(WEB))
    assert (await web.take(client)).status == 503
    assert world.count("upstream_tls_failures_total", reason="verifier") == 1
    await world.advance(60)
    await client.send(web.request("/a"))
    upstream: SecurePeer = await asyncio.wait_for(secure_accept(world, backend, server_context(WEB)), 5)
    await web.take(upstream)


async def test_a_host_that_is_silent_within_the_handshake(world: World) -> None:
    backend = world.backend()
    world.start(backend, tls=TO_HOSTS, materials=SECRETS, connect_timeout=1.0)
    client = await world.client()
    await client.send(request(7))
    upstream = await backend.accept()
    assert await upstream.bytes(1) == b"\x16"
    await world.advance(1.5)
    await client.receive()
    assert world.count("upstream_tls_failures_total", reason="timeout") == 1
