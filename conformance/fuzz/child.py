"""One run, in a process that `launch` started."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from conformance.fuzz import engine
from conformance.fuzz.detection import DetectorTarget
from conformance.fuzz.http1 import Http1Target
from conformance.fuzz.http2 import Http2Target
from conformance.fuzz.protocol import ProtocolTarget
from conformance.fuzz.seeds import DETECTOR
from xproto.registry import load

OWN: dict[str, type[ProtocolTarget]] = {"http1": Http1Target, "http2": Http2Target}
"""Protocols that are asked more than what is declared."""


def target(name: str, paths: Sequence[str] = (), *, deep: bool = False) -> engine.Target:
    """A target by its name. paths: of files that declare protocols. deep: the judges are asked about every input."""
    found = load(list(paths))
    if name == DETECTOR:
        return DetectorTarget(list(found.values()))
    return OWN.get(name, ProtocolTarget)(found[name], deep=deep)


def main(name: str, own: Path, paths: Sequence[str], arguments: Sequence[str]) -> None:
    """Runs libFuzzer over the target; ends the process. own: this run's folder."""
    engine.run(target(name, paths), arguments, str(own / "edges"))
