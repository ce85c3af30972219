"""``python -m proxy.demo.node NAME CLUSTER=PORT ...``: one node, a process that serves a host of each cluster.

A process of its own, so that the demo can kill it as a node dies: by SIGKILL, in the middle of its work. Replies are
built once for each protocol variant.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Mapping
from functools import partial
from typing import Any, cast

import uvloop

from proxy.demo import rpc, scenario, streams
from proxy.demo.frames import BLANK, DOWNSTREAM, LIE_EVERY, NUMBER_SIZE, TAG, UPSTREAM, Splitter, Stamp, another, find_number
from proxy.demo.protocols import speeches
from proxy.demo.speech import Speech
from xproto.errors import MalformedError
from xproto.kernel.codec import Frame
from xproto.spec import Kind

READY = b"ready\n"
PATIENT = 0.0005
"""Seconds after which a thread lets another one run; Python's usual 5 ms would be seen in the latencies."""
LIE = "--lie"


class Host:
    """One cluster's member on this node: how it answers."""

    def __init__(self, node: str, cluster: str, speech: Speech, *, lies: bool) -> None:
        self.speech, self.lies = speech, lies
        self.who = f"{cluster}/{node} {TAG}{BLANK}"
        self.method = speech.codec.lookup(speech.keys[1:])
        self.answered = 0
        self._stamps: dict[tuple[int, bool], Stamp] = {}

    def answer(self, found: Frame, frame: bytes) -> bytes:
        """The reply to one call, in its version of the protocol, with a checksum if it had one."""
        key = found.variant, found.crc_at >= 0
        stamp = self._stamps.get(key)
        if stamp is None:
            fields: Mapping[str, object] = self.speech.lowered.variant.unpack(found.variant)
            checked = {"switch": {"unused": 0, "crc": 1}} if key[1] else {}
            stamp = self._stamps[key] = Stamp(self.speech.codec, self.speech.reply(self.who, {**fields, **checked}), UPSTREAM)
        at = find_number(frame)
        number = frame[at : at + NUMBER_SIZE]
        self.answered += 1
        if self.lies and self.answered % LIE_EVERY == 0:
            number = another(number)
        return stamp.make(found.id, number)


class Connection(asyncio.Protocol):
    """One connection of the proxy to a host."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self.codec = host.speech.codec
        self.splitter = Splitter(self.codec, DOWNSTREAM)
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # uvloop's are no subclass of it

    def data_received(self, data: bytes) -> None:
        out: list[bytes] = []
        try:
            for found, frame in self.splitter.feed(data):
                self.codec.verify_bytes(frame)  # the whole of it: a proxy that damages a frame is found out here
                self.handle(found, frame, out)
        except MalformedError as error:
            sys.stderr.write(f"{error}\n")
            self.say(b"".join(out))
            if self.transport is not None:
                self.transport.close()
            return
        self.say(b"".join(out))

    def handle(self, found: Frame, frame: bytes, out: list[bytes]) -> None:
        """Adds to `out` what can be said at once."""
        if found.kind == Kind.HEARTBEAT:
            out.append(self.codec.heartbeat_ack(found.variant, found.echo, found.id))
        elif found.kind == Kind.REQUEST:
            answer = self.host.answer(found, frame)
            (method,) = self.host.method.find_bytes(frame)
            if work := scenario.WORK.get(method or b""):
                asyncio.get_running_loop().call_later(work, self.say, answer)
            else:
                out.append(answer)

    def say(self, data: bytes) -> None:
        if data and self.transport is not None and not self.transport.is_closing():
            self.transport.write(data)


async def serve(name: str, ports: Mapping[str, int], *, lies: bool) -> None:
    """Until TERM."""
    loop = asyncio.get_running_loop()
    over = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, over.set)
    spoken = speeches()
    servers = []
    for cluster, port in ports.items():
        protocol = scenario.PROTOCOL_OF[cluster]
        if protocol == "grpc":
            servers.append(await rpc.serve(streams.Host(name, cluster, lies=lies), port))
            continue
        if protocol == "http2":
            made: Any = partial(streams.Shared, streams.Host(name, cluster, lies=lies))
        else:
            made = partial(Connection, Host(name, cluster, spoken[protocol], lies=lies))
        await loop.create_server(made, "127.0.0.1", port, reuse_port=True)
    sys.stdout.buffer.write(READY)
    sys.stdout.flush()
    await over.wait()
    for server in servers:
        await server.stop(None)


def main(arguments: list[str]) -> None:
    sys.setswitchinterval(PATIENT)  # grpcio has threads of its own
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the demo's to handle
    lies = LIE in arguments
    name, *pairs = (argument for argument in arguments if argument != LIE)
    split = (pair.partition("=") for pair in pairs)
    uvloop.run(serve(name, {cluster: int(port) for cluster, _, port in split}, lies=lies))


if __name__ == "__main__":
    main(sys.argv[1:])
