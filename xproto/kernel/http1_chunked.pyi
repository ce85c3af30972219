"""Types of the compiled module."""

from collections.abc import Iterable

def chunked_bytes(pieces: Iterable[bytes]) -> tuple[int, bool]: ...
