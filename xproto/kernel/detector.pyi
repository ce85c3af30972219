"""Types of the compiled module."""

from collections.abc import Sequence
from typing import Self

class Judge:
    names: tuple[str, ...]
    longest: int
    def __new__(cls, names: Sequence[str], forms: Sequence[Sequence[tuple[int, ...]]]) -> Self: ...
    def detect(self, data: bytes) -> str | int | None: ...
