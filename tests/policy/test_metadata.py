"""A route asks for what a filter has set on a call: in every protocol, also in those whose calls have no headers."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.config.conditions import conditions
from proxy.config.match import Match
from proxy.snapshot import Route
from tests.datapath.world import World
from tests.policy.filtering import built_in
from tests.policy.scenes import Talk
from tests.policy.speech.table import Answer, Speech, over

CASES: dict[str, tuple[Any, list[str], list[str]]] = {
    "exact": ("gold", ["gold"], ["Gold", "golden"]),
    "prefix": ({"prefix": "go"}, ["gold", "go"], ["old"]),
    "suffix": ({"suffix": "old"}, ["gold"], ["golds"]),
    "contains": ({"contains": "OL", "ignore_case": True}, ["gold"], ["go"]),
    "regex": ({"regex": "g(o|a)ld"}, ["gold", "gald"], ["goold"]),
    "range": ({"range": {"start": 3, "end": 5}}, ["3", "4"], ["5", "x"]),
    "inverted": ({"exact": "gold", "invert": True}, ["blue"], ["gold"]),
}


def routes(match: dict[str, Any]) -> tuple[Route, ...]:
    return Route("there", conditions(Match.model_validate(match)), "main"), Route("here", (), "main")


async def taken(world: World, talk: Talk, word: str) -> str:
    """The route of a call that says this."""
    before = world.count("route_calls_total", route="there")
    await talk.client.ask(talk.speech.word(word))
    assert (await talk.answer()).ok
    return "there" if world.count("route_calls_total", route="there") > before else "here"


async def started(world: World, speech: Speech, match: dict[str, Any], **rule: Any) -> Talk:
    """What calls say becomes metadata."""
    rules = built_in("header_to_metadata", rules=[{"header": speech.key, "metadata": "tenant", **rule}])
    talk = await Talk(world, speech).start(rules, routes=routes(match))
    talk.hosts[0].answers = Answer("ok")
    return talk


@over(variants=True)
@pytest.mark.parametrize("name", CASES)
async def test_a_condition(world: World, speech: Speech, name: str) -> None:
    condition, meets, fails = CASES[name]
    talk = await started(world, speech, {"metadata": {"tenant": condition}})
    assert [await taken(world, talk, word) for word in meets] == ["there"] * len(meets)
    assert [await taken(world, talk, word) for word in fails] == ["here"] * len(fails)


@over(variants=True)
async def test_a_value_of_ones_own_and_two_names(world: World, speech: Speech) -> None:
    talk = await started(world, speech, {"metadata": {"tenant": "known", "other": {"present": False}}}, value="known")
    assert await taken(world, talk, "whatever") == "there"
