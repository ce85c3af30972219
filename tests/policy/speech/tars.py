"""Tars: a length that counts itself, and numbered fields of which only those are spoken here that a call needs."""

from __future__ import annotations

import struct
from typing import Any

from tests.policy.speech.framed import Framed
from tests.policy.speech.model import RPC, Answer, Asked, Call

INT, SHORT_TEXT, LONG_TEXT, MAP, ZERO, LIST = 2, 6, 7, 8, 12, 13


def tag(number: int, kind: int) -> bytes:
    return bytes([number << 4 | kind])


def integer(number: int, value: int) -> bytes:
    return tag(number, INT) + struct.pack(">i", value) if value else tag(number, ZERO)


def text(number: int, value: str) -> bytes:
    data = value.encode()
    if len(data) < 256:
        return tag(number, SHORT_TEXT) + bytes([len(data)]) + data
    return tag(number, LONG_TEXT) + struct.pack(">i", len(data)) + data


def octets(number: int, data: bytes) -> bytes:
    return tag(number, LIST) + b"\0" + integer(0, len(data)) + data


def table(number: int, pairs: Any) -> bytes:
    return tag(number, MAP) + integer(0, len(pairs)) + b"".join(text(0, key) + text(1, value) for key, value in pairs.items())


class Reader:
    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def take(self, size: int) -> bytes:
        self.at += size
        return self.data[self.at - size : self.at]

    def all(self) -> dict[int, Any]:
        found = dict[int, Any]()
        while self.at < len(self.data):
            number, value = self.field()
            found[number] = value
        return found

    def field(self) -> tuple[int, Any]:
        number, kind = divmod(self.take(1)[0], 16)
        return number, self.value(kind)

    def value(self, kind: int) -> Any:
        if kind < 4:
            return int.from_bytes(self.take(1 << kind), "big", signed=True)
        if kind in {SHORT_TEXT, LONG_TEXT}:
            return self.take(int.from_bytes(self.take(1 if kind == SHORT_TEXT else 4), "big")).decode()
        if kind == MAP:
            return {self.field()[1]: self.field()[1] for _ in range(self.field()[1])}
        if kind == LIST:
            assert self.take(1) == b"\0", "bytes"
            return self.take(self.field()[1])
        assert kind == ZERO, kind
        return 0


class Tars(Framed):
    name = protocol = "tars"
    says = RPC | {"headers", "answer_headers", "oneway", "numbers", "unordered", "frames"}
    faults = {
        "no_route": (-4, "xproto: no route matches this call"),
        "no_host": (-10, "xproto: the cluster has no host"),
        "connect": (-8, "xproto: no host of the cluster can be reached"),
        "overload": (-9, "xproto: the cluster is overloaded"),
        "timeout": (-7, "xproto: the server did not answer in time"),
        "closed": (-8, "xproto: the server's connection closed before it answered"),
        "malformed": (-1, "xproto: the request cannot be read"),
        "filter": (-99, "xproto: a filter failed"),
    }
    bad = ("no_function", Answer(code=-3))
    busy = ("server_overload", Answer(code=-9))

    def begins(self, data: bytes) -> bool:
        return data[4:5] == tag(1, 0)

    def size_of(self, data: bytes) -> int | None:
        return None if len(data) < 4 else int.from_bytes(data[:4], "big")

    def frame(self, *fields: bytes) -> bytes:
        body = b"".join(fields)
        return struct.pack(">i", 4 + len(body)) + body

    def request(self, call: Call) -> bytes:
        return self.frame(
            tag(1, 0) + b"\1", integer(2, 1 if call.oneway else 0), integer(3, 0), integer(4, call.number),
            text(5, call.service), text(6, call.method), octets(7, call.body), integer(8, 0),
            table(9, call.headers), table(10, {}),
        )  # fmt: skip

    def asked(self, frame: bytes) -> Asked:
        found = Reader(frame[4:]).all()
        return Asked(found[4], {"service": found[5], "method": found[6]}, found[9], found[7], timeout=found[8])

    def response(self, asked: Asked, answer: Answer) -> bytes:
        """Its text is its buffer, or says what went wrong."""
        return self.frame(
            tag(1, 0) + b"\1", integer(2, 0), integer(3, asked.number), integer(4, 0), integer(5, answer.code),
            octets(6, answer.text.encode() if answer.ok else b""), table(7, answer.headers),
            text(8, "" if answer.ok else answer.text),
        )  # fmt: skip

    def answered(self, frame: bytes) -> Answer:
        found = Reader(frame[4:]).all()
        return Answer(found[6].decode() or found.get(8, ""), found[5], found[7], found[3])
