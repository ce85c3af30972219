"""construct as the judge: what its own parse says about bytes, for any bytes at all.

construct catches `Exception` in many places (`GreedyRange`, `Optional`, `stream_read`), so a stream that ends raises a
`BaseException`, which nothing on the way can take for a malformed value: that tells need-more from malformed. Inside a
section the bytes are all there, construct reads from a stream of its own, and running past its end is malformed.

The frame limit is not construct's to know. A frame that would need more than the limit is malformed here, as it is for
the kernel, however few of its bytes have come.
"""

from __future__ import annotations

import io
from typing import Any

import construct as c

from conformance.outcome import Complete, Malformed, More, Outcome
from xproto.spec import Protocol


class EndOfBytesError(BaseException):
    """The parse wants `total` bytes, and there are fewer."""

    def __init__(self, total: int) -> None:
        super().__init__(total)
        self.total = total


class Watched(io.BytesIO):
    """A stream that raises `EndOfBytesError` where it would read less than was asked for."""

    def read(self, size: int | None = -1, /) -> bytes:
        if size is not None and size >= 0:
            wanted = self.tell() + size
            if wanted > len(self.getbuffer()):
                raise EndOfBytesError(wanted)
        return super().read(size)


class Oracle:
    """Parses with the layout of one protocol. direction: 0 for frames from a client, 1 for those from a server."""

    def __init__(self, protocol: Protocol, direction: int = 0) -> None:
        self.protocol = protocol
        self.direction = direction
        self.limit = protocol.limits.frame

    def outcome(self, data: bytes) -> Outcome:
        return self.parse(data)[0]

    def parse(self, data: bytes) -> tuple[Outcome, Any]:
        """The outcome, and the container of fields where a frame is complete."""
        stream = Watched(data)
        try:
            fields = self.protocol.frame.parse_stream(stream, from_upstream=self.direction)
        except EndOfBytesError as end:
            if end.total > self.limit:
                return Malformed("frame", f"needs {end.total} bytes, the limit is {self.limit}"), None
            return More(end.total), None
        except Exception as error:  # noqa: BLE001 - a declaration's own adapters raise anything
            why = str(error).splitlines()[0] if str(error) else ""
            return Malformed(path_of(error), f"{type(error).__name__}: {why}"), None
        size = stream.tell()
        if size > self.limit:
            return Malformed("frame", f"is {size} bytes, the limit is {self.limit}"), None
        return Complete(size), fields


def path_of(error: Exception) -> str:
    """Where construct failed: its path ``(parsing) -> flags -> kind``, as ``flags.kind``; "" where that is not known."""
    text = (error.path if isinstance(error, c.ConstructError) else None) or ""
    return ".".join(part for part in text.split(" -> ") if part and part not in {"(parsing)", "(building)"})
