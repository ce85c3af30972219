"""Listening for a real client, until it made its calls."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from conformance.golden import Vector
from conformance.live.answers import Answers
from conformance.live.client import Stage
from conformance.live.manners import MANNERS, Manner
from conformance.live.wire import Answer
from conformance.suite import Result
from xproto.registry import Registered

CALLS = 2 * len(MANNERS)
QUIET = 30.0


async def play_server(
    registered: Registered,
    vectors: Sequence[Vector],
    host: str,
    port: int,
    *,
    calls: int = CALLS,
    quiet: float = QUIET,
    manners: Sequence[Manner] = MANNERS,
    answer: Callable[[Answer], bytes] | None = None,
    listening: Callable[[int], None] = lambda _port: None,
) -> list[Result]:
    """Answers a client's calls until `calls` of them were answered, or it was quiet for so many seconds; what was seen.

    listening: is told the port, which the kernel picks for port 0. answer: gives the answer to a call; without it they
    come from the vectors, and from the declaration where no vector is like the call.
    """
    stage = Stage(registered, answer or Answers(registered, vectors).to, manners)
    server = await asyncio.start_server(stage.serve, host, port)
    try:
        listening(server.sockets[0].getsockname()[1])
        await _until(stage, calls, quiet)
        await stage.settle()
    finally:
        server.close()
        await stage.end()
    return stage.results()


async def _until(stage: Stage, calls: int, quiet: float) -> None:
    while stage.calls < calls:
        stage.news.clear()
        try:
            await asyncio.wait_for(stage.news.wait(), quiet)
        except TimeoutError:
            return
