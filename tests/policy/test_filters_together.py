"""Filters beside the rest of a route: a call that goes on is divided, edited, sent again and answered as any other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from proxy.config.templates import pieces
from proxy.datapath.audit import audit
from proxy.snapshot import (
    AccessLog,
    ClusterFrom,
    DirectResponse,
    Edits,
    HeaderEdit,
    Mirror,
    Redirect,
    Retry,
    Route,
    WeightedClusters,
)
from tests.datapath.world import World
from tests.policy.filtering import acting, built_in, made, seen
from tests.policy.retrying import again, asked, first_of, good, outcome
from tests.policy.scenes import Talk, cluster_of, everything, start
from tests.policy.speech.model import SERVICE
from tests.policy.speech.table import ALL, BOLT, HTTP1, VARIANTS, Answer, Host, Speech, over

WAITS = pytest.mark.parametrize("phase", ["", "on_request", "on_route"], ids=["no wait", "on_request", "on_route"])


async def let_go(world: World, phase: str, *, audited: bool = True) -> None:
    """What the filter lets wait goes on."""
    if phase:
        await world.until(lambda: bool(made(world).gates))
        assert not audited or audit(world.engine) == []
        made(world).gates.pop().set_result(None)


@over()
@WAITS
async def test_weighted_clusters(world: World, speech: Speech, phase: str) -> None:
    hosts = {name: Host(world, speech, answers=Answer(name)) for name in ("one", "two")}
    route = everything(action=WeightedClusters((("one", 1), ("two", 1))))
    start(world, speech, route, clusters=hosts, listener={"filters": (acting(phase, "wait"),)})
    client = await speech.client(world)
    found = set[str]()
    for _ in range(12):
        await client.ask()
        await let_go(world, phase)
        answer = await client.answer()
        assert hosts[answer.text].address == made(world).hosts[-1]
        found.add(answer.text)
    assert found == {"one", "two"}
    assert len(made(world).hosts) == 12
    assert world.count("route_calls_total", route="all") == 12


@over()
async def test_metadata_names_the_cluster(world: World, speech: Speech) -> None:
    hosts = {name: Host(world, speech, answers=Answer(name)) for name in ("one", "two")}
    filters = (built_in("header_to_metadata", rules=[{"header": speech.key, "metadata": "to"}]),)
    start(world, speech, everything(action=ClusterFrom("metadata.to")), clusters=hosts, listener={"filters": filters})
    client = await speech.client(world)
    for name in ("one", "two"):
        await client.ask(speech.word(name))
        assert (await client.answer()).text == name


@over()
@WAITS
async def test_a_route_that_answers_itself(world: World, speech: Speech, phase: str) -> None:
    said = DirectResponse(503, "down for maintenance", "overload", 14)
    route = Route("off", (), action=said)
    start(world, speech, route, listener={"filters": (acting(phase, "wait"),)})
    client = await speech.client(world)
    for number in (1, 2):
        await client.ask()
        await let_go(world, phase)
        answer = await client.answer()
        assert (answer.code, answer.text) == speech.direct(said)
        assert world.count("route_calls_total", route="off") == number
    assert seen(world) == ["on_request", "on_route", "on_log"] * 2
    assert made(world).seen[-1] == ("on_log", "answered")
    assert world.engine.in_flight() == 0
    assert world.count("filter_replies_total", filter="acting") == 0


@WAITS
async def test_a_redirect(world: World, phase: str) -> None:
    talk = await Talk(world, HTTP1).start(acting(phase, "wait"), routes=everything(action=Redirect(host="b.test")))
    await talk.client.ask(path="/a?b=1")
    await let_go(world, phase)
    answer = await talk.answer()
    assert (answer.code, answer.headers["location"]) == (301, "http://b.test/a?b=1")


@over("headers", variants=True)
@WAITS
async def test_edits_of_the_route_come_behind_those_of_filters(world: World, speech: Speech, phase: str) -> None:
    edits = Edits(
        (HeaderEdit("set", "copy", pieces("<%request_header(x-env)%>")),),
        (HeaderEdit("set", "more", pieces("1")),) if "answer_headers" in speech.says else (),
    )
    filters = [acting(phase, "wait"), acting("on_route", "set", name="b")]
    if "fields" in speech.says:
        filters.append(acting("on_response", "set", name="c"))
    talk = await Talk(world, speech).start(*filters, routes=everything(edits=edits))
    await talk.ask(1, "old")
    await let_go(world, phase)
    assert (await talk.serve()).headers == {"x-env": "new", "copy": "<new>"}, "what the filter made of it"
    answer = await talk.answer()
    assert answer.ok
    if "fields" in speech.says:
        assert answer.headers == {"x-answer": "1", "x-env": "new", "more": "1"}
    elif "answer_headers" in speech.says:
        assert answer.headers == {"x-answer": "1", "more": "1"}


@over()
@WAITS
async def test_a_call_that_is_sent_again(world: World, speech: Speech, phase: str) -> None:
    one, two = Host(world, speech), Host(world, speech)
    route = everything(retry=Retry(on=("reset",), idempotent=True))
    start(world, speech, route, one, two, listener={"filters": (acting(phase, "wait"),)})
    client = await asked(world, speech, b"hello")
    await let_go(world, phase)
    call, _, there = await first_of(world, one, two)
    await call.reset()
    await again(world)
    second = await there.take()
    assert second.body == call.body == b"hello"
    await second.answer()
    assert await good(client)
    assert outcome(world, "succeeded") == 1
    await world.until(lambda: "on_log" in seen(world))
    assert seen(world) == ["on_request", "on_route", "on_host", "on_host", "on_response", "on_log"]
    assert audit(world.engine) == []
    assert made(world).hosts == [each.address for each in ((one, two) if there is two else (two, one))]
    assert made(world).seen[-1] == ("on_log", "answered")


CONDITIONS: list[tuple[dict[str, Any], bool, str]] = [
    ({"source": "127.0.0.0/8"}, True, ""),
    ({"source": "10.0.0.0/8"}, False, ""),
    ({"protocol": [each.name for each in ALL]}, True, ""),
    ({"protocol": sorted({each.name for each in VARIANTS} - {each.name for each in ALL})}, False, ""),
    ({"variables": {"source.address": {"prefix": "127."}}}, True, ""),
    ({"sni": "a.test"}, False, ""),
    ({"headers": {"x-env": {"contains": "ra"}}}, True, "headers"),
    ({"headers": {"x-env": {"exact": "GRAY", "ignore_case": True}}}, True, "headers"),
    ({"headers": {"x-env": {"range": {"start": 1, "end": 5}}}}, False, "headers"),
    ({"service": {"suffix": "Echo"}}, True, "service"),
    ({"http_method": ["GET", "PUT"]}, True, "http_method"),
]


@over()
@pytest.mark.parametrize(("match", "holds", "of"), CONDITIONS)
async def test_a_match_may_ask_for_all_that_routes_ask_for(
    world: World, speech: Speech, match: dict[str, Any], *, holds: bool, of: str
) -> None:
    """`of`: which protocols say so."""
    talk = await Talk(world, speech).start(built_in("fault", abort={}, match=match))
    if holds and (not of or of in speech.says):
        await talk.ask(1, "gray")
        assert "overload" in (await talk.answer()).faults
    else:
        assert (await talk.call(1, "gray")).ok


@WAITS
async def test_what_a_protocol_has_not_is_no_key_of_a_call_in_any_phase(world: World, phase: str) -> None:
    rules = [{"match": {"path": {"prefix": "/"}}, "response": {"set": {"a": "1"}}}, {"response": {"remove": ["a"]}}]
    talk = await Talk(world, BOLT).start(acting(phase, "wait"), built_in("header_rules", rules=rules))
    await talk.ask()
    await let_go(world, phase)
    await talk.serve()
    assert (await talk.answer()).ok


async def test_what_the_proxy_knows_of_a_call_is_a_key_too(world: World) -> None:
    rules = [
        {"header": key, "metadata": key.replace(".", "_").strip(":")}
        for key in ("source.address", ":protocol", ":service", ":path", "tls.sni")
    ]
    talk = await Talk(world, BOLT).start(built_in("header_to_metadata", rules=rules), acting("on_log", "keep"))
    assert (await talk.call()).ok
    await world.until(lambda: hasattr(made(world, 1), "kept"))
    assert dict(made(world, 1).kept.metadata) == {
        "source_address": "127.0.0.1", "protocol": "bolt", "service": SERVICE,
    }  # fmt: skip


@over()
@WAITS
async def test_copies_are_made_behind_filters(world: World, speech: Speech, phase: str) -> None:
    """One copy of a call that goes on, of what its filters made of it; none of one that a filter answers."""
    hosts = {name: Host(world, speech, answers=Answer(name)) for name in ("live", "shadow")}
    filters = (acting(phase, "wait"), built_in("fault", abort={}, match={"headers": {speech.key: "no"}}))
    route = Route("all", (), "live", mirrors=(Mirror("shadow"),))
    start(world, speech, route, clusters=hosts, listener={"filters": filters})
    client = await speech.client(world)
    await client.ask(speech.word("no"))
    await let_go(world, phase)
    assert not (await client.answer()).ok
    await client.ask(speech.word("yes"))
    await let_go(world, phase)
    assert (await client.answer()).text == "live"
    assert (await hosts["shadow"].take()).word == "yes"
    assert world.count("upstream_calls_total", cluster="shadow", host=hosts["shadow"].address) == 1
    assert seen(world).count("on_host") == 1, "copies go through no filters"


@over()
@pytest.mark.parametrize("logged", [False, True], ids=["", "logged"])
async def test_a_route_and_its_cluster_may_go_while_a_call_waits(
    world: World, speech: Speech, tmp_path: Path, *, logged: bool
) -> None:
    old, new = Host(world, speech), Host(world, speech, answers=Answer("new"))
    route = Route("r", (), "old", retry=Retry(idempotent=True), mirrors=(Mirror("old"),))
    log = AccessLog(str(tmp_path / "calls.log")) if logged else None
    listener = {"filters": (acting("on_route", "wait"),), "access_log": log}
    start(world, speech, route, clusters={"old": old}, listener=listener)
    client = await speech.client(world)
    await client.ask()
    await world.until(lambda: bool(made(world).gates))
    world.change(
        routes={"table": (Route("other", (), "new"), Route("r", (), "new"))},
        clusters={"new": cluster_of(speech, "new", new)},
    )
    await let_go(world, "on_route", audited=not logged)
    assert not (await client.answer()).ok
    assert logged or audit(world.engine) == [], "the log's alarm is its own"
    await client.ask()
    await let_go(world, "on_route", audited=not logged)
    assert (await client.answer()).text == "new"
    assert logged or audit(world.engine) == [], "the log's alarm is its own"
