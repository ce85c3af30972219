"""Streams whose messages are whole before their ends have come, and connections that go while somebody needs them."""

from __future__ import annotations

from typing import Any

import h2.events

from tests.datapath.h2peer import (
    DATA,
    HEADERS,
    LATER,
    RST_STREAM,
    Server,
    accepted,
    frame,
    raw_client,
    start,
)
from tests.datapath.test_http2_life import turns
from tests.datapath.world import Backend, World

POST = b"\x83\x86\x41\x01h\x44\x02/a\x0f\x0d\x014"
"""A header block: POST http://h/a with four bytes."""
UPLOAD = b"\x83\x86\x04\x02/a\x01\x01h"
WINDOW_UPDATE = 8
ROOMY: dict[str, Any] = {"window": 2**30, "initial_window_size": 2**31 - 1}


async def whole_but_for_its_end(world: World, backend: Backend) -> tuple[Any, Server]:
    """A request that is answered, and whose stream its client has not ended yet."""
    client = await raw_client(world)
    await client.send(frame(HEADERS, 4, 1, POST), frame(DATA, 0, 1, b"body"))
    server = await accepted(backend)
    await server.request()
    await server.respond(1, b"fine", ("content-length", "4"))
    assert (await client.next(DATA, 1)).payload == b"fine"
    await turns(world)
    return client, server


async def test_trailers_behind_a_request_that_is_answered_are_no_request(world: World) -> None:
    backend = world.backend()
    start(world, backend)
    client, server = await whole_but_for_its_end(world, backend)
    client.frames.clear()
    await client.send(frame(HEADERS, 5, 1, LATER), frame(HEADERS, 5, 3, LATER))
    request = await server.request()
    await turns(world)
    assert not server.seen(h2.events.RequestReceived), "one of them was a request"
    await server.respond(request.stream, b"next")
    assert (await client.next(DATA, 3)).payload == b"next"
    assert not [each for each in client.frames if each.stream == 1 or each.type == RST_STREAM]
    await turns(world)
