"""TLS with clients: whatever a connection speaks, it speaks it inside, and nothing of it is seen before it is judged."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from proxy.snapshot import HeaderMatch, Route
from proxy.tls.settings import FilterChain, SanMatch, ServerTls
from tests.datapath import frames, web
from tests.datapath.frames import request, response
from tests.datapath.secure import (
    CA,
    CLIENT,
    OTHER,
    STRANGER,
    WEB,
    SecurePeer,
    client_context,
    material,
    raw_client,
    secure_client,
)
from tests.datapath.world import Backend, World

SECRETS = {"web": material(WEB), "ca": material(trust=CA)}
WEB_TLS = ServerTls(("web",))
MUTUAL = ServerTls(("web",), verify="required", trust="ca")
ALL = ("bolt", "dubbo", "thrift", "http1")


def chain(tls: ServerTls = WEB_TLS, name: str = "default", **fields: Any) -> FilterChain:
    return FilterChain(name, tls, fields.pop("routes", "table"), fields.pop("protocols", ("bolt",)), **fields)


def start(world: World, backend: Backend | None = None, *chains: FilterChain, **fields: Any) -> Backend:
    backend = backend or world.backend()
    listener = {"chains": chains or (chain(),), "plaintext": fields.pop("plaintext", False)} | fields.pop("listener", {})
    world.start(backend, listener=listener, materials=fields.pop("materials", SECRETS), **fields)
    return backend


async def call(world: World, client: Any, backend: Backend) -> None:
    await client.send(request(7, content=b"hello"))
    upstream = await backend.accept()
    assert frames.content_of(await upstream.receive()) == b"hello"
    await upstream.send(response(1, content=b"world"))
    assert await client.receive() == response(7, content=b"world")


async def test_a_call_inside_tls(world: World) -> None:
    backend = start(world)
    client = await secure_client(world)
    assert client.tls.version() == "TLSv1.3"
    await call(world, client, backend)
    assert world.count("tls_handshakes_total") == 1
    assert world.count("tls_handshakes_active") == 0
    assert world.observed("tls_handshake_duration_seconds", listener="in") == 1
    told = world.downstreams()[0]["tls"]
    assert (told["version"], told["sni"]) == ("TLSv1.3", "web.test")


async def test_plaintext_where_tls_is_required(world: World) -> None:
    start(world)
    client = await world.client()
    await client.send(request(7))
    assert await client.receive() == b""
    assert world.count("tls_handshake_failures_total", reason="plaintext") == 1
    assert "TLS is required" in world.log[-1]


async def test_tls_and_plaintext_on_one_port(world: World) -> None:
    backend = start(world, plaintext=True, protocols=ALL)
    await call(world, await world.client(), backend)
    secret = await secure_client(world)
    await secret.send(request(8, content=b"again"))
    await world.until(lambda: world.count("calls_total") == 2)


@pytest.mark.parametrize("size", [1, 2, 5, 7, 100])
async def test_a_hello_in_pieces(world: World, size: int) -> None:
    backend = start(world, None, chain(protocols=ALL), protocols=ALL, plaintext=True)
    client = await raw_client(world)
    with pytest.raises(ssl.SSLWantReadError):
        client.tls.do_handshake()
    hello = client.outgoing.read()
    for at in range(0, len(hello), size):
        await super(SecurePeer, client).send(hello[at : at + size])
        await world.until(lambda done=at + size: world.downstreams()[0]["buffered"] >= min(done, 1) or done >= len(hello))
    await client.shake()
    await call(world, client, backend)


async def test_a_hello_longer_than_a_packet_in_several_records(world: World) -> None:
    """As those with post-quantum keys are; and RFC 8446 allows to cut a hello into records."""
    backend = start(world)
    client = await raw_client(world, context=_many_protocols())
    with pytest.raises(ssl.SSLWantReadError):
        client.tls.do_handshake()
    record = client.outgoing.read()
    hello = record[5:]
    assert len(hello) > 3000
    for at in range(0, len(hello), 1000):
        piece = hello[at : at + 1000]
        await super(SecurePeer, client).send(record[:3] + len(piece).to_bytes(2, "big") + piece)
    await client.shake()
    await call(world, client, backend)


def _many_protocols() -> ssl.SSLContext:
    context = client_context()
    context.set_alpn_protocols([f"protocol-{number:0200}" for number in range(15)])
    return context


async def test_big_bodies_both_ways(world: World) -> None:
    """Records at every border: bodies of sizes around a record's, and of many records."""
    backend = start(world, None, chain(protocols=("http1",)), protocols=("http1",), routes=web.ROUTES)
    world.size_of = web.size_of
    client = await secure_client(world)
    upstream = None
    for size in (1, 16_383, 16_384, 16_385, 65_536, 300_001, 2_000_003):
        body = bytes(range(256)) * (size // 256 + 1)
        sending = world.loop.create_task(client.send(web.request("/a", body[:size])))
        upstream = upstream or await backend.accept()
        assert (await web.take(upstream)).body == body[:size]
        await sending
        answering = world.loop.create_task(upstream.send(web.response(body[:size])))
        assert (await web.take(client)).body == body[:size]
        await answering


async def test_the_protocol_is_the_one_that_was_negotiated(world: World) -> None:
    tls = ServerTls(("web",), alpn=("http/1.1",))
    start(world, None, chain(tls, protocols=ALL), protocols=ALL, routes=web.ROUTES, plaintext=True)
    context = client_context()
    context.set_alpn_protocols(["h2", "http/1.1"])
    client = await secure_client(world, context=context)
    assert client.tls.selected_alpn_protocol() == "http/1.1"
    await world.until(lambda: world.downstreams()[0]["protocol"] == "http1")


async def test_who_is_silent_inside_is_not_waited_for(world: World) -> None:
    start(world, None, chain(protocols=ALL), protocols=ALL)
    client = await secure_client(world)
    await client.send(b"\x01")
    await world.until(lambda: world.downstreams()[0]["buffered"] == 1)
    await world.advance(1.5)
    assert await client.ended()


async def test_a_handshake_that_does_not_come_to_its_end(world: World) -> None:
    start(world, listener={"handshake_timeout": 5.0})
    client = await raw_client(world)
    with pytest.raises(ssl.SSLWantReadError):
        client.tls.do_handshake()
    await client.push()
    await world.until(lambda: world.count("tls_handshakes_active") == 1)
    await world.advance(4)
    assert world.downstreams() != []
    await world.advance(2)
    assert world.downstreams() == []
    assert world.count("tls_handshake_failures_total", reason="timeout") == 1


async def test_handshakes_under_way_are_bounded(world: World) -> None:
    backend = start(world)
    world.engine.core.shaking = 4096
    with pytest.raises(ssl.SSLError):
        await secure_client(world)
    assert world.count("tls_handshake_failures_total", reason="overload") == 1
    world.engine.core.shaking = 4095
    await call(world, await secure_client(world), backend)
    assert world.engine.core.shaking == 4095
    world.engine.core.shaking = 0


# -- who the client is ------------------------------------------------------------------------------------------------


async def test_a_client_without_a_certificate_where_one_is_required(world: World) -> None:
    start(world, None, chain(MUTUAL))
    client = await secure_client(world)  # TLS 1.3: the client is done before it is judged
    with pytest.raises(ssl.SSLError, match=r"(?i)certificate.required"):
        await client.more()
    assert world.count("tls_handshake_failures_total", reason="no_certificate") == 1
    assert "peer did not return a certificate" in world.log[-1]


async def test_a_client_with_a_certificate(world: World) -> None:
    backend = start(world, None, chain(MUTUAL))
    client = await secure_client(world, context=client_context(CLIENT))
    await call(world, client, backend)
    assert world.downstreams()[0]["tls"]["san"] == ["client.test", "spiffe://mesh/ns/a/sa/b"]


async def test_a_certificate_of_somebody_else(world: World) -> None:
    start(world, None, chain(MUTUAL))
    client = await secure_client(world, context=client_context(STRANGER))
    with pytest.raises(ssl.SSLError, match=r"(?i)unknown.ca"):
        await client.more()
    assert world.count("tls_handshake_failures_total", reason="untrusted") == 1


@pytest.mark.parametrize(
    ("kind", "value", "taken"),
    [
        ("exact", "client.test", True), ("exact", "CLIENT.test", True), ("exact", "lient.test", False),
        ("suffix", ".test", True), ("suffix", "client.test", False), ("suffix", ".other", False),
        ("uri", "spiffe://mesh/ns/a/sa/b", True), ("uri", "spiffe://mesh/ns/a/*", True), ("uri", "spiffe://mesh/ns/a", False),
        ("uri", "client.test", False), ("exact", "spiffe://mesh/ns/a/sa/b", False),
    ],
)  # fmt: skip
async def test_names_that_are_wanted(world: World, kind: Any, value: str, taken: bool) -> None:
    tls = ServerTls(("web",), verify="required", trust="ca", sans=(SanMatch(kind, value),))
    backend = start(world, None, chain(tls))
    client = await secure_client(world, context=client_context(CLIENT))
    if taken:
        return await call(world, client, backend)
    assert await client.more() == b""
    assert world.count("tls_handshake_failures_total", reason="name") == 1
    assert "client.test, spiffe://mesh/ns/a/sa/b" in world.log[-1]
    return None


async def test_rules_see_who_the_client_is_and_no_header_says_so(world: World) -> None:
    routes = (
        Route("known", (HeaderMatch("tls.san", "exact", "spiffe://mesh/ns/a/sa/b"),), "main"),
        Route("named", (HeaderMatch("tls.sni", "exact", "x.web.test"), HeaderMatch("tls.san", "present", invert=True)), "main"),
    )
    tls = ServerTls(("web",), verify="optional", trust="ca")
    backend = start(world, None, chain(tls), plaintext=True, routes=routes)
    await call(world, await secure_client(world, context=client_context(CLIENT)), backend)
    assert world.count("route_calls_total", route="known") == 1
    unknown = await secure_client(world, "x.web.test")
    await unknown.send(request(1))
    await world.until(lambda: world.count("route_calls_total", route="named") == 1)
    forger = await world.client()
    forged = frames._text("tls.san") + frames._text("spiffe://mesh/ns/a/sa/b")
    await forger.send(request(1, headers=forged))
    await world.until(lambda: world.count("route_calls_total", route="none") == 1)


async def test_a_certificate_revoked(world: World) -> None:
    secrets = {"web": material(WEB), "ca": material(trust=CA, crl=CA.crl(revoked=[CLIENT]))}
    start(world, None, chain(MUTUAL), materials=secrets)
    client = await secure_client(world, context=client_context(CLIENT))
    with pytest.raises(ssl.SSLError, match=r"(?i)revoked"):
        await client.more()
    assert world.count("tls_handshake_failures_total", reason="revoked") == 1


@pytest.mark.parametrize(("days", "reason"), [((-20, -10), "expired"), ((10, 20), "not_yet_valid")])
async def test_a_certificate_out_of_its_time(world: World, days: tuple[int, int], reason: str) -> None:
    now = datetime.now(UTC)
    begin, end = (now + timedelta(days=each) for each in days)
    late = CA.issue("late", dns=["late.test"], not_before=begin, not_after=end)
    start(world, None, chain(MUTUAL))
    client = await secure_client(world, context=client_context(late))
    with pytest.raises(ssl.SSLError):
        await client.more()
    assert world.count("tls_handshake_failures_total", reason=reason) == 1


# -- which chain ------------------------------------------------------------------------------------------------------


async def test_chains_by_server_name_and_protocol(world: World) -> None:
    names = {"exact": CA.issue("a", dns=["a.test"]), "below": CA.issue("b", dns=["x.a.test", "a.test"]), "rest": WEB}
    start(
        world, None,
        chain(ServerTls(("rest",)), "rest"),
        chain(ServerTls(("exact",)), "exact", server_names=("a.test",)),
        chain(ServerTls(("below",), alpn=("special",)), "special", server_names=("a.test",), alpn=("special",)),
        chain(ServerTls(("below",)), "below", server_names=("*.a.test",)),
        materials={name: material(issued) for name, issued in names.items()},
    )  # fmt: skip

    async def serial(name: str | None, alpn: str = "") -> int:
        context = client_context(check_hostname=False)
        if alpn:
            context.set_alpn_protocols([alpn])
        client = await secure_client(world, name, context)
        return int(client.tls.getpeercert()["serialNumber"], 16)

    assert await serial("a.test") == names["exact"].serial
    assert await serial("A.TEST") == names["exact"].serial
    assert await serial("a.test", "special") == names["below"].serial
    assert await serial("a.test", "other") == names["exact"].serial
    assert await serial("x.a.test") == names["below"].serial
    assert await serial("y.x.a.test") == names["below"].serial
    assert await serial("b.test") == names["rest"].serial
    assert await serial(None) == names["rest"].serial


async def test_a_name_that_no_chain_is_for(world: World) -> None:
    start(world, None, chain(server_names=("web.test",)))
    with pytest.raises(ssl.SSLError, match=r"(?i)unrecognized.name"):
        await secure_client(world, "else.test", client_context(check_hostname=False))
    assert world.count("tls_handshake_failures_total", reason="no_chain") == 1
    assert "else.test" in world.log[-1]


# -- what must not be ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
async def test_old_versions(world: World, version: ssl.TLSVersion) -> None:
    start(world)
    context = client_context()
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    context.minimum_version, context.maximum_version = ssl.TLSVersion.TLSv1, version
    with pytest.raises(ssl.SSLError, match=r"(?i)protocol.version"):
        await secure_client(world, context=context)
    assert world.count("tls_handshake_failures_total", reason="version") == 1


async def test_no_cipher_in_common(world: World) -> None:
    start(world, None, chain(ServerTls(("web",), max_version="1.2", ciphers="ECDHE-ECDSA-AES256-GCM-SHA384")))
    context = client_context()
    context.set_ciphers("ECDHE-ECDSA-AES128-GCM-SHA256")
    with pytest.raises(ssl.SSLError):
        await secure_client(world, context=context)
    assert world.count("tls_handshake_failures_total", reason="cipher") == 1


async def test_garbage_behind_a_hello(world: World) -> None:
    start(world)
    client = await world.client()
    await client.send(b"\x16\x03\x01\x00\x05\x02\x00\x00\x01\x00")
    assert await client.receive() == b""
    assert world.count("tls_handshake_failures_total", reason="protocol") == 1


async def test_a_record_that_was_tampered_with(world: World) -> None:
    start(world)
    client = await secure_client(world)
    client.tls.write(request(7))
    record = bytearray(client.outgoing.read())
    record[-1] ^= 1
    await super(SecurePeer, client).send(bytes(record))
    with pytest.raises(ssl.SSLError, match=r"(?i)bad.record.mac"):
        await client.more()
    assert any("TLS:" in line for line in world.log)
    assert world.count("calls_total") == 0


async def test_an_end_without_tls_own_end(world: World) -> None:
    backend = start(world)
    client = await secure_client(world)
    await client.send(request(7))
    upstream = await backend.accept()
    await upstream.receive()
    client.finish()
    await world.until(lambda: not world.downstreams())
    await upstream.send(response(1))
    await world.until(lambda: world.count("upstream_dropped_answers_total", reason="late") == 1)
    assert any("it ended without TLS's own end" in line for line in world.log), world.log


async def test_tls_own_end_is_answered_with_ours(world: World) -> None:
    backend = start(world)
    client = await secure_client(world)
    await client.send(request(7))
    upstream = await backend.accept()
    await upstream.receive()
    with pytest.raises(ssl.SSLWantReadError):
        client.tls.unwrap()
    await client.push()
    await upstream.send(response(1))
    assert await client.receive() == response(7), "what was asked before is still answered"
    assert await client.ended()


# -- sessions, secrets, changes -----------------------------------------------------------------------------------


@pytest.mark.parametrize("version", ["1.2", "1.3"])
async def test_a_session_is_resumed(world: World, version: Any) -> None:
    start(world, None, chain(ServerTls(("web",), max_version=version)))
    context = client_context()
    first = await secure_client(world, context=context)
    await first.send(request(7)[:5])
    if version == "1.3":
        await first.pull()
        with pytest.raises(ssl.SSLWantReadError):
            first.tls.read(1)
    session = first.tls.session
    again = await secure_client(world, context=context, session=session)
    assert again.tls.session_reused
    await world.until(lambda: world.count("tls_resumed_total") == 1)


async def test_a_session_of_one_chain_is_none_of_another(world: World) -> None:
    """CVE-2025-23419: what a chain does not ask of its clients must not open the door of one that does."""
    start(world, None, chain(), chain(MUTUAL, "secret", server_names=("secret.web.test",)))
    context = client_context()
    first = await secure_client(world, context=context)
    await first.send(request(7)[:5])
    await first.pull()
    with pytest.raises(ssl.SSLWantReadError):
        first.tls.read(1)
    client = await secure_client(world, "secret.web.test", context, first.tls.session)
    assert not client.tls.session_reused
    with pytest.raises(ssl.SSLError, match=r"(?i)certificate.required"):
        await client.more()


async def test_a_secret_is_rotated_under_way(world: World) -> None:
    backend = start(world)
    old = await secure_client(world)
    new = CA.issue("web", dns=["web.test"])
    assert await world.contexts.rotate({"web": material(new)}) == []
    client = await secure_client(world)
    assert int(client.tls.getpeercert()["serialNumber"], 16) == new.serial
    await call(world, old, backend)


async def test_a_secret_that_openssl_does_not_take_changes_nothing(world: World) -> None:
    start(world)
    wrong = material(WEB)
    problems = await world.contexts.rotate({"web": type(wrong)(wrong.certificate, CLIENT.key)})
    assert problems == ["secret web: its certificate cannot be used: key values mismatch; what was there before stays in use"]
    await secure_client(world)


async def test_trust_that_is_taken_away(world: World) -> None:
    start(world, None, chain(MUTUAL))
    await world.contexts.rotate({"ca": material(trust=OTHER)})
    client = await secure_client(world, context=client_context(CLIENT))
    with pytest.raises(ssl.SSLError, match=r"(?i)unknown.ca"):
        await client.more()


async def test_a_chain_that_wants_more_ends_the_connections_of_before(world: World) -> None:
    start(world)
    client = await secure_client(world)
    await client.send(request(7)[:3])
    await world.until(lambda: world.downstreams()[0]["buffered"] == 3)
    changed = world.snapshot.listeners["in"]
    world.change(listeners={"in": msgspec.structs.replace(changed, chains=(chain(MUTUAL),))})
    assert await client.ended()


async def test_a_change_elsewhere_leaves_connections_alone(world: World) -> None:
    backend = start(world)
    client = await secure_client(world)
    changed = world.snapshot.listeners["in"]
    world.change(listeners={"in": msgspec.structs.replace(changed, max_in_flight=7)}, materials=SECRETS)
    await call(world, client, backend)


async def test_a_client_that_does_not_read_is_no_burden(world: World) -> None:
    """What does not fit into its socket is kept as plaintext within the limit, and a few records of it."""
    backend = start(world, None, chain(protocols=("http1",)), protocols=("http1",), routes=web.ROUTES)
    world.size_of = web.size_of
    client = await secure_client(world)
    await client.send(web.request("/a"))
    upstream = await backend.accept()
    await web.take(upstream)
    body = bytes(8_000_000)
    sending = world.loop.create_task(upstream.send(web.response(body)))
    await world.until(lambda: world.downstreams()[0]["unsent"] > 400_000)
    for _ in range(50):
        await world.advance(0.001)
    assert world.downstreams()[0]["unsent"] < 1_000_000
    assert (await web.take(client)).body == body
    await sending
