"""A server of every form, by both libraries. Usage: server.py 0. The command `ports` says where which is."""

from __future__ import annotations

import socket
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "python"))

from forms import APACHE, IDL, THRIFTPY2
from lines import serve
from message import read, write
from thrift.Thrift import TMessageType
from thrift.transport.TSocket import TSocket
from thriftpy2.rpc import make_server

PATIENCE_S = 10
CALLS: Counter[str] = Counter()
NEWS = threading.Condition()
OPEN: Counter[str] = Counter()
"""Calls that are being answered, by the server and its connection: more than one at a time is what no stock server can."""


def count(method: str) -> None:
    with NEWS:
        CALLS[method] += 1
        NEWS.notify_all()


class Echo:
    """What the service does."""

    def echo(self, text: str) -> str:
        count("echo")
        return text

    def add(self, a: int, b: int) -> int:
        count("add")
        return a + b

    def fail(self, why: str) -> str:
        count("fail")
        raise IDL.Sorry(why=why)

    def note(self, text: str) -> None:
        count(f"note {text}")

    def slow(self, ms: int) -> str:
        count("slow")
        time.sleep(ms / 1000)
        return "slow"


def answer(protocol: Any) -> None:
    """One call, by Apache's library."""
    name, kind, number, fields = read(protocol)
    method = name.rpartition(":")[2]
    work = getattr(Echo(), method, None)
    if work is None:
        write(protocol, name, TMessageType.EXCEPTION, number, {1: f"no method {method}", 2: 1})
        return
    try:
        result = {0: work(*fields.values())}
    except IDL.Sorry as sorry:
        result = {1: {1: sorry.why}}
    if kind != TMessageType.ONEWAY:
        write(protocol, name, TMessageType.REPLY, number, result)


def apache(listening: socket.socket, form: str) -> None:
    while True:
        accepted, _ = listening.accept()
        threading.Thread(target=converse, args=(accepted, form), daemon=True).start()


def converse(accepted: socket.socket, form: str) -> None:
    wrapped = TSocket()
    wrapped.setHandle(accepted)
    protocol = APACHE[form](wrapped)
    try:
        while True:
            answer(protocol)
    except Exception:  # noqa: BLE001 (the end of the connection, however it comes)
        wrapped.close()


def main() -> None:
    ports: dict[str, int] = {}
    for form in APACHE:
        listening = socket.create_server(("127.0.0.1", 0), backlog=128)
        ports[f"apache {form}"] = listening.getsockname()[1]
        threading.Thread(target=apache, args=(listening, form), daemon=True).start()
    for form, (transport, protocol) in THRIFTPY2.items():
        with socket.create_server(("127.0.0.1", 0)) as found:
            port = found.getsockname()[1]
        made = make_server(
            IDL.Echo, Echo(), "127.0.0.1", port, trans_factory=transport, proto_factory=protocol, client_timeout=None
        )
        ports[f"thriftpy2 {form}"] = port
        made.trans.listen()
        made.trans.listen = lambda: None
        threading.Thread(target=made.serve, daemon=True).start()

    def wait(args: dict[str, Any]) -> dict[str, Any]:
        with NEWS:
            if not NEWS.wait_for(lambda: CALLS[args["method"]] >= args["count"], PATIENCE_S):
                raise TimeoutError(f"only these calls came: {CALLS}")
        return {"ok": True}

    serve(0, {"ports": lambda _: {"ok": True, "ports": ports}, "wait": wait})


if __name__ == "__main__":
    main()
