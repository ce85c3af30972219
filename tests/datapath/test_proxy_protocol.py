"""Headers of the PROXY protocol: from whom they are taken, and what they change."""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import Any

import pytest

from proxy.snapshot import Fallback, ProxyProtocol
from tests.datapath.frames import request, response
from tests.datapath.world import Backend, Peer, World

BOTH = ("dubbo", "bolt")
TRUSTED = {"proxy_protocol": ProxyProtocol(("127.0.0.1/32",))}
STRANGER = "127.0.0.2"
CLIENT = "203.0.113.9:4711"
V1 = b"PROXY TCP4 203.0.113.9 10.0.0.1 4711 80\r\n"
SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"


def v2(addresses: bytes, command: int = 0x21, family: int = 0x11) -> bytes:
    return SIGNATURE + bytes([command, family]) + struct.pack(">H", len(addresses)) + addresses


V4 = socket.inet_aton("203.0.113.9") + socket.inet_aton("10.0.0.1") + struct.pack(">HH", 4711, 80)
V6 = socket.inet_pton(socket.AF_INET6, "2001:db8::1") + bytes(16) + struct.pack(">HH", 4711, 80)
EXTRA = b"\x04\0\x03abc"
"""A value of a type that readers pass over."""

HEADERS = {
    "v1": (V1, CLIENT),
    "v1 IPv6": (b"PROXY TCP6 2001:db8::1 ::1 4711 80\r\n", "[2001:db8::1]:4711"),
    "v1 unknown": (b"PROXY UNKNOWN\r\n", None),
    "v1 unknown, with more": (b"PROXY UNKNOWN ffff:f...f:ffff 1 2\r\n", None),
    "v2": (v2(V4), CLIENT),
    "v2 with more": (v2(V4 + EXTRA), CLIENT),
    "v2 IPv6": (v2(V6, family=0x21), "[2001:db8::1]:4711"),
    "v2 of the balancer itself": (v2(b"", 0x20, 0), None),
    "v2 of a unix socket": (v2(b"/run/app".ljust(108, b"\0") + bytes(108), family=0x31), "unix:/run/app"),
}
MALFORMED = {
    "v1 without an end": b"PROXY TCP4 " + b"1" * 100,
    "v1 with a bare newline": b"PROXY TCP4 203.0.113.9 10.0.0.1 4711 80\n",
    "v1 of another family": b"PROXY TCP6 203.0.113.9 10.0.0.1 4711 80\r\n",
    "v1 with a name": b"PROXY TCP4 localhost 10.0.0.1 4711 80\r\n",
    "v1 with a zone": b"PROXY TCP6 fe80::1%\x1b[31m ::1 4711 80\r\n",
    "v1 with a port too big": b"PROXY TCP4 203.0.113.9 10.0.0.1 65536 80\r\n",
    "v1 with too little": b"PROXY TCP4 203.0.113.9\r\n",
    "v1 of another kind": b"PROXY UDP4 203.0.113.9 10.0.0.1 4711 80\r\n",
    "v2 of version 3": v2(V4, 0x31),
    "v2 with half an address": v2(V4[:8]),
    "v2 that is too long": SIGNATURE + b"\x21\x11\xff\xff",
}


def start(world: World, *hosts: Backend | str, listener: dict[str, Any] | None = None, **fields: Any) -> World:
    return world.start(*hosts, protocols=fields.pop("protocols", BOTH), listener=TRUSTED | (listener or {}), **fields)


async def call(client: Peer, backend: Backend) -> Peer:
    await client.send(request(1))
    server = await backend.accept()
    await server.receive()
    await server.send(response(1))
    assert await client.receive() == response(1)
    return server


@pytest.mark.parametrize("protocols", [BOTH, ("bolt",)], ids=["detected", "declared"])
@pytest.mark.parametrize("case", HEADERS)
async def test_a_trusted_peers_word_is_taken(world: World, case: str, protocols: tuple[str, ...]) -> None:
    header, client_is = HEADERS[case]
    backend = world.backend()
    start(world, backend, protocols=protocols)
    client = await world.client()
    await client.send(header)
    await call(client, backend)
    [seen] = world.downstreams()
    real = "{}:{}".format(*client.sock.getsockname())
    assert (seen["peer"], seen["via"]) == ((client_is, real) if client_is else (real, None))
    assert world.count("proxy_headers_total", outcome="accepted") == 1
    assert world.count("detected_total", result="bolt") == 1


@pytest.mark.parametrize("cut", ["in one piece", "byte by byte"])
@pytest.mark.parametrize("case", HEADERS)
async def test_however_it_is_cut(world: World, case: str, cut: str) -> None:
    backend = world.backend()
    start(world, backend)
    client = await world.client()
    data = HEADERS[case][0] + request(1)
    for piece in [data] if cut == "in one piece" else [data[at : at + 1] for at in range(len(data))]:
        await client.send(piece)
        await asyncio.sleep(0)
    assert await (await backend.accept()).receive()
    assert world.count("calls_total", protocol="bolt") == 1


async def test_the_clients_address_is_in_the_log(world: World) -> None:
    start(world)
    client = await world.client()
    await client.send(V1 + bytes(64))
    assert await client.receive() == b""
    real = "{}:{}".format(*client.sock.getsockname())
    assert any(f"downstream {CLIENT} (by {real}): closed: no protocol" in line for line in world.log)


@pytest.mark.parametrize("case", MALFORMED)
async def test_what_cannot_be_read_is_closed(world: World, case: str) -> None:
    start(world, listener={"fallback": Fallback("main")})
    client = await world.client()
    await client.send(MALFORMED[case])
    assert await client.receive() == b""
    assert world.count("proxy_headers_total", outcome="malformed") == 1
    assert any("malformed header: PROXY" in line for line in world.log)


@pytest.mark.parametrize("header", [V1, v2(V4)], ids=["v1", "v2"])
async def test_a_stranger_is_not_believed(world: World, header: bytes) -> None:
    start(world)
    client = await world.client(source=STRANGER)
    await client.send(header + request(1))
    assert await client.receive() == b""
    assert world.count("proxy_headers_total", outcome="untrusted") == world.count("detected_total", result="none") == 1
    assert world.count("calls_total", protocol="bolt") == 0


async def test_a_strangers_header_goes_to_the_fallback_like_any_bytes(world: World) -> None:
    backend = world.backend()
    start(world, backend, listener={"fallback": Fallback("main")})
    client = await world.client(source=STRANGER)
    await client.send(V1 + b"hello")
    assert await (await backend.accept()).bytes(len(V1) + 5) == V1 + b"hello"


async def test_a_trusted_peers_header_does_not_reach_the_fallback(world: World) -> None:
    backend = world.backend()
    start(world, backend, listener={"fallback": Fallback("main")})
    client = await world.client()
    await client.send(V1 + b"hello")
    server = await backend.accept()
    assert await server.bytes(5) == b"hello"
    assert world.tunnels()[0]["peer"] == CLIENT
    client.finish()
    assert await server.ended()


async def test_without_a_header_a_trusted_peer_is_a_client(world: World) -> None:
    backend = world.backend()
    start(world, backend)
    await call(await world.client(), backend)


async def test_where_it_is_required_no_header_is_the_end(world: World) -> None:
    required = {"proxy_protocol": ProxyProtocol(("127.0.0.1/32",), True)}
    backend = world.backend()
    start(world, backend, listener=required)
    client, stranger = await world.client(), await world.client(source=STRANGER)
    await client.send(request(1))
    assert await client.receive() == b""
    assert world.count("proxy_headers_total", outcome="missing") == 1
    await call(stranger, backend)


async def test_networks(world: World) -> None:
    networks = ProxyProtocol(("10.0.0.0/8", "127.0.0.0/30", "::1/128"))
    backend = world.backend()
    start(world, backend, listener={"proxy_protocol": networks})
    inside, outside = await world.client(source="127.0.0.3"), await world.client(source="127.0.0.4")
    await inside.send(V1)
    await call(inside, backend)
    await outside.send(V1)
    assert await outside.receive() == b""


async def test_half_a_header_is_no_excuse(world: World) -> None:
    """The deadline of detection is the header's too, and then that of what follows."""
    start(world, listener={"fallback": Fallback("main"), "detect_timeout": 1.0})
    client = await world.client()
    await client.send(V1[:9])
    await world.until(lambda: world.count("downstream_rx_bytes_total"))
    await world.advance(1.1)
    assert await client.receive() == b""
    assert world.count("detected_total", result="timeout") == 1
    assert world.count("tunnels_total") == 0


async def test_what_only_begins_like_a_header_goes_to_the_fallback(world: World) -> None:
    """Somebody who presses return: two bytes of version 2's twelve."""
    backend = world.backend()
    start(world, backend, listener={"fallback": Fallback("main"), "detect_timeout": 1.0})
    client = await world.client()
    await client.send(b"\r\n")
    await world.until(lambda: world.count("downstream_rx_bytes_total"))
    await world.advance(1.1)
    assert await (await backend.accept()).bytes(2) == b"\r\n"


async def test_a_pool_behind_a_balancer_may_rest(world: World) -> None:
    """The balancer speaks at once, its client later: without a fallback that is no offence."""
    backend = world.backend()
    start(world, backend, listener={"detect_timeout": 1.0, "idle_timeout": 60.0})
    client = await world.client()
    await client.send(V1)
    await world.until(lambda: world.count("proxy_headers_total", outcome="accepted"))
    await world.advance(50)
    await call(client, backend)


async def test_a_server_that_speaks_first_behind_a_header(world: World) -> None:
    backend = world.backend()
    start(world, backend, listener={"fallback": Fallback("main"), "detect_timeout": 1.0})
    client = await world.client()
    await client.send(V1)
    await world.until(lambda: world.count("proxy_headers_total", outcome="accepted"))
    await world.advance(1.1)
    await (await backend.accept()).send(b"220 hello")
    assert await client.bytes(9) == b"220 hello"


async def test_a_header_that_comes_with_the_deadline_counts(world: World) -> None:
    """It lies in the kernel when the alarm of silence fires: what follows it has its own time."""
    backend = world.backend()
    start(world, backend, listener={"fallback": Fallback("main"), "detect_timeout": 1.0})
    client = await world.client()
    await world.until(world.downstreams)
    client.sock.send(V1)
    world.hand.advance(1.1)
    assert world.count("proxy_headers_total", outcome="accepted") == 1
    assert not world.tunnels()
    await world.advance(1.1)
    assert world.tunnels()[0]["peer"] == CLIENT


async def test_unix_sockets(world: World, tmp_path: Any) -> None:
    backend = world.backend()
    start(world, backend, listener={"proxy_protocol": ProxyProtocol(("unix",))})
    door = socket.socket(socket.AF_UNIX)
    door.bind(str(tmp_path / "door"))
    door.listen()
    door.setblocking(False)
    world.closing.append(door)
    world.change(listening={"in": door.fileno()})
    client = world.peer(socket.socket(socket.AF_UNIX))
    await asyncio.wait_for(world.loop.sock_connect(client.sock, door.getsockname()), 5)
    await client.send(V1)
    await call(client, backend)
    assert world.downstreams()[0]["peer"] == CLIENT
