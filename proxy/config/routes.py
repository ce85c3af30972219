"""Routes: the part of the file that says where calls go. What they match is in `match`."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from proxy.config.filters import Override
from proxy.config.match import Match
from proxy.config.model import Model
from proxy.config.types import Duration, Flag, Name, checked
from proxy.config.values import WrongValueError


class Route(Model):
    """Where calls go. The first route of a table that matches wins."""

    name: Name | None = Field(
        default=None,
        description="The route's name in metrics and logs; its index in the table if not given.",
        examples=["echo"],
    )
    match: Match = Field(default_factory=Match, description="Which calls the route takes; every one if not given.")
    cluster: Name = Field(description="The cluster that gets the calls.", examples=["echo"])
    timeout: Duration | None = Field(
        default=None,
        description="The calls' deadline, instead of the cluster's. A call's own shorter one wins.",
        examples=["500ms"],
    )
    oneway: Flag = Field(
        default=False,
        description="Nobody waits for an answer, whatever the frames say: for methods that are oneways, of clients that write"
        " them as calls, as Thrift's for Go do. Else such a call counts as open until its deadline.",
    )
    filters: dict[Name, Override] = Field(
        default_factory=dict,
        description="Other settings for filters of the listener, by name: they take the place of all of those, from the phase "
        "`on_route` on. false: the filter is not asked.",
        examples=[{"fault": False, "rate_limit": {"rate": 10}}],
    )


def _table(value: Any) -> Any:
    if isinstance(value, dict) and "virtual_hosts" in value:
        raise WrongValueError("a table is a list of routes, without virtual_hosts; write routes with match.host")
    return value


RouteList = Annotated[tuple[Route, ...], BeforeValidator(checked(_table))]
