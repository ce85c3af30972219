"""What is in force: a snapshot, with everything that control made for it. Replaced as a whole, never changed.

What always holds: a worker that starts gets one state, whole; a listener's sockets belong to the newest state that has
them, and those that no state has any more are closed by whoever replaced the state.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import msgspec

from proxy.control.sockets import Bound, bind_all
from proxy.observe.counters import Layout
from proxy.snapshot import Listener, Snapshot, encode
from proxy.tls.material import Material


@dataclass(frozen=True, slots=True)
class State:
    """`encoded` and `slots` are what workers are sent of the snapshot and the layout.

    `slots` is empty as long as the layout is what follows from the snapshot alone. `specs` has the digests of the
    protocols' files, by path: their text is no part of the snapshot, and may be what changed. `materials` are the newest
    of the snapshot's secrets, by name.
    """

    snapshot: Snapshot
    encoded: bytes
    layout: Layout
    slots: bytes
    bound: tuple[Bound, ...]
    specs: dict[str, str]
    materials: dict[str, Material]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(each.name for each in self.bound)

    def descriptors(self, index: int) -> list[int]:
        """Worker `index`'s sockets, in the order of `names`."""
        return [each.sockets[index].fileno() for each in self.bound]

    def rotated(self, materials: dict[str, Material]) -> State:
        """The same with these secrets in place of their own; others that it has stay."""
        return replace(self, materials=self.materials | materials)


class Step(NamedTuple):
    """From one state to the next: `kept` is names to the names before, `fresh` was bound for it, `given_up` is to close."""

    state: State
    kept: dict[str, str]
    fresh: tuple[Bound, ...]
    given_up: tuple[Bound, ...]

    def descriptors(self, index: int) -> list[int]:
        """Worker `index`'s fresh sockets."""
        return [each.sockets[index].fileno() for each in self.fresh]


def first(snapshot: Snapshot, materials: dict[str, Material]) -> State:
    """Binds every listener; raises `BindError`, or `ValueError`, and then nothing is bound."""
    bound = tuple(bind_all(snapshot.listeners.values(), snapshot.workers))
    try:
        return _state(snapshot, None, bound, digests(snapshot), materials)
    except ValueError:
        close_all(bound)
        raise


def step(before: State, snapshot: Snapshot, specs: dict[str, str], materials: dict[str, Material]) -> Step:
    """Binds what is new, and changes nothing else; raises `BindError` or `ValueError`, and then nothing is bound.

    An address that is listened on already is handed on, under whatever name: bound twice it would share its connections
    with the old name, or be refused.
    """
    handed_on = match(snapshot.listeners.values(), before.bound)
    missing = [listener for name, listener in snapshot.listeners.items() if name not in handed_on]
    fresh = tuple(bind_all(missing, snapshot.workers))
    found = {each.name: each for each in fresh}
    for name, old in handed_on.items():
        found[name] = replace(old, name=name, asked=snapshot.listeners[name].address)
    kept = {name: old.name for name, old in handed_on.items()}
    staying = set(kept.values())
    try:
        state = _state(snapshot, before.layout, tuple(found[name] for name in snapshot.listeners), specs, materials)
    except ValueError:
        close_all(fresh)
        raise
    return Step(state, kept, fresh, tuple(each for each in before.bound if each.name not in staying))


def match(listeners: Iterable[Listener], bound: Sequence[Bound]) -> dict[str, Bound]:
    """Which of the new listeners, by name, takes over which sockets: its own first, then those of its address.

    Port 0 is the same address as before only under the same name.
    """
    wanted = list(listeners)
    left = {each.name: each for each in bound}
    taken: dict[str, Bound] = {}
    for listener in wanted:
        own = left.get(listener.name)
        if own is not None and listener.address in (own.asked, own.address):
            taken[listener.name] = left.pop(listener.name)
    by_address = {each.address: each for each in left.values()}
    for listener in wanted:
        if listener.name not in taken and listener.address in by_address:
            taken[listener.name] = by_address.pop(listener.address)
    return taken


def close_all(bound: Sequence[Bound]) -> None:
    for each in bound:
        each.close()


def digests(snapshot: Snapshot) -> dict[str, str]:
    """Of each of the protocols' files. One that is gone has none; whoever loads it says so."""
    found: dict[str, str] = {}
    for path in snapshot.protocol_specs:
        with contextlib.suppress(OSError):
            found[path] = hashlib.sha256(Path(path).read_bytes()).hexdigest()
    return found


def _state(
    snapshot: Snapshot,
    before: Layout | None,
    bound: tuple[Bound, ...],
    specs: dict[str, str],
    materials: dict[str, Material],
) -> State:
    protocols = {name for each in snapshot.listeners.values() for name in each.spoken}
    layout = Layout(snapshot, protocols, before)
    slots = b"" if before is None else msgspec.msgpack.encode(layout.slots())
    return State(snapshot, encode(snapshot), layout, slots, bound, specs, materials)
