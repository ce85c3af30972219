"""Types of the compiled module."""

from collections.abc import Iterable
from typing import Literal, TypeAlias

from xproto.kernel.editor import Editor

Op: TypeAlias = Literal["set", "add", "append", "remove"]
OPS: tuple[Op, ...]

def edit(editor: Editor, frame: bytes, edits: Iterable[tuple[Op, bytes, bytes]], direction: int = 0) -> bytes: ...
def rewrite(editor: Editor, frame: bytes, role: str, value: bytes, direction: int = 0) -> bytes: ...
def headers(editor: Editor, frame: bytes, direction: int = 0) -> list[tuple[bytes, bytes]] | None: ...
def measure(
    editor: Editor,
    frame: bytes,
    rounds: int,
    edits: Iterable[tuple[Op, bytes, bytes]] = (),
    role: str | None = None,
    value: bytes = b"",
    direction: int = 0,
) -> int: ...
