"""examples/headers.yaml, run: what its servers get and what its clients get back."""

from __future__ import annotations

import contextlib
import http.client
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.control.proxy_process import PATIENCE, connect, receive, running
from tests.examples.servers import Server
from xproto.registry import load
from xproto.templates import build_frame

EXAMPLE = Path("examples/headers.yaml")
BOLT = load()["bolt"]
SAME = {"proto": 1, "version": 1, "id": 7, "codec": 1, "class_name": b"c", "content": b"said"}


class Web(http.server.BaseHTTPRequestHandler):
    """Answers each GET with what it got."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        said = "\n".join([self.path, *(f"{name.lower()}: {value}" for name, value in self.headers.items())]).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    def log_message(self, *_: Any) -> None: ...


@pytest.fixture(scope="module")
def web() -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Web)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def echo() -> Iterator[Server]:
    answer = {"type": "response", "command": "response", "status": 0, "headers": [("a", "1")]}
    with contextlib.closing(Server(BOLT, build_frame(BOLT.lowered, {**SAME, **answer}))) as server:
        yield server


@pytest.fixture(scope="module")
def address(web: str, echo: Server) -> Iterator[str]:
    with running(EXAMPLE, XPROTO_LISTEN="127.0.0.1:0", WEB=web, ECHO=echo.address) as proxy:
        yield proxy.wait_ready()["mesh"]


def test_a_request_of_http_and_its_answer(address: str, web: str) -> None:
    with contextlib.closing(http.client.HTTPConnection(address, timeout=PATIENCE)) as client:
        client.request("GET", "/shop/cart?id=1", headers={"X-Debug": "1", "X-Client": "a lie"})
        answer = client.getresponse()
        path, *fields = answer.read().decode().splitlines()
    said = dict(field.split(": ", 1) for field in fields)
    assert path == "/v2/cart?id=1"
    assert (said["host"], said["x-route"]) == ("shop.internal", "shop")
    assert said["x-client"].startswith("127.0.0.1:")
    assert "x-debug" not in said
    assert (answer.getheader("cache-control"), answer.getheader("x-served-by")) == ("no-store", web)


def test_a_call_of_bolt_and_its_answer(address: str, echo: Server) -> None:
    headers = [("service", "com.test.EchoService:1.0"), ("hops", "client")]
    call = {"type": "request", "command": "request", "timeout": 3000, "headers": headers}
    layout = BOLT.protocol.frame
    with contextlib.closing(connect(address)) as client:
        client.settimeout(PATIENCE)
        client.sendall(build_frame(BOLT.lowered, {**SAME, **call}, from_upstream=False))
        head = receive(client, 20)
        left = sum(int.from_bytes(head[at:to], "big") for at, to in ((12, 14), (14, 16), (16, 20)))
        answer = layout.parse(head + receive(client, left))
    assert dict(layout.parse(echo.requests[-1]).headers) == {
        "service": "com.test.EchoService:2.0", "env": "gray", "hops": "client,mesh",
    }  # fmt: skip
    assert (answer.id, dict(answer.headers)) == (7, {"a": "1", "route": "echo"})
