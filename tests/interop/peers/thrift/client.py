"""A client of every form, by either library. Each command opens one connection, or several at once (`clients`)."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "python"))

from forms import APACHE, IDL, THRIFTPY2
from lines import serve
from message import read, write
from thrift.Thrift import TMessageType
from thrift.transport.TSocket import TSocket
from thriftpy2.rpc import make_client
from thriftpy2.thrift import TApplicationException

TIMEOUT_MS = 20_000
Call = Callable[..., dict[str, Any]]


def thriftpy2_call(form: str, host: str, port: int) -> Call:
    transport, protocol = THRIFTPY2[form]
    client = make_client(IDL.Echo, host, port, trans_factory=transport, proto_factory=protocol, timeout=TIMEOUT_MS)

    def call(method: str, args: list[Any]) -> dict[str, Any]:
        try:
            return {"result": getattr(client, method)(*args)}
        except IDL.Sorry as sorry:
            return {"sorry": sorry.why}
        except TApplicationException as error:
            return {"fault": error.type, "says": error.message}

    return call


def apache_call(form: str, host: str, port: int) -> Call:
    wrapped = TSocket(host, port)
    wrapped.setTimeout(TIMEOUT_MS)
    wrapped.open()
    protocol = APACHE[form](wrapped)
    number = 1000

    def call(method: str, args: list[Any]) -> dict[str, Any]:
        nonlocal number
        number += 1
        oneway = method.endswith("note")
        kind = TMessageType.ONEWAY if oneway else TMessageType.CALL
        write(protocol, method, kind, number, dict(enumerate(args, start=1)))
        if oneway:
            return {"result": None}
        name, kind, answered, fields = read(protocol)
        if (name, answered) != (method, number):
            return {"wrong": [name, answered, method, number]}
        if kind == TMessageType.EXCEPTION:
            return {"fault": fields[2], "says": fields[1]}
        return {"result": fields[0]} if 0 in fields else {"sorry": fields[1][1]}

    return call


def one(args: dict[str, Any], client: int) -> list[dict[str, Any]]:
    host, _, port = args["target"].rpartition(":")
    call = (thriftpy2_call if args["library"] == "thriftpy2" else apache_call)(args["form"], host, int(port))
    if "calls" in args:
        return [call(method, given) for method, given in args["calls"]]
    wrong = []
    for index in range(args["count"]):
        text = f"{args['form']} {client} {index} {'x' * args.get('size', 0)}"
        got = call(args.get("method", "echo"), [text])
        if got != {"result": text}:
            wrong.append(got)
    return wrong


def calls(args: dict[str, Any]) -> dict[str, Any]:
    """`calls`: a list of (method, arguments), one after the other. Or `count` echoes by each of `clients`; what is wrong."""
    start = time.monotonic()
    clients = args.get("clients", 1)
    with ThreadPoolExecutor(clients) as pool:
        found = [each for result in pool.map(lambda n: one(args, n), range(clients)) for each in result]
    return {"ok": True, "answers": found, "seconds": time.monotonic() - start}


if __name__ == "__main__":
    serve(0, {"calls": calls})
