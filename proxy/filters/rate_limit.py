"""`rate_limit`: so many calls a second, in each worker; of each key a value of its own, if one is given.

What is over the limit is answered at once. Callers without the key share one bucket.

Values are callers' to choose, and may be as long as a header: of long ones a digest is kept, so that memory is bounded in
bytes. It is keyed, so nobody can look for two values with one bucket.
"""

from __future__ import annotations

import os
import time
from hashlib import blake2b

import msgspec

from proxy.filters.bucket import Buckets
from proxy.filters.interface import Call, Condition, Filter, Reply
from xproto.spec import Fault

TOO_MANY_REQUESTS = 429
CLIENT = "client"
"""The key that stands for the client's address, without its port."""
MAX_KEYS = 10_000
"""Buckets of one filter: at most `BUCKET_BYTES` each, so some 4 MB."""
BUCKET_BYTES = 400
"""Of a bucket, with its key: what Python needs for it (a test measures)."""
LONGEST_KEPT = 64
"""Bytes of a value that is kept as it is: it takes hardly more than a digest, and costs no hashing."""
DIGEST_BYTES = 16
_SECRET = os.urandom(DIGEST_BYTES)


class RateLimitSettings(msgspec.Struct, frozen=True):
    rate: float
    burst: float
    key: str | None = None
    max_keys: int = MAX_KEYS
    match: tuple[Condition, ...] | None = None


class RateLimit(Filter):
    Settings = RateLimitSettings
    settings: RateLimitSettings

    def __init__(self, settings: RateLimitSettings) -> None:
        super().__init__(settings)
        self._buckets = Buckets(settings.rate, settings.burst, settings.max_keys)
        self._reply = Reply(Fault.OVERLOAD, TOO_MANY_REQUESTS, text="xproto: too many requests")

    def looks(self) -> tuple[tuple[Condition, ...], ...] | None:
        return None if self.settings.match is None else (self.settings.match,)

    def on_route(self, call: Call) -> Reply | None:
        key = self.settings.key
        value: object = None
        if key == CLIENT:
            value = (call.client or "").rpartition(":")[0]
        elif key is not None:
            value = kept(call.get_bytes(key))
        return None if self._buckets.take(value, time.monotonic()) else self._reply


def kept(value: bytes | None) -> bytes | None:
    """What stands for a value: itself, or its digest."""
    if value is None or len(value) <= LONGEST_KEPT:
        return value
    return blake2b(value, digest_size=DIGEST_BYTES, key=_SECRET).digest()
