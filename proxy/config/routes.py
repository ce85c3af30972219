"""Routes: the part of the file that says where calls go. What they match is in `match`."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from proxy.config.balancing import HashPolicy, Metadata
from proxy.config.match import Match
from proxy.config.model import Model
from proxy.config.types import GIVEN, Duration, Flag, Name, checked
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
    hash_policy: Annotated[HashPolicy | None, GIVEN] = Field(
        default=None,
        description="What a call's host is chosen by, of a cluster with `lb: maglev`: the first of these that the call has, "
        "and that is not empty. Calls that have none take turns.",
        examples=[[{"header": "x-user"}, {"source_address": True}]],
    )
    metadata_match: Annotated[Metadata | None, GIVEN] = Field(
        default=None,
        description="Only hosts with all of this metadata get the calls. Where none has it, the cluster's `subsets` say what "
        "happens.",
        examples=[{"version": "v2"}],
    )


def _table(value: Any) -> Any:
    if isinstance(value, dict) and "virtual_hosts" in value:
        raise WrongValueError("a table is a list of routes, without virtual_hosts; write routes with match.host")
    return value


RouteList = Annotated[tuple[Route, ...], BeforeValidator(checked(_table))]
