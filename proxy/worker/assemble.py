"""From a snapshot to what an engine is made of. Nothing here can be wrong by the user's fault: control's side has tried it.

What always holds: what a new snapshot says as the one before did is the same object as before (codecs, detectors, route
tables). By that the engine knows what may stay; and it is what makes a small change to a large configuration cheap.
"""

from __future__ import annotations

import asyncio
import mmap
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec

from proxy.datapath.engine import Change, Engine
from proxy.observe.counters import Layout
from proxy.routing.table import RouteTable
from proxy.snapshot import Listener, Snapshot, decode
from proxy.tls.material import Material
from xproto import registry
from xproto.autodetect import Detector
from xproto.kernel.codec import Codec


@dataclass(frozen=True, slots=True)
class Parts:
    """What an engine needs for a snapshot."""

    snapshot: Snapshot
    protocols: registry.Loaded
    codecs: dict[str, Codec]
    detectors: dict[str, Detector | None]
    tables: dict[str, RouteTable]
    layout: Layout
    materials: dict[str, Material]
    """Of the snapshot's secrets, by name; replaced with the parts when some are rotated."""


def make_parts(encoded: bytes, slots: bytes, materials: dict[str, Material], before: Parts | None = None) -> Parts:
    """`slots` and `materials` as in `proxy.control.wire.Start`. Nothing of `before` is changed, so a thread may do this."""
    snapshot = decode(encoded)
    protocols = registry.load(snapshot.protocol_specs, snapshot.protocol_options, None if before is None else before.protocols)
    used = {name for listener in snapshot.listeners.values() for name in listener.protocols}
    return Parts(
        snapshot,
        protocols,
        {name: protocols[name].codec for name in protocols if name in used},
        {name: _detector(listener, protocols, before) for name, listener in snapshot.listeners.items()},
        {name: _table(name, snapshot, before) for name in snapshot.routes},
        Layout.restore(snapshot, protocols, msgspec.msgpack.decode(slots)) if slots else Layout(snapshot, protocols),
        materials,
    )


def _detector(listener: Listener, protocols: registry.Loaded, before: Parts | None) -> Detector | None:
    """None where nothing is detected."""
    names = listener.protocols
    if not listener.detects:
        return None
    if before is not None and listener.name in before.detectors:
        same = before.snapshot.listeners[listener.name].protocols == names
        if same and all(before.protocols[name] is protocols[name] for name in names):
            return before.detectors[listener.name] or Detector([protocols[name] for name in names])
    return Detector([protocols[name] for name in names])


def _table(name: str, snapshot: Snapshot, before: Parts | None) -> RouteTable:
    if before is not None and before.snapshot.routes.get(name) == snapshot.routes[name]:
        return before.tables[name]
    return RouteTable(snapshot.routes[name])


def build_engine(
    loop: asyncio.AbstractEventLoop, parts: Parts, counters: memoryview, log: Callable[[str], None], seed: int
) -> Engine:
    """The engine, not listening yet. `counters` is writable and has a slot for each of the layout's."""
    return Engine(loop, parts.snapshot, parts.codecs, parts.detectors, parts.tables, counters, parts.layout, log, seed)


def prepare(engine: Engine, parts: Parts) -> Change:
    """What `engine.commit` takes; raises `ValueError`."""
    return engine.prepare(parts.snapshot, parts.codecs, parts.detectors, parts.tables, parts.layout)


def map_counters(descriptor: int) -> memoryview:
    """The array that control made, as u64."""
    return memoryview(mmap.mmap(descriptor, 0)).cast("Q")


def describe(engine: Any) -> dict[str, Any]:
    """What the engine tells of itself, for the admin port."""
    told: dict[str, Any] = engine.describe()
    return told
