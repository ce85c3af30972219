"""Filters beside the rest of a route: a call that goes on is divided, edited, sent again and answered as any other."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from proxy.config.templates import pieces
from proxy.datapath.audit import audit
from proxy.snapshot import (
    AccessLog,
    Cluster,
    ClusterFrom,
    DirectResponse,
    Edits,
    Filter,
    HeaderEdit,
    Mirror,
    Redirect,
    Retry,
    Route,
    WeightedClusters,
)
from tests.datapath import web
from tests.datapath.world import World
from tests.policy import filter_calls, speakers, speech
from tests.policy.filter_calls import Bolt, Grpc, Http1
from tests.policy.speakers import OK, Site
from tests.policy.test_built_in_filters import built_in, served
from tests.policy.test_filters import acting, made, seen
from tests.policy.test_retries import again, asked, first_of, outcome

SPEECHES = pytest.mark.parametrize("spoken", speech.ALL, ids=repr)
WAITS = pytest.mark.parametrize("phase", ["", "on_request", "on_route"], ids=["no wait", "on_request", "on_route"])
EDITED = pytest.mark.parametrize("speaker", [Bolt, Http1, Grpc], ids=["bolt", "http1", "grpc"])


async def let_go(world: World, phase: str, *, audited: bool = True) -> None:
    """What the filter lets wait goes on."""
    if phase:
        await world.until(lambda: bool(made(world).gates))
        assert not audited or audit(world.engine) == []
        made(world).gates.pop().set_result(None)


@SPEECHES
@WAITS
async def test_weighted_clusters(world: World, spoken: speech.Speech, phase: str) -> None:
    backends = {name: world.backend() for name in ("one", "two")}
    route = Route("all", (), action=WeightedClusters((("one", 1), ("two", 1))))
    spoken.start(world, (route,), dict(backends), filters=(acting(phase, "wait"),))
    client, servers = await spoken.client(world), dict[str, Any]()
    found = set[str]()
    for number in range(1, 13):
        await spoken.ask(client)
        await let_go(world, phase)
        await world.until(lambda number=number: len(made(world).hosts) == number)
        [name] = [name for name, each in backends.items() if each.address == made(world).hosts[-1]]
        if name not in servers:
            servers[name] = await spoken.server(backends[name])
        await spoken.answer(servers[name], await spoken.take(servers[name]), name)
        assert (await spoken.hear(client)).text == name
        found.add(name)
    assert found == {"one", "two"}
    assert world.count("route_calls_total", route="all") == 12


@SPEECHES
async def test_metadata_names_the_cluster(world: World, spoken: speech.Speech) -> None:
    backends = {name: world.backend() for name in ("one", "two")}
    rules = [{"header": spoken.key, "metadata": "to"}]
    spoken.start(
        world, (Route("named", (), action=ClusterFrom("metadata.to")),), dict(backends),
        filters=(built_in("header_to_metadata", rules=rules),),
    )  # fmt: skip
    client = await spoken.client(world)
    for name in ("one", "two"):
        await spoken.ask(client, name)
        server = await spoken.server(backends[name])
        await spoken.answer(server, await spoken.take(server), name)
        assert (await spoken.hear(client)).text == name


@SPEECHES
@WAITS
async def test_a_route_that_answers_itself(world: World, spoken: speech.Speech, phase: str) -> None:
    route = Route("off", (), action=DirectResponse(503, "down\n", "overload", 14))
    spoken.start(world, (route,), {}, filters=(acting(phase, "wait"),))
    client = await spoken.client(world)
    for number in (1, 2):
        await spoken.ask(client)
        await let_go(world, phase)
        told = await spoken.hear(client)
        assert told.code != 0
        assert world.count("route_calls_total", route="off") == number
    assert seen(world) == ["on_request", "on_route", "on_log"] * 2
    assert made(world).seen[-1] == ("on_log", "answered")
    assert world.engine.in_flight() == 0
    assert world.count("filter_replies_total", filter="acting") == 0


@WAITS
async def test_a_redirect(world: World, phase: str) -> None:
    talk = await Http1(world).start(acting(phase, "wait"), routes=(Route("moved", (), action=Redirect(host="b.test")),))
    await talk.client.send(web.request("/a?b=1", None))
    await let_go(world, phase)
    found = await web.take(talk.client)
    assert (found.status, found.fields["location"]) == (301, "http://b.test/a?b=1")


@EDITED
@WAITS
async def test_edits_of_the_route_come_behind_those_of_filters(
    world: World, speaker: type[filter_calls.Speaker], phase: str
) -> None:
    name = speaker.header or ""
    copy = HeaderEdit("set", "copy", pieces(f"<%request_header({name})%>"))
    edits = Edits((copy,), (HeaderEdit("set", "more", pieces("1")),) if speaker is not Bolt else ())
    filters: tuple[Filter, ...] = (
        acting(phase, "wait"),
        acting("on_route", "set", name="b"),
        acting("on_response", "set", name="c"),
    )
    talk = await speaker(world).start(*filters[: 2 if speaker is Bolt else 3], routes=(Route("r", (), "main", edits=edits),))
    await talk.ask(1, "old")
    await let_go(world, phase)
    said = await talk.serve()
    assert b"old" not in said
    assert b"<new>" in said, "what the filter made of it"
    assert await talk.answer() == "ok"
    if speaker is not Bolt:
        assert (talk.heard.fields["x-env"], talk.heard.fields["more"]) == ("new", "1")


@pytest.mark.parametrize("speaker", speakers.ALL, ids=lambda each: each.name)
@WAITS
async def test_a_call_that_is_sent_again(world: World, speaker: speakers.Speaker, phase: str) -> None:
    speaker = replace(speaker, listener={**speaker.listener, "filters": (acting(phase, "wait"),)})
    one, two = Site(world, speaker), Site(world, speaker)
    speakers.start(world, speaker, Retry(on=("reset",), idempotent=True), one, two)
    client = await asked(world, speaker, b"hello")
    await let_go(world, phase)
    call, _, there = await first_of(world, one, two)
    await call.reset()
    await again(world)
    second = await there.call()
    assert second.body == call.body
    await second.answer(OK)
    assert await client.answer() == (7, OK)
    assert outcome(world, "succeeded") == 1
    await world.until(lambda: "on_log" in seen(world))
    assert seen(world) == ["on_request", "on_route", "on_host", "on_host", "on_response", "on_log"]
    assert audit(world.engine) == []
    assert made(world).hosts == [each.backend.address for each in ((one, two) if there is two else (two, one))]
    assert made(world).seen[-1] == ("on_log", "answered")


CONDITIONS = [
    ({"source": "127.0.0.0/8"}, True),
    ({"source": "10.0.0.0/8"}, False),
    ({"protocol": ["bolt", "http1"]}, True),
    ({"protocol": "dubbo"}, False),
    ({"variables": {"source.address": {"prefix": "127."}}}, True),
    ({"sni": "a.test"}, False),
    ({"headers": {"HEADER": {"contains": "ra"}}}, True),
    ({"headers": {"HEADER": {"exact": "GRAY", "ignore_case": True}}}, True),
    ({"headers": {"HEADER": {"range": {"start": 1, "end": 5}}}}, False),
    ({"service": {"suffix": "Echo:1.0"}}, None),
    ({"http_method": ["GET", "PUT"]}, None),
]


@pytest.mark.parametrize("speaker", [Bolt, Http1], ids=["bolt", "http1"])
@pytest.mark.parametrize(("match", "holds"), CONDITIONS)
async def test_a_match_may_ask_for_all_that_routes_ask_for(
    world: World, speaker: type[filter_calls.Speaker], match: dict[str, Any], *, holds: bool | None
) -> None:
    if holds is None:  # one of the two has no such thing
        holds = (speaker is Bolt) is ("service" in match)
    if "headers" in match:
        match = {"headers": {speaker.header: match["headers"]["HEADER"]}}
    talk = await speaker(world).start(built_in("fault", abort={}, match=match))
    if holds:
        await talk.ask(1, "gray")
        assert "overload" in await talk.answer()
    else:
        assert await served(talk, 1, "gray") == "ok"


@WAITS
async def test_what_a_protocol_has_not_is_no_key_of_a_call_in_any_phase(world: World, phase: str) -> None:
    rules = [{"match": {"path": {"prefix": "/"}}, "response": {"set": {"a": "1"}}}, {"response": {"remove": ["a"]}}]
    talk = await Bolt(world).start(acting(phase, "wait"), built_in("header_rules", rules=rules))
    await talk.ask()
    await let_go(world, phase)
    await talk.serve()
    assert await talk.answer() == "ok"


async def test_what_the_proxy_knows_of_a_call_is_a_key_too(world: World) -> None:
    rules = [
        {"header": key, "metadata": key.replace(".", "_").strip(":")}
        for key in ("source.address", ":protocol", ":service", ":path", "tls.sni")
    ]
    talk = await Bolt(world).start(built_in("header_to_metadata", rules=rules), acting("on_log", "keep"))
    assert await served(talk, 1) == "ok"
    await world.until(lambda: hasattr(made(world, 1), "kept"))
    assert dict(made(world, 1).kept.metadata) == {
        "source_address": "127.0.0.1", "protocol": "bolt", "service": filter_calls.ECHO,
    }  # fmt: skip


@SPEECHES
@WAITS
async def test_copies_are_made_behind_filters(world: World, spoken: speech.Speech, phase: str) -> None:
    """One copy of a call that goes on, of what its filters made of it; none of one that a filter answers."""
    live, shadow = world.backend(), world.backend()
    route = Route("all", (), "live", mirrors=(Mirror("shadow"),))
    filters = (acting(phase, "wait"), built_in("fault", abort={}, match={"headers": {spoken.key: "no"}}))
    copied = Cluster("shadow", (shadow.address,), **spoken.cluster)
    spoken.start(world, (route,), {"live": live}, clusters={"shadow": copied}, filters=filters)
    client = await spoken.client(world)
    await spoken.ask(client, "no")
    await let_go(world, phase)
    assert (await spoken.hear(client)).code != 0
    await spoken.ask(client, "yes")
    await let_go(world, phase)
    server, mirror = await spoken.server(live), await spoken.server(shadow)
    assert (await spoken.take(mirror)).word == "yes"
    await spoken.answer(server, await spoken.take(server), "live")
    assert (await spoken.hear(client)).text == "live"
    assert world.count("upstream_calls_total", cluster="shadow", host=shadow.address) == 1
    assert seen(world).count("on_host") == 1, "copies go through no filters"


@SPEECHES
@pytest.mark.parametrize("logged", [False, True], ids=["", "logged"])
async def test_a_route_and_its_cluster_may_go_while_a_call_waits(
    world: World, spoken: speech.Speech, tmp_path: Path, *, logged: bool
) -> None:
    old, new = world.backend(), world.backend()
    route = Route("r", (), "old", retry=Retry(idempotent=True), mirrors=(Mirror("old"),))
    log = AccessLog(str(tmp_path / "calls.log")) if logged else None
    spoken.start(world, (route,), {"old": old}, filters=(acting("on_route", "wait"),), access_log=log)
    client = await spoken.client(world)
    await spoken.ask(client)
    await world.until(lambda: bool(made(world).gates))
    world.change(
        routes={"table": (Route("other", (), "new"), Route("r", (), "new"))},
        clusters={"new": Cluster("new", (new.address,), **spoken.cluster)},
    )
    await let_go(world, "on_route", audited=not logged)
    assert (await spoken.hear(client)).code != 0
    assert logged or audit(world.engine) == [], "the log's alarm is its own"
    await spoken.ask(client)
    await let_go(world, "on_route", audited=not logged)
    server = await spoken.server(new)
    await spoken.answer(server, await spoken.take(server), "new")
    assert (await spoken.hear(client)).text == "new"
    assert logged or audit(world.engine) == [], "the log's alarm is its own"
