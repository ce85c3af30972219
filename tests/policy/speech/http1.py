"""HTTP/1.1: messages with a counted body, which are told by their order."""

from __future__ import annotations

from collections.abc import Iterable

from proxy.snapshot import DirectResponse
from tests.datapath import web
from tests.policy.speech.framed import Framed
from tests.policy.speech.model import HTTP, PLAIN, Answer, Asked, Call

OWN = {"host", "content-length", "content-type", "transfer-encoding", "te", "via", "grpc-status", "grpc-message"}
OK = 200


def headers_of(fields: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in fields.items() if name not in OWN and not name.startswith(":")}


def parsed(data: bytes) -> tuple[str, dict[str, str], bytes]:
    """The first line; the fields by their names in lower case, a list's values by a comma; the body."""
    head, _, body = data.partition(b"\r\n\r\n")
    line, *lines = head.decode("latin-1").split("\r\n")
    return line, joined((name.lower(), value) for name, _, value in (each.partition(": ") for each in lines)), body


def joined(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    found = dict[str, str]()
    for name, value in pairs:
        found[name] = f"{found[name]},{value}" if name in found else value
    return found


class Http1(Framed):
    name = protocol = "http1"
    says = HTTP | {"http_method"}
    faults = {
        "no_route": (404, "xproto: no route matches this request\n"),
        "no_host": (503, "xproto: the cluster has no host\n"),
        "connect": (503, "xproto: no host of the cluster can be reached\n"),
        "overload": (503, "xproto: the cluster is overloaded\n"),
        "timeout": (504, "xproto: the server did not answer in time\n"),
        "closed": (502, "xproto: the server's connection ended before it answered\n"),
        "malformed": (400, "xproto: the request cannot be read\n"),
        "misdirected": (421, "xproto: this host is not to be had on this connection\n"),
        "filter": (500, "xproto: a filter failed\n"),
    }
    bad = ("service_unavailable", Answer(code=503))
    busy = ("too_many_requests", Answer(code=429))
    listener = PLAIN

    def direct(self, said: DirectResponse) -> tuple[int, str]:
        return said.status, said.body

    def begins(self, data: bytes) -> bool:
        return data[:1].isalpha() and not data.startswith(b"PRI ")

    def size_of(self, data: bytes) -> int | None:
        end = data.find(b"\r\n\r\n")
        if end < 0:
            return None
        _, fields, _ = parsed(data[: end + 4])
        return end + 4 + int(fields.get("content-length", 0))

    def request(self, call: Call) -> bytes:
        method = call.http_method or ("POST" if call.body else "GET")
        counted = [f"Content-Length: {len(call.body)}"] if call.body or method not in {"GET", "HEAD"} else []
        fields = [f"Host: {call.host}", *map(": ".join, call.headers.items()), *counted]
        return "\r\n".join([f"{method} {call.target} HTTP/1.1", *fields, "", ""]).encode("latin-1") + call.body

    def asked(self, frame: bytes) -> Asked:
        line, fields, body = parsed(frame)
        method, target, _ = line.split(" ")
        path, mark, query = target.partition("?")
        roles = {"path": path, "host": fields["host"], "http_method": method}
        return Asked(0, roles, headers_of(fields), body, query if mark else None)

    def response(self, asked: Asked, answer: Answer) -> bytes:
        status = f"{answer.code} Bad" if answer.code else "200 OK"
        return web.response(answer.text.encode(), *map(": ".join, answer.headers.items()), status=status)

    def answered(self, frame: bytes) -> Answer:
        line, fields, body = parsed(frame)
        status = int(line.split()[1])
        return Answer(body.decode("utf-8", "replace"), 0 if status == OK else status, headers_of(fields))
