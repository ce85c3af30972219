"""Types of the compiled module."""

from xproto.lower import LookupPlan

class Finder:
    keys: tuple[str, ...]
    def find_bytes(self, frame: bytes) -> tuple[bytes | None, ...]: ...

class Lookup(Finder):
    def __init__(self, plan: LookupPlan) -> None: ...
