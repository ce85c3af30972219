"""Asks every signature at once, and commits when no protocol of a higher rank can still be the one.

Answers depend only on the bytes, never on how they were cut: asking with one byte at a time ends with the answer that
all of them at once give.
"""

from __future__ import annotations

from collections.abc import Sequence

from xproto.autodetect.signature import Cube, signature
from xproto.registry import Registered


class Detector:
    """For one listener: its protocols, in rank order."""

    def __init__(self, protocols: Sequence[Registered]) -> None:
        self._ranked: list[tuple[str, tuple[Cube, ...]]] = [
            (p.protocol.name, signature(p.lowered.scan, p.protocol.detect)) for p in protocols
        ]
        self.longest = max(len(cube) for _, cubes in self._ranked for cube in cubes)

    def detect(self, data: bytes) -> str | int | None:
        """The protocol's name; None when it is nobody's; or how many bytes in all are needed to say more."""
        size = len(data)
        waiting = 0
        for name, cubes in self._ranked:
            for cube in cubes:
                for allowed, byte in zip(cube, data, strict=False):
                    if not allowed >> byte & 1:
                        break
                else:
                    if len(cube) > size:
                        waiting = len(cube) if not waiting else min(waiting, len(cube))
                    elif not waiting:
                        return name
        return waiting or None
