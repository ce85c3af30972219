"""Apache Thrift's own transports and protocols as a client, driven by commands on standard input (thrift_forms.py).

Every answer is checked for the name and the id of its call. {"cmd":"pipeline", …, "texts":[…], "ms":n} sends all its
calls before it reads: one that takes `ms`, then echoes; it tells the answers as they came. {"bare":true} leaves the
service's name to what `info` says of it.
"""

from __future__ import annotations

import itertools
from typing import Any

from apache_echo import FORMS, METHODS, Refused, every, write
from lines import serve
from thrift.protocol.TMultiplexedProtocol import TMultiplexedProtocol
from thrift.Thrift import TApplicationException, TMessageType
from thrift.transport.THeaderTransport import THeaderTransformID
from thrift.transport.TSocket import TSocket
from thrift_forms import Connections, summary

TIMEOUT_MS = 30_000
ID_STEP = 0x01020301
"""Ids of one to four bytes, also where a varint writes them."""


class Connection:
    def __init__(self, args: dict[str, Any]) -> None:
        host, port = args["target"].rsplit(":", 1)
        transport, protocol = FORMS[args["form"]]
        self._prefix = "" if args.get("multiplexed") or args.get("bare") else f"{args['service']}__"
        self._info = args.get("info") or {}
        socket = TSocket(host, int(port))
        socket.setTimeout(args.get("timeout", TIMEOUT_MS))
        buffered = transport().getTransport(socket)
        self._in = self._out = protocol().getProtocol(buffered)
        self._head = self._out if args["form"].startswith("thrift-header") else None
        if args.get("zlib"):
            self._out.add_transform(THeaderTransformID.ZLIB)
        if args.get("multiplexed"):
            self._out = TMultiplexedProtocol(self._out, args["service"])
        self._ids = (number * ID_STEP % 2**31 for number in itertools.count(1))
        buffered.open()
        self.close = buffered.close

    def __call__(self, method: str, values: tuple[Any, ...]) -> dict[str, Any]:
        if method == "every":
            sent = every()
            return {"value": self.receive(method, self.send(method, (sent,))) == sent}
        seqid = self.send(method, values)
        return summary(self.receive(method, seqid)) if METHODS[method][1] else {"value": None}

    def send(self, method: str, values: tuple[Any, ...]) -> int:
        seqid = next(self._ids)
        arguments, answer = METHODS[method]
        names = [field[2] for field in arguments.thrift_spec if field]
        for key, value in self._info.items() if self._head else ():
            self._head.set_header(key.encode(), value.encode())
        kind = TMessageType.CALL if answer else TMessageType.ONEWAY
        body = arguments(**dict(zip(names, values, strict=False)))
        write(self._out, self._prefix + method, kind, seqid, body)
        return seqid

    def receive(self, method: str, seqid: int) -> Any:
        return self.receive_any({seqid: method})[1]

    def receive_any(self, asked: dict[int, str]) -> tuple[int, Any]:
        """The next answer, of whichever call it is: its id and its value."""
        name, kind, seqid = self._in.readMessageBegin()
        method = asked.get(seqid, "none")
        if name != self._prefix + method:
            raise ValueError(f"answer of {name!r} {seqid}, asked for {asked}")
        body = TApplicationException() if kind == TMessageType.EXCEPTION else METHODS[method][1]()
        body.read(self._in)
        self._in.readMessageEnd()
        if kind == TMessageType.EXCEPTION:
            raise body
        if getattr(body, "refused", None):
            raise body.refused
        return seqid, body.success


def told(error: Exception) -> dict[str, Any] | None:
    """What the server said, if it is that; None for what happened on the way."""
    if isinstance(error, TApplicationException):
        return {"error": "TApplicationException", "type": error.type, "message": error.message}
    if isinstance(error, Refused):
        return {"error": "Refused", "why": error.why, "code": error.code}
    return None


def pipeline(args: dict[str, Any]) -> dict[str, Any]:
    connection = Connection(args)
    asked = {connection.send("slow", (args["ms"],)): "slow"}
    asked.update({connection.send("echo", (text,)): "echo" for text in args["texts"]})
    came = [connection.receive_any(asked) for _ in asked]
    connection.close()
    return {"ok": True, "values": [value for _, value in came], "in_order": [seqid for seqid, _ in came] == list(asked)}


if __name__ == "__main__":
    serve(0, {**Connections(Connection, told).commands(), "pipeline": pipeline})
