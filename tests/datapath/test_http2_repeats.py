"""Heads that come, or go, once more: they mean what they would mean if nothing were remembered of the ones before."""

from __future__ import annotations

import h2.settings

from tests.datapath.h2peer import (
    DATA,
    GET,
    GOAWAY,
    HEADERS,
    LATER,
    RST_STREAM,
    Server,
    accepted,
    client_of,
    frame,
    raw_client,
    start,
)
from tests.datapath.world import World

AS_BEFORE = (("content-type", "text/plain"), ("x-mine", "1"))
END_STREAM, END_HEADERS = 1, 4
WHOLE = END_STREAM | END_HEADERS
OTHER_PATH = b"\x82\x86\xbf\x44\x02/b"
"""GET http://h/b, whose path enters the table in front of the other two entries."""
ENTERS = b"\x40\x01x\x01y"
"""x: y, which enters the table."""
EMPTIES = b"\x20\x82\x84\x86\x01\x01h"
"""GET http://h/, which enters nothing, and before that takes all out of the table."""


async def test_requests_and_answers_as_before_and_others_in_between(world: World) -> None:
    backend = world.backend()
    start(world, backend)
    client = await client_of(world)
    server: Server | None = None
    for path, body in (
        ("/a/1", b"one"),
        ("/a/1", b"two"),
        ("/a/2", b"two"),
        ("/a/1", b"three"),
        ("/a/1", b""),
        ("/a/1", b"four!"),
    ):
        stream = await client.ask(path)
        server = server or await accepted(backend)
        request = await server.request()
        assert (request.path, request.fields[":method"]) == (path, "GET")
        await server.respond(request.stream, body, *AS_BEFORE)
        answer = await client.answer(stream)
        assert (answer.status, answer.body, answer.fields["x-mine"]) == (200, body, "1")


async def test_bodies_and_lengths_follow_heads_that_are_alike(world: World) -> None:
    backend = world.backend()
    start(world, backend)
    client = await client_of(world)
    server: Server | None = None
    for body in (b"abc", b"xyz", b"123"):
        stream = await client.ask("/a", body, ("content-length", "3"))
        server = server or await accepted(backend)
        request = await server.request()
        assert (request.body, request.fields["content-length"]) == (body, "3")
        await server.respond(request.stream, body[::-1], ("content-length", "3"), *AS_BEFORE)
        answer = await client.answer(stream)
        assert (answer.body, answer.fields["content-length"]) == (body[::-1], "3")


async def test_an_answer_to_head_is_like_one_to_get_but_for_its_body(world: World) -> None:
    backend = world.backend()
    start(world, backend)
    client = await client_of(world)
    server: Server | None = None
    for method in ("GET", "GET", "HEAD", "HEAD", "GET", "GET"):
        stream = await client.ask(method=method)
        server = server or await accepted(backend)
        request = await server.request()
        assert request.fields[":method"] == method
        body = None if method == "HEAD" else b"abc"
        await server.respond(request.stream, body, ("content-length", "3"), *AS_BEFORE)
        answer = await client.answer(stream)
        assert (answer.body, answer.fields["content-length"]) == (body or b"", "3")


async def test_trailers_behind_heads_that_are_alike(world: World) -> None:
    backend = world.backend()
    start(world, backend)
    client = await client_of(world)
    server: Server | None = None
    for status in ("0", "0", "5", "0"):
        stream = await client.ask("/a", b"x", ("te", "trailers"), ("content-type", "application/grpc"))
        server = server or await accepted(backend)
        request = await server.request()
        head = (("content-type", "application/grpc"),)
        if status == "5":
            await server.respond(request.stream, None, *head, ("grpc-status", status))
        else:
            await server.respond(request.stream, b"y", *head, trailers={"grpc-status": status})
        answer = await client.answer(stream)
        assert {**answer.fields, **answer.trailers}["grpc-status"] == status


async def test_the_same_bytes_with_another_table(world: World) -> None:
    """An entry more, and what was a path and an authority are two paths, which no request has."""
    backend = world.backend()
    start(world, backend)
    client = await raw_client(world)
    await client.send(*(frame(HEADERS, WHOLE, number, LATER if number > 1 else GET) for number in (1, 3, 5)))
    server = await accepted(backend)
    for _ in range(3):
        assert (await server.request()).path == "/a"
    await client.send(frame(HEADERS, WHOLE, 7, OTHER_PATH), frame(HEADERS, WHOLE, 9, LATER))
    assert (await client.next(RST_STREAM, 9)).payload == b"\0\0\0\1"
    assert await server.nothing_more()


async def test_the_same_bytes_after_trailers_that_entered_the_table(world: World) -> None:
    """What was an authority is a path then, and what was a path a field of its own: a request without a host."""
    backend = world.backend()
    start(world, backend)
    client = await raw_client(world)
    await client.send(frame(HEADERS, WHOLE, 1, GET), frame(HEADERS, END_HEADERS, 3, LATER), frame(HEADERS, WHOLE, 5, LATER))
    await client.send(frame(HEADERS, WHOLE, 7, LATER), frame(HEADERS, WHOLE, 3, ENTERS), frame(HEADERS, WHOLE, 9, LATER))
    assert (await client.next(HEADERS, 9)).payload[:1] == b"\x8c", "400"
    server = await accepted(backend)
    for _ in range(4):
        assert (await server.request()).fields[":authority"] == "h"
    assert await server.nothing_more()


async def test_the_same_bytes_with_an_empty_table(world: World) -> None:
    backend = world.backend()
    start(world, backend)
    client = await raw_client(world)
    await client.send(frame(HEADERS, WHOLE, 1, GET), frame(HEADERS, WHOLE, 3, LATER), frame(HEADERS, WHOLE, 5, LATER))
    await client.send(frame(HEADERS, WHOLE, 7, EMPTIES), frame(HEADERS, WHOLE, 9, LATER))
    goaway = await client.next(GOAWAY)
    assert goaway.payload[4:8] == b"\0\0\0\x09"


async def test_a_request_s_head_as_its_trailers(world: World) -> None:
    """There pseudo-fields are malformed, whatever they were in front of a body."""
    backend = world.backend()
    start(world, backend)
    client = await raw_client(world)
    await client.send(frame(HEADERS, WHOLE, 1, GET), frame(HEADERS, END_HEADERS, 3, LATER), frame(DATA, 0, 3, b"body"))
    await client.send(frame(HEADERS, WHOLE, 5, LATER), frame(HEADERS, WHOLE, 3, LATER))
    assert (await client.next(RST_STREAM, 3)).payload == b"\0\0\0\1"


async def test_a_client_that_gives_its_table_up(world: World) -> None:
    backend = world.backend()
    start(world, backend)
    client = await client_of(world)
    server: Server | None = None
    for number in range(6):
        if number == 3:
            client.conn.update_settings({h2.settings.SettingCodes.HEADER_TABLE_SIZE: 0})
            await client.flush()
        stream = await client.ask()
        server = server or await accepted(backend)
        await server.respond((await server.request()).stream, b"abc", *AS_BEFORE)
        assert (await client.answer(stream)).fields["x-mine"] == "1"
