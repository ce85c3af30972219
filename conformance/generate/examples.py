"""Frames to begin with: for each built-in protocol a few of every kind, and a strategy for many more.

A protocol without an entry here is drawn from its layout alone, which is enough where no field's values depend on
another's in a way that the layout does not say.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from conformance.generate.curated import CURATED, OVERRIDES
from conformance.generate.strategies import Override, frames
from conformance.judges.oracle import Oracle
from xproto.lower import Lowered
from xproto.templates import build_frame


def strategy(lowered: Lowered, direction: int = 0, vectors: Iterable[bytes] = ()) -> st.SearchStrategy[bytes]:
    """Valid frames of the protocol, as a client (0) or a server (1) sends them.

    vectors: good frames; they give the values of fields that only construct can read.
    """
    drawn = frames(lowered, OVERRIDES.get(lowered.protocol.name) or _interpreted(lowered, vectors), direction)
    fixed = curated(lowered, direction)
    return drawn | st.sampled_from(fixed) if fixed else drawn


def _interpreted(lowered: Lowered, vectors: Iterable[bytes]) -> dict[str, Override]:
    """For each field that only construct can read, the values that it has in the vectors."""
    paths = [told.partition(": ")[0] for told in lowered.opaque]
    oracle = Oracle(lowered.protocol)
    parsed = [fields for _, fields in map(oracle.parse, vectors) if fields is not None] if paths else []
    found = {path: [value for value in (_at(fields, path) for fields in parsed) if value is not None] for path in paths}
    return {path: _one_of(values) for path, values in found.items() if values}


def _at(fields: Any, path: str) -> Any:
    for name in path.split("."):
        fields = None if fields is None else fields.get(name)
    return fields


def _one_of(values: Sequence[Any]) -> Override:
    return lambda draw, _context: draw(st.sampled_from(values))


def curated(lowered: Lowered, direction: int = 0) -> list[bytes]:
    """A few frames of each kind that either side sends; none for a protocol that is not built in.

    Where the bytes of a frame say themselves what it is, those of the other side are among them.
    """
    build = CURATED.get(lowered.protocol.name)
    made = build(lowered, direction) if build else ()
    return [
        fields if isinstance(fields, bytes) else build_frame(lowered, fields, from_upstream=bool(direction)) for fields in made
    ]


def collect(found: st.SearchStrategy[bytes], count: int, number: int = 0) -> list[bytes]:
    """`count` different frames of a strategy at most, the same in every run."""
    seen: dict[bytes, None] = {}

    @seed(number)
    @settings(
        max_examples=count, database=None, phases=[Phase.generate], deadline=None, suppress_health_check=list(HealthCheck)
    )
    @given(found)
    def gather(frame: bytes) -> None:
        seen[frame] = None

    gather()
    return list(seen)
