"""Frames without an id: one call at a time on a connection, answers in the order of the requests.

HTTP/1.1 is such too, but its messages go by in pieces: see test_messages.py.
"""

from __future__ import annotations

from construct import Bytes, Enum, Int8ub, Int32ub, Struct, this

from proxy.snapshot import HeaderMatch, Route
from tests.datapath.world import Backend, Peer, World
from xproto.registry import register
from xproto.spec import Fault, Kind, Order, Pool, Protocol
from xproto.wire import Known

FAULTS = {Fault.NO_ROUTE: 404, Fault.CLOSED: 502, Fault.TIMEOUT: 504, Fault.MALFORMED: 400}
TINY = Protocol(
    name="tiny",
    frame=Struct(
        "kind" / Known(Enum(Int8ub, request=1, response=2)),
        "name_size" / Int8ub,
        "size" / Int32ub,
        "name" / Bytes(this.name_size),
        "body" / Bytes(this.size),
    ),
    kind={Kind.REQUEST: this.kind == "request", Kind.RESPONSE: this.kind == "response"},
    service=this.name,
    pool=Pool.PING_PONG,
    order=Order.IN_ORDER,
    reply_base={"kind": "response", "name_size": 0, "name": b"", "size": 3},
    reply={fault: {"body": b"%d" % status} for fault, status in FAULTS.items()},
)
CODEC = register(TINY).codec
ROUTES = (Route("a", (HeaderMatch("service", "prefix", "/a"),), "main"),)


def request(path: str = "/a", body: bytes = b"") -> bytes:
    return b"\1" + bytes([len(path)]) + len(body).to_bytes(4, "big") + path.encode() + body


def response(body: bytes = b"") -> bytes:
    return b"\2\0" + len(body).to_bytes(4, "big") + body


def size_of(data: bytes) -> int | None:
    return None if len(data) < 6 else 6 + data[1] + int.from_bytes(data[2:6], "big")


def status_of(frame: bytes) -> int:
    return int(frame[6:])


def start(world: World, *hosts: Backend | str, **settings: object) -> World:
    world.size_of = size_of
    return world.start(*hosts, protocols=("tiny",), codecs={"tiny": CODEC}, routes=ROUTES, **settings)  # type: ignore[arg-type]


async def test_a_call_and_its_answer(world: World) -> None:
    backend = world.backend()
    start(world, backend)
    client = await world.client()
    await client.send(request("/a/b", b"hello"))
    upstream = await backend.accept()
    assert await upstream.receive() == request("/a/b", b"hello")
    await upstream.send(response(b"world"))
    assert await client.receive() == response(b"world")
    await client.send(request("/a/c"))
    assert await upstream.receive() == request("/a/c"), "on the same connection, which is free again"


async def test_answers_keep_the_order_whoever_answers_first(world: World) -> None:
    backend = world.backend()
    start(world, backend)
    client = await world.client()
    await client.send(request("/a/1") + request("/a/2") + request("/b") + request("/a/3"))
    upstreams: dict[bytes, Peer] = {}
    for _ in range(3):
        upstream = await backend.accept()
        upstreams[(await upstream.receive())[9:10]] = upstream
    for number in (b"3", b"2"):
        await upstreams[number].send(response(number))
    assert await client.silent()
    await upstreams[b"1"].send(response(b"1"))
    assert await client.receive() == response(b"1")
    assert await client.receive() == response(b"2")
    assert status_of(await client.receive()) == 404
    assert await client.receive() == response(b"3")


async def test_even_a_shared_pool_has_one_call_at_a_time(world: World) -> None:
    """Nothing could tell the answers apart."""
    backend = world.backend()
    start(world, backend, pool="multiplexed")
    client = await world.client()
    await client.send(request("/a/1") + request("/a/2"))
    first, second = [await backend.accept() for _ in range(2)]
    assert {(await first.receive())[9:10], (await second.receive())[9:10]} == {b"1", b"2"}
    assert {each["lane"] for each in world.upstreams()} == {"alone"}


async def test_after_a_timeout_the_late_answer_is_nobodys(world: World) -> None:
    backend = world.backend()
    start(world, backend, timeout=1.0)
    client = await world.client()
    await client.send(request())
    upstream = await backend.accept()
    await upstream.receive()
    await world.advance(1.5)
    assert status_of(await client.receive()) == 504
    await client.send(request("/a/next"))
    other = await backend.accept()
    assert (await other.receive())[6:] == b"/a/next"
    await upstream.send(response(b"late"))
    assert await upstream.ended()
    await other.send(response(b"right"))
    assert await client.receive() == response(b"right")


async def test_calls_move_when_connecting_fails(world: World) -> None:
    gone, backend = world.backend(), world.backend()
    gone.close()
    start(world, gone, backend)
    client = await world.client()
    await client.send(request("/a/1") + request("/a/2"))
    for _ in range(2):
        upstream = await backend.accept()
        await upstream.send(response((await upstream.receive())[9:10]))
    assert [await client.receive() for _ in range(2)] == [response(b"1"), response(b"2")]


async def test_two_answers_to_one_call_end_the_connection(world: World) -> None:
    backend = world.backend()
    start(world, backend)
    client = await world.client()
    await client.send(request())
    upstream = await backend.accept()
    await upstream.receive()
    await upstream.send(response(b"1") + response(b"2"))
    assert await client.receive() == response(b"1")
    assert await upstream.ended()
    assert await client.silent()


async def test_a_server_that_dies_and_a_request_that_is_malformed(world: World) -> None:
    backend = world.backend()
    start(world, backend)
    client = await world.client()
    await client.send(request() + b"\3" + request()[1:])
    upstream = await backend.accept()
    await upstream.receive()
    upstream.close()
    assert status_of(await client.receive()) == 502
    assert await client.ended()
