"""What control and a worker say to each other: length-prefixed msgpack over a unix socket pair.

First come descriptors (the counters' memfd, then the listening sockets), then `Start`; the worker reads both with
blocking calls, before it has a loop. All that follows goes through `Channel`. An end of the stream means that the other
process is gone, and nothing else does.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable, Sequence
from typing import Any, cast

import msgspec

PREFIX = struct.Struct("!I")
DESCRIPTORS_AT_ONCE = 250
"""The kernel passes at most 253 descriptors with one message."""
MESSAGE_MAX = 1 << 30
"""The largest message is a snapshot; a longer one is a bug."""


class Start(msgspec.Struct, tag="start", frozen=True):
    """Control's first message. `listeners` name the descriptors that follow the counters'."""

    index: int
    snapshot: bytes
    listeners: tuple[str, ...]
    seed: int


class Drain(msgspec.Struct, tag="drain", frozen=True):
    """Stop accepting, let calls finish for at most `timeout` seconds, then exit."""

    timeout: float


class Describe(msgspec.Struct, tag="describe", frozen=True):
    """A question for `Described`."""

    id: int


class Ready(msgspec.Struct, tag="ready", frozen=True):
    """The worker accepts on every listener."""


class Failed(msgspec.Struct, tag="failed", frozen=True):
    """The worker could not start."""

    reason: str


class Described(msgspec.Struct, tag="described", frozen=True):
    """What the engine tells of itself: ``{"listeners": ..., "clusters": ...}``."""

    id: int
    body: dict[str, Any]


Message = Start | Drain | Describe | Ready | Failed | Described

_encoder = msgspec.msgpack.Encoder()
_decoder: msgspec.msgpack.Decoder[Message] = msgspec.msgpack.Decoder(Message)


def encode(message: Message) -> bytes:
    """The message with its length in front."""
    body = _encoder.encode(message)
    return PREFIX.pack(len(body)) + body


def send_descriptors(channel: socket.socket, descriptors: Sequence[int]) -> None:
    """Sends what comes before `Start`; each batch of descriptors rides on one byte."""
    for first in range(0, len(descriptors), DESCRIPTORS_AT_ONCE):
        socket.send_fds(channel, [b"\0"], list(descriptors[first : first + DESCRIPTORS_AT_ONCE]))


def receive_start(channel: socket.socket, count: int) -> tuple[Start, list[int]]:
    """The first message and the `count` descriptors before it. Raises EOFError when control is gone."""
    descriptors: list[int] = []
    while len(descriptors) < count:
        data, got, _, _ = socket.recv_fds(channel, 1, DESCRIPTORS_AT_ONCE)
        if not data or not got:
            raise EOFError("control is gone")
        descriptors += got
    size = PREFIX.unpack(_exactly(channel, PREFIX.size))[0]
    message = _decoder.decode(_exactly(channel, size))
    if not isinstance(message, Start):
        raise TypeError(f"the first message is {message!r}")
    return message, descriptors


def _exactly(channel: socket.socket, size: int) -> bytes:
    parts = bytearray()
    while len(parts) < size:
        data = channel.recv(size - len(parts))
        if not data:
            raise EOFError("control is gone")
        parts += data
    return bytes(parts)


class Framer:
    """Bytes to messages, however they are cut."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[Message]:
        """The messages that are complete now; raises `msgspec.ValidationError` on anything else."""
        self._buffer += data
        messages: list[Message] = []
        while len(self._buffer) >= PREFIX.size:
            size = PREFIX.unpack_from(self._buffer)[0]
            if size > MESSAGE_MAX:
                raise msgspec.ValidationError(f"a message of {size} bytes")
            if len(self._buffer) < PREFIX.size + size:
                break
            messages.append(_decoder.decode(self._buffer[PREFIX.size : PREFIX.size + size]))
            del self._buffer[: PREFIX.size + size]
        return messages


class Channel(asyncio.Protocol):
    """One end of the pair on a loop: `on_message` for each message, `on_end` once when the other end is gone."""

    def __init__(self, on_message: Callable[[Message], None], on_end: Callable[[], None]) -> None:
        self._on_message, self._on_end = on_message, on_end
        self._framer = Framer()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's are not of asyncio's classes

    def data_received(self, data: bytes) -> None:
        for message in self._framer.feed(data):
            self._on_message(message)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 (asyncio's name)
        self._transport = None
        self._on_end()

    def send_nowait(self, message: Message) -> None:
        """Sends, or does nothing when the other end is gone."""
        if self._transport is not None:
            self._transport.write(encode(message))

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()
