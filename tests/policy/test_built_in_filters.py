"""The built-in filters in every protocol: traffic is changed by each of their settings."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.snapshot import HeaderMatch, Route
from tests.datapath.world import World
from tests.policy.filtering import built_in
from tests.policy.scenes import Talk, everything
from tests.policy.speech.table import BOLT, GRPC, HTTP1, Call, Speech, over


@over()
async def test_an_abort(world: World, speech: Speech) -> None:
    talk = await Talk(world, speech).start(built_in("fault", abort={"fault": "timeout"}))
    await talk.ask()
    assert "timeout" in (await talk.answer()).faults


@over()
@pytest.mark.parametrize("settings", [{"percent": 0}, {"percent": 100}])
async def test_percent(world: World, speech: Speech, settings: dict[str, Any]) -> None:
    talk = await Talk(world, speech).start(built_in("fault", abort=settings))
    if settings["percent"]:
        await talk.ask()
        assert "overload" in (await talk.answer()).faults
    else:
        assert (await talk.call()).ok


@over()
async def test_a_delay(world: World, speech: Speech) -> None:
    talk = await Talk(world, speech).start(built_in("fault", delay={"duration": "20ms"}))
    started = world.loop.time()
    assert (await talk.call()).ok
    assert world.loop.time() - started > 0.018, "the loop counts milliseconds"


@over("headers", variants=True)
async def test_by_a_header(world: World, speech: Speech) -> None:
    talk = await Talk(world, speech).start(built_in("fault", abort={}, match={"headers": {"x-env": {"prefix": "gr"}}}))
    assert (await talk.call(1)).ok
    assert (await talk.call(2, "blue")).ok
    await talk.ask(3, "gray")
    assert "overload" in (await talk.answer()).faults


@pytest.mark.parametrize(
    ("condition", "hit"),
    [
        ("gray", True), ("gra", False), ({"prefix": "gr"}, True), ({"suffix": "ay"}, True), ({"suffix": "gr"}, False),
        ({"regex": "g.*y"}, True), ({"regex": "g"}, False), ({"present": True}, True), ({"present": False}, False),
        ({"exact": "blue", "invert": True}, True), ({"regex": "g.*", "invert": True}, False),
    ],
)  # fmt: skip
async def test_conditions_mean_what_they_mean_in_routes(world: World, condition: Any, hit: bool) -> None:
    talk = await Talk(world, BOLT).start(built_in("fault", abort={}, match={"headers": {"x-env": condition}}))
    await talk.ask(1, "gray")
    if not hit:
        await talk.serve()
    assert (await talk.answer()).ok is not hit


async def test_an_aborts_status_and_text(world: World) -> None:
    talk = await Talk(world, HTTP1).start(built_in("fault", abort={"http_status": 418, "text": "tea"}))
    await talk.ask()
    answer = await talk.answer()
    assert answer.raw.startswith(b"HTTP/1.1 418 I'm a Teapot\r\n")
    assert answer.text == "tea\n"


async def test_an_aborts_status_of_grpc(world: World) -> None:
    talk = await Talk(world, GRPC).start(built_in("fault", abort={"grpc_status": 14, "text": "later"}))
    await talk.ask()
    answer = await talk.answer()
    assert (answer.code, answer.text) == (14, "later")


@over()
async def test_a_rate_limit(world: World, speech: Speech) -> None:
    talk = await Talk(world, speech).start(built_in("rate_limit", rate=0.01, burst=2))
    assert (await talk.call(1)).ok
    assert (await talk.call(2)).ok
    await talk.ask(3)
    answer = await talk.answer()
    assert not answer.ok
    if "http_method" in speech.says:
        assert (answer.code, answer.headers["retry-after"]) == (429, "1")
        assert speech is not HTTP1 or answer.raw.startswith(b"HTTP/1.1 429 Too Many Requests\r\n")
    elif speech is GRPC:
        assert answer.text == "xproto: too many requests"
    else:
        assert "overload" in answer.faults


@over("headers")
async def test_a_rate_limit_by_key(world: World, speech: Speech) -> None:
    talk = await Talk(world, speech).start(built_in("rate_limit", rate=0.01, burst=1, key="x-env", max_keys=2))
    assert (await talk.call(1, "a")).ok
    assert (await talk.call(2, "b")).ok
    await talk.ask(3, "a")
    assert not (await talk.answer()).ok
    assert (await talk.call(4, "c")).ok
    assert (await talk.call(5, "b")).ok, "it was forgotten for c"


@over()
async def test_a_rate_limit_by_client(world: World, speech: Speech) -> None:
    talk = await Talk(world, speech).start(built_in("rate_limit", rate=0.01, burst=1, key="client"))
    assert (await talk.call(1)).ok
    talk.client = await speech.client(world)
    await talk.ask(2)
    assert not (await talk.answer()).ok, "another port is no other client"
    talk.client = await speech.client(world, "127.0.0.2")
    assert (await talk.call(3)).ok


@over("headers", variants=True)
async def test_header_rules(world: World, speech: Speech) -> None:
    rules = [
        {"match": {"headers": {"x-env": "old"}}, "request": {"set": {"x-env": "new"}}},
        {"match": {"headers": {"x-env": "gone"}}, "request": {"remove": ["x-env"]}},
        {"match": {"headers": {"x-env": "more"}}, "request": {"append": {"x-env": "last"}}},
    ]
    talk = await Talk(world, speech).start(built_in("header_rules", rules=rules))
    for number, (value, found) in enumerate([("old", "new"), ("gone", None), ("more", "more,last"), ("other", "other")], 1):
        await talk.ask(number, value)
        assert (await talk.serve()).headers.get("x-env") == found
        assert (await talk.answer()).ok


@over("fields", variants=True)
async def test_header_rules_for_answers(world: World, speech: Speech) -> None:
    rules = [{"match": {"headers": {"x-env": "a"}}, "response": {"set": {"x-new": "1"}, "remove": ["x-answer"]}}]
    talk = await Talk(world, speech).start(built_in("header_rules", rules=rules))
    assert (await talk.call(1, "a")).headers == {"x-new": "1"}
    assert (await talk.call(2)).headers == {"x-answer": "1"}


@over("headers", variants=True)
async def test_metadata_is_a_routing_key(world: World, speech: Speech) -> None:
    routes = (
        Route("gray", (HeaderMatch("metadata.env", "exact", "gray"),), "main"),
        Route("prod", (HeaderMatch("metadata.env", "exact", "prod"),), "main"),
    )
    rules = [{"header": "x-env", "metadata": "env", "default": "prod", "remove": True}]
    talk = await Talk(world, speech).start(built_in("header_to_metadata", rules=rules), routes=routes)
    await talk.ask(1, "gray")
    assert (await talk.serve()).headers == {}, "it was taken out"
    assert (await talk.answer()).ok
    assert (await talk.call(2)).ok
    assert [world.count("route_calls_total", route=name) for name in ("gray", "prod", "none")] == [1, 1, 0]


@over("headers", variants=True)
async def test_no_header_poses_as_metadata(world: World, speech: Speech) -> None:
    routes = (Route("gray", (HeaderMatch("metadata.env", "present"),), "main"), Route("else", (), "main"))
    rules = [{"header": "x-env", "metadata": "other", "default": "1"}]
    talk = await Talk(world, speech).start(built_in("header_to_metadata", rules=rules), routes=routes)
    await talk.client.ask(Call(headers={"metadata.env": "gray"}))
    await talk.serve()
    assert (await talk.answer()).ok
    assert world.count("route_calls_total", route="else") == 1


@over("headers", "fields", variants=True)
@pytest.mark.parametrize("number", [3, 40], ids=["one lookup", "more than one lookup finds"])
async def test_what_filters_and_routes_look_at(world: World, speech: Speech, number: int) -> None:
    """They share one lookup where it has room for both; the answers are the same."""
    routes = (
        *(Route(f"r{each}", (HeaderMatch(f"x-route-{each}", "exact", "1"),), "main") for each in range(number)),
        everything(),
    )
    rules = [{"match": {"headers": {f"x-{each}": "on"}}, "request": {"set": {"x-env": f"{each}"}}} for each in range(number)]
    talk = await Talk(world, speech).start(built_in("header_rules", rules=rules), routes=routes)
    for headers, found, name in (
        ({f"x-{number - 1}": "on"}, f"{number - 1}", "all"),
        ({"x-route-1": "1", "x-2": "on"}, "2", "r1"),
        ({"x-route-1": "1", "x-2": "off"}, None, "r1"),
        ({}, None, "all"),
    ):
        before = world.count("route_calls_total", route=name)
        await talk.client.ask(headers=headers)
        assert (await talk.serve()).headers.get("x-env") == found
        assert (await talk.answer()).ok
        assert world.count("route_calls_total", route=name) == before + 1
