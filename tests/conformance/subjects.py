"""The three protocols under test, and good frames of each: made once for a run, always the same."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from conformance.generate.derived import covering, derive
from conformance.generate.examples import collect, curated, strategy
from conformance.generate.mutations import prefixes
from conformance.mutants.killing import Judged
from conformance.outcome import Complete
from conformance.subject import Subject
from tests.protocols import beacon_peer as peer
from xproto.kernel.codec import Frame
from xproto.registry import load

BEACON = str(Path(__file__).parents[1] / "protocols" / "beacon.py")
SHIPPED = ("bolt", "dubbo", "beacon")
LIMITED = tuple(f"{name}-limited" for name in SHIPPED)
NAMES = (*SHIPPED, *LIMITED)
DEEP = os.environ.get("CONFORMANCE_PROFILE") == "deep"
SANITIZED = os.environ.get("XPROTO_SANITIZED") == "1"
KEYS = ("service", "method", "group", "k", "version")

LIMITS = {
    "bolt": {"frame_limit": 34_000},
    "dubbo": {"max_body": 1500, "serializations": ["hessian2", "fastjson2", "kryo2"]},
    "beacon": {"frame_limit": 18_000},
}
"""Limits that vectors can reach: above each protocol's greatest header lengths, and little more."""

_PAIRS = ((b"method", b"echo"), (b"service", b"over"), (b"group", b"g"), (b"k", b""), (b"group", b"last"), (b"", b"v"))
BEACON_FRAMES = tuple(
    frame.encode()
    for frame in (
        peer.Frame(peer.REQUEST, 5, service=b"com.test.Echo", headers=_PAIRS, chunks=(b"one", b"x")),
        peer.Frame(peer.REQUEST, 6, 2, b"s", _PAIRS[:1], (b"body",), timeout=3000, traced=True, priority=9, shard=0x010203),
        peer.Frame(peer.ONEWAY, 0xFFFF, 1, b"", (), (b"c" * 300,), timeout=0, priority=8),
        peer.Frame(peer.RESPONSE, 5, 1, headers=_PAIRS[2:], chunks=(b"answer",)),
        peer.Frame(peer.RESPONSE, 0, 2, status=peer.MALFORMED, shard=0xFFFFFF),
        peer.Frame(peer.HEARTBEAT, 1),
        peer.Frame(peer.ACK, 1, 2),
        peer.Frame(peer.GOAWAY, 9, chunks=(b"bye",)),
        peer.Frame(peer.REQUEST, 7, headers=((b"method", b"m" * 200),)),
    )
)


@cache
def _subjects() -> dict[str, Subject]:
    found = {name: Subject.of(registered) for name, registered in load([BEACON]).items()}
    for name, registered in load([BEACON], LIMITS).items():
        found[f"{name}-limited"] = Subject.of(registered)
    return found


def subject(name: str) -> Subject:
    """A protocol as it is shipped, or as ``name-limited``."""
    return _subjects()[name]


@cache
def good_frames(name: str) -> tuple[bytes, ...]:
    """Frames made by hand, and drawn ones."""
    lowered = subject(name).lowered
    own = BEACON_FRAMES if name.startswith("beacon") else curated(lowered)
    return (*own, *collect(strategy(lowered), 1000 if DEEP else 200))


@cache
def telling_frames(name: str) -> tuple[bytes, ...]:
    """Few that go every way through verify, and the short ones made by hand."""
    frames = good_frames(name)
    own = [frame for frame in frames[:24] if len(frame) < 400]
    return tuple(dict.fromkeys(own + covering(subject(name).lowered.verify, frames)))


def vectors(name: str) -> Iterator[tuple[bytes, int]]:
    """What is derived from both Plans (0), and every prefix of the frames (with the size of the whole)."""
    found = subject(name)
    verify, scan = found.lowered.verify, found.lowered.scan
    frames = telling_frames(name)
    scanned = [frame for frame in frames if isinstance(found.scan(frame), Frame)]
    yield from ((prefix, len(frame)) for frame in scanned for prefix in prefixes(frame))
    yield from ((vector.data, 0) for vector in derive(verify, frames))
    yield from ((vector.data, 0) for vector in derive(scan, covering(scan, scanned), verify))


@cache
def derived(name: str) -> tuple[Judged, ...]:
    """The vectors, with construct's answers."""
    found = subject(name)
    return tuple(Judged(data, *found.oracle.parse(data), whole) for data, whole in dict(vectors(name)).items())


def complete(name: str) -> list[bytes]:
    """The good frames that have a kind."""
    found = subject(name)
    return [f for f in good_frames(name) if found.oracle.outcome(f) == Complete(len(f)) and isinstance(found.scan(f), Frame)]
