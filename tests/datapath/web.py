"""HTTP/1.1 for tests of the data path: messages written by hand, and peers that read whole ones."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from proxy.snapshot import HeaderMatch, Http, Route
from tests.datapath.world import Backend, Peer, World

ROUTES = (Route("a", (HeaderMatch("path", "prefix", "/a"),), "main"),)
PLAIN = Http(forwarded=False, request_id=False, via="")
"""A hop that adds nothing."""


class Message(NamedTuple):
    """As it came: the first line, the fields by name in lower case, and the body as it stands on the wire."""

    line: str
    fields: dict[str, str]
    body: bytes

    @property
    def status(self) -> int:
        return int(self.line.split()[1])


def request(path: str = "/a", body: bytes | None = None, *fields: str, method: str = "", version: str = "1.1") -> bytes:
    """A GET, or with a body a counted POST."""
    method = method or ("GET" if body is None else "POST")
    counted = () if body is None else (f"Content-Length: {len(body)}",)
    return "\r\n".join([f"{method} {path} HTTP/{version}", "Host: h", *fields, *counted, "", ""]).encode() + (body or b"")


def response(body: bytes = b"", *fields: str, status: str = "200 OK", version: str = "1.1") -> bytes:
    """A counted answer."""
    lines = [f"HTTP/{version} {status}", *fields, f"Content-Length: {len(body)}", "", ""]
    return "\r\n".join(lines).encode() + body


def head(status: str, *fields: str) -> bytes:
    """An answer's head."""
    return "\r\n".join([f"HTTP/1.1 {status}", *fields, "", ""]).encode()


def chunks(*parts: bytes) -> bytes:
    return b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


def size_of(data: bytes) -> int | None:
    """Of a head alone: bodies are read by `take`."""
    end = data.find(b"\r\n\r\n")
    return None if end < 0 else end + 4


async def take(peer: Peer, body: int | None = None) -> Message:
    """The next message. `body`: bytes of it, where its head does not say so (or says what is not so, as for HEAD)."""
    data = await peer.receive()
    assert data, "the stream ended"
    line, *lines = data.decode("latin-1").split("\r\n")[:-2]
    fields = {name.lower(): value for name, value in (each.split(": ", 1) for each in lines)}
    if body is None and fields.get("transfer-encoding") == "chunked":
        found = b""
        while not found.endswith(b"0\r\n\r\n"):
            more = await peer.bytes(1)
            assert more, "the stream ended in a chunk"
            found += more
        return Message(line, fields, found)
    size = int(fields.get("content-length", 0)) if body is None else body
    return Message(line, fields, await peer.bytes(size))


def start(
    world: World, *hosts: Backend | str, http: Http = PLAIN, listener: dict[str, Any] | None = None, **cluster: Any
) -> World:
    world.size_of = size_of
    return world.start(*hosts, protocols=("http1",), routes=ROUTES, listener={"http": http, **(listener or {})}, **cluster)


async def exchange(client: Peer, backend: Backend, path: str = "/a") -> Peer:
    """One call there and back; the server's side of the connection that it took."""
    await client.send(request(path))
    upstream = await backend.accept()
    assert re.match(rf"GET {re.escape(path)} ", (await take(upstream)).line)
    await upstream.send(response(b"first"))
    assert (await take(client)).body == b"first"
    return upstream
