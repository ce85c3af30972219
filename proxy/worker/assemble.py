"""From a snapshot to an engine. Nothing here can be wrong by the user's fault: control's side has tried it all before."""

from __future__ import annotations

import asyncio
import mmap
from collections.abc import Callable, Mapping
from typing import Any

from proxy.datapath.engine import Engine
from proxy.observe.counters import Layout
from proxy.routing.table import RouteTable
from proxy.snapshot import Listener, Snapshot
from xproto import registry
from xproto.autodetect import Detector


def build_engine(
    loop: asyncio.AbstractEventLoop,
    snapshot: Snapshot,
    counters: memoryview,
    log: Callable[[str], None],
    seed: int,
) -> Engine:
    """The engine, not listening yet. `counters` is writable and has a slot for each of the layout's."""
    protocols = registry.load(snapshot.protocol_specs, snapshot.protocol_options)
    used = {name for listener in snapshot.listeners.values() for name in listener.protocols}
    return Engine(
        loop,
        snapshot,
        {name: protocols[name].codec for name in protocols if name in used},
        {name: detector(listener, protocols) for name, listener in snapshot.listeners.items()},
        {name: RouteTable(routes) for name, routes in snapshot.routes.items()},
        counters,
        Layout(snapshot, protocols),
        log,
        seed,
    )


def detector(listener: Listener, protocols: Mapping[str, registry.Registered]) -> Detector | None:
    """None where there is only one protocol: then nothing is detected."""
    if len(listener.protocols) == 1:
        return None
    return Detector([protocols[name] for name in listener.protocols])


def map_counters(descriptor: int) -> memoryview:
    """The array that control made, as u64."""
    return memoryview(mmap.mmap(descriptor, 0)).cast("Q")


def describe(engine: Any) -> dict[str, Any]:
    """What the engine tells of itself, for the admin port."""
    told: dict[str, Any] = engine.describe()
    return told
