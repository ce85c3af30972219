"""Bolt: version 1, and version 2 with its checksum; one connection may carry both."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping

from proxy.snapshot import DirectResponse
from tests.policy.speech.framed import Framed
from tests.policy.speech.model import RPC, Answer, Asked, Call

METHOD = "sofa_head_method_name"
RESPONSE, REQUEST, ONEWAY = 0, 1, 2


def block(pairs: Mapping[str, str]) -> bytes:
    return b"".join(struct.pack(">i", len(text.encode())) + text.encode() for pair in pairs.items() for text in pair)


def pairs_of(data: bytes) -> dict[str, str]:
    texts, at = list[str](), 0
    while at < len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        texts.append(data[at + 4 : at + 4 + size].decode())
        at += 4 + size
    return dict(zip(texts[::2], texts[1::2], strict=True))


class Bolt(Framed):
    name = protocol = "bolt"
    says = RPC | {"headers", "answer_headers", "oneway", "numbers", "unordered", "timeout", "frames"}
    faults = {
        "no_route": (6, ""), "no_host": (6, ""), "connect": (16, ""), "overload": (4, ""), "timeout": (7, ""),
        "closed": (16, ""), "malformed": (9, ""), "filter": (1, ""),
    }  # fmt: skip
    bad = ("server_exception", Answer(code=2))
    busy = ("server_threadpool_busy", Answer(code=4))
    version = 1

    def direct(self, said: DirectResponse) -> tuple[int, str]:
        return self.faults[said.fault][0], ""  # an exception's text is in Hessian

    def begins(self, data: bytes) -> bool:
        return data[:1] in {b"\x01", b"\x02"}

    def frame(self, version: int, kind: int, number: int, rest: bytes, *parts: bytes) -> bytes:
        """`rest`: the timeout or the status. `parts`: class, headers, content."""
        command = 2 if kind == RESPONSE else 1
        head = bytes([version]) * version + struct.pack(">BHBIB", kind, command, 1, number, 1) + b"\1" * (version - 1)
        made = head + rest + struct.pack(">HHI", *map(len, parts)) + b"".join(parts)
        return made if version == 1 else made + struct.pack(">I", zlib.crc32(made))

    def size_of(self, data: bytes) -> int | None:
        if len(data) < 3 or len(data) < 18 + 2 * data[0] + (0 if data[data[0]] == RESPONSE else 2):
            return None
        return Head(data).end

    def request(self, call: Call) -> bytes:
        headers = block({"service": call.service, METHOD: call.method, **call.headers})
        kind = ONEWAY if call.oneway else REQUEST
        return self.frame(self.version, kind, call.number, bytes(4), b"abc", headers, call.body)

    def asked(self, frame: bytes) -> Asked:
        found = Read(frame)
        roles = {"service": found.pairs.pop("service"), "method": found.pairs.pop(METHOD)}
        return Asked(found.number, roles, found.pairs, found.body, timeout=found.rest)

    def response(self, asked: Asked, answer: Answer) -> bytes:
        parts = (b"", block(answer.headers), answer.text.encode())
        return self.frame(asked.raw[0], RESPONSE, asked.number, struct.pack(">H", answer.code), *parts)

    def answered(self, frame: bytes) -> Answer:
        found = Read(frame)
        return Answer(found.body.decode(), found.rest, found.pairs, found.number)


class Bolt2(Bolt):
    version = 2

    def __repr__(self) -> str:
        return "bolt2"


class Head:
    """Of a frame. `rest`: its timeout or its status; `start`: where its headers begin; `end`: where it does."""

    def __init__(self, frame: bytes) -> None:
        version = frame[0]
        at = version + 4
        self.number = int.from_bytes(frame[at : at + 4], "big")
        at += 4 + version
        size = 2 if frame[version] == RESPONSE else 4
        self.rest = int.from_bytes(frame[at : at + size], "big")
        classes, self.headers, self.content = struct.unpack_from(">HHI", frame, at + size)
        self.start = at + size + 8 + classes
        sealed = version == 2 and frame[at - 1] & 1
        self.end = self.start + self.headers + self.content + (4 if sealed else 0)


class Read(Head):
    """A whole frame."""

    def __init__(self, frame: bytes) -> None:
        super().__init__(frame)
        middle = self.start + self.headers
        sealed = middle + self.content
        self.pairs, self.body = pairs_of(frame[self.start : middle]), frame[middle:sealed]
        assert sealed == self.end or int.from_bytes(frame[sealed:], "big") == zlib.crc32(frame[:sealed]), "the checksum"
