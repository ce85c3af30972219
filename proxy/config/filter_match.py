"""Which calls a built-in filter looks at, as that is written: conditions as of routes, but for what filters come before."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from pydantic import AfterValidator

from proxy.config.conditions import conditions
from proxy.config.match import Match
from proxy.config.types import GIVEN, refuse

MATCH = "Which calls it looks at; every one if not given. It sees what comes from the filters before it."


def _of_filters(match: Match | None) -> Match | None:
    """It is looked at before any filter runs, and without Python."""
    if match is not None and match.expression is not None:
        raise refuse("a filter's match has no expression; write conditions, or routes that say otherwise for the filter")
    if match is not None and match.metadata:
        raise refuse("a filter's match is looked at before filters set metadata; write headers, or match metadata in routes")
    return match


FilterMatch = Annotated[Match | None, GIVEN, AfterValidator(_of_filters)]


def plain_conditions(match: Match) -> list[Any]:
    """As the filter takes them."""
    found: list[Any] = msgspec.to_builtins(conditions(match))
    return found
