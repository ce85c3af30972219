"""What comes next, without reading it: for kinds that hang on a word which is told apart by its bytes."""

from __future__ import annotations

from typing import Any

from construct import Construct


class Ahead(Construct):  # type: ignore[misc]
    """1 if the next bytes of the section are exactly these, else 0; takes none."""

    def __init__(self, data: bytes) -> None:
        super().__init__()
        self.data = data
        self.flagbuildnone = True

    def _parse(self, stream: Any, _context: Any, _path: str) -> int:
        here = stream.tell()
        found = stream.read(len(self.data))
        stream.seek(here)
        return int(found == self.data)

    def _build(self, obj: Any, _stream: Any, _context: Any, _path: str) -> Any:
        return obj

    def _sizeof(self, _context: Any, _path: str) -> int:
        return 0
