"""Types of the compiled module."""

from typing import Any, NamedTuple

class Head(NamedTuple):
    size: int
    method: bytes
    target: bytes
    status: int
    reason: bytes
    minor: int
    form: str
    length: int
    closes: bool
    upgrades: bool
    awaits: bool
    fields: tuple[tuple[bytes, bytes], ...]
    listed: tuple[int, ...]

FORMS: tuple[str, ...]
WRONGS: tuple[str, ...]

def read_bytes(data: Any, response: bool = False) -> Head | str | None: ...
def measure(data: bytes, rounds: int, response: bool = False) -> int: ...
