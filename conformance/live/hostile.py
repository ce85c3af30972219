"""What a server must survive: bytes that are no frames, frames with faults, lengths that nobody means.

A server is free in how it refuses. It must not leave a peer without an answer that it told no length to wait for, must
let go of a connection whose client has finished, and must go on serving others.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from functools import partial

from conformance.generate.mutations import mutate, reseal
from conformance.live.lengths import GIANTS, length_fields, unknown_forms
from conformance.live.target import Asked, Target
from conformance.live.wire import Silence, told
from conformance.outcome import DisagreementError
from conformance.suite import Case
from xproto.errors import MalformedError

PER_LIVE_MUTANT = 80
"""Mutants of the profile, which are read in a process, for each that is sent to a server."""
STRANGERS = {
    "zeros": bytes(64),
    "ones": b"\xff" * 64,
    "a line of HTTP": b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "a TLS hello": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(64)),
    "text": b"quit\r\nhelp\r\n",
    "a page of ones": b"\xff" * 4096,
}


def garbage(target: Target) -> Iterator[Case]:
    """Bytes that begin no frame: the connection is closed, or an error answered."""
    cubes = target.registered.cubes
    for name, data in STRANGERS.items():
        if not any(cube and cube[0] >> data[0] & 1 for cube in cubes):
            yield Case(name, data, partial(_refused, target, "bytes that begin no frame"))


def _refused(target: Target, what: str, data: bytes) -> None:
    """Sent on a new connection, this is answered or closed; and others are served."""
    with target.open() as wire:
        wire.send(data)
        if wire.hear_anything(target.patience.close) is None:
            heard = f"neither answers nor closes within {target.patience.close:g} s"
            raise DisagreementError(f"the server {heard}: {what}", data)
    target.survives(data)


def mutants(target: Target) -> Iterator[Case]:
    """Requests with small changes, each on a connection that its client then finishes."""
    rng = random.Random(7)  # noqa: S311 - test data
    count = max(1, target.profile.mutants // PER_LIVE_MUTANT)
    for index in range(count):
        asked = target.chosen[index % len(target.chosen)]
        data = mutate(asked.data, rng)
        data = reseal(target.registered.lowered.verify, data) if rng.random() < 0.5 else data
        yield Case(f"mutant {index} of {asked.name}", data, partial(_let_go, target))


def _let_go(target: Target, data: bytes) -> None:
    """Whatever was sent, the server ends the connection that its client has finished; and serves others."""
    with target.open(target.chosen[0].frame.variant) as wire:
        wire.send(data)
        wire.finish()
        if isinstance(wire.hear_end(target.patience.close), Silence):
            what = f"the server keeps a connection {target.patience.close:g} s after its client finished it"
            raise DisagreementError(what, data)
    target.survives(data)


def truncated(target: Target) -> Iterator[Case]:
    """Requests of which the client sends only a part before it closes."""
    for asked in target.chosen:
        size = len(asked.data)
        for kept in sorted({1, 3, size // 4, size // 2, size - 1} - {0}):
            yield Case(f"{kept} of {size} bytes of {asked.name}", asked.data[:kept], partial(_let_go, target))


def giants(target: Target) -> Iterator[Case]:
    """Lengths far over any limit, with no bytes behind them: refused, not waited for."""
    for asked in target.chosen:
        for field in length_fields(target.registered, asked.data):
            for size in GIANTS:
                name = f"{asked.name} that announces {size} bytes at offset {field.at}"
                yield Case(name, field.put(asked.data, size), partial(_refused_giant, target, size))


def _refused_giant(target: Target, size: int, data: bytes) -> None:
    _refused(target, f"it waits for a frame of {size} bytes, over a limit of {target.registered.protocol.limits.frame}", data)


def unasked(target: Target) -> Iterator[Case]:
    """Answers that a client sends, with ids that nobody waits for: passed over, or the connection closed."""
    found = [v for v in target.bench.vectors if v.direction == 1 and v.kind == "response" and not v.options]
    for vector in sorted(found, key=lambda v: len(v.data))[:3]:
        yield Case(vector.name, vector.data, partial(_passed_over, target))


def _passed_over(target: Target, data: bytes) -> None:
    asked = target.chosen[0]
    with target.open(asked.frame.variant) as wire:
        wire.send(data)
        wire.send(asked.data)
        heard = wire.hear()
        if isinstance(heard, Silence):
            raise DisagreementError("behind an answer that nobody asked for, a request is not answered", data, told(heard))
    target.survives(data)


def forms(target: Target) -> Iterator[Case]:
    """Versions and serializations that are unknown: an error, or the end of the connection, but no silence."""
    for asked in target.chosen:
        for name, data in unknown_forms(target.registered, asked.data):
            yield Case(f"{asked.name}: {name}", data, partial(_no_silence, target, asked))


def _no_silence(target: Target, asked: Asked, data: bytes) -> None:
    with target.open(asked.frame.variant) as wire:
        wire.send(data)
        if wire.hear_anything(target.patience.answer) is None:
            raise DisagreementError(
                f"the server neither answers nor closes within {target.patience.answer:g} s", data, field=_field(target, data)
            )
    target.survives(data)


def _field(target: Target, data: bytes) -> str:
    try:
        target.registered.codec.scan_bytes(data, 0)
    except MalformedError as error:
        return error.path
    return ", ".join(value.path for value in target.registered.lowered.echo.fields)
