"""How an answer says what came of its call: a number in the frame, or a header with one in decimal.

It is read only where somebody asks for it (a route that retries by status), so it has a Plan of its own, which ends behind
the field. Names stand for numbers, or for several: HTTP's classes.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import NamedTuple

from construct.expr import Path

from xproto.errors import SpecError
from xproto.lower.expressions import Scope, resolve
from xproto.lower.model import Value
from xproto.spec import Header, Protocol


@dataclass(frozen=True)
class Status:
    """The role: a header's name, or the field. At most one of the two is set."""

    key: str | None = None
    value: Value | None = None


def status_role(protocol: Protocol, scope: Scope) -> Status:
    """What the declaration says; raises `SpecError`."""
    if protocol.status is None:
        if protocol.statuses or protocol.unprocessed:
            raise SpecError("statuses", "names of a status that no field holds", "name the field: status=this.…")
        return Status()
    for name, numbers in protocol.statuses.items():
        if not all(isinstance(number, int) for number in numbers_of(numbers)):
            raise SpecError("statuses", f"{name!r} is {numbers!r}", "give a number, or several: {'busy': 4}")
    for name in protocol.unprocessed:
        if name not in protocol.statuses:
            raise SpecError("unprocessed", f"{name!r} is no name of a status", "add it to statuses")
    if isinstance(protocol.status, Header):
        if protocol.headers is None:
            raise SpecError("status", "a header, but the protocol declares no headers", "add headers=this.…")
        return Status(key=protocol.status.name)
    if type(protocol.status) is not Path:
        raise SpecError("status", f"{protocol.status!r} is not a field", "name the field: status=this.…, or header('…')")
    value = resolve(protocol.status, scope, "status")
    if value.kind != "integer":
        raise SpecError("status", f"{value.path} is {value.kind}", "name an integer field")
    return Status(value=value)


def numbers_of(given: int | Collection[int]) -> Collection[int]:
    """What a name of a status stands for."""
    return (given,) if isinstance(given, int) else given


class Range(NamedTuple):
    """Statuses from `first` to `last`, and whether they say that the call was not processed."""

    first: int
    last: int
    unprocessed: bool


def ranges_of(statuses: Iterable[str | int], protocol: Protocol) -> list[Range]:
    """All that these names and numbers mean, in order. A name that the protocol does not have means nothing."""
    numbers: set[int] = set()
    for each in statuses:
        numbers.update((each,) if isinstance(each, int) else numbers_of(protocol.statuses.get(each, ())))
    unprocessed = {number for name in protocol.unprocessed for number in numbers_of(protocol.statuses[name])}
    found: list[Range] = []
    for number in sorted(numbers):
        if found and found[-1].last == number - 1 and found[-1].unprocessed == (number in unprocessed):
            found[-1] = Range(found[-1].first, number, found[-1].unprocessed)
        else:
            found.append(Range(number, number, number in unprocessed))
    return found
