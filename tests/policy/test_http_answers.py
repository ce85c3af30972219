"""What routes answer themselves in HTTP: bodies, heads, and where redirects lead."""

from __future__ import annotations

import pytest

from proxy.snapshot import DirectResponse, HeaderMatch, Http, Redirect, Route
from tests.datapath import web
from tests.datapath.h2peer import client_of
from tests.datapath.world import Peer, World

DOWN = DirectResponse(503, "down for maintenance", "overload", 14)


def http(world: World, *routes: Route, protocols: tuple[str, ...] = ("http1",)) -> World:
    world.size_of = web.size_of
    return world.start(protocols=protocols, routes=routes, listener={"http": Http(via="")})


async def said(client: Peer, text: bytes, body: int | None = None) -> web.Message:
    await client.send(text)
    return await web.take(client, body)


async def test_bodies_of_requests_answered_here_are_thrown_away(world: World) -> None:
    http(world, Route("down", (), action=DOWN))
    client = await world.client()
    await client.send(
        web.request("/", b"x" * 100_000)
        + web.request("/", None, "Transfer-Encoding: chunked", method="POST")
        + web.chunks(b"y" * 9)
    )
    assert [(await web.take(client)).status for _ in range(2)] == [503, 503]
    assert (await said(client, web.request("/"))).status == 503


async def test_head_gets_no_body_and_204_no_length(world: World) -> None:
    http(
        world,
        Route("empty", (HeaderMatch("path", "exact", "/none"),), action=DirectResponse(204, "", "no_route", 2)),
        Route("odd", (HeaderMatch("path", "exact", "/odd"),), action=DirectResponse(299, "odd", "no_route", 2)),
        Route("down", (), action=DOWN),
    )
    client = await world.client()
    head = await said(client, web.request("/", method="HEAD"), 0)
    assert head.fields["content-length"] == "20"
    none = await said(client, web.request("/none"))
    assert (none.status, "content-length" in none.fields) == (204, False)
    odd = await said(client, web.request("/odd"))
    assert (odd.status, odd.body, odd.fields["content-type"]) == (299, b"odd", "text/plain; charset=utf-8")
    last = await said(client, web.request("/", None, "Connection: close"))
    assert last.fields["connection"] == "close"
    assert await client.ended()


async def test_who_waits_for_100_gets_the_answer_and_the_end(world: World) -> None:
    http(world, Route("down", (), action=DOWN))
    client = await world.client()
    answer = await said(client, web.request("/", None, "Content-Length: 5", "Expect: 100-continue", method="POST"))
    assert (answer.status, answer.fields["connection"]) == (503, "close")
    assert await client.ended()


async def test_connect_is_no_request_that_is_answered_so(world: World) -> None:
    http(world, Route("down", (), action=DirectResponse(200, "", "no_route", 2)))
    client = await world.client()
    assert (await said(client, b"CONNECT h:1 HTTP/1.1\r\nHost: h:1\r\n\r\n")).status == 404


async def test_by_http2_and_big_bodies_that_are_not_kept(world: World) -> None:
    big = b"z" * 60_000
    http(world, Route("big", (), action=DirectResponse(404, big.decode(), "no_route", 12)), protocols=("http2",))
    client = await client_of(world)
    for _ in range(3):
        answer = await client.call("/a")
        assert (answer.status, answer.body) == (404, big)
    assert (await client.call("/a", b"body")).status == 404


async def test_grpc_web_hears_grpcs_status(world: World) -> None:
    http(world, Route("down", (), action=DOWN))
    client = await world.client()
    answer = await said(client, web.request("/a/B", b"x", "Content-Type: application/grpc-web+proto"))
    assert (answer.status, answer.fields["grpc-status"], answer.fields["grpc-message"]) == (200, "14", "down for maintenance")


# -- redirects ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("redirect", "target", "location"),
    [
        (Redirect(host="new.example"), "/a/b?c=d", "http://new.example/a/b?c=d"),
        (Redirect(path="/new"), "/a/b?c=d", "http://h:81/new?c=d"),
        (Redirect(path="/new?e=f"), "/a/b?c=d", "http://h:81/new?e=f"),
        (Redirect(path="/new", strip_query=True), "/a/b?c=d", "http://h:81/new"),
        (Redirect(prefix="/v2/", matched=3), "/a/b?c", "http://h:81/v2/b?c"),
        (Redirect(prefix="/", matched=3), "/a//evil.example/", "http://h:81//evil.example/"),
        (Redirect(scheme="https"), "/a", "https://h/a"),
        (Redirect(scheme="https", port=443), "/a", "https://h/a"),
        (Redirect(scheme="https", port=8443), "/a", "https://h:8443/a"),
        (Redirect(port=8080), "/a?", "http://h:8080/a?"),
        (Redirect(host="new"), "http://other:99/a/%7Eb", "http://new/a/~b"),
        (Redirect(path="/x"), "http://other:99/a", "http://other/x"),
        (Redirect(host="new"), "/a/%0d%0ab\"'{}|", "http://new/a/%0d%0ab%22'%7B%7D%7C"),
    ],
)
async def test_where_a_redirect_leads(world: World, redirect: Redirect, target: str, location: str) -> None:
    http(world, Route("gone", (), action=redirect))
    client = await world.client()
    request = f"GET {target} HTTP/1.1\r\nHost: h:81\r\n\r\n".encode()
    for _ in range(2):
        answer = await said(client, request)
        assert answer.status == 301
        assert answer.fields["location"] == location
        assert (answer.fields["content-length"], answer.body) == ("0", b"")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_statuses_of_redirects(world: World, status: int) -> None:
    http(world, Route("gone", (), action=Redirect(status, host="new")))
    client = await world.client()
    answer = await said(client, web.request("/a", b"thrown away"))
    assert answer.status == status
    assert (await said(client, web.request("/a"))).status == status


async def test_where_nobody_says_the_host_a_path_leads_to_no_other(world: World) -> None:
    http(world, Route("gone", (), action=Redirect(prefix="/", matched=1)))
    client = await world.client()
    answer = await said(client, b"GET ///evil.example HTTP/1.0\r\n\r\n")
    assert answer.fields["location"] == "/evil.example"


async def test_redirects_by_http2(world: World) -> None:
    http(world, Route("gone", (), action=Redirect(307, scheme="https", strip_query=True)), protocols=("http2",))
    client = await client_of(world)
    answer = await client.call("/a?b=c")
    assert (answer.status, answer.fields["location"]) == (307, "https://h/a")
