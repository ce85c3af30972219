"""Which service a real Dubbo provider invokes when fields and attachments disagree, and what splicing does."""

from __future__ import annotations

import struct
from typing import Any

from harness.processes import Peer
from harness.rpc_facts import dubbo_facts
from harness.wire import FakeServer, ask

ECHO = "com.test.EchoService"
OTHER = "com.test.OtherService"
REPLIES = {31: "timeout", 60: "no route", 100: "overload"}
SILENCE = 1.0
ALL_STATUSES = (20, 25, 30, 31, 35, 40, 50, 60, 70, 80, 90, 100, 99)


def text(value: str | None) -> bytes:
    """A short Hessian2 string, or null."""
    if value is None:
        return b"N"
    data = value.encode()
    return (bytes([len(value)]) if len(value) < 32 else bytes([0x30 + (len(value) >> 8), len(value) & 255])) + data


def attached(*values: str | None) -> bytes:
    return b"H" + b"".join(text(value) for value in values) + b"Z"


def call(
    path: str, version: str | None, method: str, args: bytes, attachments: bytes, flags: int = 0xC2, spec: str = ""
) -> bytes:
    body = b"".join(text(value) for value in ("2.0.2", path, version, method, spec)) + args + attachments
    return struct.pack(">HBBQi", 0xDABB, flags, 0, 4242, len(body)) + body


def usual(path: str, version: str, *more: str | None) -> bytes:
    return attached("path", path, "interface", path, "version", version, "timeout", "1000", *more)


def who(path: str, version: str | None, attachments: bytes, flags: int = 0xC2) -> bytes:
    return call(path, version, "whoami", b"", attachments, flags)


def seen(*attachments: str | None) -> bytes:
    return call(ECHO, "1.0.0", "attachments", b"", usual(ECHO, "1.0.0", *attachments))


def spliced(frame: bytes, *values: str | None) -> bytes:
    """The frame with encoded pairs put in before the final Z of its attachments, and a greater body length."""
    assert frame.endswith(b"Z")
    body = frame[16:-1] + b"".join(text(value) for value in values) + b"Z"
    return frame[:12] + struct.pack(">i", len(body)) + body


BLUE = ("group", "blue")
CASES: dict[str, bytes] = {
    "fields and attachments agree": who(ECHO, "1.0.0", usual(ECHO, "1.0.0")),
    "attachment path is another service": who(ECHO, "1.0.0", usual(ECHO, "1.0.0", "path", OTHER)),
    "attachment interface is another service": who(ECHO, "1.0.0", usual(ECHO, "1.0.0", "interface", OTHER)),
    "attachments path and interface are another service": who(ECHO, "1.0.0", usual(OTHER, "1.0.0")),
    "field path is another service": who(OTHER, "1.0.0", usual(ECHO, "1.0.0")),
    "attachment path repeated": who(ECHO, "1.0.0", usual(ECHO, "1.0.0", "path", OTHER, "path", ECHO)),
    "attachment path null": who(ECHO, "1.0.0", usual(ECHO, "1.0.0", "path", None)),
    "attachment path empty": who(ECHO, "1.0.0", usual(ECHO, "1.0.0", "path", "")),
    "attachment version null": who(ECHO, "1.0.0", usual(ECHO, "2.0.0", "version", None)),
    "attachment version empty": who(ECHO, "1.0.0", usual(ECHO, "2.0.0", "version", "")),
    "attachment version 0.0.0": who(ECHO, "1.0.0", usual(ECHO, "0.0.0")),
    "attachment method is another one": who(ECHO, "1.0.0", usual(ECHO, "1.0.0", "method", "nothing")),
    "attachment version is another one": who(ECHO, "1.0.0", usual(ECHO, "2.0.0")),
    "field version is another one": who(ECHO, "2.0.0", usual(ECHO, "1.0.0")),
    "field version is absent everywhere": who(ECHO, "9.9.9", usual(ECHO, "1.0.0")),
    "no attachment path, interface or version": who(ECHO, "2.0.0", attached("timeout", "1000")),
    "null attachments": who(ECHO, "1.0.0", b"N"),
    "attachments without group, with it in another case": who(ECHO, "1.0.0", usual(ECHO, "1.0.0", "Group", "blue")),
    "group": who(ECHO, "1.0.0", usual(ECHO, "1.0.0", *BLUE)),
    "group repeated, blue last": who(ECHO, "1.0.0", usual(ECHO, "1.0.0", "group", "none", *BLUE)),
    "group repeated, blue first": who(ECHO, "1.0.0", usual(ECHO, "1.0.0", *BLUE, "group", "none")),
    "group repeated, last null": who(ECHO, "1.0.0", usual(ECHO, "1.0.0", *BLUE, "group", None)),
    "group empty": who(ECHO, "1.0.0", usual(ECHO, "1.0.0", "group", "")),
    "unknown group": who(ECHO, "1.0.0", usual(ECHO, "1.0.0", "group", "none")),
    "version field null": who(ECHO, None, usual(ECHO, "1.0.0")),
    "version field null and no attachments": who(ECHO, None, b"N"),
    "version field empty": who(ECHO, "", usual(ECHO, "")),
    "version field 0.0.0": who(ECHO, "0.0.0", usual(ECHO, "0.0.0")),
    "version field 0.0.0, attachment 1.0.0": who(ECHO, "0.0.0", usual(ECHO, "1.0.0")),
    "group in the path": who("blue/com.test.EchoService", "1.0.0", attached("timeout", "1000")),
    "version in the path": who("com.test.EchoService:1.0.0", "1.0.0", attached("timeout", "1000")),
    "attachment repeated": seen("a", "first", "a", "last"),
    "attachment repeated, last null": seen("a", "first", "a", None),
    "attachment null, then a value": seen("a", None, "a", "last"),
    "attachment with a null key": seen(None, "1"),
    "attachments in a typed map": call(
        ECHO, "1.0.0", "attachments", b"", b"M" + text("java.util.HashMap") + usual(ECHO, "1.0.0", "a", "1")[1:]
    ),
    "spliced: a new key": spliced(seen("a", "1"), "b", "2"),
    "spliced: a key again": spliced(seen("a", "1"), "a", "2"),
    "spliced: a group": spliced(who(ECHO, "1.0.0", usual(ECHO, "1.0.0")), *BLUE),
    "spliced: null attachments replaced": call(ECHO, "1.0.0", "attachments", b"", attached("a", "1")),
    "emoji as two surrogates": call(
        ECHO, "1.0.0", "echo", b"\x02\xed\xa0\xbd\xed\xb8\x80", usual(ECHO, "1.0.0"), spec="Ljava/lang/String;"
    ),
    "emoji as four bytes, two units": call(
        ECHO, "1.0.0", "echo", b"\x02\xf0\x9f\x98\x80", usual(ECHO, "1.0.0"), spec="Ljava/lang/String;"
    ),
    "emoji as four bytes, one unit": call(
        ECHO, "1.0.0", "echo", b"\x01\xf0\x9f\x98\x80", usual(ECHO, "1.0.0"), spec="Ljava/lang/String;"
    ),
    "bytes after the attachments": call(ECHO, "1.0.0", "whoami", b"", usual(ECHO, "1.0.0") + b"\x01x"),
    **{f"serialization {n}": who(ECHO, "1.0.0", usual(ECHO, "1.0.0"), 0xC0 | n) for n in (3, 21)},
}  # fmt: skip


def disagreements(provider: Peer) -> list[dict[str, Any]]:
    """Each request with what the real provider answered: a value, or the status of its refusal."""
    results: list[dict[str, Any]] = []
    for name, frame in CASES.items():
        result: dict[str, Any] = {"name": name, "request": frame.hex()}
        try:
            answer = ask(provider.address, frame, SILENCE)
        except (ConnectionError, TimeoutError) as error:
            result["unanswered"] = "silence" if isinstance(error, TimeoutError) else "closed"
        else:
            status = dubbo_facts(answer)["status"]
            if status == 20:
                result["answer"] = short_value(answer[17:])
            else:
                result["status"] = status
        results.append(result)
    return results


def short_value(data: bytes) -> str | dict[str, str] | None:
    """A short string, or the TreeMap of short strings that `attachments` answers with."""
    if data[:1] == b"M":
        data = data[2 + data[1] :]
        values = []
        while data[:1] != b"Z":
            value, data = ("null", data[1:]) if data[:1] == b"N" else _string(data)
            values.append(value)
        return dict(zip(values[::2], values[1::2], strict=True))
    return _string(data)[0] if data[0] < 0x34 else None


def _string(data: bytes) -> tuple[str, bytes]:
    """A short string as Java writes it (a surrogate takes three bytes), and what follows it."""
    length, at = (data[0], 1) if data[0] < 0x20 else ((data[0] - 0x30) << 8 | data[1], 2)
    start = at
    for _ in range(length):
        at += 1 if data[at] < 0x80 else 2 if data[at] < 0xE0 else 3
    units = data[start:at].decode("utf-8", "surrogatepass")
    return units.encode("utf-16-be", "surrogatepass").decode("utf-16-be"), data[at:]


def local_reply(request: bytes, status: int, message: str) -> bytes:
    """A response as a proxy makes it: the request's serialization, and one string as its body."""
    body = text(message)
    return struct.pack(">HBB", 0xDABB, request[2] & 0x1F, status) + request[4:12] + struct.pack(">i", len(body)) + body


def consumer_statuses(consumer: Peer) -> list[dict[str, Any]]:
    """What the real consumer raises for a local reply of each status."""
    results: list[dict[str, Any]] = []
    for status in ALL_STATUSES:
        message = f"xproto: {REPLIES.get(status, 'status')} {status}"

        def reply(frame: bytes, status: int = status, message: str = message) -> bytes:
            return local_reply(frame, status, message) if frame[2] & 0x60 == 0x40 else b""

        with FakeServer(reply) as server:
            outcome = consumer.do("call", target=server.address, method="echo", text="x", timeout=1000)
        told = message in str(outcome.get("message"))
        seen_by = {key: outcome.get(key) for key in ("ok", "error", "code", "cause")}
        results.append({"status": status, **seen_by, "message reaches the caller": told})
    return results


def consumer_events(consumer: Peer) -> dict[str, Any]:
    """What the real consumer sends back for a provider's heartbeat, and how it calls after READONLY."""

    def reply(frame: bytes) -> bytes:
        body = b"\x94\x01x" + attached("dubbo", "2.0.2")
        head = struct.pack(">HBB", 0xDABB, 2, 20) + frame[4:12] + struct.pack(">i", len(body))
        return head + body if frame[2] & 0x60 == 0x40 else b""

    with FakeServer(reply) as server:
        say: dict[str, Any] = {"target": server.address, "method": "echo", "text": "x", "client": "events"}
        first = consumer.do("call", **say)
        server.received.get(timeout=5)
        ping = struct.pack(">HBBQi", 0xDABB, 0xE2, 0, 99, 1) + b"N"
        server.push(ping)
        ack = server.received.get(timeout=5)
        server.push(struct.pack(">HBBQi", 0xDABB, 0xA2, 0, 100, 2) + b"\x01R" + ping)
        server.received.get(timeout=5)
        after = next((r for r in (consumer.do("call", **say) for _ in range(50)) if not r["ok"]), {"ok": True})
    return {
        "heartbeat": ping.hex(),
        "acknowledgement": ack.hex(),
        "before READONLY": first["ok"],
        "after READONLY": {key: after.get(key) for key in ("ok", "error", "code")},
    }
