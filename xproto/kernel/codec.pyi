"""Types of the compiled module."""

from typing import Any, NamedTuple

from xproto.errors import NeedMore
from xproto.kernel.lookup import Lookup
from xproto.lower import Lowered

MAX_TEMPLATES: int

class Frame(NamedTuple):
    size: int
    kind: int
    id: int
    id_at: int
    crc_at: int
    variant: int
    timeout: int
    echo: int
    timeout_at: int
    body_at: int
    id_end: int

class Codec:
    name: str
    id_bits: int
    id_base: int
    moves: bool
    echoes_text: bool
    pool: str
    in_order: bool
    timeout_key: str | None
    frame_limit: int
    streams: bool
    headed: bool
    carried: tuple[Codec, ...]
    media: bytes
    spelled: bool
    lowered: Lowered
    def __init__(self, lowered: Lowered) -> None: ...
    def lookup(self, keys: tuple[str, ...]) -> Lookup: ...
    def explain_fault(self, direction: int, offset: int, op: int) -> str: ...
    def reply(self, fault: int, variant: int, echo: int, id: int, text: bytes = b"") -> bytes: ...
    def heartbeat(self, variant: int, id: int, text: bytes = b"") -> bytes: ...
    def heartbeat_ack(self, variant: int, echo: int, id: int, text: bytes = b"") -> bytes: ...
    def cached_templates(self) -> int: ...
    def scan_bytes(self, data: Any, direction: int = 0) -> Frame | NeedMore: ...
    def verify_bytes(self, data: Any, direction: int = 0) -> int | NeedMore: ...
    def with_id(self, data: Any, id: int, direction: int = 0) -> bytes: ...
    def measure(self, data: bytes, rounds: int, product: int = 0, lookup: Lookup | None = None) -> int: ...
