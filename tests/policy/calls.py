"""One call, whatever it is spoken in: what a test says of it, as the bytes of each protocol, sent and answered.

Frames are written by hand, so that nothing here depends on what is tested; HTTP/2 is spoken by the `h2` package. A protocol
that lacks something (a path, headers) is not sent it: `Speaker.has` says what it can say.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import h2.config
import h2.connection
import h2.events

from tests.control.proxy_process import PATIENCE
from tests.datapath import frames

GRPC = "application/grpc"


@dataclass(frozen=True)
class Call:
    """`path`: of HTTP; where it is None, that of the service and the method. `source`: where the client connects from."""

    service: str = "test.Echo"
    method: str = "say"
    headers: Mapping[str, str] = field(default_factory=dict)
    path: str | None = None
    host: str = "mesh.test"
    http_method: str = "GET"
    source: str = "127.0.0.1"

    @property
    def target(self) -> str:
        return self.path or f"/{self.service}/{self.method}"


@dataclass(frozen=True)
class Speaker:
    """A protocol's client: `send` writes a call to a connection and reads its answer, bytes or a status."""

    name: str
    has: frozenset[str]
    send: Callable[[socket.socket, Call], Any]

    def ask(self, address: str, call: Call) -> Any:
        """The answer to one call, on a connection of its own."""
        host, _, port = address.rpartition(":")
        with socket.create_connection((host, int(port)), PATIENCE, (call.source, 0)) as connection:
            return self.send(connection, call)


def read(connection: socket.socket, size_of: Callable[[bytes], int | None]) -> bytes:
    """One frame; what there is of it at the connection's end."""
    data = b""
    while (size := size_of(data)) is None or len(data) < size:
        more = connection.recv(65536)
        if not more:
            break
        data += more
    return data


def _framed(write: Callable[[Call], bytes], size_of: Callable[[bytes], int | None]) -> Callable[[socket.socket, Call], bytes]:
    def send(connection: socket.socket, call: Call) -> bytes:
        connection.sendall(write(call))
        return read(connection, size_of)

    return send


# -- Bolt, Dubbo, Thrift --------------------------------------------------------------------------------------------


def bolt(call: Call) -> bytes:
    pairs = {"service": call.service, "sofa_head_method_name": call.method, **call.headers}
    block = b"".join(struct.pack(">i", len(text.encode())) + text.encode() for pair in pairs.items() for text in pair)
    return frames.request(7, headers=block)


def dubbo(call: Call) -> bytes:
    def text(value: str) -> bytes:
        return bytes([len(value.encode())]) + value.encode()

    body = b"".join(map(text, ("2.0.2", call.service, "1.0", call.method, ""))) + b"H"
    body += b"".join(text(part) for pair in call.headers.items() for part in pair) + b"Z"
    return struct.pack(">HBBQi", 0xDABB, 0xC2, 0, 7, len(body)) + body


def thrift_message(name: str, kind: int, number: int) -> bytes:
    """Of the strict binary protocol, its struct empty."""
    return struct.pack(">HHi", 0x8001, kind, len(name)) + name.encode() + struct.pack(">i", number) + b"\0"


def thrift(call: Call) -> bytes:
    """Framed."""
    message = thrift_message(f"{call.service}:{call.method}", 1, 7)
    return struct.pack(">i", len(message)) + message


def thrift_header(call: Call) -> bytes:
    """THeader, its message in the binary protocol, its headers in clear."""

    def text(value: str) -> bytes:
        return bytes([len(value.encode())]) + value.encode()

    pairs = b"".join(text(part) for pair in call.headers.items() for part in pair)
    info = b"\0\0" + (bytes([1, len(call.headers)]) + pairs if call.headers else b"")
    info += bytes(-len(info) % 4)
    message = thrift_message(f"{call.service}:{call.method}", 1, 7)
    rest = struct.pack(">HHIH", 0x0FFF, 0, 7, len(info) // 4) + info + message
    return struct.pack(">i", len(rest)) + rest


def thrift_size(data: bytes) -> int | None:
    return None if len(data) < 4 else 4 + int(struct.unpack_from(">i", data)[0])


# -- HTTP -----------------------------------------------------------------------------------------------------------


def http1(connection: socket.socket, call: Call) -> int:
    """The answer's status."""
    fields = [f"{call.http_method} {call.target} HTTP/1.1", f"Host: {call.host}"]
    connection.sendall("\r\n".join([*fields, *map(": ".join, call.headers.items()), "", ""]).encode())
    data = b""
    while b"\r\n\r\n" not in data and (more := connection.recv(65536)):
        data += more
    return int(data.split()[1])


def http2(connection: socket.socket, call: Call) -> int:
    """The same, of a stream of HTTP/2."""
    return _stream(connection, call, call.http_method, {})


def grpc(connection: socket.socket, call: Call) -> int:
    """The call's status: 0 where it went well."""
    return _stream(connection, call, "POST", {"content-type": GRPC, "te": "trailers"})


def _stream(connection: socket.socket, call: Call, method: str, more: Mapping[str, str]) -> int:
    conn = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True, header_encoding="utf-8"))
    conn.initiate_connection()
    head = {":method": method, ":scheme": "http", ":authority": call.host, ":path": call.target, **more, **call.headers}
    conn.send_headers(1, [(name.lower(), value) for name, value in head.items()], end_stream=True)
    connection.sendall(conn.data_to_send())
    said: dict[str, str] = {}
    while True:
        data = connection.recv(65536)
        assert data, f"the connection ended, having said {said}"
        for event in conn.receive_data(data):
            if isinstance(event, (h2.events.ResponseReceived, h2.events.TrailersReceived)):
                said.update((str(name), str(value)) for name, value in event.headers)
            assert not isinstance(event, h2.events.StreamReset), event
            if isinstance(event, h2.events.StreamEnded):
                return int(said["grpc-status" if more else ":status"])
        connection.sendall(conn.data_to_send())


RPC = frozenset({"service", "method"})
WEB = frozenset({"path", "host", "query", "headers"})
SPEAKERS = {
    each.name: each
    for each in (
        Speaker("bolt", RPC | {"headers"}, _framed(bolt, frames.size_of)),
        Speaker("dubbo", RPC | {"headers"}, _framed(dubbo, frames.dubbo_size)),
        Speaker("thrift", RPC, _framed(thrift, thrift_size)),
        Speaker("thrift-header", RPC | {"headers"}, _framed(thrift_header, thrift_size)),
        Speaker("http1", WEB | {"http_method"}, http1),
        Speaker("http2", WEB | {"http_method"}, http2),
        Speaker("grpc", WEB | RPC, grpc),
    )
}
