"""What a server must do with good requests: answer each, with its id, however the bytes arrive."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from itertools import pairwise

from conformance.live.target import Asked, Asking, Target
from conformance.live.wire import Answer, Gone, Heard, Silence, Wire, told
from conformance.outcome import DisagreementError
from conformance.suite import Case
from xproto.lower.expressions import resolve
from xproto.spec import Kind

AT_ONCE = 5
"""Requests in one segment."""
MOST_SPLITS = 24
MOST_SINGLE = 600
"""Bytes of a request that is sent byte by byte."""


def answers(target: Target) -> Iterator[Case]:
    """Every request vector, on a connection of its own."""
    for asking in target.askings:
        yield Case(asking.asked.name, asking.asked.data, partial(_was_answered, asking))


def _was_answered(asking: Asking, _data: bytes) -> None:
    if asking.fault is not None:
        raise asking.fault


def ids(target: Target) -> Iterator[Case]:
    """The edges of the id's width, and around its wrap, on one connection."""
    for asked in target.chosen:
        for id in edge_ids(target):
            data = target.with_id(asked.data, id)
            yield Case(f"{asked.name} with the id {id}", data, lambda data: target.ask(data) and None)
        top = highest_id(target)
        wrapping = (top - 1, top, 0, 1)
        yield Case(f"{asked.name} with the ids {', '.join(map(str, wrapping))}", asked.data, partial(_wraps, target, wrapping))


def highest_id(target: Target) -> int:
    """The greatest id that the protocol's field holds."""
    return resolve(target.registered.protocol.id, target.registered.lowered.scope, "id").hi


def edge_ids(target: Target) -> tuple[int, ...]:
    top = highest_id(target)
    return 0, 1, top >> 1, (top >> 1) + 1, top


def _wraps(target: Target, wanted: Sequence[int], data: bytes) -> None:
    with target.open(target.frame(data).variant) as wire:
        for id in wanted:
            changed = target.with_id(data, id)
            wire.send(changed)
            target.expect(wire, changed)


def splits(target: Target) -> Iterator[Case]:
    """A request in two segments, cut at places spread over it, and one byte at a time."""
    for asked in target.chosen:
        for at in cuts(asked.data):
            yield Case(f"{asked.name} cut after {at} bytes", asked.data, partial(_in_pieces, target, (at,)))
    single = min(target.chosen, key=lambda asked: len(asked.data))
    if len(single.data) <= MOST_SINGLE:
        every = range(1, len(single.data))
        yield Case(f"{single.name} byte by byte", single.data, partial(_in_pieces, target, every))


def cuts(data: bytes) -> Sequence[int]:
    """Every place within the first bytes, then some, and the last."""
    size = len(data)
    step = max(1, size // (MOST_SPLITS // 2))
    found = {*range(1, min(size, MOST_SPLITS // 2)), *range(step, size, step), size - 1}
    return sorted(at for at in found if 0 < at < size)


def _in_pieces(target: Target, places: Sequence[int], data: bytes) -> None:
    edges = (0, *places, len(data))
    with target.open(target.frame(data).variant) as wire:
        wire.send_pieces(data[start:end] for start, end in pairwise(edges))
        target.expect(wire, data)


def coalesced(target: Target) -> Iterator[Case]:
    """Several requests in one segment, then some more on the same connection."""
    for asked in target.chosen:
        yield Case(f"{AT_ONCE} of {asked.name} in one segment", asked.data, partial(_at_once, target))


def _at_once(target: Target, data: bytes) -> None:
    with target.open(target.frame(data).variant) as wire:
        for first in (2, 2 + AT_ONCE):
            wanted = list(range(first, first + AT_ONCE))
            wire.send(b"".join(target.with_id(data, id) for id in wanted))
            heard = _several(target, wire, data, AT_ONCE, f"{AT_ONCE} requests in one segment")
            if not target.has_ids:
                continue
            found = [answer.frame.id for answer in heard]
            if sorted(found) != wanted:
                what = f"{AT_ONCE} requests in one segment with the ids {wanted} are answered with the ids {found}"
                raise DisagreementError(what, data, field=target.registered.lowered.id_name)
            if target.registered.codec.in_order and found != wanted:
                what = f"answers come in the order {found} where clients tell them apart by the order {wanted}"
                raise DisagreementError(what, data, field=target.registered.lowered.id_name)


def _several(target: Target, wire: Wire, data: bytes, count: int, what: str) -> list[Answer]:
    found: list[Answer] = []
    while len(found) < count:
        heard = wire.hear(target.patience.answer)
        if isinstance(heard, Gone | Silence):
            raise DisagreementError(f"{what}: {len(found)} are answered, then the server {heard}", data)
        if heard.frame.kind not in {Kind.RESPONSE, Kind.WRAPPED}:
            raise DisagreementError(f"{what}: one is answered with no answer", data, told(heard))
        found.append(heard)
    return found


def trailing(target: Target) -> Iterator[Case]:
    """A request with the beginning of another behind it: the first is answered, then the second once it is whole."""
    for asked in target.chosen:
        for size in sorted({1, len(asked.data) // 2, len(asked.data) - 1} - {0}):
            yield Case(f"{asked.name} and {size} bytes of another", asked.data, partial(_with_more, target, size))


def _with_more(target: Target, size: int, data: bytes) -> None:
    first, second = target.with_id(data, 11), target.with_id(data, 12)
    with target.open(target.frame(data).variant) as wire:
        wire.send(first + second[:size])
        target.expect(wire, first)
        wire.send(second[size:])
        target.expect(wire, second)


def interleaved(target: Target) -> Iterator[Case]:
    """Half a request on one connection, a whole one on another, then the other half: both are answered, on their own."""
    for asked in target.chosen:
        yield Case(f"{asked.name} on two connections", asked.data, partial(_on_two, target))


def _on_two(target: Target, data: bytes) -> None:
    variant, half = target.frame(data).variant, len(data) // 2
    mine, other = target.with_id(data, 21), target.with_id(data, 22)
    with target.open(variant) as one, target.open(variant) as two:
        one.send(mine[:half])
        two.send(other)
        target.expect(two, other)
        one.send(mine[half:])
        target.expect(one, mine)


def heartbeats(target: Target) -> Iterator[Case]:
    """The declaration's heartbeat in every form of the wire, and those that were recorded, before and between calls."""
    codec = target.registered.codec
    for asked in target.chosen:
        made = codec.heartbeat(asked.frame.variant, 31)
        yield Case(f"the declaration's heartbeat before {asked.name}", made, partial(_beat, target, asked))
    for beat in target.heartbeats:
        alike = next((asked for asked in target.chosen if asked.frame.variant == beat.frame.variant), None)
        if alike is not None:
            yield Case(f"{beat.name} before {alike.name}", beat.data, partial(_beat, target, alike))


def _beat(target: Target, asked: Asked, data: bytes) -> None:
    with target.open(asked.frame.variant) as wire:
        for id in (31, highest_id(target) >> 1):
            beat, request = target.with_id(data, id), target.with_id(asked.data, id + 1)
            wire.send(beat)
            _acknowledged(target, beat, id, wire.hear())
            wire.send(request)
            target.expect(wire, request)


def _acknowledged(target: Target, beat: bytes, id: int, heard: Heard) -> None:
    if isinstance(heard, Gone | Silence):
        raise DisagreementError(f"a heartbeat is not acknowledged: the server {heard}", beat)
    kinds = {Kind.HEARTBEAT_ACK} if Kind.HEARTBEAT_ACK in target.registered.protocol.kind else {Kind.RESPONSE}
    if heard.frame.kind not in kinds:
        what = f"a heartbeat is acknowledged with a frame of kind {Kind(heard.frame.kind).name.lower()}"
        raise DisagreementError(what, beat, told(heard))
    if heard.frame.id != id:
        what = f"a heartbeat with the id {id} is acknowledged with the id {heard.frame.id}"
        raise DisagreementError(what, beat, told(heard), field=target.registered.lowered.id_name)


def oneways(target: Target) -> Iterator[Case]:
    """A oneway, then two requests: the only answers are those of the requests."""
    for oneway in target.oneways:
        alike = next((asked for asked in target.chosen if asked.frame.variant == oneway.frame.variant), None)
        if alike is not None:
            yield Case(f"{oneway.name} before {alike.name}", oneway.data, partial(_oneway, target, alike))


def _oneway(target: Target, asked: Asked, data: bytes) -> None:
    told_id = target.frame(data).id
    with target.open(asked.frame.variant) as wire:
        wire.send(data)
        for id in (told_id + 1 & 0xFFFF, told_id + 2 & 0xFFFF):
            request = target.with_id(asked.data, id)
            wire.send(request)
            heard = wire.hear()
            if target.has_ids and isinstance(heard, Answer) and heard.frame.id == told_id:
                raise DisagreementError("a oneway is answered", data, told(heard))
            if isinstance(heard, Gone | Silence):
                raise DisagreementError(f"a request behind a oneway is not answered: the server {heard}", data)
            if target.has_ids and heard.frame.id != id:
                what = f"behind a oneway, the request {id} is answered with the id {heard.frame.id}"
                raise DisagreementError(what, data, told(heard), field=target.registered.lowered.id_name)
