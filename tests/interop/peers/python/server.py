"""anthunder's own asyncio server. Usage: server.py PORT [SERVICE] (0: the kernel picks).

The service is com.test.EchoService:1.0 unless named.
"""

from __future__ import annotations

import socket
import sys
import threading
import time
from collections import Counter
from typing import Any

from anthunder import AioListener, BaseService
from lines import serve

PATIENCE_S = 10
CALLS: Counter[str] = Counter()
NEWS = threading.Condition()
CONNECTIONS: set[Any] = set()


def count(method: str) -> None:
    with NEWS:
        CALLS[method] += 1
        NEWS.notify_all()


class Listener(AioListener):  # type: ignore[misc]
    """Remembers which connections were made."""

    async def _handler_connection(self, reader: Any, writer: Any) -> None:
        CONNECTIONS.add(writer.get_extra_info("peername"))
        await super()._handler_connection(reader, writer)


class Echo(BaseService):  # type: ignore[misc]
    def echo(self, body: bytes) -> bytes:
        count("echo")
        return body

    def tell(self, body: bytes) -> bytes:
        count("tell")
        return body

    def sleep(self, body: bytes) -> bytes:
        count("sleep")
        time.sleep(int(body) / 1000)
        return b"slept " + body

    def fail(self, body: bytes) -> bytes:
        count("fail")
        raise ValueError(body)


def stats(_: dict[str, Any]) -> dict[str, Any]:
    return {"ok": True, "calls": CALLS.total(), "connections": len(CONNECTIONS), "methods": dict(CALLS)}


def wait(args: dict[str, Any]) -> dict[str, Any]:
    """Answers when so many calls of that method have come."""
    with NEWS:
        if not NEWS.wait_for(lambda: CALLS[args["method"]] >= args["count"], PATIENCE_S):
            raise TimeoutError(f"only these calls came: {CALLS}")
    return {"ok": True, "count": CALLS[args["method"]]}


def reset(_: dict[str, Any]) -> dict[str, Any]:
    CALLS.clear()
    CONNECTIONS.clear()
    return {"ok": True}


def main() -> None:
    listening = socket.create_server(("127.0.0.1", int(sys.argv[1])))
    listener = Listener((None, None), "peer", sock=listening)
    listener.handler.register_interface((*sys.argv, "com.test.EchoService:1.0")[2], Echo)
    threading.Thread(target=listener.run_forever, daemon=True).start()
    serve(listening.getsockname()[1], {"stats": stats, "reset": reset, "wait": wait})


if __name__ == "__main__":
    main()
