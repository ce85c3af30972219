"""From a snapshot to what an engine is made of. Nothing here can be wrong by the user's fault: control's side has tried it.

What always holds: what a new snapshot says as the one before did is the same object as before (codecs, detectors, route
tables). By that the engine knows what may stay; and it is what makes a small change to a large configuration cheap.
"""

from __future__ import annotations

import asyncio
import mmap
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import msgspec

from proxy.datapath.engine import Change, Engine
from proxy.filters.placed import Filters
from proxy.filters.placed import place as place_filters
from proxy.observe.counters import Layout
from proxy.observe.logfile import LogFiles
from proxy.routing.table import RouteTable
from proxy.snapshot import Snapshot, decode
from proxy.tls.contexts import Contexts
from proxy.tls.material import Material
from xproto import registry
from xproto.autodetect import Detector
from xproto.kernel.codec import Codec

Place = str | tuple[str, str]
"""A listener's name, or that and a chain's."""
Detectors = dict[Place, Detector | None]


@dataclass(frozen=True, slots=True)
class Parts:
    """What an engine needs for a snapshot."""

    snapshot: Snapshot
    protocols: registry.Loaded
    codecs: dict[str, Codec]
    detectors: Detectors
    tables: dict[str, RouteTable]
    layout: Layout
    materials: dict[str, Material]
    """Of the snapshot's secrets, by name; replaced with the parts when some are rotated."""
    contexts: Contexts
    """What handshakes are made with; takes new materials itself."""
    files: LogFiles
    """Where access logs go, open."""
    filters: Filters


def make_parts(
    encoded: bytes, slots: bytes, materials: dict[str, Material], before: Parts | None = None, *, first: bool = True
) -> Parts:
    """`slots`, `materials` and `first` as in `proxy.control.wire.Start`.

    Nothing of `before` is changed, but that its access logs may be opened at last, so a thread may do this.
    """
    snapshot = decode(encoded)
    protocols = registry.load(snapshot.protocol_specs, snapshot.protocol_options, None if before is None else before.protocols)
    used = {name for listener in snapshot.listeners.values() for name in listener.spoken}
    return Parts(
        snapshot,
        protocols,
        {name: protocols[name].codec for name in protocols if name in used},
        dict(_detectors(snapshot, protocols, before)),
        {name: _table(name, snapshot, before) for name in snapshot.routes},
        Layout.restore(snapshot, protocols, msgspec.msgpack.decode(slots)) if slots else Layout(snapshot, protocols),
        materials,
        Contexts(snapshot, materials, None if before is None else before.contexts),
        LogFiles(snapshot, None if before is None else before.files, must=first),
        place_filters(snapshot, None if before is None else before.filters),
    )


def _detectors(snapshot: Snapshot, protocols: registry.Loaded, before: Parts | None) -> Iterator[tuple[Place, Detector | None]]:
    """For listeners and their chains; None where nothing is detected."""
    had = {} if before is None else dict(_detected(before.snapshot))
    for place, names in _detected(snapshot):
        same = before is not None and had.get(place) == names
        if not names:
            yield place, None
        elif before is not None and same and all(before.protocols[name] is protocols[name] for name in names):
            yield place, before.detectors[place]
        else:
            yield place, Detector([protocols[name] for name in names])


def _detected(snapshot: Snapshot) -> Iterator[tuple[Place, tuple[str, ...]]]:
    """The protocols among which each listener and each chain detects; none where nothing is to be detected."""
    for listener in snapshot.listeners.values():
        yield listener.name, listener.protocols if listener.detects else ()
        for chain in listener.chains:
            yield (listener.name, chain.name), chain.protocols if listener.detects_among(chain.protocols) else ()


def _table(name: str, snapshot: Snapshot, before: Parts | None) -> RouteTable:
    hosts = snapshot.virtual_hosts.get(name, ())
    if before is not None and (before.snapshot.routes.get(name), before.snapshot.virtual_hosts.get(name, ())) == (
        snapshot.routes[name], hosts,
    ):  # fmt: skip
        return before.tables[name]
    return RouteTable(snapshot.routes[name], hosts)


def build_engine(
    loop: asyncio.AbstractEventLoop, parts: Parts, counters: memoryview, log: Callable[[str], None], seed: int
) -> Engine:
    """The engine, not listening yet. `counters` is writable and has a slot for each of the layout's."""
    return Engine(
        loop, parts.snapshot, parts.codecs, parts.detectors, parts.tables, counters, parts.layout, log, seed,
        contexts=parts.contexts, files=parts.files, filters=parts.filters.listeners,
    )  # fmt: skip


def prepare(engine: Engine, parts: Parts) -> Change:
    """What `engine.commit` takes; raises `ValueError`."""
    return engine.prepare(
        parts.snapshot, parts.codecs, parts.detectors, parts.tables, parts.layout, parts.contexts, parts.files,
        parts.filters.listeners,
    )  # fmt: skip


def map_counters(descriptor: int) -> memoryview:
    """The array that control made, as u64."""
    return memoryview(mmap.mmap(descriptor, 0)).cast("Q")


def describe(engine: Any) -> dict[str, Any]:
    """What the engine tells of itself, for the admin port."""
    told: dict[str, Any] = engine.describe()
    return told
