"""What of a protocol's frames can be edited, for whoever has to say so before there are any."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from xproto.kernel.editor import Editor

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from xproto.kernel.codec import Codec

READ = ("service", "method", "version")
"""Roles that are headers in some protocols."""


@dataclass(frozen=True)
class Editable:
    """Of one protocol of messages, or of one that a connection's streams carry.

    calls, answers: whether their headers can be edited. roles: what can be rewritten. reads: the headers, in lower case, that
    say a role or a timeout, each with what it says. http: whether names and values are those of HTTP's fields.
    """

    name: str
    calls: bool
    answers: bool
    roles: frozenset[str]
    reads: Mapping[str, str] = field(default_factory=dict)
    http: bool = False


def editable(codec: Codec) -> tuple[Editable, ...]:
    """For each protocol whose messages come by its connections."""
    return tuple(_of(each) for each in codec.carried or (codec,))


def _of(codec: Codec) -> Editable:
    editor = Editor(codec)
    return Editable(codec.name, editor.calls, editor.answers, editor.roles, dict(_reads(codec)), codec.headed)


def _reads(codec: Codec) -> Iterator[tuple[str, str]]:
    texts = codec.lowered.texts
    if codec.timeout_key is not None:
        yield codec.timeout_key.lower(), "timeout"
    for role in READ:
        declared = texts.roles.get(role) or (texts.header(role) if role in texts.defaults else None)
        for way in texts.ways(declared, role) if declared is not None else ():
            yield from ((source.key.lower(), role) for source in way if source.key is not None)
