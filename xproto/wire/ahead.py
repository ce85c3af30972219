"""What comes next, without reading it: for kinds that hang on a word which is told apart by its bytes."""

from __future__ import annotations

from typing import Any

from construct import Construct, StreamError


class Ahead(Construct):  # type: ignore[misc]
    """1 if the next bytes are exactly these, else 0; takes none.

    certain: for the root, where it waits for as many bytes as `data` has: every frame must go on that far. Else it looks
    no further than the end of its section.
    """

    def __init__(self, data: bytes, *, certain: bool = False) -> None:
        super().__init__()
        self.data, self.certain = data, certain
        self.flagbuildnone = True

    def _parse(self, stream: Any, _context: Any, path: str) -> int:
        here = stream.tell()
        found = stream.read(len(self.data))
        stream.seek(here)
        if self.certain and len(found) < len(self.data):
            raise StreamError("the frame ends here", path=path)
        return int(found == self.data)

    def _build(self, obj: Any, _stream: Any, _context: Any, _path: str) -> Any:
        return obj

    def _sizeof(self, _context: Any, _path: str) -> int:
        return 0
