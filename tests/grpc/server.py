"""grpcio's server for tests: every kind of call, messages being plain bytes."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc

PATIENCE = 20.0
LARGEST = (("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1))
THREADS = 16


class Server(grpc.GenericRpcHandler):  # type: ignore[misc]
    """Answers for every service. `name` goes in the initial metadata of its answers.

    Methods: Say gives back what it is sent, and metadata; Split sends each byte alone; Join all messages as one; Chat each when
    it comes; Fail ends with a status; Wait and Begin never answer, Begin but a first message.
    """

    def __init__(self, name: str = "echo") -> None:
        self.name = name
        self.began, self.gone = threading.Event(), threading.Event()
        self.left: float | None = None
        self.gone_at = 0.0
        self.metadata: dict[str, Any] = {}
        self.server = grpc.server(ThreadPoolExecutor(THREADS), handlers=(self,), options=(*LARGEST, ("grpc.so_reuseport", 0)))
        self.address = f"127.0.0.1:{self.server.add_insecure_port('127.0.0.1:0')}"
        self.server.start()

    def close(self) -> None:
        self.server.stop(0).wait(PATIENCE)

    def forget(self) -> None:
        self.began.clear()
        self.gone.clear()

    def service(self, details: Any) -> Any:
        method = details.method.rpartition("/")[2]
        return {
            "Say": grpc.unary_unary_rpc_method_handler(self.say),
            "Split": grpc.unary_stream_rpc_method_handler(self.split),
            "Join": grpc.stream_unary_rpc_method_handler(self.join),
            "Chat": grpc.stream_stream_rpc_method_handler(self.chat),
            "Fail": grpc.unary_unary_rpc_method_handler(self.fail),
            "Wait": grpc.unary_unary_rpc_method_handler(self.wait),
            "Begin": grpc.unary_stream_rpc_method_handler(self.begin),
        }.get(method)

    def say(self, request: bytes, context: grpc.ServicerContext) -> bytes:
        self.left, self.metadata = context.time_remaining(), dict(context.invocation_metadata())
        context.send_initial_metadata([("x-server", self.name)])
        context.set_trailing_metadata([pair for pair in self.metadata.items() if pair[0].startswith("t-")])
        return request

    def split(self, request: bytes, _context: grpc.ServicerContext) -> Iterator[bytes]:
        for byte in request:
            yield bytes([byte])

    def join(self, requests: Iterator[bytes], _context: grpc.ServicerContext) -> bytes:
        return b"".join(requests)

    def chat(self, requests: Iterator[bytes], _context: grpc.ServicerContext) -> Iterator[bytes]:
        yield from requests

    def fail(self, request: bytes, context: grpc.ServicerContext) -> bytes:
        code = next(code for code in grpc.StatusCode if code.name == request.decode())
        context.abort(code, "100 %, \u00e9\nand more")
        raise AssertionError

    def _hold(self, context: grpc.ServicerContext) -> None:
        self.left = context.time_remaining()

        def gone() -> None:
            self.gone_at = time.monotonic()
            self.gone.set()

        assert context.add_callback(gone)
        self.began.set()
        assert self.gone.wait(PATIENCE)

    def wait(self, request: bytes, context: grpc.ServicerContext) -> bytes:
        self._hold(context)
        return request

    def begin(self, request: bytes, context: grpc.ServicerContext) -> Iterator[bytes]:
        yield request
        self._hold(context)
