from asyncio import AbstractEventLoop
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from proxy.filters.placed import Placements
from proxy.observe.counters import Layout
from proxy.observe.logfile import LogFiles
from proxy.snapshot import Snapshot
from proxy.tls.contexts import Contexts

class _Table(Protocol):
    @property
    def keys(self) -> tuple[str, ...]: ...
    def decide(self, values: tuple[bytes | None, ...], /) -> int: ...

class _Detector(Protocol):
    def detect(self, data: bytes, /) -> str | int | None: ...

class Change: ...

class Engine:
    def __init__(
        self,
        loop: AbstractEventLoop,
        snapshot: Snapshot,
        codecs: Mapping[str, Any],
        detectors: Mapping[str | tuple[str, str], _Detector | None],
        tables: Mapping[str, _Table],
        counters: memoryview,
        layout: Layout,
        log: Callable[[str], None],
        seed: int = 0,
        *,
        network: Any = None,
        clock: Any = None,
        contexts: Contexts | None = None,
        files: LogFiles | None = None,
        filters: Mapping[str, Placements] | None = None,
    ) -> None: ...
    def prepare(
        self,
        snapshot: Snapshot,
        codecs: Mapping[str, Any],
        detectors: Mapping[str | tuple[str, str], _Detector | None],
        tables: Mapping[str, _Table],
        layout: Layout,
        contexts: Contexts | None = None,
        files: LogFiles | None = None,
        filters: Mapping[str, Placements] | None = None,
    ) -> Change: ...
    def commit(self, change: Change, listening: dict[str, int]) -> None: ...
    def listen(self, name: str, fd: int) -> None: ...
    def stop_accepting(self) -> None: ...
    def in_flight(self) -> int: ...
    def close(self) -> None: ...
    def set_first_id(self, first: int) -> None: ...
    def describe(self) -> dict[str, Any]: ...
