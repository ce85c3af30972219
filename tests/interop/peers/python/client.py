"""anthunder's own asyncio client, driven by commands on standard input.

{"cmd":"call", "target":"host:port", "client":name, "mode":sync|async|request-oneway|oneway, "method":name,
"service":s, "text":s | "size":n, "timeout":ms, "headers":{}, "count":n, "threads":n, "clients":n}.
Its own invoke_oneway sends an ordinary request with timeout -1 (mode request-oneway); mode oneway sends the
frame that its package class makes for PTYPE.ONEWAY.
"""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from anthunder import AioClient
from anthunder.protocol import BoltRequest, SofaHeader
from anthunder.protocol.constants import PTYPE
from lines import serve
from mytracer import SpanContext

SERVICE = "com.test.EchoService:1.0"
CLIENTS: dict[tuple[str, str], Any] = {}
LOCK = threading.Lock()


class Client(AioClient):  # type: ignore[misc]
    """Calls one address, whatever the service."""

    def __init__(self, target: str) -> None:
        host, port = target.rsplit(":", 1)
        self._target = (host, int(port))
        super().__init__("peer")

    def _get_address(self, interface: str) -> tuple[str, int]:
        return self._target


def client(args: dict[str, Any], name: str) -> Client:
    key = (name, args["target"])
    with LOCK:
        if key not in CLIENTS:
            CLIENTS[key] = Client(args["target"])
        return CLIENTS[key]


def content(args: dict[str, Any], index: int) -> bytes:
    if "size" in args:
        return bytes((i * 31 + (i >> 10) + index) & 255 for i in range(args["size"]))
    text: str = args["text"]
    return (f"{text}-{index}" if args.get("count", 1) > 1 else text).encode()


def one(args: dict[str, Any], name: str, index: int) -> dict[str, Any]:
    chosen, sent = client(args, name), content(args, index)
    target = (args.get("service", SERVICE), args.get("method", "echo"), sent)
    context, headers, timeout = SpanContext(), args.get("headers", {}), args.get("timeout", 5000)
    mode = args.get("mode", "sync")
    if mode == "request-oneway":
        chosen.invoke_oneway(*target, spanctx=context, **headers)
        return {"ok": True, "same": True}
    if mode == "oneway":
        header = SofaHeader.build_header(context, *target[:2], **headers)
        package = BoltRequest.new_request(header, sent, ptype=PTYPE.ONEWAY, timeout_ms=-1)
        asyncio.run_coroutine_threadsafe(chosen.invoke(package), chosen._loop).result(5)
        return {"ok": True, "same": True}
    if mode == "async":
        future = chosen.invoke_async(*target, spanctx=context, timeout_ms=timeout, **headers)
        got = future.result(timeout / 1000).content
    else:
        got = chosen.invoke_sync(*target, spanctx=context, timeout_ms=timeout, **headers)
    result: dict[str, Any] = {"ok": True, "same": got == sent, "length": len(got)}
    return {**result, "value": got.decode("latin-1")} if len(got) < 200 else result


def call(args: dict[str, Any]) -> dict[str, Any]:
    name, count = args.get("client", ""), args.get("count", 1)
    if count == 1:
        return one(args, name, 0)
    faults: Counter[str] = Counter()

    def run(index: int) -> bool:
        try:
            if one(args, f"{name}#{index % args.get('clients', 1)}", index)["same"]:
                return True
            faults["wrong answer"] += 1
        except Exception as error:  # noqa: BLE001  (counted, and judged by the test)
            faults[f"{type(error).__name__}: {error}"] += 1
        return False

    with ThreadPoolExecutor(args.get("threads", 8)) as pool:
        right = sum(pool.map(run, range(count)))
    return {"ok": right == count, "right": right, "faults": dict(faults)}


if __name__ == "__main__":
    serve(0, {"call": call})
