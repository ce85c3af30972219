"""Dubbo: a head of 16 bytes, and a body in Hessian of which only texts and one map are spoken here."""

from __future__ import annotations

import struct

from tests.policy.speech.framed import Framed
from tests.policy.speech.model import RPC, VERSION, Answer, Asked, Call

TWO_WAY, OK = 0x40, 20
TYPE = "Ljava/lang/String;"


def text(value: str) -> bytes:
    data = value.encode()
    size = len(value)
    if size < 32:
        return bytes([size]) + data
    return (bytes([0x30 | size >> 8, size & 255]) if size < 1024 else b"S" + struct.pack(">H", size)) + data


class Reader:
    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def take(self, size: int) -> bytes:
        self.at += size
        return self.data[self.at - size : self.at]

    def text(self) -> str:
        """A text; its length is in characters."""
        tag = self.take(1)[0]
        if tag == 0x52:  # a part of it that is not the last
            return self.characters(int.from_bytes(self.take(2), "big")) + self.text()
        if tag == 0x53:
            return self.characters(int.from_bytes(self.take(2), "big"))
        assert tag < 0x34, f"no text: {tag:#x}"
        return self.characters(tag if tag < 32 else (tag - 0x30) << 8 | self.take(1)[0])

    def characters(self, count: int) -> str:
        start = self.at
        for _ in range(count):
            lead = self.data[self.at]
            self.at += 1 if lead < 0x80 else 2 if lead < 0xE0 else 3
        text = self.data[start : self.at].decode("utf-8", "surrogatepass")  # characters are halves of pairs, as Java has them
        return text.encode("utf-16", "surrogatepass").decode("utf-16")

    def map(self) -> dict[str, str]:
        assert self.take(1) == b"H"
        found = dict[str, str]()
        while self.data[self.at] != ord("Z"):
            key = self.text()
            found[key] = self.text()
        return found


class Dubbo(Framed):
    name = protocol = "dubbo"
    says = RPC | {"version", "headers", "oneway", "numbers", "unordered", "frames"}
    faults = {
        "no_route": (60, "xproto: no route matches this call"),
        "no_host": (60, "xproto: the cluster has no host"),
        "connect": (60, "xproto: no host of the cluster can be reached"),
        "overload": (100, "xproto: the cluster is overloaded"),
        "timeout": (31, "xproto: the provider did not answer in time"),
        "closed": (35, "xproto: the provider's connection closed before it answered"),
        "malformed": (40, "xproto: the request cannot be read"),
        "filter": (80, "xproto: a filter failed"),
    }
    bad = ("server_error", Answer(code=80))
    busy = ("server_threadpool_exhausted_error", Answer(code=100))

    def begins(self, data: bytes) -> bool:
        return data.startswith(b"\xda\xbb")

    def size_of(self, data: bytes) -> int | None:
        return None if len(data) < 16 else 16 + int.from_bytes(data[12:16], "big")

    def frame(self, flags: int, status: int, number: int, body: bytes) -> bytes:
        return struct.pack(">HBBQi", 0xDABB, flags, status, number, len(body)) + body

    def request(self, call: Call) -> bytes:
        """Its service stands there twice, as real clients write it; its body is its argument."""
        body = b"".join(map(text, ("2.0.2", call.service, VERSION, call.method, TYPE, call.body.decode()))) + b"H"
        body += b"".join(map(text, (each for pair in {"path": call.service, **call.headers}.items() for each in pair)))
        return self.frame(0x82 | (0 if call.oneway else TWO_WAY), 0, call.number, body + b"Z")

    def asked(self, frame: bytes) -> Asked:
        body = Reader(frame[16:])
        _, service, version, method, _, argument = (body.text() for _ in range(6))
        headers = body.map()
        if headers.get("path") == service:  # as it must: else it stays among the headers, which are then not those expected
            del headers["path"]
        roles = {"service": service, "method": method, "version": version}
        return Asked(self.number(frame), roles, headers, argument.encode())

    def response(self, asked: Asked, answer: Answer) -> bytes:
        body = (b"\x91" if answer.ok else b"") + text(answer.text)
        return self.frame(0x02, answer.code or OK, asked.number, body)

    def answered(self, frame: bytes) -> Answer:
        body, ok = Reader(frame[16:]), frame[3] == OK
        if ok:
            assert body.take(1) == b"\x91", "a value"
        return Answer(body.text(), 0 if ok else frame[3], number=self.number(frame))

    def number(self, frame: bytes) -> int:
        return int.from_bytes(frame[4:12], "big")
