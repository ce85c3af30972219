"""What control and a worker say to each other: length-prefixed msgpack over a unix socket pair.

The first message is `Start`; the worker answers `Ready` or `Failed`. After that control asks and the worker answers,
each question with a number that its answer repeats. A new configuration is taken in two steps (`Prepare`, then `Commit`
or `Abort`), so that all workers take it or none does. What secrets consist of travels beside the snapshot, whenever it
changes (`Rotate`). How messages travel, and descriptors with them, is
`proxy.control.channel`'s matter. An end of the stream means that the other process is gone, and nothing else does.
"""

from __future__ import annotations

import struct
from typing import Any

import msgspec

from proxy.tls.material import Material

PREFIX = struct.Struct("!I")
MESSAGE_MAX = 1 << 30
"""The largest message is a snapshot with its secrets; a longer one is a bug."""


class Start(msgspec.Struct, tag="start", frozen=True):
    """Control's first message. Its descriptors: the counters' memfd, then one for each of `listeners`."""

    index: int
    snapshot: bytes
    slots: bytes
    """What `Layout.restore` makes the layout from, as msgpack; empty where it follows from the snapshot alone."""
    listeners: tuple[str, ...]
    seed: int
    materials: dict[str, Material] = {}
    """Of all the snapshot's secrets."""
    first: bool = True
    """Whether nobody has run with this before; else an access log that cannot be opened keeps nobody from starting."""


class Prepare(msgspec.Struct, tag="prepare", frozen=True):
    """A configuration to make ready and not to use yet; answered by `Prepared` or `Refused`.

    Every listener of the new snapshot is either in `kept`, with the name under which the worker has its socket now, or
    in `fresh`, whose descriptors come with the message, in the same order.
    """

    id: int
    snapshot: bytes
    slots: bytes
    kept: dict[str, str]
    fresh: tuple[str, ...]
    materials: dict[str, Material] = {}
    """Of all the new snapshot's secrets."""


class Rotate(msgspec.Struct, tag="rotate", frozen=True):
    """Secrets of the configuration in use that have changed, by name; what is prepared is not concerned. Not answered."""

    materials: dict[str, Material]


class Reopen(msgspec.Struct, tag="reopen", frozen=True):
    """Open the files of access logs again: somebody has moved them away. Not answered."""


class Commit(msgspec.Struct, tag="commit", frozen=True):
    """Use what was prepared, from now on; answered by `Committed`. A worker that cannot must end."""

    id: int


class Abort(msgspec.Struct, tag="abort", frozen=True):
    """Forget what was prepared, if anything was. Not answered."""


class Drain(msgspec.Struct, tag="drain", frozen=True):
    """Stop accepting, let calls finish for at most `timeout` seconds, then exit. Not answered."""

    timeout: float


class Describe(msgspec.Struct, tag="describe", frozen=True):
    """A question for `Described`."""

    id: int


class Ready(msgspec.Struct, tag="ready", frozen=True):
    """The worker accepts on every listener."""


class Failed(msgspec.Struct, tag="failed", frozen=True):
    """The worker could not start."""

    reason: str


class Prepared(msgspec.Struct, tag="prepared", frozen=True):
    id: int


class Refused(msgspec.Struct, tag="refused", frozen=True):
    """The worker cannot take what it was asked to prepare, and nothing has changed."""

    id: int
    reason: str


class Committed(msgspec.Struct, tag="committed", frozen=True):
    id: int


class Described(msgspec.Struct, tag="described", frozen=True):
    """What the engine tells of itself: ``{"listeners": ..., "clusters": ...}``."""

    id: int
    body: dict[str, Any]


Answer = Prepared | Refused | Committed | Described
Message = Start | Prepare | Commit | Abort | Rotate | Reopen | Drain | Describe | Ready | Failed | Answer

_encoder = msgspec.msgpack.Encoder()
_decoder: msgspec.msgpack.Decoder[Message] = msgspec.msgpack.Decoder(Message)


def encode(message: Message) -> bytes:
    """The message with its length in front."""
    body = _encoder.encode(message)
    return PREFIX.pack(len(body)) + body


def decode(body: bytes | bytearray) -> Message:
    """A message without its length; raises `msgspec.DecodeError` on anything else."""
    return _decoder.decode(body)


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
            messages.append(decode(self._buffer[PREFIX.size : PREFIX.size + size]))
            del self._buffer[: PREFIX.size + size]
        return messages
