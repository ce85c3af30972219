"""Floods of HTTP/2 against the real proxy: what each costs in memory and in processor time, and how it ends.

Each sends much more than is taken. The proxy has to say why it ends the connection, or the stream; to count which bound it
was; and to stay as it is, with a call of another connection to the same host under way.
"""

from __future__ import annotations

import contextlib
import re
import socket
import socketserver
import threading
from collections.abc import Iterator
from typing import NamedTuple, Self

import pytest

from tests.hostile.process import PATIENCE, Proxy
from tests.http2.speech import (
    CALM,
    CANCEL,
    CONTINUATION,
    DATA,
    END_HEADERS,
    END_STREAM,
    GOAWAY,
    HEADERS,
    PING,
    PREFACE,
    PRIORITY,
    REFUSED,
    REQUEST,
    RST,
    SETTINGS,
    WINDOW,
    Frame,
    block,
    frame,
    frames_of,
    settings,
    u32,
)

KIB = 1 << 10
MIB = 1 << 20
MOST_MEMORY = 6 * MIB
"""That the worker may grow by: the scratch of HTTP/2 is made with its first connection, and the allocator has its ways."""
MOST_SECONDS = 1.0
"""Of the processor: a good client's thousand requests cost a tenth of it."""

CONFIG = """
listeners: [{{name: mesh, address: "127.0.0.1:0", protocols: auto, routes: main, idle_timeout: 1s}}]
routes: {{main: [{{cluster: mute}}]}}
clusters:
  mute: {{hosts: ["{host}"], http: http2, max_in_flight: 100000, max_pending: 100000}}
admin: 127.0.0.1:0
"""


class _Sink(socketserver.BaseRequestHandler):
    """A server of HTTP/2 that says nothing but its settings, and reads all that comes."""

    def handle(self) -> None:
        self.request.sendall(settings((4, 0)) if self.server.shut else settings())  # type: ignore[attr-defined]
        with contextlib.suppress(OSError):
            while self.request.recv(65536):
                pass


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False
    shut = False


@pytest.fixture(scope="module")
def mesh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    with _Server(("127.0.0.1", 0), _Sink) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        host = "{}:{}".format(*server.server_address)
        with Proxy(CONFIG.format(host=host), tmp_path_factory.mktemp("mesh")) as proxy:
            with Http2(proxy) as first:
                first.send(request(1))
                first.send(frame(PING, 0, 0, b"made it!"))
                first.read_until(PING)
            yield proxy
            proxy.sound()
        server.shutdown()
        thread.join(PATIENCE)


def met(mesh: Proxy, bound: str) -> int:
    """How often this bound was reached; its series is there from the first time on."""
    found = re.search(rf'xproto_http2_bounds_total{{[^}}]*bound="{bound}"[^}}]*}} ([0-9]+)', mesh.get("/metrics"))
    return int(found[1]) if found else 0


class Http2:
    """A client's socket: it has greeted, and reads frames."""

    def __init__(self, proxy: Proxy, small: bool = False) -> None:
        self._socket = socket.socket()
        if small:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self._socket.settimeout(PATIENCE)
        self._socket.connect(proxy.address)
        self._socket.sendall(PREFACE + settings())
        self.frames: list[Frame] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def send(self, data: bytes) -> None:
        self._socket.sendall(data)

    def read_until(self, kind: int) -> Frame:
        """The next frame of this kind that is no acknowledgement of ours."""
        while True:
            data = self._exactly(9)
            size = int.from_bytes(data[:3], "big")
            (found,) = frames_of(data + self._exactly(size))
            self.frames.append(found)
            if found.type == kind:
                return found

    def _exactly(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            more = self._socket.recv(size - len(data))
            if not more:
                raise ConnectionError("closed")
            data += more
        return data

    def flood(self, data: bytes) -> None:
        """All of it, as far as it is taken, while what comes is read by somebody else."""

        def push() -> None:
            with contextlib.suppress(OSError):
                self._socket.sendall(data)

        self._pusher = threading.Thread(target=push, daemon=True)
        self._pusher.start()

    def closed(self) -> Frame:
        """The goodbye, after which the connection ends."""
        last = self.read_until(GOAWAY)
        with contextlib.suppress(ConnectionError):
            while True:
                self.read_until(-1)
        self._socket.close()
        self._pusher.join(PATIENCE)
        assert not self._pusher.is_alive()
        return last


def request(stream: int, ends: bool = True, fields: bytes = b"") -> bytes:
    return frame(HEADERS, END_HEADERS | (END_STREAM if ends else 0), stream, REQUEST + fields)


def streams(count: int) -> range:
    return range(3, 3 + 2 * count, 2)


class Flood(NamedTuple):
    data: bytes
    bound: str


CRUMB = block(("cookie", "a=b"))
FLOODS = {
    "rapid reset": Flood(b"".join(request(n) + frame(RST, 0, n, u32(CANCEL)) for n in streams(50_000)), "resets"),
    "resets that we are made to send": Flood(
        b"".join(request(n) + frame(WINDOW, 0, n, u32(0)) for n in streams(50_000)), "own_resets"
    ),
    "settings": Flood(settings((3, 100)) * 200_000, "settings"),
    "pings": Flood(frame(PING, 0, 0, bytes(8)) * 200_000, "pings"),
    "priorities": Flood(frame(PRIORITY, 0, 3, bytes(5)) * 200_000, "priorities"),
    "priorities of many streams": Flood(b"".join(frame(PRIORITY, 0, n, bytes(5)) for n in streams(200_000)), "priorities"),
    "empty data": Flood(request(3, ends=False) + frame(DATA, 0, 3) * 500_000, "empties"),
    "padding alone": Flood(request(3, ends=False) + frame(DATA, 8, 3, b"\0") * 500_000, "empties"),
    "empty continuations": Flood(frame(HEADERS, 0, 3, REQUEST) + frame(CONTINUATION, 0, 3) * 500_000, "continuations"),
    "continuations": Flood(frame(HEADERS, 0, 3, REQUEST) + frame(CONTINUATION, 0, 3, CRUMB * 1000) * 2000, "header_block"),
    "window updates": Flood(frame(WINDOW, 0, 0, u32(1)) * 500_000, "windows"),
    "unknown frames": Flood(frame(0xBE) * 500_000, "unknown"),
}


@pytest.mark.parametrize("case", FLOODS)
def test_a_flood_ends_its_connection(mesh: Proxy, case: str) -> None:
    data, bound = FLOODS[case]
    before = met(mesh, bound)
    with Http2(mesh) as other, Http2(mesh) as client:
        other.send(request(1))
        memory, seconds = mesh.memory(), mesh.processor_seconds()
        client.flood(data)
        assert client.closed().payload[4:8] == u32(CALM)
        assert mesh.processor_seconds() - seconds < MOST_SECONDS
        assert mesh.memory() - memory < MOST_MEMORY
        assert met(mesh, bound) - before == 1
        other.send(frame(PING, 0, 0, b"unharmed"))
        assert other.read_until(PING).payload == b"unharmed"
        assert not [each for each in other.frames if each.type in (RST, GOAWAY)]


REFUSED_ONES = {
    "a header list that is too long": Flood(block(("x-long", "x" * 16_000)) * 5, "header_list"),
    "too many fields": Flood(block(("x", "")) * 257, "header_list"),
    "cookies in too many crumbs": Flood(CRUMB * 250, "cookie_crumbs"),
}


@pytest.mark.parametrize("case", REFUSED_ONES)
def test_a_head_that_is_too_much_ends_its_stream(mesh: Proxy, case: str) -> None:
    fields, bound = REFUSED_ONES[case]
    before = met(mesh, bound)
    memory, seconds = mesh.memory(), mesh.processor_seconds()
    with Http2(mesh) as client:
        for number in streams(20):
            data = REQUEST + fields
            pieces = [data[at : at + 16384] for at in range(0, len(data), 16384)]
            for at, piece in enumerate(pieces):
                flags = (END_STREAM if at == 0 else 0) | (END_HEADERS if at == len(pieces) - 1 else 0)
                client.send(frame(CONTINUATION if at else HEADERS, flags, number, piece))
            reset = client.read_until(RST)
            assert (reset.stream, reset.number) == (number, CALM)
        client.send(request(101) + frame(PING, 0, 0, b"goes on!"))
        assert client.read_until(PING).payload == b"goes on!"
    assert mesh.processor_seconds() - seconds < MOST_SECONDS
    assert mesh.memory() - memory < MOST_MEMORY
    assert met(mesh, bound) - before == 20


def test_streams_beyond_the_limit_are_refused(mesh: Proxy) -> None:
    """Each costs its sender a whole request, and us a reset: who goes on with it is cut for those."""
    before = met(mesh, "streams")
    memory, seconds = mesh.memory(), mesh.processor_seconds()
    with Http2(mesh) as client:
        client.read_until(SETTINGS)
        client.send(frame(SETTINGS, 1))
        client.flood(b"".join(request(n) for n in streams(50_000)))
        assert client.closed().payload[4:8] == u32(CALM)
        refused = [each for each in client.frames if each.type == RST]
        assert {each.number for each in refused} == {REFUSED}
        assert min(each.stream for each in refused) == streams(129)[-1]
        assert mesh.processor_seconds() - seconds < MOST_SECONDS
        assert mesh.memory() - memory < MOST_MEMORY
    assert met(mesh, "streams") - before == len(refused) + 1


def test_pings_whose_answers_nobody_reads(mesh: Proxy) -> None:
    """As slow as they may come for ever: what waits is bounded by the rate, and then by what may wait unread."""
    memory = mesh.memory()
    with Http2(mesh, small=True) as client:
        client.flood(frame(PING, 0, 0, bytes(8)) * 100_000)
        mesh.eventually(0, "downstream_connections_active", listener="mesh")
        assert mesh.memory() - memory < MOST_MEMORY
