"""grpcio's server of test.Echo: every kind of call, messages being plain bytes.

Usage: grpc_server.py [CERTIFICATE KEY]. Methods:

- Say answers with what it is sent; of the metadata it sends back what begins with `x-` at once and what begins with `t-`
  at the end.
- Split: {"count", "size"} asks for so many messages of that size, the nth filled with n. Join counts what it is sent:
  {"count", "bytes"}. Chat sends every message back when it comes.
- Fail and FailLate fail as they are told: {"code", "message", "details"} (hex, for grpc-status-details-bin), FailLate after
  a first message.
- Wait and Hang take a name and never answer, Hang after a first message. They note "began NAME" with the milliseconds left,
  and "gone NAME", with the monotonic time in ns, when nobody waits any more.

Commands: `wait` until something was noted `count` times, `connections` that calls came by.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
from lines import serve

THREADS = 64
PATIENCE_S = 20.0
OPTIONS = (("grpc.max_receive_message_length", -1), ("grpc.so_reuseport", 0))

NOTED: dict[str, list[Any]] = {}
CONNECTIONS: set[str] = set()
NEWS = threading.Condition()


def note(what: str, value: Any) -> None:
    with NEWS:
        NOTED.setdefault(what, []).append(value)
        NEWS.notify_all()


def wait(args: dict[str, Any]) -> dict[str, Any]:
    name, count = args["name"], args.get("count", 1)
    with NEWS:
        enough = NEWS.wait_for(lambda: len(NOTED.get(name, [])) >= count, PATIENCE_S)
        return {"ok": enough, "values": NOTED.get(name, [])}


def connections(args: dict[str, Any]) -> dict[str, Any]:
    """How many since it was last asked."""
    count = len(CONNECTIONS)
    CONNECTIONS.clear()
    return {"ok": True, "count": count}


def say(request: bytes, context: grpc.ServicerContext) -> bytes:
    CONNECTIONS.add(context.peer())
    sent = context.invocation_metadata()
    context.send_initial_metadata([pair for pair in sent if pair[0].startswith("x-")])
    context.set_trailing_metadata([pair for pair in sent if pair[0].startswith("t-")])
    return request


def split(request: bytes, context: grpc.ServicerContext) -> Iterator[bytes]:
    asked = json.loads(request)
    for index in range(asked["count"]):
        yield bytes([index % 256]) * asked["size"]


def join(requests: Iterator[bytes], context: grpc.ServicerContext) -> bytes:
    sizes = [len(request) for request in requests]
    return json.dumps({"count": len(sizes), "bytes": sum(sizes)}).encode()


def chat(requests: Iterator[bytes], context: grpc.ServicerContext) -> Iterator[bytes]:
    yield from requests


def fail(request: bytes, context: grpc.ServicerContext) -> bytes:
    told = json.loads(request)
    if told["details"]:
        context.set_trailing_metadata([("grpc-status-details-bin", bytes.fromhex(told["details"]))])
    context.abort(grpc.StatusCode[told["code"]], told["message"])
    raise AssertionError


def fail_late(request: bytes, context: grpc.ServicerContext) -> Iterator[bytes]:
    yield b"first"
    fail(request, context)


def hold(request: bytes, context: grpc.ServicerContext) -> bytes:
    """Until the client has gone."""
    name, gone = request.decode(), threading.Event()

    def note_end() -> None:
        note(f"gone {name}", time.monotonic_ns())
        gone.set()

    left = context.time_remaining()
    note(f"began {name}", None if left is None else round(left * 1000))
    if not context.add_callback(note_end):
        note_end()
    gone.wait(PATIENCE_S)
    return b""


def hang(request: bytes, context: grpc.ServicerContext) -> Iterator[bytes]:
    yield b"first"
    yield hold(request, context)


HANDLERS = {
    "Say": grpc.unary_unary_rpc_method_handler(say),
    "Split": grpc.unary_stream_rpc_method_handler(split),
    "Join": grpc.stream_unary_rpc_method_handler(join),
    "Chat": grpc.stream_stream_rpc_method_handler(chat),
    "Fail": grpc.unary_unary_rpc_method_handler(fail),
    "FailLate": grpc.unary_stream_rpc_method_handler(fail_late),
    "Wait": grpc.unary_unary_rpc_method_handler(hold),
    "Hang": grpc.unary_stream_rpc_method_handler(hang),
}


def main(files: list[str]) -> None:
    server = grpc.server(ThreadPoolExecutor(THREADS), options=OPTIONS, compression=grpc.Compression.Gzip)
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler("test.Echo", HANDLERS)])
    if files:
        certificate, key = (Path(file).read_bytes() for file in files)
        port = server.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials([(key, certificate)]))
    else:
        port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    serve(port, {"wait": wait, "connections": connections})


if __name__ == "__main__":
    main(sys.argv[1:])
