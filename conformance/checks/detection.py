"""Detection: a connection's first bytes say this protocol, at every prefix, and never another's."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, partial

from conformance.bench import Bench
from conformance.outcome import DisagreementError
from conformance.suite import Case, Check
from xproto.autodetect import Detector, prove
from xproto.kernel.codec import Frame
from xproto.registry import Registered
from xproto.spec import Kind

BYTES_ALLOWED = 512
"""First bytes after which the protocol must be known: what a listener allows by default."""
MOST_FOREIGN = 80
"""Vectors of each other protocol."""


@dataclass(frozen=True)
class Wanted:
    """What must be made of a frame. names: any of these. known: whether it must be recognised at all."""

    names: frozenset[str]
    known: bool


def check_own(detector: Detector, wanted: Wanted, frame: bytes) -> None:
    """Each prefix asks for more or says the name, and a name that was said stays.

    A signature may be narrower than the layout, so a frame that nobody is known to send may be nobody's; never another's.
    """
    said = ""
    for size in range(1, min(len(frame), BYTES_ALLOWED) + 1):
        found = detector.detect(frame[:size])
        if isinstance(found, int) and not said and size < found <= detector.longest:
            continue
        if found is None and not wanted.known and not said:
            return
        if found not in wanted.names or (said and found != said):
            answer = f"want {found} bytes" if isinstance(found, int) else f"are taken for {found or 'nothing known'}"
            raise DisagreementError(f"detect: {size} bytes of a frame {answer}", frame, field="detect")
        said = str(found)
    if not said:
        what = f"detect: a whole frame of {len(frame)} bytes does not say its protocol: the signature is too long"
        raise DisagreementError(what, frame, field="detect")


def check_some(detector: Detector, frames: Sequence[bytes], _: bytes = b"") -> None:
    """At least one of a client's frames is recognised, so that a connection can be."""
    if all(detector.detect(frame[:BYTES_ALLOWED]) is None for frame in frames):
        what = f"detect: none of {len(frames)} frames is recognised: the signature leaves out all that a client sends"
        raise DisagreementError(what, frames[0], field="detect")


def check_foreign(detector: Detector, name: str, owner: str, frame: bytes) -> None:
    """A frame of another protocol is not claimed."""
    found = detector.detect(frame[:BYTES_ALLOWED])
    if found == name:
        raise DisagreementError(f"detect: a frame of {owner} is taken for {name}", frame, field="detect")


def check_proof(ranked: tuple[Registered, ...], _: bytes = b"") -> None:
    """Nothing that both claim, nothing that one would wait for in vain."""
    for finding in prove(ranked, BYTES_ALLOWED):
        raise DisagreementError(f"detect: {finding}", finding.example, field="detect")


def _ranked(bench: Bench, other: str) -> tuple[Registered, ...]:
    """The protocol and another in rank order."""
    return tuple(
        bench.registered if name == bench.name else found
        for name, found in bench.neighbours.items()
        if name in {bench.name, other}
    )


def _cases(bench: Bench) -> Iterator[Case]:
    alone = Detector([bench.registered])
    every = Detector([bench.registered if name == bench.name else found for name, found in bench.neighbours.items()])
    yield Case("the proof: alone", b"", partial(check_proof, (bench.registered,)))
    for other in bench.neighbours:
        if other != bench.name:
            yield Case(f"the proof: beside {other}", b"", partial(check_proof, _ranked(bench, other)))
    own = frozenset({bench.name})
    first = frozenset(name for name, found in bench.neighbours.items() if bench.name in found.protocol.detect.before)
    undetected = {vector.name for vector in bench.vectors if not vector.detected}
    recorded = {vector.name for vector in bench.vectors} - undetected
    openings = list(_openings(bench))
    if openings:
        frames = [data for _, data in openings]
        yield Case("any of its own", frames[0], partial(check_some, alone, frames))
    for name, data in openings:
        yield Case(f"{name}, alone", data, partial(check_own, alone, Wanted(own, name in recorded)))
        yield Case(f"{name}, beside all", data, partial(check_own, every, Wanted(own | first, name in recorded)))

    @cache
    def beside(other: str) -> Detector:
        return Detector(_ranked(bench, other))

    for other, vectors in bench.others.items():
        if other in bench.neighbours:
            for vector in [v for v in vectors if not v.direction and v.kind != "refused"][:MOST_FOREIGN]:
                yield Case(f"{other}: {vector.name}", vector.data, partial(check_foreign, beside(other), bench.name, other))


def _openings(bench: Bench) -> Iterator[tuple[str, bytes]]:
    """What a client may begin a connection with."""
    wanted = {Kind.HANDSHAKE} if bench.protocol.session is not None else set(Kind)
    for direction, name, data in bench.good():
        found = bench.subjects[direction].scan(data)
        if direction == 0 and isinstance(found, Frame) and found.kind in wanted:
            yield name, data


def _lacks(bench: Bench) -> str:
    return "no connection begins with it: it is known by a content type" if bench.protocol.media else ""


CHECK = Check("detection", "its frames are its own at every prefix; no other protocol's are; the proof of both", _cases, _lacks)
