"""What the tests of filters share: a filter that acts as its settings say, what it saw, and the built-in ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from proxy.config.filter_models import MODELS
from proxy.snapshot import Filter
from tests.datapath.world import World

UNHURRIED: dict[str, Any] = {"block_limit": 20.0, "stuck_limit": 60.0}
"""A machine that has other things to do must not look like a filter that blocks."""
ACTING = str(Path(__file__).with_name("acting.py"))


def acting(phase: str = "", act: str = "nothing", name: str = "acting", **more: Any) -> Filter:
    only = more.pop("only", None)
    return Filter(name, "", ACTING, {"phase": phase, "act": act, "only": only}, **(UNHURRIED | more))


def made(world: World, at: int = 0) -> Any:
    """The filter itself."""
    return world.filters.listeners["in"].filters[at].filter


def seen(world: World) -> list[str]:
    return [phase for phase, _ in made(world).seen]


def failures(world: World, name: str = "acting") -> int:
    return world.count("filter_failures_total", filter=name)


def said(world: World) -> str:
    return "\n".join(world.log)


def built_in(kind: str, **settings: Any) -> Filter:
    return Filter(kind, kind, None, MODELS[kind].model_validate(settings).plain(), **UNHURRIED)
