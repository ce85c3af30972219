"""What an idle downstream connection costs this process: `python -m tests.datapath.bench_idle [CONNECTIONS]`.

The clients are a child process, so only the proxy's side is measured. They come in four batches, since the first fill
what starting up left free; each makes one call, so that everything a connection ever needs has been allocated once.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import multiprocessing
import socket
import sys
from multiprocessing.connection import Connection
from pathlib import Path

import uvloop

from proxy.snapshot import Keepalive
from tests.datapath import frames
from tests.datapath.world import Backend, World

BATCHES = 4


def private_bytes() -> int:
    lines = Path("/proc/self/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("Private_")) * 1024


def clients(address: tuple[str, int], count: int, pipe: Connection) -> None:
    held = []
    for _ in range(BATCHES):
        for _ in range(count):
            held.append(socket.create_connection(address))
            held[-1].sendall(frames.request(1))
            held[-1].recv(100)
        pipe.send("called")
        pipe.recv()


async def measure(world: World, count: int) -> None:
    backend = world.backend()
    world.start(backend, protocols=("dubbo", "bolt"), keepalive=Keepalive(1e6))
    pipe, far = multiprocessing.Pipe()
    serving = asyncio.ensure_future(serve(backend))
    child = multiprocessing.get_context("spawn").Process(target=clients, args=(world.listening.getsockname(), count, far))
    child.start()
    before = 0
    for batch in range(BATCHES):
        while not pipe.poll():  # noqa: ASYNC110 - a pipe to a process has nothing to await
            await asyncio.sleep(0.01)
        pipe.recv()
        assert world.count("downstream_connections_active") == count * (batch + 1)
        gc.collect()
        now = private_bytes()
        if before:
            print(f"batch {batch + 1}: {(now - before) / count:.0f} bytes for each of {count} more connections")  # noqa: T201
        before = now
        pipe.send("go on")
    child.join()
    serving.cancel()


async def serve(backend: Backend) -> None:
    upstream = await backend.accept()
    while True:
        with contextlib.suppress(TimeoutError):
            await upstream.send(frames.response(frames.id_of(await upstream.receive())))


def main() -> None:
    loop = uvloop.new_event_loop()
    asyncio.set_event_loop(loop)
    world = World(loop)
    loop.run_until_complete(measure(world, int(sys.argv[1]) if len(sys.argv) > 1 else 2000))
    world.close()


if __name__ == "__main__":
    main()
