"""thriftpy2's own client, driven by commands on standard input (thrift_forms.py)."""

from __future__ import annotations

import threading
from typing import Any

from lines import serve
from thrift_forms import Connections, summary
from thriftpy2.protocol.multiplex import TMultiplexedProtocol
from thriftpy2.thrift import TApplicationException, TClient
from thriftpy2.transport import TSocket
from thriftpy2_echo import FORMS, every, load

TIMEOUT_MS = 30_000
LOADING = threading.Lock()


class Connection:
    def __init__(self, args: dict[str, Any]) -> None:
        host, port = args["target"].rsplit(":", 1)
        transport, protocol = FORMS[args["form"]]
        self._prefix = "" if args.get("multiplexed") else f"{args['service']}__"
        socket = TSocket(host, int(port), socket_timeout=args.get("timeout", TIMEOUT_MS))
        buffered = transport().get_transport(socket)
        written = protocol().get_protocol(buffered)
        if args.get("multiplexed"):
            written = TMultiplexedProtocol(written, args["service"])
        with LOADING:
            module = load(self._prefix, self._prefix or "named_", missing=True)
        buffered.open()
        self._every = every(module)
        self._client = TClient(module.Echo, written)
        self.close = buffered.close

    def __call__(self, method: str, values: tuple[Any, ...]) -> dict[str, Any]:
        if method == "missing":
            values = ("x",)
        if method == "every":
            got = getattr(self._client, self._prefix + method)(self._every)
            got.numbers = set(got.numbers)  # thriftpy2 reads a set as a list
            return {"value": got == self._every}
        return summary(getattr(self._client, self._prefix + method)(*values))


def told(error: Exception) -> dict[str, Any] | None:
    """What the server said, if it is that; None for what happened on the way."""
    if isinstance(error, TApplicationException):
        return {"error": "TApplicationException", "type": error.type, "message": error.message}
    if type(error).__name__ == "Refused":
        return {"error": "Refused", "why": error.why, "code": error.code}  # type: ignore[attr-defined]
    return None


if __name__ == "__main__":
    serve(0, Connections(Connection, told).commands())
