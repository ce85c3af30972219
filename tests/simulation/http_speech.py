"""HTTP/1.1 of a simulation: heads and bodies written by hand, and one end of a connection that reads them.

It reads as RFC 9112 says and knows nothing of the proxy's reader. What a body holds follows from its message's number and
direction alone, and no two bodies have a run of bytes in common: whatever goes astray shows.
"""

from __future__ import annotations

import hashlib
import re
import zlib
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

if TYPE_CHECKING:
    from tests.simulation.world import World

Form = Literal["none", "counted", "chunked", "until close"]
PATH = "/echo/"
BREAK = b"\r\n"


def content(number: int, size: int, direction: str) -> bytes:
    """Of a request ("asks") or an answer ("answers")."""
    return hashlib.shake_128(f"{direction} {number}".encode()).digest(size)


class Head(NamedTuple):
    line: str
    fields: list[tuple[str, str]]
    """With names in lower case."""

    def all_of(self, name: str) -> list[str]:
        return [value for each, value in self.fields if each == name]

    def one(self, name: str) -> str:
        """Its value; "" if there is none. Two of them are a mistake."""
        found = self.all_of(name)
        assert len(found) < 2, f"two fields {name}: {self}"
        return found[0] if found else ""


def head(line: str, *fields: str) -> bytes:
    return "\r\n".join([line, *fields, "", ""]).encode()


def framing(form: Form, size: int) -> tuple[str, ...]:
    """The field that says how the body is framed."""
    return (f"Content-Length: {size}",) if form == "counted" else ("Transfer-Encoding: chunked",) if form == "chunked" else ()


def written(body: bytes, form: Form, dice: Any) -> bytes:
    """The body as it stands on the wire."""
    if form != "chunked":
        return body if form != "none" else b""
    most, at, parts = 1 + dice.below(max(len(body), 1)), 0, []
    while at < len(body):
        part = body[at : at + 1 + dice.below(most)]
        parts += [b"%x%b\r\n" % (len(part), dice.choice((b"", b"", b";x=1"))), part, BREAK]
        at += len(part)
    return b"".join([*parts, b"0\r\n", dice.choice((b"", b"", b"X-Check: 1\r\n")), BREAK])


def cut_up(data: bytes, dice: Any, most: int) -> list[bytes]:
    """So many pieces at most, of any sizes."""
    at = sorted(dice.below(len(data) + 1) for _ in range(dice.below(most)))
    return [piece for piece in (data[one:two] for one, two in zip([0, *at], [*at, len(data)], strict=True)) if piece]


class Talker:
    """One end of a connection: it hears of heads, of what bodies hold, and of the ends of messages."""

    def __init__(self, world: World) -> None:
        self.world, self.dice = world, world.loop.dice
        self.wire: Any = None
        self.over = False
        self.data, self.body = bytearray(), bytearray()
        self.form: Form | Literal["head"] = "head"
        self.left = -1
        """Bytes of a counted body or of a chunk, with the break behind it; -1: a chunk's size comes next; -2: trailers."""

    def received(self, data: bytes) -> None:
        self.world.loop.mark(zlib.crc32(data))
        self.data += data
        try:
            while (self.data or self.form == "none") and self.further():
                pass
        except AssertionError as error:
            self.blame(str(error))

    def blame(self, what: str) -> None:
        self.world.ledger.blame(f"{self}: {what}")

    def further(self) -> bool:
        """False: it needs more."""
        if self.form == "head":
            return self._head()
        if self.form == "chunked":
            return self._chunks()
        if self.form != "none":
            wanted = len(self.data) if self.form == "until close" else min(self.left, len(self.data))
            self.left -= self._take(wanted)
        if self.form == "none" or (self.form == "counted" and self.left == 0):
            self._end()
        return True

    def _head(self) -> bool:
        end = self.data.find(b"\r\n\r\n")
        if end < 0:
            return False
        line, *rest = self.data[:end].decode("latin-1").split("\r\n")
        del self.data[: end + 4]
        found = Head(line, [(name.lower(), value) for name, value in (each.split(": ", 1) for each in rest)])
        form = self.headed(found)
        if form != "head":
            self.form = form
            self.left = int(found.one("content-length")) if form == "counted" else -1
            if self.left == 0:
                self._end()
        return True

    def _chunks(self) -> bool:
        if self.left > 2:
            self.left -= self._take(min(self.left - 2, len(self.data)))
            return True
        end = self.data.find(BREAK)
        if end < 0:
            return False
        line = bytes(self.data[:end])
        del self.data[: end + 2]
        if self.left == 2:
            assert not line, f"no break behind a chunk, but {line[:20]!r}"
            self.left = -1
        elif self.left == -1:
            text = line.partition(b";")[0]
            assert re.fullmatch(rb"[0-9a-fA-F]+", text), f"no size of a chunk, but {line[:20]!r}"
            size = int(text, 16)
            self.left = size + 2 if size else -2
        elif not line:
            self._end()
        return True

    def _take(self, size: int) -> int:
        self.body += self.data[:size]
        del self.data[:size]
        return size

    def _end(self) -> None:
        body, self.body, self.form = bytes(self.body), bytearray(), "head"
        self.whole(body)

    def ended(self, reset: bool) -> None:
        self.over = True
        self.wire.close()

    def headed(self, found: Head) -> Form | Literal["head"]:
        """What follows the head: a body, or another head ("head": it was an interim answer's)."""
        raise NotImplementedError

    def whole(self, body: bytes) -> None:
        raise NotImplementedError
