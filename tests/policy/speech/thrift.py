"""Thrift: framed, of the strict binary protocol; and the same message behind THeader's head, which has headers."""

from __future__ import annotations

import struct
from collections.abc import Mapping

from tests.policy.speech.framed import Framed
from tests.policy.speech.model import RPC, Answer, Asked, Call

CALL, REPLY, EXCEPTION, ONEWAY = 1, 2, 3, 4
STRICT, MAGIC = b"\x80\x01", b"\x0f\xff"
APPLICATION = 100
"""What is added to TApplicationException's types: 0 is one of them."""


def message(kind: int, name: str, number: int, fields: bytes) -> bytes:
    said = name.encode()
    return STRICT + struct.pack(">Hi", kind, len(said)) + said + struct.pack(">i", number) + fields + b"\0"


def binary(field: int, data: bytes) -> bytes:
    return struct.pack(">BHi", 11, field, len(data)) + data if data else b""


class Read:
    """A message, read; `body`: its first field, if that is a text."""

    def __init__(self, data: bytes) -> None:
        self.kind, size = data[3], int.from_bytes(data[4:8], "big")
        self.name = data[8 : 8 + size].decode()
        self.number = int.from_bytes(data[8 + size : 12 + size], "big")
        fields = data[12 + size :]
        length = int.from_bytes(fields[3:7], "big") if fields[0] == 11 else 0
        self.body = fields[7 : 7 + length]
        self.type = int.from_bytes(fields[10 + length : 14 + length], "big")


class Thrift(Framed):
    name = protocol = "thrift"
    says = RPC | {"oneway", "numbers", "frames"}
    faults = {
        "no_route": (APPLICATION + 1, "xproto: no route matches this call"),
        "no_host": (APPLICATION + 6, "xproto: the cluster has no host"),
        "connect": (APPLICATION + 6, "xproto: no host of the cluster can be reached"),
        "overload": (APPLICATION + 6, "xproto: the cluster is overloaded"),
        "timeout": (APPLICATION + 6, "xproto: the server did not answer in time"),
        "closed": (APPLICATION + 6, "xproto: the server's connection closed before it answered"),
        "malformed": (APPLICATION + 7, "xproto: the request cannot be read"),
        "filter": (APPLICATION + 6, "xproto: a filter failed"),
    }
    bad = ("exception", Answer("bad", APPLICATION + 6))

    def begins(self, data: bytes) -> bool:
        return data[4:6] == STRICT

    def size_of(self, data: bytes) -> int | None:
        return None if len(data) < 4 else 4 + int.from_bytes(data[:4], "big")

    def request(self, call: Call) -> bytes:
        name = f"{call.service}:{call.method}"
        return self.frame(message(ONEWAY if call.oneway else CALL, name, call.number, binary(1, call.body)), call.headers)

    def asked(self, frame: bytes) -> Asked:
        found = self.read(frame)
        service, _, method = found.name.rpartition(":")
        return Asked(found.number, {"service": service, "method": method}, self.headers(frame), found.body)

    def response(self, asked: Asked, answer: Answer) -> bytes:
        if answer.ok:
            made = message(REPLY, asked.roles["method"], asked.number, binary(0, answer.text.encode()))
        else:
            fields = binary(1, answer.text.encode()) + struct.pack(">BHi", 8, 2, answer.code - APPLICATION)
            made = message(EXCEPTION, asked.roles["method"], asked.number, fields)
        return self.frame(made, answer.headers)

    def answered(self, frame: bytes) -> Answer:
        found = self.read(frame)
        code = 0 if found.kind == REPLY else APPLICATION + found.type
        return Answer(found.body.decode(), code, self.headers(frame), found.number, found.name)

    def frame(self, data: bytes, headers: Mapping[str, str]) -> bytes:
        return struct.pack(">i", len(data)) + data

    def read(self, frame: bytes) -> Read:
        return Read(frame[4:])

    def headers(self, frame: bytes) -> dict[str, str]:
        return {}


def varint(value: int) -> bytes:
    low, more = value & 0x7F, value >> 7
    return bytes([low | 0x80]) + varint(more) if more else bytes([low])


class ThriftHeader(Thrift):
    """Its headers in clear, its message not transformed."""

    name = protocol = "thrift-header"
    says = Thrift.says | {"headers", "answer_headers"}

    def begins(self, data: bytes) -> bool:
        return data[4:6] == MAGIC

    def frame(self, data: bytes, headers: Mapping[str, str]) -> bytes:
        texts = [text.encode() for pair in headers.items() for text in pair]
        info = b"\0\0" + (b"\1" + varint(len(headers)) + b"".join(varint(len(each)) + each for each in texts) if texts else b"")
        info += bytes(-len(info) % 4)
        number = Read(data).number
        return super().frame(MAGIC + struct.pack(">HIH", 0, number, len(info) // 4) + info + data, {})

    def read(self, frame: bytes) -> Read:
        return Read(frame[14 + 4 * int.from_bytes(frame[12:14], "big") :])

    def headers(self, frame: bytes) -> dict[str, str]:
        end = 14 + 4 * int.from_bytes(frame[12:14], "big")
        assert frame[14:16] == b"\0\0", "the binary protocol, no transforms"
        at, texts = 17, list[str]()

        def number() -> int:
            nonlocal at
            found, shift = 0, 0
            while True:
                at += 1
                found |= (frame[at - 1] & 0x7F) << shift
                shift += 7
                if frame[at - 1] < 0x80:
                    return found

        for _ in range(2 * number() if end > 16 and frame[16] == 1 else 0):
            size = number()
            texts.append(frame[at : at + size].decode())
            at += size
        return dict(zip(texts[::2], texts[1::2], strict=True))
