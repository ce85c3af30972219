"""Lengths for `Rebuild`: how many bytes another field of the same struct takes when it is built."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from construct import Construct


def size_of(name: str, layout: Construct) -> Callable[[Any], int]:
    """A function for `Rebuild` that gives the built size of field `name`, of this layout, in bytes."""

    def size(context: Any) -> int:
        params = {key: value for key, value in context.get("_params", {}).items() if not key.startswith("_")}
        around = params | {key: value for key, value in context.items() if not key.startswith("_")}
        return len(layout.build(context[name], **around))

    return size
