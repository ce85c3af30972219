"""Which side a frame came from, for protocols whose bytes alone do not say how to read them."""

from __future__ import annotations

from typing import Any

from construct import Construct


class Direction(Construct):  # type: ignore[misc]
    """1 in a frame from upstream (an answer), 0 in one from downstream; takes no bytes.

    construct is told by the keyword argument `from_upstream` of `parse` and `build`; without it the frame is a request.
    """

    def __init__(self) -> None:
        super().__init__()
        self.flagbuildnone = True

    def _parse(self, _stream: Any, context: Any, _path: str) -> int:
        return int(context._params.get("from_upstream", 0))

    def _build(self, _obj: Any, _stream: Any, context: Any, _path: str) -> int:
        return int(context._params.get("from_upstream", 0))

    def _sizeof(self, _context: Any, _path: str) -> int:
        return 0


FromUpstream = Direction()
