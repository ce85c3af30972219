"""The filters that a listener's calls go through."""

from __future__ import annotations

from typing import Any

import msgspec

FILTER_TIMEOUT = 1.0
"""Seconds that a filter may keep a call waiting: longer than a lookup elsewhere should take, shorter than most callers wait."""
FILTER_BLOCK_LIMIT = 0.25
"""Seconds after which a filter that does not come back is broken off: meanwhile every call of the worker waits."""
FILTER_STUCK_LIMIT = 5.0
"""And after which the worker ends, since no exception reaches what runs in C."""


class Filter(msgspec.Struct, frozen=True):
    """One of a listener's filters. `kind`: the name of a built-in one, or of an entry point; empty where there is a file.

    `settings` are as the filter takes them: plain data.
    """

    name: str
    kind: str = ""
    file: str | None = None
    """Absolute."""
    settings: dict[str, Any] = {}
    timeout: float = FILTER_TIMEOUT
    block_limit: float = FILTER_BLOCK_LIMIT
    stuck_limit: float = FILTER_STUCK_LIMIT
