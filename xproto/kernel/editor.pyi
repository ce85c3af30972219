"""Types of the compiled module."""

from xproto.kernel.codec import Codec

ROLES: tuple[str, ...]

class Editor:
    codec: Codec
    calls: bool
    answers: bool
    roles: frozenset[str]
    def __init__(self, codec: Codec) -> None: ...
