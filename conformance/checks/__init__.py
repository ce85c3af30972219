"""What must hold of every codec, one file a check."""

from __future__ import annotations

from conformance.checks import checksum, detection, edits, kinds, limits, splits
from conformance.suite import Check

CHECKS: tuple[Check, ...] = (
    splits.SPLITS, splits.PREFIXES, splits.COALESCED, kinds.REPLIES, kinds.HEARTBEATS, kinds.ONEWAYS, checksum.CHECK,
    edits.CHECK, limits.LIMITS, detection.CHECK,
)  # fmt: skip
"""In the order in which they are run."""
