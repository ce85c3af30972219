"""The golden vectors of every built-in protocol."""

from __future__ import annotations

from conformance.golden import FOLDER, Vector, load
from xproto.registry import BUILT_IN


def recorded() -> list[Vector]:
    """Every frame that is read as it is declared: from real software, or from a specification."""
    return [vector for vector in golden() if vector.kind != "refused"]


def golden() -> list[Vector]:
    """All of them but those that want options, which a dissector does not know."""
    found = [vector for protocol in BUILT_IN for vector in load(FOLDER / protocol.name)]
    return [vector for vector in found if not vector.options]
