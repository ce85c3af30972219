"""What there is of one protocol to judge: how it reads either direction, its vectors, its drawn frames, its neighbours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from conformance.generate.examples import collect, curated, strategy
from conformance.golden import Vector
from conformance.outcome import Complete
from conformance.subject import Subject
from xproto.registry import Registered


@dataclass(frozen=True)
class Profile:
    """How much is tried. frames: drawn; mutants: broken frames; derived: vectors derived from the Plan, of each product."""

    name: str
    frames: int
    mutants: int
    derived: int


QUICK = Profile("quick", 150, 4_000, 4_000)
DEEP = Profile("deep", 1_000, 60_000, 1_000_000)


@dataclass
class Bench:
    """One protocol under test. others: the vectors of every other protocol, for detection."""

    registered: Registered
    vectors: Sequence[Vector] = ()
    others: Mapping[str, Sequence[Vector]] = field(default_factory=dict)
    neighbours: Mapping[str, Registered] = field(default_factory=dict)
    profile: Profile = QUICK
    _frames: dict[int, tuple[bytes, ...]] = field(default_factory=dict)

    @cached_property
    def subjects(self) -> tuple[Subject, Subject]:
        """How frames of clients are read, and those of servers."""
        return Subject.of(self.registered, 0), Subject.of(self.registered, 1)

    def frames(self, direction: int) -> tuple[bytes, ...]:
        """Good frames of one direction that were made by hand or drawn, the same in every run."""
        if direction not in self._frames:
            known = [vector.data for vector in self.vectors]
            lowered, oracle = self.registered.lowered, self.subjects[direction].oracle
            found = (*curated(lowered), *collect(strategy(lowered, known), self.profile.frames))
            self._frames[direction] = tuple(frame for frame in found if oracle.outcome(frame) == Complete(len(frame)))
        return self._frames[direction]
