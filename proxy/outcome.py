"""What came of reading a configuration, on its way from the process that reads it to the one that runs the proxy."""

from __future__ import annotations

import os

import msgspec

from proxy.snapshot import Snapshot


class Outcome(msgspec.Struct, frozen=True):
    """`result` is the snapshot, or a line for each problem."""

    result: Snapshot | tuple[str, ...]


def write(outcome: Outcome, descriptor: int) -> None:
    """Writes it into a memfd."""
    data = msgspec.msgpack.encode(outcome)
    while data:
        data = data[os.write(descriptor, data) :]


def read(descriptor: int) -> Outcome:
    """The inverse of `write`; raises `msgspec.DecodeError` on anything else. The descriptor stays open."""
    return msgspec.msgpack.decode(os.pread(descriptor, os.fstat(descriptor).st_size, 0), type=Outcome)
