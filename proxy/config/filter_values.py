"""The leaf types of built-in filters' settings: percentages, rates, and which calls a filter looks at."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from pydantic import AfterValidator, BeforeValidator, WithJsonSchema

from proxy.config.conditions import conditions
from proxy.config.match import Match
from proxy.config.types import GIVEN, Written, checked, refuse
from proxy.config.values import WrongValueError, describe

MOST_RATE = 1e9


def _percent(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 100:
        raise WrongValueError(f"must be a percentage, not {describe(value)}; write 0 to 100")
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


def _of_filters(match: Match | None) -> Match | None:
    """It is looked at before any filter runs, and without Python."""
    if match is not None and match.expression is not None:
        raise refuse("a filter's match has no expression; write conditions, or routes that say otherwise for the filter")
    if match is not None and match.metadata:
        raise refuse("a filter's match is looked at before filters set metadata; write headers, or match metadata in routes")
    return match


FilterMatch = Annotated[Match | None, GIVEN, AfterValidator(_of_filters)]


def plain_conditions(match: Match) -> list[Any]:
    """As filters take them."""
    found: list[Any] = msgspec.to_builtins(conditions(match))
    return found
