"""HTTP/1.1's head and body as construct classes: the slow reference that the kernel's reader is held against.

Source: RFC 9110 and 9112, and stricter (see `xproto.kernel.http1`, which shares no code with this).
"""

from __future__ import annotations

import re
from typing import Any

from construct import ConstructError, Container, StreamError

from xproto.plan import OpCode
from xproto.wire.base import WirePrimitive

FACTS = (
    ("form", 2), ("method", 4), ("minor", 1), ("closes", 1), ("upgrades", 1), ("awaits", 1), ("status", 10), ("web", 2),
)  # fmt: skip
"""What a head says, from the lowest bit on."""
SHIFTS = {name: sum(width for _, width in FACTS[:index]) for index, (name, _) in enumerate(FACTS)}
NONE, COUNTED, CHUNKED, UNTIL_CLOSE = range(4)
WEB_TEXT = 2
"""Of `web`: base64."""
METHODS = {b"GET": 1, b"HEAD": 2, b"POST": 3, b"PUT": 4, b"DELETE": 5, b"OPTIONS": 6, b"CONNECT": 7, b"PATCH": 8, b"TRACE": 9}
"""Others are 0."""
MAX_LENGTH = 10**18 - 1
MAX_HEAD = 65_536
MAX_FIELDS = 128
MAX_EXTENSIONS, MAX_TRAILERS = 1024, 8192

_TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_TEXT = rb"[\t\x20-\x7e\x80-\xff]"
_HOST = rb"(?:[\-._~%!$&'()*+,;=0-9A-Za-z]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{0,5})?"
_REQUEST = re.compile(rb"(" + _TOKEN + rb") ([!-~]+) HTTP/1\.([01])")
_STATUS = re.compile(rb"HTTP/1\.([01]) ([1-5][0-9][0-9])(?: (" + _TEXT + rb"*))?")
_FIELD = re.compile(rb"(" + _TOKEN + rb"):[ \t]*(" + _TEXT + rb"*?)[ \t]*")
_TARGET = re.compile(rb"(?:https?://" + _HOST + rb"(?=[/?]|$)|(?=/))(/[^?#]*)?(\?[^#]*)?", re.IGNORECASE)
_AUTHORITY = re.compile(_HOST)
_SLASH = rb"(?:[/\\]|%2f|%5c)"
_DOTS = re.compile(_SLASH + rb"(?:\.|%2e){1,2}(?=;|$|" + _SLASH + rb")", re.IGNORECASE)
_LISTED = re.compile(rb"[ \t,]*(" + _TOKEN + rb")[ \t]*(?=,|$)")
_WEB = re.compile(rb"application/grpc-web(-text)?(?:[+; \t].*)?", re.IGNORECASE | re.DOTALL)
_ACCEPTED = re.compile(rb"application/grpc-web(-text)?", re.IGNORECASE)
_SIZE = re.compile(rb"([0-9a-fA-F]{1,15})(;" + _TEXT + rb"*)?\r\n")
_TRAILERS = re.compile(rb"(?:" + _TOKEN + rb":" + _TEXT + rb"*\r\n)*\r\n")
_NEVER_TRAILERS = {b"content-length", b"transfer-encoding", b"host", b"connection", b"upgrade", b"expect"}
_NEVER_LISTED = {b"host", b"content-length", b"transfer-encoding", b"connection"}


def fact(facts: int, name: str) -> int:
    """One of what a head says."""
    return facts >> SHIFTS[name] & (1 << dict(FACTS)[name]) - 1


class HttpError(ConstructError):  # type: ignore[misc]
    """These bytes are no head, or no body, that is accepted."""


class Head(Container):  # type: ignore[misc]
    """What a head says: see `HttpHead`."""


class HttpHead(WirePrimitive):
    """The head of a request (from downstream) or a response (from upstream).

    Its facts are integers: `form` (of the body: none, counted, chunked, until the connection closes), `method` or `status`,
    `minor` (of the version), and as 0 or 1 `closes` (the sender wants no other exchange on this connection), `upgrades`,
    `awaits` (100-continue); `web`: the form of an answer that a call of gRPC-Web wants (1: binary, 2: text). `length` of a
    counted body. `facts` has all but the length in one, in the order of `FACTS`.
    Routes find fields by their names, and `http_method`, `path`, `query`, `query.name`, `cookie.name`, `host`; and as no field
    can be called, the same behind a colon, `:authority` (the host with its port), and `path:service` and `path:method`, what
    stands before and behind the last slash of a path but its first one. To build one:
    `line` without its CRLF, and `fields`, pairs of bytes.
    """

    opcode = OpCode.HTTP_HEAD
    kind = "block"

    def _parse(self, stream: Any, context: Any, path: str) -> Head:
        start = stream.tell()
        data = bytes(stream.read()[:MAX_HEAD])
        end = data.find(b"\r\n\r\n")
        if re.search(rb"(?<!\r)\n", data if end < 0 else data[: end + 4]):
            raise HttpError("a line ends in a bare LF", path=path)
        if end < 0:
            raise HttpError("too many bytes", path=path) if len(data) == MAX_HEAD else _unfinished(stream, "no end", path)
        stream.seek(start + end + 4)
        line, *lines = data[:end].split(b"\r\n")
        found = _Reader(line, lines, path, response=bool(context._params.get("from_upstream", 0))).read()
        found.facts = sum(found[name] << shift for name, shift in SHIFTS.items())
        return found

    def _build(self, obj: Any, stream: Any, _context: Any, _path: str) -> Any:
        stream.write(obj["line"] + b"\r\n")
        for name, value in obj["fields"]:
            stream.write(name + b": " + value + b"\r\n")
        stream.write(b"\r\n")
        return obj


class _Reader:
    def __init__(self, line: bytes, lines: list[bytes], path: str, *, response: bool) -> None:
        self.line, self.lines, self.path, self.response = line, lines, path, response

    def check(self, holds: object, what: str) -> None:
        if not holds:
            raise HttpError(what, path=self.path)

    def read(self) -> Head:
        first = (_STATUS if self.response else _REQUEST).fullmatch(self.line)
        self.check(first, "the first line")
        assert first is not None
        self.check(len(self.lines) <= MAX_FIELDS, "too many fields")
        found = [_FIELD.fullmatch(line) for line in self.lines]
        self.check(all(found), "a field")
        fields = [(match[1], match[2]) for match in found if match is not None]
        minor = int(first[1] if self.response else first[3])
        facts = self.facts(fields, minor)
        if self.response:
            return self.answered(int(first[2]), facts, fields)
        self.check(len(first[1]) <= 32, "the method")
        self.check(_is_target(first[1], first[2]), "the target")
        self.check(facts.pop("hosts") or not minor, "Host")
        return Head(line=self.line, fields=fields, method=METHODS.get(first[1], 0), status=0, target=first[2], **facts)

    def answered(self, status: int, facts: dict[str, Any], fields: list[tuple[bytes, bytes]]) -> Head:
        facts.pop("hosts")
        if facts["form"] == NONE:
            facts["form"] = UNTIL_CLOSE
        if status < 200 or status == 204:
            counted = facts["form"] == COUNTED and (status < 200 or facts["length"])
            self.check(facts["form"] != CHUNKED and not counted, "a body where there can be none")
        if status < 200 or status in {204, 304}:
            facts["form"] = NONE
        return Head(line=self.line, fields=fields, method=0, status=status, target=b"", **facts)

    def facts(self, fields: list[tuple[bytes, bytes]], minor: int) -> dict[str, Any]:
        said: dict[bytes, list[bytes]] = {}
        for name, value in fields:
            said.setdefault(name.lower(), []).append(value)
        lengths, encodings = said.get(b"content-length", []), said.get(b"transfer-encoding", [])
        self.check(not lengths or (len(lengths) == 1 and re.fullmatch(rb"[0-9]{1,18}", lengths[0])), "Content-Length")
        self.check(not encodings or (len(encodings) == 1 and encodings[0].lower() == b"chunked"), "Transfer-Encoding")
        self.check(not (lengths and encodings) and (minor or not encodings), "Transfer-Encoding")
        hosts = said.get(b"host", [])
        self.check(not hosts or (len(hosts) == 1 and (not hosts[0] or _AUTHORITY.fullmatch(hosts[0]))), "Host")
        self.check(all(value.lower() == b"100-continue" for value in said.get(b"expect", ())), "Expect")
        words = {word for value in said.get(b"connection", ()) for word in self.listed(value)}
        self.check(not words & _NEVER_LISTED and not {b"close", b"keep-alive"} <= words, "Connection")
        return {
            "form": CHUNKED if encodings else COUNTED if lengths else NONE,
            "length": int(lengths[0]) if lengths else 0,
            "minor": minor,
            "closes": int(b"close" in words or (not minor and b"keep-alive" not in words)),
            "upgrades": int(b"upgrade" in words and b"upgrade" in said and bool(minor)),
            "awaits": int(b"expect" in said and bool(minor)),
            "hosts": len(hosts),
            "web": 0 if self.response else _web(said),
        }

    def listed(self, value: bytes) -> list[bytes]:
        words, at = [], 0
        while match := _LISTED.match(value, at):
            words.append(match[1].lower())
            at = match.end()
        self.check(not value[at:].strip(b" \t,"), "Connection")
        return words


def _web(said: dict[bytes, list[bytes]]) -> int:
    media = _WEB.fullmatch(said.get(b"content-type", [b""])[0])
    if media is None:
        return 0
    accepted = _ACCEPTED.search(said.get(b"accept", [b""])[0])
    return 1 + bool((accepted or media)[1])


def _is_target(method: bytes, target: bytes) -> bool:
    if method == b"CONNECT":
        return b":" in target and _AUTHORITY.fullmatch(target) is not None
    if target == b"*":
        return method == b"OPTIONS"
    found = _TARGET.fullmatch(target)
    return found is not None and not _DOTS.search(found[1] or b"")


class HttpBody(WirePrimitive):
    """The body that a head announces, as it stands on the wire, its chunks and trailers included."""

    opcode = OpCode.HTTP_BODY
    kind = "rest"

    def __init__(self, head: Any) -> None:
        super().__init__()
        self.head = head

    def _parse(self, stream: Any, context: Any, path: str) -> bytes:
        head = self.head(context)
        if head.form == NONE:
            return b""
        if head.form == COUNTED:
            data = stream.read(head.length)
            if len(data) < head.length:
                raise StreamError("the body is not all there", path=path)
            return bytes(data)
        if head.form == CHUNKED:
            return _chunked(stream, path)
        stream.seek(0, 2)
        raise _unfinished(stream, "it lasts until the connection closes", path)

    def _build(self, obj: bytes, stream: Any, _context: Any, _path: str) -> Any:
        stream.write(obj)
        return obj


def _unfinished(stream: Any, why: str, path: str) -> StreamError:
    """For a stream that was read to its end where more is needed: it is asked for that, since it may have its own answer."""
    stream.read(1)
    return StreamError(why, path=path)


def _chunked(stream: Any, path: str) -> bytes:
    start = stream.tell()
    data = bytes(stream.read())
    at = 0
    while True:
        size = _match(_SIZE, data, at, stream, path)
        if len(size[2] or b"") > 1 + MAX_EXTENSIONS:
            raise HttpError("a chunk's extensions", path=path)
        at, length = size.end(), int(size[1], 16)
        if not length:
            break
        if len(data) < at + length + 2:
            raise _unfinished(stream, "a chunk is not all there", path)
        if data[at + length : at + length + 2] != b"\r\n":
            raise HttpError("a chunk's end", path=path)
        at += length + 2
    end = _match(_TRAILERS, data, at, stream, path).end()
    if _NEVER_TRAILERS & {line.partition(b":")[0].lower() for line in data[at:end].split(b"\r\n")}:
        raise HttpError("a trailer that frames or routes a message", path=path)
    if end - at > MAX_TRAILERS:
        raise HttpError("too many trailers", path=path)
    stream.seek(start + end)
    return data[:end]


def _match(pattern: re.Pattern[bytes], data: bytes, at: int, stream: Any, path: str) -> re.Match[bytes]:
    found = pattern.match(data, at)
    if found is not None:
        return found
    short = len(data) - at < MAX_TRAILERS
    raise _unfinished(stream, "the body ends here", path) if short else HttpError("a chunk", path=path)
