"""Strangers' bytes and texts, so that a terminal may be given them: nothing in them moves its cursor or hides what follows."""

from __future__ import annotations

import datetime as dt
from typing import Any

MOST_TEXT = 400
"""Characters of a text or a body that are shown."""
MOST_BYTES = 48
MOST_VALUE = 4000
"""Characters of a decoded value."""
_TEXT_SHARE = 0.9
_SURE = 6
"""Bytes that are a text by chance: below so many, only ASCII is taken for one."""


def text(value: str) -> str:
    """One line; what cannot be printed is escaped."""
    cut = value if len(value) <= MOST_TEXT else value[:MOST_TEXT]
    shown = "".join(char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in cut)
    return shown if cut is value else f"{shown}… ({len(value)} characters)"


def quoted(value: str) -> str:
    return '"' + text(value.replace("\\", "\\\\").replace('"', '\\"')) + '"'


def summary(data: bytes) -> str:
    """Bytes as a text where they are one, else the first of them in hex."""
    try:
        said = data[: 4 * MOST_TEXT].decode("utf-8")
    except UnicodeDecodeError as error:
        said = data[: error.start].decode("utf-8") if len(data) > 4 * MOST_TEXT and error.start > 4 * MOST_TEXT - 4 else ""
    printable = sum(char.isprintable() or char in "\r\n\t" for char in said)
    if said and printable >= _TEXT_SHARE * len(said) and (said.isascii() or len(data) >= _SURE):
        return quoted(said)
    return data[:MOST_BYTES].hex(" ") + (f" … ({len(data)} bytes)" if len(data) > MOST_BYTES else "")


def value(found: Any) -> str:
    """A decoded value on one line."""
    match found:
        case str():
            return quoted(found)
        case {"hex": str(digits)} if len(found) == 1:
            return "bytes " + summary(bytes.fromhex(digits))
        case {"class": str(name)}:
            inner = ", ".join(f"{text(key)}={value(each)}" for key, each in found.items() if key != "class")
            return f"{text(name.rpartition('.')[2])}({inner})"
        case dict():
            return "{" + ", ".join(f"{text(str(key))}: {value(each)}" for key, each in found.items()) + "}"
        case list():
            return "[" + ", ".join(map(value, found)) + "]"
        case None:
            return "null"
        case bool():
            return str(found).lower()
    return str(found)


def short(line: str) -> str:
    """A line that may have become long."""
    return line if len(line) <= MOST_VALUE else f"{line[:MOST_VALUE]}… ({len(line)} characters)"


def when(time: int | None) -> str:
    """A time in UTC, to the microsecond."""
    if time is None:
        return ""
    try:
        seconds = dt.datetime.fromtimestamp(time // 10**9, dt.UTC)
    except (ValueError, OverflowError, OSError):
        return f"{time} ns"
    return f"{seconds:%Y-%m-%dT%H:%M:%S}.{time % 10**9 // 1000:06}Z"


def milliseconds(nanoseconds: int) -> float:
    return round(nanoseconds / 10**6, 3)
