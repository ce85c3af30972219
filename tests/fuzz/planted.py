"""Targets with a fault in them, for tests of whether it is found; only good frames to begin with."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from conformance.fuzz import engine
from conformance.fuzz.child import target
from conformance.fuzz.protocol import ProtocolTarget
from conformance.mutants.faults import faults
from xproto.plan import Plan

FAULT = "LOAD proto: high+1"
"""Bolt's third protocol, which does not exist, is a good one for both Plans."""


def planted(plan: Plan) -> Plan:
    """The Plan with that fault in it."""
    return next(fault.plan for fault in faults(plan) if fault.name.endswith(FAULT))


def main(name: str, own: Path, paths: Sequence[str], arguments: Sequence[str]) -> None:
    """The target, every input judged, with the same fault in both Plans: only the judges can tell."""
    found = target(name, paths, deep=True)
    assert isinstance(found, ProtocolTarget)
    found.subjects = tuple(
        each.with_plans(verify=planted(each.lowered.verify), scan=planted(each.lowered.scan)) for each in found.subjects
    )
    engine.run(found, arguments, str(own / "edges"))
