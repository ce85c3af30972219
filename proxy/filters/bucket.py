"""Token buckets, one for each key: how many calls may go on now. Pure: time is an argument.

A bucket that is full says the same as none, so the one that was used longest ago goes when there are too many: with keys of
callers' choosing that is the bound on memory, as long as each key is short, which is for whoever asks to see to. It gives
whoever floods with new keys no more than the caller of each key may have anyway.

What always holds: a bucket has between zero and `burst` tokens; there are at most `most` buckets; time that goes back gives
none.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable


class Buckets:
    """`rate`: tokens a second for each key; `burst`: that a bucket holds, at least one; `most`: buckets."""

    def __init__(self, rate: float, burst: float, most: int) -> None:
        self._rate, self._burst, self._most = rate, burst, most
        self._buckets: OrderedDict[Hashable, tuple[float, float]] = OrderedDict()

    def take(self, key: Hashable, now: float) -> bool:
        """Takes a token at the time `now`, in seconds; whether there was one."""
        tokens, since = self._buckets.pop(key, (self._burst, now))
        tokens = min(self._burst, tokens + max(0.0, now - since) * self._rate)
        enough = tokens >= 1
        self._buckets[key] = (tokens - 1 if enough else tokens, max(now, since))
        if len(self._buckets) > self._most:
            self._buckets.popitem(last=False)
        return enough

    def __len__(self) -> int:
        return len(self._buckets)

    def __repr__(self) -> str:
        return f"Buckets({self._rate:g}/s, burst {self._burst:g}, {len(self)} of {self._most})"
