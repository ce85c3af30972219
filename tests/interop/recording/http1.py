"""Vectors of HTTP/1.1: curl, httpx, the JDK's client and Chromium as clients, Node and nginx as servers."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from harness.http_vectors import HttpRelay, http_facts
from harness.processes import anthunder, java
from harness.programs import Chromium, Nginx, curl, run
from harness.relay import TO_CLIENT, TO_SERVER
from harness.vectors import Software
from harness.web import node_server

if TYPE_CHECKING:
    from pathlib import Path

    from harness.vectors import Vectors

REFUSED = "bad-request"
"""Its request is malformed, and is not kept."""
FILES = {"small.txt": 512, "empty.txt": 0}
NODE_CALLS: dict[str, tuple[str, ...]] = {
    "get": ("/echo?a=b%20c",),
    "fields": ("/fields",),
    "chunks": ("/chunks?text=one%20two",),
    "post": ("/echo", "-d", "a=b&c=d"),
    "put-chunked": ("/echo", "-T", "-"),
    "expect": ("/echo", "-H", "Expect: 100-continue", "-d", "a body that waits"),
    "http-1.0": ("/echo", "-0", "-d", "old"),
    "keep-alive-1.0": ("/echo", "-0", "-H", "Connection: keep-alive"),
    "options": ("/echo", "-X", "OPTIONS", "--request-target", "*"),
    "close": ("/close",),
    "delete": ("/echo", "-X", "DELETE"),
    "hints": ("/hints",),
    "204": ("/status?code=204",),
    "304": ("/status?code=304",),
    "205": ("/status?code=205",),
    "500": ("/status?code=500",),
}
NGINX_CALLS: dict[str, tuple[str, ...]] = {
    "file": ("/files/small.txt",),
    "empty-file": ("/files/empty.txt",),
    "range": ("/files/small.txt", "-r", "6-14"),
    "ranges": ("/files/small.txt", "-r", "0-4,6-9"),
    "not-satisfiable": ("/files/small.txt", "-r", "9999-"),
    "gzip": ("/files/zipped/small.txt", "--compressed"),
    "moved": ("/files/moved",),
    "nothing": ("/files/nothing",),
    "missing": ("/files/none",),
    REFUSED: ("/files/small.txt", "-H", "Host: a b"),
}
PATIENCE_S = 30
DONE = b"POST /report "
KEPT = {
    b"GET /page ": "page",
    b"GET /style.css ": "style",
    b"GET /socket ": "websocket",
    b"GET /feed?": "event-source",
    DONE: "fetch",
}
"""What of Chromium's requests is kept."""


def version(*argv: str) -> str:
    """What a program says of its version: the first number of dots that it prints."""
    done = run(argv, ok=False)
    return re.findall(r"\d+(?:\.\d+)+", (done.stdout + done.stderr).decode())[0]


def record(vectors: Vectors, logs: Path) -> None:
    client = Software("curl", f"curl {version('curl', '--version')}")
    node = Software("node", f"Node.js {version('node', '-v')}")
    with node_server(logs / "http-node.log") as server, HttpRelay(server.address) as relay:
        for name, (path, *args) in NODE_CALLS.items():
            _curl(vectors, relay, name, path, args, client, node)
        _head(vectors, server.address, client)
        _java(vectors, relay, logs)
        _httpx(vectors, relay, logs)
        _chromium(vectors, relay, logs, node)
    with Nginx(logs / "nginx-files", FILES) as nginx, HttpRelay(nginx.address) as relay:
        for name, (path, *args) in NGINX_CALLS.items():
            _curl(vectors, relay, f"nginx-{name}", path, args, client, Software("nginx", f"nginx {version('nginx', '-v')}"))


def _curl(
    vectors: Vectors, relay: HttpRelay, name: str, path: str, args: list[str], client: Software, server: Software
) -> None:
    relay.clear()
    curl(*args, f"http://{relay.address}{path}", stdin=b"from standard input", ok=False)
    asked = relay.wait(lambda frame: frame.direction == TO_SERVER)[0].data
    if REFUSED not in name:
        vectors.add("http1", f"curl-{name}-request", client, "request", asked)
    _answers(vectors, relay, f"{server.file}-{name.removeprefix('nginx-')}", server)


def _answers(vectors: Vectors, relay: HttpRelay, name: str, server: Software) -> None:
    """The last answer and those before it."""
    relay.wait(lambda frame: frame.direction == TO_CLIENT and http_facts(frame.data)["kind"] == "response")
    for number, frame in enumerate(relay.frames(TO_CLIENT)):
        interim = http_facts(frame.data)["kind"] == "interim"
        vectors.add("http1", f"{name}-{f'interim-{number}' if interim else 'response'}", server, "response", frame.data)


def _head(vectors: Vectors, address: str, client: Software) -> None:
    """The request alone: its answer says a length, and has no body, so that it is no frame by itself."""
    with HttpRelay(address) as relay:
        curl("-I", f"http://{relay.address}/echo")
        vectors.add("http1", "curl-head-request", client, "request", relay.frames(TO_SERVER)[0].data)


def _java(vectors: Vectors, relay: HttpRelay, logs: Path) -> None:
    software = Software("java", f"java.net.http.HttpClient of OpenJDK {version('java', '--version')}")
    url = f"http://{relay.address}/echo"
    calls = {
        "get": {"method": "GET"},
        "post": {"method": "POST", "size": 32},
        "post-chunked": {"method": "POST", "size": 32, "chunked": True},
        "expect": {"method": "POST", "size": 32, "expect": True},
        "offer-of-http2": {"method": "GET", "offer": True},
    }
    with java("HttpCalls", logs / "http-java.log") as client:
        for name, command in calls.items():
            relay.clear()
            client.ok("call", url=url, **{"size": 0, **command})
            vectors.add("http1", f"java-{name}-request", software, "request", relay.frames(TO_SERVER)[0].data)


def _httpx(vectors: Vectors, relay: HttpRelay, logs: Path) -> None:
    software = Software("httpx", "httpx 0.28.1")
    with anthunder("http_client.py", logs / "http-python.log") as client:
        relay.clear()
        client.ok("get", url=f"http://{relay.address}/echo", headers={"Cookie": "a=1; b=2"})
        vectors.add("http1", "httpx-get-request", software, "request", relay.frames(TO_SERVER)[0].data)
        relay.clear()
        client.ok("post", url=f"http://{relay.address}/echo", json={"text": "é😀"})
        vectors.add("http1", "httpx-post-request", software, "request", relay.frames(TO_SERVER)[0].data)


def _chromium(vectors: Vectors, relay: HttpRelay, logs: Path, node: Software) -> None:
    software = Software("chromium", f"Chromium {version('chromium', '--version')}")
    relay.clear()
    with Chromium(f"http://{relay.address}/page", logs):
        relay.wait(lambda frame: frame.direction == TO_SERVER and frame.data.startswith(DONE), timeout=PATIENCE_S)
    for start, name in KEPT.items():
        asked = next(f.data for f in relay.frames(TO_SERVER) if f.data.startswith(start))
        vectors.add("http1", f"chromium-{name}-request", software, "request", asked)
    switched = next(f.data for f in relay.frames(TO_CLIENT) if f.data.startswith(b"HTTP/1.1 101 "))
    vectors.add("http1", "node-websocket-response", node, "response", switched)
