"""One call there and back in each protocol, so that a test of a route says what it expects once, for all of them.

What went in and what came out is read by construct, or by the `h2` package: never by what is tested.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NamedTuple

import h2.events

from proxy.snapshot import Http, Route
from tests.datapath import h2peer, web
from tests.datapath.frames import dubbo_size
from tests.datapath.world import REGISTRY, Backend, World
from xproto.templates import build_frame

Headers = Mapping[str, str]
SERVICE, METHOD, VERSION, PATH, HOST = "com.test.Echo", "echo", "1.0", "/com.test.Echo/echo", "shop.test"
QUIET = Http(forwarded=False, request_id=False, via="")


class Said(NamedTuple):
    """What a server got: where the call says that it goes, and its headers (those that the call had before among them)."""

    roles: dict[str, str]
    headers: dict[str, str]


class Answered(NamedTuple):
    """What a client got. `headers` None: an answer of the proxy's own."""

    headers: dict[str, str] | None
    method: str | None = None
    """Where answers say it again."""


class Outcome(NamedTuple):
    said: Said | None
    answered: Answered


class Speech(NamedTuple):
    """One protocol. `roles` are those that a call of `exchange` says."""

    name: str
    roles: frozenset[str]
    requests: bool
    answers: bool
    exchange: Callable[[World, tuple[Route, ...], Headers, Headers], Awaitable[Outcome]]

    def __repr__(self) -> str:
        return self.name


def joined(pairs: Any) -> dict[str, str]:
    """Headers as a mapping; a list's values by a comma."""
    found: dict[str, str] = {}
    for key, value in pairs or ():
        name, text = (each if isinstance(each, str) else each.decode("latin-1") for each in (key, value))
        found[name] = f"{found[name]},{text}" if name in found else text
    return found


# -- frames -------------------------------------------------------------------------------------------------------------


def _bolt_call(headers: Headers) -> dict[str, Any]:
    own = {"service": SERVICE, "sofa_head_method_name": METHOD, **headers}
    return {
        "proto": 2, "ver1": 2, "switch": {"unused": 0, "crc": 1}, "type": "request", "command": "request", "version": 1,
        "id": 7, "codec": 1, "timeout": 3000, "class_name": b"c", "headers": list(own.items()), "content": b"body",
    }  # fmt: skip


def _bolt_answer(call: Any, headers: Headers) -> dict[str, Any]:
    same = {"proto": 2, "ver1": 2, "switch": {"unused": 0, "crc": 1}, "version": 1, "id": call["id"], "codec": 1}
    return {
        **same, "type": "response", "command": "response", "status": 0, "class_name": b"c", "headers": list(headers.items()),
        "content": b"body",
    }  # fmt: skip


def _bolt_said(call: Any) -> Said:
    headers = joined(call["headers"])
    return Said({"service": headers.pop("service", ""), "method": headers.pop("sofa_head_method_name", "")}, headers)


def _dubbo_call(headers: Headers) -> dict[str, Any]:
    attachments = {"path": SERVICE, **headers}
    body = {"dubbo": "2.0.2", "path": SERVICE, "version": VERSION, "method": METHOD, "types": "Ljava/lang/String;"}
    return {
        "flags": {"request": 1, "two_way": 1, "event": 0, "serialization": "hessian2"}, "status": 0, "id": 9,
        "body": {**body, "arguments": ["said"], "attachments": attachments, "rest": b""},
    }  # fmt: skip


def _dubbo_answer(call: Any, _headers: Headers) -> dict[str, Any]:
    flags = {"request": 0, "two_way": 0, "event": 0, "serialization": "hessian2"}
    return {"flags": flags, "status": 20, "id": call["id"], "body": {"event": 0, "rest": b"\x92"}}


def _dubbo_said(call: Any) -> Said:
    headers, body = joined(call["body"]["attachments"]), call["body"]
    assert headers.pop("path") == body["path"], "two services in one call"
    return Said({"service": body["path"], "method": body["method"], "version": body["version"]}, headers)


def _tars_call(headers: Headers) -> dict[str, Any]:
    body = {"version": 1, "oneway": 0, "message_type": 0, "id": 7, "servant": SERVICE.encode(), "function": METHOD.encode()}
    more = {"buffer": b"said", "timeout": 3000, "context": dict(headers), "status": {}, "rest": b""}
    return {"body": {**body, **more}}


def _tars_answer(call: Any, headers: Headers) -> dict[str, Any]:
    body = {"version": 1, "oneway": 0, "id": call["body"]["id"], "answer_type": 0, "code": 0, "result": b"said"}
    return {"body": {**body, "answer_status": dict(headers), "rest": b""}}


def _tars_said(call: Any) -> Said:
    body = call["body"]
    return Said({"service": body["servant"].decode(), "method": body["function"].decode()}, joined(body["context"]))


def _theader(headers: Headers, kind: str, name: str, seq: int) -> dict[str, Any]:
    info = {"protocol": 0, "transforms": 0, "info": list(headers.items()), "rest": b""}
    return {"flags": 0, "seq": seq, "header": info, "type": kind, "name": name.encode(), "seqid": seq, "body": b"\0"}


def _theader_said(call: Any) -> Said:
    service, _, method = call["name"].decode().rpartition(":")
    return Said({"service": service, "method": method}, joined(call["header"]["info"]))


def _thrift_said(call: Any) -> Said:
    service, _, method = call["name"].decode().rpartition(":")
    return Said({"service": service, "method": method}, {})


def _framed(
    name: str, size: Callable[[bytes], int | None], call: Callable[[Headers], dict[str, Any]],
    answer: Callable[[Any, Headers], dict[str, Any]], said: Callable[[Any], Said], got: Callable[[Any], Answered | None],
) -> Callable[..., Awaitable[Outcome]]:  # fmt: skip
    """got: what an answer says; None: it is one of the proxy's own."""
    lowered = REGISTRY[name].lowered
    layout = lowered.protocol.frame

    async def exchange(world: World, routes: tuple[Route, ...], headers: Headers, answers: Headers) -> Outcome:
        backend = world.backend()
        world.start(backend, protocols=(name,), routes=routes)
        world.size_of = size
        client = await world.client()
        await client.send(build_frame(lowered, call(headers), from_upstream=False))
        upstream = await backend_or_answer(world, backend, client)
        seen = None
        if upstream is not None:
            frame = await upstream.receive()
            assert REGISTRY[name].codec.verify_bytes(frame) == len(frame)
            found = layout.parse(frame, from_upstream=0)
            seen = said(found)
            await upstream.send(build_frame(lowered, answer(found, answers)))
        frame = await client.receive()
        assert REGISTRY[name].codec.verify_bytes(frame, 1) == len(frame)
        return Outcome(seen, got(layout.parse(frame, from_upstream=1)) or Answered(None))

    return exchange


async def backend_or_answer(world: World, backend: Backend, client: Any) -> Any:
    """The server's side of the connection that a call took; None where the proxy answered it."""
    accepted = asyncio.ensure_future(world.loop.sock_accept(backend.sock))
    readable = asyncio.ensure_future(_readable(client))
    done, waiting = await asyncio.wait({accepted, readable}, timeout=5, return_when=asyncio.FIRST_COMPLETED)
    for each in waiting:
        each.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    assert done, f"nothing came; log: {world.log}"
    return world.peer(accepted.result()[0]) if accepted in done else None


async def _readable(client: Any) -> None:
    """Until there is something to read, which is left there."""
    while True:
        try:
            client.sock.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            await asyncio.sleep(0)
        else:
            return


# -- HTTP ---------------------------------------------------------------------------------------------------------------

_OWN = {"host", "content-length", "content-type", "te", ":method", ":scheme", ":authority", ":path", ":status"}


def _others(fields: Headers) -> dict[str, str]:
    return {name: value for name, value in fields.items() if name not in _OWN}


async def _http1(world: World, routes: tuple[Route, ...], headers: Headers, answers: Headers) -> Outcome:
    backend = world.backend()
    world.start(backend, protocols=("http1",), routes=routes, listener={"http": QUIET})
    world.size_of = web.size_of
    client = await world.client()
    lines = [f"GET {PATH}?q=1 HTTP/1.1", f"Host: {HOST}", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
    await client.send("\r\n".join(lines).encode("latin-1"))
    upstream = await backend_or_answer(world, backend, client)
    seen = None
    if upstream is not None:
        line, fields = _head(await upstream.receive())
        path, _, query = line.split()[1].partition("?")
        assert query == "q=1"
        seen = Said({"path": path, "host": fields["host"]}, _others(fields))
        await upstream.send(web.response(b"said", *(f"{name}: {value}" for name, value in answers.items())))
    line, fields = _head(await client.receive())
    await client.bytes(int(fields["content-length"]))
    return Outcome(seen, Answered(_others(fields) if line.split()[1] == "200" else None))


def _head(data: bytes) -> tuple[str, dict[str, str]]:
    """The first line, and the fields by their names in lower case."""
    line, *lines = data.decode("latin-1").split("\r\n")[:-2]
    return line, joined((name.lower(), value) for name, value in (each.split(": ", 1) for each in lines))


def _streamed(media: str) -> Callable[..., Awaitable[Outcome]]:
    async def exchange(world: World, routes: tuple[Route, ...], headers: Headers, answers: Headers) -> Outcome:
        backend = world.backend()
        world.start(backend, protocols=("http2",), routes=routes, listener={"http": QUIET}, http="http2", codecs=_CODECS)
        client = await h2peer.Client(await world.client(), client=True).begin()
        stream = client.conn.get_next_available_stream_id()
        asked = [(":method", "POST"), (":scheme", "http"), (":authority", HOST), (":path", f"{PATH}?q=1")]
        client.conn.send_headers(stream, [*asked, ("content-type", media), *headers.items()], end_stream=True)
        await client.flush()
        upstream = await backend_or_refusal(world, backend, client, stream)
        seen = None
        if upstream is not None:
            server = await h2peer.Server(upstream, client=False).begin()
            event = await server.next(h2.events.RequestReceived)
            got = await server.whole(event.stream_id or 0, joined(event.headers))
            path, _, query = got.path.partition("?")
            assert query == "q=1"
            seen = Said({"path": path, "host": got.fields[":authority"]}, _others(got.fields))
            if media != "text/plain":
                _, seen.roles["service"], seen.roles["method"] = path.rsplit("/", 2) if path.count("/") == 2 else ("", "", "")
            await server.respond(got.stream, b"said", ("content-type", media), *answers.items(), trailers={"grpc-status": "0"})
        head = await client.next(h2.events.ResponseReceived, stream)
        answer = await client.whole(stream, joined(head.headers))
        whole = answer.body == b"said"
        return Outcome(seen, Answered({k: v for k, v in _others(answer.fields).items() if k != "via"} if whole else None))

    return exchange


async def backend_or_refusal(world: World, backend: Backend, client: Any, stream: int) -> Any:
    accepted = asyncio.ensure_future(world.loop.sock_accept(backend.sock))
    while not accepted.done() and not client.seen(h2.events.ResponseReceived, stream):
        reading = asyncio.ensure_future(client.read())
        await asyncio.wait({accepted, reading}, timeout=5, return_when=asyncio.FIRST_COMPLETED)
        if not reading.done():
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)
    if not accepted.done():
        accepted.cancel()
        await asyncio.gather(accepted, return_exceptions=True)
        return None
    return world.peer(accepted.result()[0])


_CODECS = {"http2": REGISTRY["http2"].codec}


def _length_prefixed(extra: int) -> Callable[[bytes], int | None]:
    return lambda data: None if len(data) < 4 else int.from_bytes(data[:4], "big") + extra


BOLT = Speech("bolt", frozenset({"service", "method"}), requests=True, answers=True, exchange=_framed(
    "bolt", lambda data: getattr(REGISTRY["bolt"].codec.scan_bytes(data), "size", None), _bolt_call, _bolt_answer, _bolt_said,
    lambda found: Answered(joined(found["headers"])) if found["status"] == 0 else None,
))  # fmt: skip
DUBBO = Speech("dubbo", frozenset({"service", "method", "version"}), requests=True, answers=False, exchange=_framed(
    "dubbo", dubbo_size, _dubbo_call, _dubbo_answer, _dubbo_said,
    lambda found: Answered({}) if found["status"] == 20 else None,
))  # fmt: skip
TARS = Speech("tars", frozenset({"service", "method"}), requests=True, answers=True, exchange=_framed(
    "tars", _length_prefixed(0), _tars_call, _tars_answer, _tars_said,
    lambda found: Answered(joined(found["body"]["answer_status"])) if found["body"]["code"] == 0 else None,
))  # fmt: skip
THEADER = Speech("thrift-header", frozenset({"service", "method"}), requests=True, answers=True, exchange=_framed(
    "thrift-header", _length_prefixed(4), lambda headers: _theader(headers, "call", f"{SERVICE}:{METHOD}", 7),
    lambda call, headers: _theader(headers, "reply", call["name"].decode().rpartition(":")[2], call["seq"]), _theader_said,
    lambda found: Answered(joined(found["header"]["info"]), found["name"].decode()) if found["type"] == "reply" else None,
))  # fmt: skip
THRIFT = Speech("thrift", frozenset({"service", "method"}), requests=False, answers=False, exchange=_framed(
    "thrift", _length_prefixed(4),
    lambda _: {"type": "call", "name": f"{SERVICE}:{METHOD}".encode(), "seqid": 7, "body": b"\0"},
    lambda call, _: {"type": "reply", "name": call["name"].rpartition(b":")[2], "seqid": call["seqid"], "body": b"\0"},
    _thrift_said, lambda found: Answered({}, found["name"].decode()) if found["type"] == "reply" else None,
))  # fmt: skip
HTTP1 = Speech("http1", frozenset({"path", "host"}), requests=True, answers=True, exchange=_http1)
HTTP2 = Speech("http2", frozenset({"path", "host"}), requests=True, answers=True, exchange=_streamed("text/plain"))
_ROLES_OF_GRPC = frozenset({"service", "method", "path", "host"})
GRPC = Speech("grpc", _ROLES_OF_GRPC, requests=True, answers=True, exchange=_streamed("application/grpc"))
ALL = (BOLT, DUBBO, TARS, THEADER, THRIFT, HTTP1, HTTP2, GRPC)
