"""Types of the compiled module."""

from xproto.lower import LookupPlan

class Lookup:
    keys: tuple[str, ...]
    def __init__(self, plan: LookupPlan) -> None: ...
    def find_bytes(self, frame: bytes) -> tuple[bytes | None, ...]: ...
