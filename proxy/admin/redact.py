"""Secrets out of a dump: whatever stands under a key that sounds like one, however deep."""

from __future__ import annotations

import re
from typing import Any

REDACTED = "[redacted]"
_SECRET = re.compile(r"password|passwd|secret|token|credential|private_?key|api_?key", re.IGNORECASE)


def redact(value: Any) -> Any:
    """A copy with the values of secret keys replaced; keys and shape stay."""
    if isinstance(value, dict):
        return {key: REDACTED if _SECRET.search(str(key)) else redact(child) for key, child in value.items()}
    if isinstance(value, list | tuple):
        return [redact(child) for child in value]
    return value
