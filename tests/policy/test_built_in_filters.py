"""The built-in filters in every protocol: traffic is changed by each of their settings."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.config.filter_models import MODELS
from proxy.snapshot import Filter, HeaderMatch, Route
from tests.datapath.world import World
from tests.policy.filter_calls import SPEAKERS, Bolt, Dubbo, Grpc, Http1, Speaker

EVERY = pytest.mark.parametrize("speaker", SPEAKERS, ids=[each.protocol for each in SPEAKERS])
EDITED = pytest.mark.parametrize("speaker", [Bolt, Http1, Grpc], ids=["bolt", "http1", "grpc"])


def built_in(kind: str, **settings: Any) -> Filter:
    return Filter(kind, kind, None, MODELS[kind].model_validate(settings).plain())


async def served(talk: Speaker, id: int = 1, value: str | None = None) -> str:
    await talk.ask(id, value)
    await talk.serve()
    return await talk.answer()


@EVERY
async def test_an_abort(world: World, speaker: type[Speaker]) -> None:
    talk = await speaker(world).start(built_in("fault", abort={"fault": "timeout"}))
    await talk.ask()
    assert "timeout" in await talk.answer()


@EVERY
@pytest.mark.parametrize("settings", [{"percent": 0}, {"percent": 100}])
async def test_percent(world: World, speaker: type[Speaker], settings: dict[str, Any]) -> None:
    talk = await speaker(world).start(built_in("fault", abort=settings))
    if settings["percent"]:
        await talk.ask()
        assert "overload" in await talk.answer()
    else:
        assert await served(talk) == "ok"


@EVERY
async def test_a_delay(world: World, speaker: type[Speaker]) -> None:
    talk = await speaker(world).start(built_in("fault", delay={"duration": "20ms"}))
    started = world.loop.time()
    assert await served(talk) == "ok"
    assert world.loop.time() - started > 0.018, "the loop counts milliseconds"


@pytest.mark.parametrize("speaker", [Bolt, Dubbo, Http1, Grpc], ids=lambda each: each.protocol)
async def test_by_a_header(world: World, speaker: type[Speaker]) -> None:
    header = "env" if speaker in (Bolt, Dubbo) else "x-env"
    talk = await speaker(world).start(built_in("fault", abort={}, match={"headers": {header: {"prefix": "gr"}}}))
    assert await served(talk, 1) == "ok"
    assert await served(talk, 2, "blue") == "ok"
    await talk.ask(3, "gray")
    assert "overload" in await talk.answer()


@pytest.mark.parametrize(
    ("condition", "hit"),
    [
        ("gray", True), ("gra", False), ({"prefix": "gr"}, True), ({"suffix": "ay"}, True), ({"suffix": "gr"}, False),
        ({"regex": "g.*y"}, True), ({"regex": "g"}, False), ({"present": True}, True), ({"present": False}, False),
        ({"exact": "blue", "invert": True}, True), ({"regex": "g.*", "invert": True}, False),
    ],
)  # fmt: skip
async def test_conditions_mean_what_they_mean_in_routes(world: World, condition: Any, hit: bool) -> None:
    talk = await Bolt(world).start(built_in("fault", abort={}, match={"headers": {"env": condition}}))
    await talk.ask(1, "gray")
    if not hit:
        await talk.serve()
    assert ("ok" not in await talk.answer()) is hit


async def test_an_aborts_status_and_text(world: World) -> None:
    talk = await Http1(world).start(built_in("fault", abort={"http_status": 418, "text": "tea"}))
    await talk.ask()
    await talk.answer()
    assert (talk.heard.line, talk.heard.body) == ("HTTP/1.1 418 I'm a Teapot", b"tea\n")


async def test_an_aborts_status_of_grpc(world: World) -> None:
    talk = await Grpc(world).start(built_in("fault", abort={"grpc_status": 14, "text": "later"}))
    await talk.ask()
    assert await talk.answer() == "later"
    assert talk.heard.fields["grpc-status"] == "14"


@EVERY
async def test_a_rate_limit(world: World, speaker: type[Speaker]) -> None:
    talk = await speaker(world).start(built_in("rate_limit", rate=0.01, burst=2))
    assert await served(talk, 1) == "ok"
    assert await served(talk, 2) == "ok"
    await talk.ask(3)
    said = await talk.answer()
    assert (
        said == ("" if speaker is Http1 else "xproto: too many requests" if speaker is Grpc else "overload")
        or "overload" in said
    )
    if speaker is Http1:
        assert talk.heard.line == "HTTP/1.1 429 Too Many Requests"


async def test_a_rate_limit_by_key(world: World) -> None:
    talk = await Bolt(world).start(built_in("rate_limit", rate=0.01, burst=1, key="env", max_keys=2))
    assert await served(talk, 1, "a") == "ok"
    assert await served(talk, 2, "b") == "ok"
    await talk.ask(3, "a")
    assert await talk.answer() != "ok"
    assert await served(talk, 4, "c") == "ok"
    assert await served(talk, 5, "b") == "ok", "it was forgotten for c"


async def test_a_rate_limit_by_client(world: World) -> None:
    talk = await Bolt(world).start(built_in("rate_limit", rate=0.01, burst=1, key="client"))
    assert await served(talk, 1) == "ok"
    talk.client = await world.client()
    await talk.ask(2)
    assert await talk.answer() != "ok", "another port is no other client"
    talk.client = await world.client(source="127.0.0.2")
    assert await served(talk, 3) == "ok"


@EDITED
async def test_header_rules(world: World, speaker: type[Speaker]) -> None:
    name = speaker.header or ""
    rules = [
        {"match": {"headers": {name: "old"}}, "request": {"set": {name: "new"}}},
        {"match": {"headers": {name: "gone"}}, "request": {"remove": [name]}},
        {"match": {"headers": {name: "more"}}, "request": {"append": {name: "last"}}},
    ]
    talk = await speaker(world).start(built_in("header_rules", rules=rules))
    for id, (value, wanted, gone) in enumerate(
        [("old", b"new", b"old"), ("gone", b"", b"gone"), ("more", b"last", b"new"), ("other", b"other", b"new")], 1
    ):
        await talk.ask(id, value)
        seen = await talk.serve()
        assert wanted in seen
        assert gone not in seen
        assert await talk.answer() == "ok"


@pytest.mark.parametrize("speaker", [Http1, Grpc], ids=["http1", "grpc"])
async def test_header_rules_for_answers(world: World, speaker: type[Speaker]) -> None:
    rules = [{"match": {"headers": {"x-env": "a"}}, "response": {"set": {"x-new": "1"}, "remove": ["x-answer"]}}]
    talk = await speaker(world).start(built_in("header_rules", rules=rules))
    assert await served(talk, 1, "a") == "ok"
    assert (talk.heard.fields["x-new"], talk.heard.fields.get("x-answer")) == ("1", None)
    assert await served(talk, 2) == "ok"
    assert (talk.heard.fields.get("x-new"), talk.heard.fields["x-answer"]) == (None, "1")


@EDITED
async def test_metadata_is_a_routing_key(world: World, speaker: type[Speaker]) -> None:
    routes = (
        Route("gray", (HeaderMatch("metadata.env", "exact", "gray"),), "main"),
        Route("prod", (HeaderMatch("metadata.env", "exact", "prod"),), "main"),
    )
    rules = [{"header": speaker.header, "metadata": "env", "default": "prod", "remove": True}]
    talk = await speaker(world).start(built_in("header_to_metadata", rules=rules), routes=routes)
    await talk.ask(1, "gray")
    assert b"gray" not in await talk.serve(), "it was taken out"
    assert await talk.answer() == "ok"
    assert await served(talk, 2) == "ok"
    assert [world.count("route_calls_total", route=name) for name in ("gray", "prod", "none")] == [1, 1, 0]


async def test_no_header_poses_as_metadata(world: World) -> None:
    routes = (Route("gray", (HeaderMatch("metadata.env", "present"),), "main"), Route("else", (), "main"))
    rules = [{"header": "x-env", "metadata": "other", "default": "1"}]
    talk = await Http1(world).start(built_in("header_to_metadata", rules=rules), routes=routes)
    from tests.datapath import web

    await talk.client.send(web.request("/echo", None, "Metadata.env: gray"))
    await talk.serve()
    assert await talk.answer() == "ok"
    assert world.count("route_calls_total", route="else") == 1
