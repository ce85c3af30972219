"""Listening for a real client, which is driven by whoever has it, until it made its calls."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress

from conformance.golden import Vector
from conformance.live.answers import Answers
from conformance.live.client import Line
from conformance.live.manners import MANNERS, Manner
from conformance.live.stage import Stage
from conformance.live.target import refuse_streams
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
    refuse_streams(registered)
    stage = Stage(registered, answer or Answers(registered, vectors).to, manners)
    lines: set[Line] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        stage.connections += 1
        line = Line(stage, reader, writer, stage.connections)
        lines.add(line)
        try:
            await line.run()
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()
            lines.discard(line)
            stage.news.set()

    server = await asyncio.start_server(serve, host, port)
    try:
        listening(server.sockets[0].getsockname()[1])
        await _until(stage, calls, quiet)
        await stage.settle()
    finally:
        server.close()
        for line in lines:
            line.close()
        while lines:
            await stage.wait(quiet)
    return stage.results()


async def _until(stage: Stage, calls: int, quiet: float) -> None:
    while stage.calls < calls:
        if not await stage.wait(quiet):
            return
