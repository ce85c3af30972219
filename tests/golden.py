"""The golden vectors, loaded once for all tests."""

from __future__ import annotations

from conformance import golden

FOLDERS = [folder for folder in sorted(golden.FOLDER.iterdir()) if folder.is_dir() and folder.name != "hessian"]
FRAMES = [vector for folder in FOLDERS for vector in golden.load(folder)]
"""Of every protocol, good and refused."""
RECORDED = [vector for vector in FRAMES if "recorded" in vector.source]


def frame(protocol: str, name: str) -> bytes:
    """The bytes of one vector."""
    return next(vector.data for vector in FRAMES if (vector.protocol, vector.name) == (protocol, name))
