"""anthunder's own asyncio server. Usage: server.py PORT (0: the kernel picks). Service com.test.EchoService:1.0."""

from __future__ import annotations

import socket
import sys
import threading
import time
from collections import Counter
from typing import Any

from anthunder import AioListener, BaseService
from lines import serve

CALLS: Counter[str] = Counter()
CONNECTIONS: set[Any] = set()


class Listener(AioListener):  # type: ignore[misc]
    """Remembers which connections were made."""

    async def _handler_connection(self, reader: Any, writer: Any) -> None:
        CONNECTIONS.add(writer.get_extra_info("peername"))
        await super()._handler_connection(reader, writer)


class Echo(BaseService):  # type: ignore[misc]
    def echo(self, body: bytes) -> bytes:
        CALLS["echo"] += 1
        return body

    def tell(self, body: bytes) -> bytes:
        CALLS["tell"] += 1
        return body

    def sleep(self, body: bytes) -> bytes:
        CALLS["sleep"] += 1
        time.sleep(int(body) / 1000)
        return b"slept " + body

    def fail(self, body: bytes) -> bytes:
        CALLS["fail"] += 1
        raise ValueError(body)


def stats(_: dict[str, Any]) -> dict[str, Any]:
    return {"ok": True, "calls": CALLS.total(), "connections": len(CONNECTIONS), "methods": dict(CALLS)}


def reset(_: dict[str, Any]) -> dict[str, Any]:
    CALLS.clear()
    CONNECTIONS.clear()
    return {"ok": True}


def main() -> None:
    listening = socket.create_server(("127.0.0.1", int(sys.argv[1])))
    listener = Listener((None, None), "peer", sock=listening)
    listener.handler.register_interface("com.test.EchoService:1.0", Echo)
    threading.Thread(target=listener.run_forever, daemon=True).start()
    serve(listening.getsockname()[1], {"stats": stats, "reset": reset})


if __name__ == "__main__":
    main()
