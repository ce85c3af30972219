"""Where messages of HTTP/1.1 end: an answer's body depends on what was asked, and on when the connection ends.

Source of the rules: RFC 9112, section 6.3.
"""

from __future__ import annotations

import io
from collections import deque
from typing import Any

from construct import ConstructError

from xproto.kernel.codec import Codec
from xproto.wire.http1 import CHUNKED, MAX_HEAD, METHODS, NONE, UNTIL_CLOSE, HttpHead

HEAD, CONNECT = METHODS[b"HEAD"], METHODS[b"CONNECT"]
SWITCHING = 101
UNTIL_END = -1
"""The size of a message that ends with its connection."""


def is_http(codec: Codec) -> bool:
    """Whether the protocol's frames are messages of HTTP/1.1."""
    return codec.name == "http1"


class Exchanges:
    """What was asked on one connection and is not answered yet."""

    def __init__(self) -> None:
        self._asked: deque[int] = deque()
        self.tunnel = False
        """Whether what follows is another protocol, in both directions."""

    def asks(self, head: Any) -> None:
        self._asked.append(int(head.method))

    def answers(self, head: Any) -> None:
        asked = self._asked[0] if self._asked else 0
        if head.status >= 200 or head.status == SWITCHING:
            self.tunnel = head.status == SWITCHING or (asked == CONNECT and head.status < 300)
            if self._asked:
                self._asked.popleft()

    def size(self, data: bytes) -> int | None:
        """Of the answer that `data` begins with, where the kernel alone cannot tell it; else None."""
        head = read_head(data)
        if head is None or head.form == NONE:
            return None
        end = data.find(b"\r\n\r\n") + 4
        asked = self._asked[0] if self._asked else 0
        if asked == HEAD or (asked == CONNECT and head.status < 300):
            return end
        return UNTIL_END if head.form == UNTIL_CLOSE else None


def read_head(data: bytes) -> Any:
    """An answer's head, by construct; None where it is not all there, or none."""
    try:
        return HttpHead().parse_stream(io.BytesIO(data[: MAX_HEAD + 1]), from_upstream=1)
    except ConstructError:
        return None


def body_of(head: Any, body: bytes) -> bytes:
    """A whole body as it was meant: what its chunks hold, without its trailers."""
    if head.form != CHUNKED:
        return body
    plain, at = bytearray(), 0
    while True:
        end = body.index(b"\r\n", at)
        size = int(body[at:end].partition(b";")[0], 16)
        if size == 0:
            return bytes(plain)
        plain += body[end + 2 : end + 2 + size]
        at = end + 2 + size + 2
