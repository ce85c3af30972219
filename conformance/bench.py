"""What there is of one protocol to judge: how it reads either direction, its vectors, its drawn frames, its neighbours."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from conformance.generate.examples import collect, curated, strategy
from conformance.golden import Vector
from conformance.outcome import Complete
from conformance.subject import Subject
from xproto.registry import Registered
from xproto.spec import Protocol


@dataclass(frozen=True)
class Profile:
    """How much is tried. frames: drawn; mutants: broken frames; derived: vectors derived from the Plan, of each product."""

    name: str
    frames: int
    mutants: int
    derived: int


QUICK = Profile("quick", 150, 3_000, 2_000)
DEEP = Profile("deep", 300, 8_000, 5_000)


@dataclass
class Bench:
    """One protocol under test. others: the vectors of every other protocol, for detection."""

    registered: Registered
    vectors: Sequence[Vector] = ()
    others: Mapping[str, Sequence[Vector]] = field(default_factory=dict)
    neighbours: Mapping[str, Registered] = field(default_factory=dict)
    profile: Profile = QUICK
    _frames: dict[int, tuple[bytes, ...]] = field(default_factory=dict)

    @property
    def protocol(self) -> Protocol:
        return self.registered.protocol

    @property
    def name(self) -> str:
        return self.registered.protocol.name

    @property
    def top_id(self) -> int:
        """The greatest id that frames can have."""
        return (1 << self.registered.codec.id_bits) - 1

    @cached_property
    def subjects(self) -> tuple[Subject, Subject]:
        """How frames of clients are read, and those of servers."""
        return Subject.of(self.registered, 0), Subject.of(self.registered, 1)

    def frames(self, direction: int) -> tuple[bytes, ...]:
        """Good frames of one direction that were made by hand or drawn, the same in every run."""
        if direction not in self._frames:
            known = [vector.data for vector in self.vectors]
            lowered, oracle = self.registered.lowered, self.subjects[direction].oracle
            found = (*curated(lowered, direction), *collect(strategy(lowered, direction, known), self.profile.frames))
            self._frames[direction] = tuple(frame for frame in found if oracle.outcome(frame) == Complete(len(frame)))
        return self._frames[direction]

    def usable(self, direction: int) -> Iterator[Vector]:
        """The vectors of one direction that are whole frames for this protocol as it is, without options of their own."""
        for vector in self.vectors:
            if vector.direction == direction and vector.kind != "refused" and not vector.options:
                yield vector

    def good(self) -> Iterator[tuple[int, str, bytes]]:
        """Direction, name and bytes of every good frame: the vectors, then the drawn ones."""
        for direction in (0, 1):
            seen = set()
            for vector in self.usable(direction):
                seen.add(vector.data)
                yield direction, vector.name, vector.data
            for index, frame in enumerate(self.frames(direction)):
                if frame not in seen:
                    yield direction, f"drawn {index}", frame
