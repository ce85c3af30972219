"""What reads the bodies of messages, where a caller asks for it: `--idl` and `--hessian`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from xproto.decode.message import Message
from xproto.errors import XprotoError


class OptionError(XprotoError):
    """A reader of bodies that cannot be had: its file, or a package that is not installed."""


class NotReadError(XprotoError):
    """A body that cannot be read, and why."""


class Values(Protocol):
    """Reads bodies of one serialization, as values that JSON has; raises `NotReadError`, and nothing else."""

    def reads(self, message: Message) -> bool: ...
    def read(self, message: Message) -> Any: ...


def add_values(message: Message, readers: Sequence[Values]) -> None:
    """Fills `message.values` by the first reader that knows the body: the values, or why there are none."""
    if message.fields is None:
        return
    for reader in readers:
        if reader.reads(message):
            try:
                message.values = reader.read(message)
            except NotReadError as error:
                message.unread = str(error)
            return
