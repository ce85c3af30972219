"""The leaf types of numbers that may have fractions: percentages and rates."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, WithJsonSchema

from proxy.config.types import Written, checked
from proxy.config.values import WrongValueError, describe

MOST_RATE = 1e9


def _percent(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 100:
        raise WrongValueError(f"{describe(value)} is no part of the calls; write 0 to 100, fractions too (0.5)")
    return float(value)


def _rate(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= MOST_RATE:
        raise WrongValueError(f"must be a number over 0, not {describe(value)}; write calls a second, as 100 or 0.5")
    return float(value)


Percent = Annotated[
    float,
    Written("0 to 100"),
    BeforeValidator(checked(_percent)),
    WithJsonSchema({"type": "number", "minimum": 0, "maximum": 100}),
]
Rate = Annotated[
    float, Written("number"), BeforeValidator(checked(_rate)), WithJsonSchema({"type": "number", "exclusiveMinimum": 0})
]
