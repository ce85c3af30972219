"""What routes do with calls: divide them, send them where they say, answer them; the same for every protocol."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from proxy.snapshot import Cluster, ClusterFrom, DirectResponse, HeaderMatch, Http, Keepalive, Redirect, Route, WeightedClusters
from tests.datapath import web
from tests.datapath.h2peer import client_of
from tests.datapath.world import Backend, Peer, World
from tests.policy.speech import ALL, Asked, Bolt, Speech, Thrift

every_protocol = pytest.mark.parametrize("speech", ALL, ids=repr)
no_route = {"bolt": 6, "dubbo": 60, "thrift": 101, "http1": 404, "grpc": 12}


async def serve(speech: Speech, backends: dict[str, Backend], servers: dict[str, Any], name: str) -> Asked:
    """The next call at this cluster, answered with its name."""
    if name not in servers:
        servers[name] = await speech.server(backends[name])
    asked = await speech.take(servers[name])
    await speech.answer(servers[name], asked, name)
    return asked


# -- several clusters ---------------------------------------------------------------------------------------------------


async def shares(world: World, speech: Speech, weights: dict[str, int], calls: int) -> Counter[str]:
    """How many calls each cluster got."""
    backends = {name: world.backend() for name in weights}
    speech.start(world, (Route("all", (), action=WeightedClusters(tuple(weights.items()))),), dict(backends))
    client, servers, found = await speech.client(world), {}, Counter[str]()
    for _ in range(calls):
        before = {name: world.count("upstream_calls_total", cluster=name, host=backends[name].address) for name in weights}
        await speech.ask(client)

        def chosen(before: dict[str, int] = before) -> str | None:
            return next(
                (n for n in weights if world.count("upstream_calls_total", cluster=n, host=backends[n].address) > before[n]),
                None,
            )

        await world.until(chosen)
        name = chosen()
        assert name is not None
        await serve(speech, backends, servers, name)
        told = await speech.hear(client)
        assert told.text == name
        found[name] += 1
    return found


@every_protocol
async def test_calls_are_divided_by_weight_and_zero_means_never(world: World, speech: Speech) -> None:
    found = await shares(world, speech, {"one": 3, "never": 0, "two": 1}, 40)
    assert found["never"] == 0
    assert 20 <= found["one"] <= 38
    assert found["two"] == 40 - found["one"]
    assert world.count("route_calls_total", route="all") == 40


async def test_the_choice_is_drawn_for_each_call_though_the_decision_is_cached(world: World) -> None:
    """One client that says the same all the time, in one read: its calls do not all go one way."""
    speech = Bolt()
    backends = {name: world.backend() for name in ("one", "two")}
    speech.start(
        world,
        (Route("all", (HeaderMatch("word", "exact", "a"),), action=WeightedClusters((("one", 1), ("two", 1)))),),
        dict(backends),
    )
    client = await speech.client(world)
    await client.send(speech.request("a", oneway=True, body=b"") * 400)

    def counts() -> list[int]:
        return [world.count("upstream_calls_total", cluster=name, host=each.address) for name, each in backends.items()]

    await world.until(lambda: sum(counts()) == 400)
    assert min(counts()) > 140


@every_protocol
async def test_each_target_has_its_own_clusters_deadline(world: World, speech: Speech) -> None:
    backend = world.backend()
    slow = Cluster("slow", (backend.address,), timeout=7.0, **speech.cluster)
    speech.start(world, (Route("all", (), action=WeightedClusters((("slow", 1),))),), {}, clusters={"slow": slow})
    client = await speech.client(world)
    await speech.ask(client)
    server = await speech.server(backend)
    await speech.take(server)
    await world.advance(6.5)
    assert world.engine.in_flight() >= 1
    await world.advance(1.0)
    assert (await speech.hear(client)).code != 0
    assert world.count("local_replies_total", protocol=speech.name, fault="timeout") == 1


# -- the cluster that the call names --------------------------------------------------------------------------------------


@every_protocol
async def test_the_call_names_its_cluster(world: World, speech: Speech) -> None:
    backends = {name: world.backend() for name in ("one", "two")}
    speech.start(world, (Route("named", (), action=ClusterFrom(speech.key)),), dict(backends))
    client, servers = await speech.client(world), {}
    for name in ("one", "two", "one"):
        await speech.ask(client, name)
        await serve(speech, backends, servers, name)
        assert (await speech.hear(client)).text == name
    assert world.count("route_calls_total", route="named") == 3


@every_protocol
@pytest.mark.parametrize("word", ["three", "x" * 900, "One", "main\u00e9"])
async def test_a_name_that_is_no_cluster_has_no_route(world: World, speech: Speech, word: str) -> None:
    if speech.name in {"dubbo", "http1", "grpc"}:
        word = word.replace("\u00e9", "e-")[:200]
    backend = world.backend()
    speech.start(world, (Route("named", (), action=ClusterFrom(speech.key)),), {"one": backend})
    client = await speech.client(world)
    await speech.ask(client, word[:200] if speech.name == "dubbo" else word)
    assert (await speech.hear(client)).code == no_route[speech.name]
    assert world.count("cluster_from_misses_total", route="named", reason="unknown") == 1
    assert world.count("local_replies_total", protocol=speech.name, fault="no_route") == 1
    await speech.ask(client, "one")
    server = await speech.server(backend)
    await speech.answer(server, await speech.take(server), "here")
    assert (await speech.hear(client)).text == "here"


@every_protocol
async def test_a_default_for_those_that_name_none(world: World, speech: Speech) -> None:
    backends = {"one": world.backend()}
    speech.start(world, (Route("named", (), action=ClusterFrom("x-nowhere", "one")),), dict(backends))
    client, servers = await speech.client(world), {}
    await speech.ask(client, "two")
    await serve(speech, backends, servers, "one")
    assert (await speech.hear(client)).text == "one"
    assert world.count("cluster_from_misses_total", route="named", reason="absent") == 1


async def test_names_of_no_cluster_leave_nothing_behind(world: World) -> None:
    """An attacker's 5,000 names: no more entries in the decision cache, no counters, no memory of them."""
    speech = Bolt()
    speech.start(world, (Route("named", (), action=ClusterFrom("word")),), {"one": world.backend()})
    client = await speech.client(world)
    for start in range(0, 5000, 500):
        await client.send(b"".join(speech.request(f"n{start + n}", oneway=True, body=b"") for n in range(500)))
    await world.until(lambda: world.count("oneways_dropped_total") == 5000)
    assert world.count("cluster_from_misses_total", route="named", reason="unknown") == 5000
    assert world.engine.describe()["buffers"]["held"] == 0


# -- direct responses -----------------------------------------------------------------------------------------------------

DOWN = DirectResponse(503, "down for maintenance", "overload", 14)
told_down = {
    "bolt": (4, ""), "dubbo": (100, "down for maintenance"), "thrift": (106, "down for maintenance"),
    "http1": (503, "down for maintenance"), "grpc": (14, "down for maintenance"),
}  # fmt: skip


@every_protocol
async def test_a_direct_response_in_the_callers_protocol(world: World, speech: Speech) -> None:
    speech.start(world, (Route("down", (), action=DOWN),), {})
    client = await speech.client(world)
    for _ in range(3):
        await speech.ask(client)
        told = await speech.hear(client)
        assert (told.code, told.text) == told_down[speech.name]
    assert world.count("route_calls_total", route="down") == 3
    assert world.count("calls_total", protocol=speech.name) == 3
    assert world.count("local_replies_total", protocol=speech.name, fault="overload") == 0
    assert world.count("upstream_pending") == 0


@every_protocol
async def test_its_statuses_can_be_given(world: World, speech: Speech) -> None:
    speech.start(world, (Route("down", (), action=DirectResponse(418, "", "timeout", 10)),), {})
    client = await speech.client(world)
    await speech.ask(client)
    told = await speech.hear(client)
    assert told.code == {"bolt": 7, "dubbo": 31, "thrift": 106, "http1": 418, "grpc": 10}[speech.name]
    assert told.text == ("" if speech.name in {"bolt", "http1"} else "418 I'm a Teapot")


HOSTILE = 'a\r\nSet-Cookie: b\r\n\r\n\x00\x7f%zz\u00e9\U0001f600"\\'


@every_protocol
async def test_hostile_text_breaks_no_head(world: World, speech: Speech) -> None:
    speech.start(world, (Route("down", (), action=DirectResponse(503, HOSTILE, "overload", 14)),), {})
    client = await speech.client(world)
    for _ in range(2):
        await speech.ask(client)
        told = await speech.hear(client)
        assert told.code == told_down[speech.name][0]
        assert "set-cookie" not in told.fields
    if speech.name == "http1":
        await client.send(web.request("/"))
        assert (await web.take(client)).body == HOSTILE.encode()
    if speech.name == "grpc":
        assert told.text.isascii()
        assert "\r" not in told.text
        assert "%0D%0A" in told.text


@pytest.mark.parametrize("speech", [each for each in ALL if each.has_oneways], ids=repr)
async def test_oneways_are_dropped_and_counted(world: World, speech: Speech) -> None:
    speech.start(world, (Route("down", (), action=DOWN),), {})
    client = await speech.client(world)
    await speech.ask(client, oneway=True)
    await world.until(lambda: world.count("oneways_dropped_total") == 1)
    await speech.ask(client)
    assert (await speech.hear(client)).code == told_down[speech.name][0]


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
        if answer.status == 400:
            pytest.skip("the kernel takes no such target")
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


@pytest.mark.parametrize("speech", [each for each in ALL if each.name != "http1"], ids=repr)
async def test_no_other_protocol_is_redirected(world: World, speech: Speech) -> None:
    speech.start(world, (Route("gone", (), action=Redirect(path="/x")),), {})
    client = await speech.client(world)
    await speech.ask(client)
    assert (await speech.hear(client)).code == no_route[speech.name]
    assert world.count("route_calls_total", route="gone") == 0


# -- deadlines ------------------------------------------------------------------------------------------------------------


@every_protocol
async def test_a_timeout_of_zero_is_none(world: World, speech: Speech) -> None:
    backend = world.backend()
    one = Cluster("one", (backend.address,), keepalive=Keepalive(interval=0.0), idle_timeout=0.0, **speech.cluster)
    speech.start(world, (Route("patient", (), "one", timeout=0.0),), {}, clusters={"one": one})
    client = await speech.client(world)
    await speech.ask(client)
    server = await speech.server(backend)
    asked = await speech.take(server)
    await world.advance(70.0)  # the cluster's own is 60
    await speech.answer(server, asked, "late")
    assert (await speech.hear(client)).text == "late"


async def test_reload_takes_another_action_at_once(world: World) -> None:
    speech, backend = Thrift(), world.backend()
    speech.start(world, (Route("down", (), action=DOWN),), {"one": backend})
    client = await speech.client(world)
    await speech.ask(client)
    assert (await speech.hear(client)).code == 106
    world.change(routes={"table": (Route("down", (), action=WeightedClusters((("one", 1),))),)})
    await speech.ask(client)
    server = await speech.server(backend)
    await speech.answer(server, await speech.take(server), "up")
    assert (await speech.hear(client)).text == "up"
