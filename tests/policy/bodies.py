"""What the tests of filters of bodies share: filters that read or watch them, and the ways in which a body is sent."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from proxy.datapath.audit import audit
from proxy.snapshot import Filter
from tests.datapath.world import World
from tests.policy.uploads import UPLOADS, Chunked, Counted

READING, LATE, WATCHING = (str(Path(__file__).with_name(f"{name}.py")) for name in ("reading", "reading_late", "watching"))
EVERY = pytest.mark.parametrize("upload", UPLOADS, ids=lambda each: each.__name__.lower())
HTTP1 = pytest.mark.parametrize("upload", [Counted, Chunked], ids=lambda each: each.__name__.lower())
PHASE = pytest.mark.parametrize("phase", ["on_request", "on_route"])
HUNDRED = bytes(range(100))


def reading(phase: str = "on_request on_route", name: str = "reading", **settings: Any) -> Filter:
    """It waits for the body in the first phase that it takes part in."""
    return Filter(name, "", LATE if phase == "on_route" else READING, {"only": phase, **settings})


def watching(name: str = "watching", block_limit: float = 5.0, **settings: Any) -> Filter:
    return Filter(name, "", WATCHING, settings, block_limit=block_limit, stuck_limit=60.0)


async def quiet(world: World) -> None:
    """Nothing is left of the calls."""
    await world.until(lambda: world.engine.describe()["calls"] == 0)
    assert audit(world.engine) == []
