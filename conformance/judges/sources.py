"""Where the values of routing keys come from: a run of a lookup's Plan, and its alternatives in their order."""

from __future__ import annotations

from conformance.judges.interpreter import run
from conformance.outcome import Complete, Malformed
from xproto.lower import Alternative, LookupPlan


def find(lookup: LookupPlan, frame: bytes) -> tuple[bytes | None, ...] | Malformed:
    """The values of the lookup's keys in a whole frame from a client."""
    found = run(lookup.plan, frame)
    if isinstance(found.outcome, Malformed):
        return found.outcome
    assert isinstance(found.outcome, Complete), found.outcome
    return tuple(_first(each, found.slots, found.hidden) for each in lookup.alternatives)


def _first(alternatives: tuple[Alternative, ...], slots: dict[int, bytes], hidden: set[int]) -> bytes | None:
    for slot, unless, separator, behind in alternatives:
        if slot in hidden:
            return None
        value = slots.get(slot)
        if value is not None and separator:
            value = _part(value, separator, behind=behind)
        if value is not None and value not in unless:
            return value
    return None


def _part(value: bytes, separator: bytes, *, behind: bool) -> bytes | None:
    at = value.find(separator)
    if behind:
        return value[at + 1 :]
    return None if at < 0 else value[:at]
