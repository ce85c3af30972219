"""A client inside TLS, whatever it speaks: its protocol is spoken as ever, to a pump that speaks TLS to the proxy."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator
from typing import Any

from tests.control.proxy_process import PATIENCE
from tests.datapath.world import World
from tests.policy.speech.table import Client, Speech

BLOCK = 65536


@contextlib.asynccontextmanager
async def inside_tls(world: World, speech: Speech, door: str, context: ssl.SSLContext, name: str) -> AsyncIterator[Client]:
    """`name`: the server that is asked for."""
    with socket.create_server(("127.0.0.1", 0)) as pump:
        near = await world.client(f"127.0.0.1:{pump.getsockname()[1]}")
        far, _ = pump.accept()
    far.setblocking(False)
    far.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    host, _, port = door.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port), ssl=context, server_hostname=name)
    pumps = [asyncio.ensure_future(each) for each in (_out(world.loop, far, writer), _in(world.loop, reader, far))]
    try:
        client = await speech.speak(near)
        client.peer.patience = PATIENCE
        yield client
    finally:
        for each in pumps:
            each.cancel()
        await asyncio.gather(*pumps, return_exceptions=True)
        writer.transport.abort()
        far.close()


async def _out(loop: Any, far: socket.socket, writer: asyncio.StreamWriter) -> None:
    while data := await loop.sock_recv(far, BLOCK):
        writer.write(data)


async def _in(loop: Any, reader: asyncio.StreamReader, far: socket.socket) -> None:
    while data := await reader.read(BLOCK):
        await loop.sock_sendall(far, data)
