"""HTTP/1.1 messages cut out of a stream and read by hand; nothing of the project takes part."""

from __future__ import annotations

import re
from typing import Any

from .relay import Recorded, Relay

END = b"\r\n\r\n"
BODILESS = {204, 304}
FORMS = ("none", "counted", "chunked")


class HttpRelay(Relay):
    """A relay that keeps whole messages. No answer of it may be one to HEAD, or last until its connection closes."""

    def _keep(self, index: int, direction: str, buffer: bytearray) -> None:
        with self._news:
            while size := message_length(bytes(buffer)):
                self._frames.append(Recorded(index, direction, bytes(buffer[:size])))
                del buffer[:size]
            self._news.notify_all()


def message_length(data: bytes) -> int:
    """The length of the message at the start of `data`; 0 when more bytes are needed."""
    head, found, rest = data.partition(END)
    if not found:
        return 0
    body, known = _body_length(head, rest)
    return len(head) + len(END) + body if known else 0


def _body_length(head: bytes, rest: bytes) -> tuple[int, bool]:
    """How long the body is, and whether it is all there."""
    _, fields = parts(head)
    status = _status(head)
    if 100 <= status < 200 or status in BODILESS:
        return 0, True
    if "transfer-encoding" in fields:
        return _chunked_length(rest)
    length = int(fields.get("content-length", "0"))
    return length, len(rest) >= length


def _chunked_length(data: bytes) -> tuple[int, bool]:
    at = 0
    while (line := data.find(b"\r\n", at)) >= 0:
        size = int(data[at:line].split(b";")[0], 16)
        at = line + 2
        if size == 0:
            end = at if data[at : at + 2] == b"\r\n" else data.find(END, at) + 2
            return end + 2, end >= at and len(data) >= end + 2
        at += size + 2
    return 0, False


def parts(head: bytes) -> tuple[str, dict[str, str]]:
    """The first line, and the fields by their names in small letters, those of one name joined."""
    line, *lines = head.decode("latin-1").split("\r\n")
    fields: dict[str, str] = {}
    for each in lines:
        name, _, value = each.partition(":")
        key, value = name.lower(), value.strip(" \t")
        fields[key] = f"{fields[key]},{value}" if key in fields else value
    return line, fields


def _status(head: bytes) -> int:
    found = re.match(rb"HTTP/1\.[01] (\d{3})", head)
    return int(found[1]) if found else 0


def http_facts(data: bytes) -> dict[str, Any]:
    """Kind, first line, fields, how the body comes, and what the sender says of the connection."""
    head, _, body = data.partition(END)
    line, fields = parts(head)
    status = _status(head)
    tokens = {word.strip().lower() for word in fields.get("connection", "").split(",")}
    minor = int(line[7] if status else line[-1])
    bodiless = 100 <= status < 200 or status in BODILESS
    form = 0 if bodiless else 2 if "transfer-encoding" in fields else 1 if "content-length" in fields else 0
    return {
        "kind": ("interim" if status != 101 and status < 200 else "response") if status else "request",
        "line": line,
        "fields": fields,
        "status": status,
        "form": form,
        "minor": minor,
        "closes": int("close" in tokens or (minor == 0 and "keep-alive" not in tokens)),
        "upgrades": int("upgrade" in tokens and "upgrade" in fields and minor == 1),
        "awaits": int(fields.get("expect", "").lower() == "100-continue" and minor == 1),
        "body": len(body),
    }
