"""Types of the compiled module."""

from collections.abc import Iterable

def plain_bytes(pieces: Iterable[bytes]) -> tuple[bytes, bool] | None: ...
