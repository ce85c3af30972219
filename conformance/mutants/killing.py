"""Counts the deliberate faults that a suite of vectors notices, product by product.

construct judges every vector once. A fault is killed when the kernel, running the faulty Plan, gives an answer to some
vector that the judge does not allow; the sound Plan must pass them all. Survivors are named; those known to change
nothing that can be seen are passed in with the reason.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from conformance.checks.agreement import agree, same_texts, scan_fault
from conformance.judges.expected import lookup
from conformance.mutants.faults import Fault, faults
from conformance.outcome import Complete, DisagreementError, Malformed, More, Outcome
from conformance.subject import Subject, find
from xproto.kernel.codec import Frame
from xproto.kernel.lookup import Lookup
from xproto.plan import Plan


@dataclass(frozen=True)
class Judged:
    """A vector with construct's answer.

    whole: the size of the good frame that the vector is a prefix of, or 0. direction: 1 for what a server sends.
    """

    data: bytes
    outcome: Outcome
    fields: Any
    whole: int = 0
    direction: int = 0


@dataclass
class Score:
    """How many faults of one product a suite killed."""

    product: str
    total: int
    killed: dict[str, int]
    survivors: list[str]
    equivalent: list[str]

    def __str__(self) -> str:
        counts = ", with ".join(f"{suite} {n}/{self.total}" for suite, n in self.killed.items())
        return f"{self.product} kill count: {counts}; equivalent {len(self.equivalent)}, survivors {len(self.survivors)}"


def judge(subject: Subject, vectors: Iterable[bytes], whole: int = 0) -> list[Judged]:
    """Asks construct about each vector."""
    return [Judged(data, *subject.oracle.parse(data), whole, subject.direction) for data in vectors]


Test = Callable[[Subject, Judged], bool]
"""Whether the subject's answer to a vector is one that the judge allows."""


def allows_verify(sound: Subject) -> Test:
    """For faults in verify. What the sound Plan may refuse early, a faulty one may too."""
    early: dict[bytes, bool] = {}

    def allowed(subject: Subject, vector: Judged) -> bool:
        found = subject.verify(vector.data)
        if isinstance(found, More) and not _asks_well(found, vector):
            return False
        if agree(vector.outcome, found):
            return True
        if not isinstance(found, Malformed) or not isinstance(vector.outcome, More):
            return False
        if vector.data not in early:
            early[vector.data] = isinstance(sound.verify(vector.data), Malformed)
        return early[vector.data]

    return allowed


def allows_scan(sound: Subject) -> Test:
    """For faults in scan: the facts of good frames, and the refusal of what its own fields make wrong."""

    def allowed(subject: Subject, vector: Judged) -> bool:
        found = subject.scan(vector.data)
        if isinstance(found, More) and not _asks_well(found, vector):
            return False
        if scan_fault(subject, vector.data, vector.outcome, vector.fields, found) is not None:
            return False
        return isinstance(vector.outcome, Complete) or type(found) is type(sound.scan(vector.data))

    return allowed


def _asks_well(found: More, vector: Judged) -> bool:
    return len(vector.data) < found.total and (not vector.whole or found.total <= vector.whole)


def lookup_test(subject: Subject, keys: Sequence[str]) -> tuple[Plan, Callable[[Plan], Callable[[Judged], bool]]]:
    """The Plan of a lookup, and a maker of judges for Plans like it."""
    sound = subject.lowered.lookup(tuple(keys))

    def running(plan: Plan) -> Callable[[Judged], bool]:
        faulty = Lookup(replace(sound, plan=plan))

        def allowed(vector: Judged) -> bool:
            if not isinstance(vector.outcome, Complete) or not isinstance(subject.scan(vector.data), Frame):
                return True
            wanted = tuple(lookup(subject.protocol, vector.fields, key) for key in keys)
            return same_texts(find(faulty, vector.data[: vector.outcome.size]), wanted)

        return allowed

    return sound.plan, running


def score(
    product: str,
    plan: Plan,
    running: Callable[[Plan], Callable[[Judged], bool]],
    suites: Mapping[str, Sequence[Judged]],
    equivalent: Callable[[Fault], str | None] = lambda _: None,
) -> Score:
    """Runs each fault against each suite; a suite counts with all those before it."""
    sound = running(plan)
    for vectors in suites.values():
        for vector in vectors:
            if not sound(vector):
                raise DisagreementError(f"{product}: the sound Plan fails", vector.data, vector.outcome)
    killed = dict.fromkeys(suites, 0)
    survivors, same = [], []
    total = 0
    for fault in faults(plan):
        if reason := fault.unseen or equivalent(fault):
            same.append(f"{fault.name}: {reason}")
            continue
        total += 1
        try:
            allowed = running(fault.plan)
        except ValueError:  # the kernel refuses the Plan: a fault that cannot even be loaded
            killed = {suite: count + 1 for suite, count in killed.items()}
            continue
        dead = False
        for suite, vectors in suites.items():
            dead = dead or not all(allowed(vector) for vector in vectors)
            killed[suite] += dead
        if not dead:
            survivors.append(fault.name)
    return Score(product, total, killed, survivors, same)
