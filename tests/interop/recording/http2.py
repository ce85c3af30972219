"""Vectors of HTTP/2: nghttp, curl, Node and gRPC as clients; nghttpd, nginx, Node and gRPC as servers. All in clear text."""

from __future__ import annotations

import socket
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import grpc
from harness.http2_frames import Http2Relay, http2_facts
from harness.processes import Child
from harness.programs import Nginx, Program, curl, run
from harness.relay import TO_SERVER
from harness.vectors import Software

from .http1 import version

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.vectors import Vectors

PEER = Path(__file__).parents[1] / "peers" / "http" / "http2_calls.js"
MOST = 600
"""Bytes of a frame that is kept: longer ones are DATA that says nothing new."""
MOST_BLOCK = 8192
"""Of CONTINUATION, which nobody sends but after 16 KB of fields."""
ALIKE = 2
"""Frames of one type and with the same flags that are kept of one side of a connection's software."""
PATIENCE_S = 20


def record(vectors: Vectors, logs: Path) -> None:
    clients = Software("curl", f"curl {version('curl', '--version')}"), Software("nghttp2", _nghttp2("nghttp"))
    kept = _Kept(vectors)
    with Nginx(logs / "nginx2", {"small.txt": 200}, http2=True) as nginx, Http2Relay(nginx.address) as relay:
        url, nginx_ = f"http://{relay.address}/files/", Software("nginx", f"nginx {version('nginx', '-v')}")
        for arguments in ((f"{url}small.txt",), (f"{url}nothing",), (f"{url}put/a", "-T", "-"), ("-I", f"{url}none")):
            curl("--http2-prior-knowledge", *arguments, stdin=b"from standard input", ok=False)
        kept.take(relay, clients[0], nginx_)
        run(["nghttp", "-m", "2", "--padding=16", "-p", "7", f"{url}small.txt"])
        kept.take(relay, clients[1], nginx_)
    with _nghttpd(logs) as address, Http2Relay(address) as relay:
        url, nghttpd = f"http://{relay.address}/small.txt", Software("nghttp2", _nghttp2("nghttpd"))
        body = logs / "body"
        body.write_bytes(b"a body")
        run(["nghttp", "--continuation", f"--data={body}", "--trailer=x-sum: 7", "-H", "x: y", "--padding=20", url])
        run(["nghttp", "--no-dep", "-w", "20", "-W", "20", url])
        kept.take(relay, clients[1], nghttpd)
    _node(kept, logs)
    _grpc(kept)


class _Kept:
    """What is worth keeping of what passed."""

    def __init__(self, vectors: Vectors) -> None:
        self.vectors = vectors
        self.seen: dict[object, set[bytes]] = {}

    def take(self, relay: Http2Relay, client: Software, server: Software) -> None:
        """Names are the software, the type, a number; a side that was seen before goes on."""
        for frame in relay.frames():
            side = "request" if frame.direction == TO_SERVER else "response"
            software = client if side == "request" else server
            facts = http2_facts(frame.data, side)
            alike = self.seen.setdefault((software.file, side, facts["type"], *facts.get("flags", ())), set())
            too_long = len(frame.data) > (MOST_BLOCK if facts["type"] == "continuation" else MOST)
            if too_long or frame.data in alike or len(alike) >= ALIKE:
                continue
            alike.add(frame.data)
            stem = f"{software.file}-{facts['type']}".replace("_", "-")
            number = next(n for n in range(1, 99) if f"{stem}-{side}-{n}" not in self.vectors.frames)
            self.vectors.add("http2", f"{stem}-{side}-{number}", software, side, frame.data)
        relay.clear()


def _nghttp2(program: str) -> str:
    return f"{program} of nghttp2 {version(program, '--version')}"


@contextmanager
def _nghttpd(logs: Path) -> Iterator[str]:
    folder = logs / "nghttpd"
    folder.mkdir()
    for name in ("small.txt", "pushed.txt"):
        (folder / name).write_text("nghttpd's own file\n", encoding="ascii")
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
    options = ["--no-tls", "-a", "127.0.0.1", "-d", str(folder), "--push=/small.txt=/pushed.txt", "--padding=9"]
    with Program("nghttpd", ["nghttpd", *options, "--trailer=t: u", "--echo-upload", str(port)], logs / "nghttpd.log"):
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                break
            time.sleep(0.05)
        yield f"127.0.0.1:{port}"


def _node(kept: _Kept, logs: Path) -> None:
    node = Software("node", f"Node.js {version('node', '-v')}")
    with (
        Child("node", ["node", str(PEER)], logs / "http2-node.log") as peer,
        Http2Relay(f"127.0.0.1:{peer.line(PATIENCE_S)}") as relay,
    ):
        assert peer.process.stdin is not None
        peer.process.stdin.write(f"{relay.port}\n")
        peer.process.stdin.flush()
        peer.line(PATIENCE_S)
        kept.take(relay, node, node)


def _grpc(kept: _Kept) -> None:
    """A unary call, one to a method that is not there, one that is cancelled, and pings."""
    software = Software("grpc", f"gRPC for Python {grpc.__version__}")
    server = grpc.server(ThreadPoolExecutor(2))
    handlers = {
        "Echo": grpc.unary_unary_rpc_method_handler(lambda request, _context: request),
        "Sleep": grpc.unary_unary_rpc_method_handler(lambda request, _context: (time.sleep(0.3), request)[1]),
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("test.Echo", handlers),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    options = [("grpc.keepalive_time_ms", 1000), ("grpc.keepalive_permit_without_calls", 1)]
    with Http2Relay(f"127.0.0.1:{port}") as relay:
        with grpc.insecure_channel(relay.address, options=options) as channel:
            assert channel.unary_unary("/test.Echo/Echo")(b"hello", timeout=PATIENCE_S, metadata=(("k", "v"),)) == b"hello"
            with suppress(grpc.RpcError):
                channel.unary_unary("/test.Echo/Nothing")(b"", timeout=PATIENCE_S)
            with suppress(grpc.RpcError):
                channel.unary_unary("/test.Echo/Sleep")(b"late", timeout=0.1)
            relay.wait(lambda frame: http2_facts(frame.data, "")["kind"] == "heartbeat_ack", timeout=PATIENCE_S)
        server.stop(0).wait()
        kept.take(relay, software, software)
