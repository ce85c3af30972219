"""The protocols under test, and good frames of each: made once for a run, always the same.

All built-ins and one protocol of a file are read in both directions. Of three, which between them use most ops, every
deliberate fault in a Plan must be noticed.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from conformance.generate.derived import covering, derive
from conformance.generate.examples import collect, curated, strategy
from conformance.generate.mutations import prefixes
from conformance.mutants.killing import Judged
from conformance.outcome import Complete
from conformance.subject import Subject
from tests.protocols import beacon_peer as peer
from xproto.kernel.codec import Frame
from xproto.registry import BUILT_IN, load, register
from xproto.spec import Limits

BEACON = str(Path(__file__).parents[1] / "protocols" / "beacon.py")
SHIPPED = ("bolt", "dubbo", "beacon")
LIMITED = tuple(f"{name}-limited" for name in SHIPPED)
NAMES = (*SHIPPED, *LIMITED)
EVERY = (*(protocol.name for protocol in BUILT_IN), "beacon")
SIDES = [
    pytest.param(name, direction, id=f"{name}-{('requests', 'responses')[direction]}") for name in EVERY for direction in (0, 1)
]
DEEP = os.environ.get("CONFORMANCE_PROFILE") == "deep"
SANITIZED = os.environ.get("XPROTO_SANITIZED") == "1"
KEYS = ("service", "method", "group", "k", "version")

LIMITS = {
    "bolt": {"frame_limit": 34_000},
    "dubbo": {"max_body": 1500, "serializations": ["hessian2", "fastjson2", "kryo2"]},
    "beacon": {"frame_limit": 18_000},
}
"""Limits that vectors can reach: above each protocol's greatest header lengths, and little more."""
SMALL = 2_500
"""Bytes of a frame of the protocols without an entry there."""

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
def _subjects() -> dict[tuple[str, int], Subject]:
    found = {}
    limited = load([BEACON], LIMITS)
    for name, registered in load([BEACON]).items():
        small = limited[name]
        if name not in LIMITS:
            small = register(replace(registered.protocol, limits=Limits(frame=SMALL)))
        for direction in (0, 1):
            found[name, direction] = Subject.of(registered, direction)
            found[f"{name}-limited", direction] = Subject.of(small, direction)
    return found


def subject(name: str, direction: int = 0) -> Subject:
    """A protocol as it is shipped, or as ``name-limited``."""
    return _subjects()[name, direction]


@cache
def good_frames(name: str, direction: int = 0) -> tuple[bytes, ...]:
    """Frames made by hand, and drawn ones."""
    lowered = subject(name).lowered
    own = BEACON_FRAMES if name.startswith("beacon") else curated(lowered, direction)
    return (*own, *collect(strategy(lowered, direction), 1000 if DEEP else 200))


@cache
def telling_frames(name: str, direction: int = 0) -> tuple[bytes, ...]:
    """Few that go every way through verify, and the short ones made by hand."""
    frames = good_frames(name, direction)
    own = [frame for frame in frames[:24] if len(frame) < 400]
    return tuple(dict.fromkeys(own + covering(subject(name).lowered.verify, frames, direction=direction)))


def vectors(name: str, direction: int = 0) -> Iterator[tuple[bytes, int]]:
    """What is derived from both Plans (0), and every prefix of the frames (with the size of the whole)."""
    found = subject(name, direction)
    verify, scan = found.lowered.verify, found.lowered.scan
    frames = telling_frames(name, direction)
    scanned = [frame for frame in frames if isinstance(found.scan(frame), Frame)]
    yield from ((prefix, len(frame)) for frame in scanned for prefix in prefixes(frame))
    yield from ((vector.data, 0) for vector in derive(verify, frames, direction=direction))
    telling = covering(scan, scanned, direction=direction)
    yield from ((vector.data, 0) for vector in derive(scan, telling, verify, direction=direction))


@cache
def derived(name: str, direction: int = 0) -> tuple[Judged, ...]:
    """The vectors, with construct's answers."""
    found = subject(name, direction)
    made = dict(vectors(name, direction))
    return tuple(Judged(data, *found.oracle.parse(data), whole, direction) for data, whole in made.items())


def complete(name: str, direction: int = 0) -> list[bytes]:
    """The good frames that have a kind."""
    found, frames = subject(name, direction), good_frames(name, direction)
    return [f for f in frames if found.oracle.outcome(f) == Complete(len(f)) and isinstance(found.scan(f), Frame)]
