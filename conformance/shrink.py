"""Makes a failing example smaller: fewer bytes first, then plainer ones."""

from __future__ import annotations

from collections.abc import Callable

MOST_TRIES = 2000
"""Tests of smaller bytes for one example."""


def shrink(data: bytes, fails: Callable[[bytes], bool]) -> bytes:
    """The smallest bytes found that still fail: spans are cut out, halving them, then bytes are made zero."""
    return _Shrink(data, fails).run()


class _Shrink:
    def __init__(self, data: bytes, fails: Callable[[bytes], bool]) -> None:
        self._data = data
        self._fails = fails
        self._left = MOST_TRIES

    def run(self) -> bytes:
        while self._left and (self._cut() or self._plain()):
            pass
        return self._data

    def _take(self, data: bytes) -> bool:
        if not self._left or data == self._data:
            return False
        self._left -= 1
        if not self._fails(data):
            return False
        self._data = data
        return True

    def _cut(self) -> bool:
        """Whether something could be cut out."""
        span, done = len(self._data), False
        while span:
            at = len(self._data) - span
            while at >= 0:
                done |= self._take(self._data[:at] + self._data[at + span :])
                at -= span
            span //= 2
        return done

    def _plain(self) -> bool:
        done = False
        for at in range(len(self._data)):
            done |= self._take(self._data[:at] + b"\0" + self._data[at + 1 :])
        return done
