"""What must hold of every codec, one file a check."""

from __future__ import annotations

from conformance.checks import checksum, detection, editing, edits, generated, golden, ids, kinds, limits, splits
from conformance.suite import Check

CHECKS: tuple[Check, ...] = (
    golden.GOLDEN,
    splits.SPLITS,
    splits.PREFIXES,
    splits.COALESCED,
    kinds.REPLIES,
    kinds.HEARTBEATS,
    kinds.ONEWAYS,
    checksum.CHECK,
    ids.IDS,
    edits.CHECK,
    editing.CHECK,
    limits.LIMITS,
    detection.CHECK,
    generated.GENERATED,
)
"""In the order in which they are run."""
