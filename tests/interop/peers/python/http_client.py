"""httpx and websockets as clients of HTTP/1.1, and httpx of HTTP/2 where a command says "http2".

Commands: `get` and `post` as anyone would write them; `both` streams a body each way; `burst` sends many at once over a few
connections; `sockets` opens a WebSocket and sends what `script` says.
"""

from __future__ import annotations

import asyncio
import hashlib
import ssl
from collections.abc import Iterator
from typing import Any

import httpx
from lines import serve
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

PATIENCE_S = 30
PIECE = 8192
TRUST = ssl.create_default_context()
"""Whom the system trusts; SSL_CERT_FILE says otherwise."""
SETTINGS: dict[str, Any] = {"timeout": PATIENCE_S, "trust_env": False, "verify": TRUST}
VERSIONS: dict[bool, dict[str, Any]] = {False: {}, True: {"http1": False, "http2": True}}
CLIENTS = {http2: httpx.Client(**SETTINGS, **version) for http2, version in VERSIONS.items()}


def client(args: dict[str, Any]) -> httpx.Client:
    return CLIENTS[args.get("http2", False)]


def said(answer: httpx.Response) -> dict[str, Any]:
    headers = [[key.lower(), value] for key, value in answer.headers.multi_items()]
    return {"ok": True, "status": answer.status_code, "version": answer.http_version, "headers": headers, "body": answer.text}


def get(args: dict[str, Any]) -> dict[str, Any]:
    return said(client(args).get(args["url"], headers=args.get("headers", {})))


def post(args: dict[str, Any]) -> dict[str, Any]:
    return said(client(args).post(args["url"], json=args["json"]))


def pieces(count: int) -> Iterator[bytes]:
    """Different ones, so that order counts; no length is known before."""
    for index in range(count):
        yield index.to_bytes(4, "big") * (PIECE // 4)


def both(args: dict[str, Any]) -> dict[str, Any]:
    """What was sent and what came back, while it was sent, as digests."""
    count, got = args["count"], hashlib.sha256()
    with client(args).stream("POST", args["url"], content=pieces(count)) as answer:
        for piece in answer.iter_bytes():
            got.update(piece)
    sent = hashlib.sha256(b"".join(pieces(count)))
    return {"ok": True, "status": answer.status_code, "same": sent.digest() == got.digest()}


def burst(args: dict[str, Any]) -> dict[str, Any]:
    """Each request has a body of its own, which its answer must repeat."""

    async def all_of_them() -> int:
        limits = httpx.Limits(max_connections=args["connections"])
        version = VERSIONS[args.get("http2", False)]
        async with httpx.AsyncClient(**SETTINGS, **version, limits=limits) as client:

            async def one(index: int) -> bool:
                body = f"body {index} " * (index % 50)
                answer = await client.post(args["url"], content=body)
                return answer.status_code == 200 and answer.json()["body"] == body

            return sum(await asyncio.gather(*(one(index) for index in range(args["count"]))))

    right = asyncio.run(all_of_them())
    return {"ok": right == args["count"], "right": right}


def sockets(args: dict[str, Any]) -> dict[str, Any]:
    """Sends each message of `script` and waits for what comes back: a text, a number for binary bytes, "ping"."""

    async def talk() -> dict[str, Any]:
        answers: list[str | int] = []  # lengths
        async with connect(args["url"], max_size=None, subprotocols=args.get("subprotocols"), proxy=None) as socket:
            try:
                for step in args["script"]:
                    if step == "ping":
                        await asyncio.wait_for(await socket.ping(b"knock"), PATIENCE_S)
                        answers.append("pong")
                        continue
                    message = step if isinstance(step, str) else bytes(range(256)) * (step // 256)
                    await socket.send(message)
                    answer = await asyncio.wait_for(socket.recv(), PATIENCE_S)
                    answers.append(len(answer) if answer == message else f"another: {answer[:100]!r}")
                await socket.close(args.get("code", 1000), "done")
            except ConnectionClosed as closed:
                code = closed.rcvd.code if closed.rcvd else 1006
                return {"ok": True, "answers": answers, "code": code, "subprotocol": socket.subprotocol}
            return {"ok": True, "answers": answers, "code": socket.close_code, "subprotocol": socket.subprotocol}

    return asyncio.run(talk())


if __name__ == "__main__":
    serve(0, {"get": get, "post": post, "both": both, "burst": burst, "sockets": sockets})
