"""Frames prepared once and stamped for each call; a stream split into frames; answers understood by their shape.

Building and parsing by construct takes about 100 us a frame, too much for thousands of calls a second beside the proxy
on a small machine. So a frame is built once with a blank where the call's number goes, and an answer is parsed once
for each *shape*: its bytes with id and number blanked. What always holds: every byte of every answer is compared.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import replace

from proxy.demo.speech import Reply, Speech
from xproto.errors import NeedMore
from xproto.kernel.codec import Codec, Frame

TAG = "call:"
"""Stands before a call's number, so that hosts find it in any protocol."""
NUMBER_SIZE = 16
BLANK = "@" * NUMBER_SIZE
LIE_EVERY = 100
"""Of so many answers of a host that lies one is about another call: what the demo must notice."""
UPSTREAM, DOWNSTREAM = 1, 0
"""Where the frames come from, as the kernel numbers directions."""

_TAG, _BLANK = TAG.encode(), BLANK.encode()


def number_text(number: int) -> bytes:
    """A call's number as it travels: unique in the whole demo, so an answer that went astray is noticed."""
    return b"%016x" % number


def another(number: bytes) -> bytes:
    """The number of another call."""
    return number[:-1] + (b"0" if number[-1:] != b"0" else b"1")


def find_number(frame: bytes) -> int:
    """The offset of the number; -1 where there is none."""
    at = frame.find(_TAG)
    return at + len(_TAG) if 0 <= at <= len(frame) - len(_TAG) - NUMBER_SIZE else -1


class Stamp:
    """A frame with blanks for the number and the id."""

    def __init__(self, codec: Codec, frame: bytes, direction: int) -> None:
        found = codec.scan_bytes(frame, direction)
        if isinstance(found, NeedMore) or found.size != len(frame):
            raise ValueError(f"{codec.name}: not one frame: {frame!r}")
        self._codec, self._frame, self._crc_at, self._direction = codec, frame, found.crc_at, direction
        self._number_at = frame.find(_BLANK)

    def make(self, id: int, number: bytes) -> bytes:
        """The frame of one call."""
        out = self._frame
        if self._number_at >= 0:
            out = out[: self._number_at] + number + out[self._number_at + NUMBER_SIZE :]
        if self._crc_at >= 0:
            head = out[: self._crc_at]
            out = head + zlib.crc32(head).to_bytes(4, "big")
        return self._codec.with_id(out, id, self._direction)


class Splitter:
    """Bytes as they come, to whole frames."""

    def __init__(self, codec: Codec, direction: int) -> None:
        self._codec, self._direction = codec, direction
        self._data, self._need = b"", 0

    def feed(self, data: bytes) -> Iterator[tuple[Frame, bytes]]:
        """Each complete frame; raises `MalformedError`. Must be exhausted before it is called again."""
        data = self._data + data
        self._data = data
        if len(data) < self._need:
            return
        self._need = at = 0
        view = memoryview(data)
        while at < len(data):
            found = self._codec.scan_bytes(view[at:], self._direction)
            if isinstance(found, NeedMore):
                self._need = found.total
                break
            yield found, data[at : at + found.size]
            at += found.size
        self._data = data[at:]


class Understanding:
    """Answers to `Reply` and the number that they bear."""

    def __init__(self, speech: Speech) -> None:
        self._speech = speech
        self._shapes: dict[bytes, Reply] = {}

    def read(self, frame: bytes, found: Frame) -> tuple[Reply, bytes]:
        """The number apart from the text; raises what `Speech.read` raises, and `MalformedError` for a wrong checksum."""
        at = find_number(frame)
        number = frame[at : at + NUMBER_SIZE] if at >= 0 else b""
        if found.crc_at >= 0:
            self._speech.codec.verify_bytes(frame, UPSTREAM)
            shape = frame[: found.crc_at]
        else:
            shape = frame
        shape = self._blanked(shape, found, at)
        reply = self._shapes.get(shape)
        if reply is None:
            reply = self._speech.read(frame)
            reply = self._shapes[shape] = replace(reply, text=reply.text.partition(TAG)[0].rstrip())
        return reply, number

    def _blanked(self, frame: bytes, found: Frame, number_at: int) -> bytes:
        out = frame
        if self._speech.numbered:
            out = frame[: found.id_at] + bytes(found.id_end - found.id_at) + frame[found.id_end :]
        return out if number_at < 0 else out[:number_at] + _BLANK + out[number_at + NUMBER_SIZE :]
