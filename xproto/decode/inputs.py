"""What there is to decode: a capture, or bytes; named by a path, given on standard input, or written as hex."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from xproto.decode.capture import Readable, is_capture
from xproto.decode.values import OptionError

MAX_BYTES = 64 << 20
"""Of bytes that are no capture."""
_HEX = re.compile(rb"(?:0[xX])?(?:[0-9a-fA-F]{2}[\s:,]*)+")


@contextmanager
def opened(given: str, stdin: Readable) -> Iterator[Readable]:
    """What `given` names, as a stream: ``-`` for standard input, a path, or hex. Raises `OptionError`."""
    if given == "-":
        yield stdin
        return
    path = Path(given)
    try:
        is_file = path.exists()
    except OSError:  # too long for a path
        is_file = False
    if is_file:
        try:
            with path.open("rb") as stream:
                yield stream
        except OSError as error:
            raise OptionError(f"{given}: {error.strerror}") from error
        return
    data = from_hex(given.encode("utf-8", "surrogateescape"))
    if data is None:
        raise OptionError(f"{given if len(given) < 80 else given[:77] + '…'}: is neither a file nor hex")
    yield io.BytesIO(data)


def beginning(stream: Readable) -> tuple[bytes, Readable]:
    """The first four bytes, and a stream that still has them."""
    first = stream.read(4)
    return first, _Again(first, stream)


def read_bytes(stream: Readable) -> bytes:
    """All of it: as it is, or what it says in hex where it is nothing but hex. Raises `OptionError`."""
    data = stream.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise OptionError(f"more than {MAX_BYTES >> 20} MiB that are no capture")
    said = from_hex(data)
    return data if said is None else said


def from_hex(text: bytes) -> bytes | None:
    """The bytes that a text writes in hex, with blanks, commas or colons between them; None where it is not hex."""
    stripped = text.strip()
    if not _HEX.fullmatch(stripped):
        return None
    digits = re.sub(rb"[\s:,]", b"", stripped.removeprefix(b"0x").removeprefix(b"0X"))
    return bytes.fromhex(digits.decode("ascii"))


class _Again:
    """A stream with some bytes put back in front."""

    def __init__(self, first: bytes, stream: Readable) -> None:
        self._first, self._stream = first, stream

    def read(self, size: int = -1, /) -> bytes:
        taken, self._first = (self._first, b"") if size < 0 else (self._first[:size], self._first[size:])
        if size < 0:
            return taken + self._stream.read()
        return taken + self._stream.read(size - len(taken)) if len(taken) < size else taken


__all__ = ["beginning", "from_hex", "is_capture", "opened", "read_bytes"]
