"""Routes: the part of the file that says where calls go. What they match is in `match`."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field, model_validator

from proxy.config.edits import MAX_ASKED, RequestHeaders, ResponseHeaders, Rewrite, asked_of_requests
from proxy.config.match import Match
from proxy.config.model import Model
from proxy.config.types import Duration, Flag, Name, checked, refuse
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
    request_headers: RequestHeaders | None = Field(
        default=None,
        description="What the calls' headers become on their way to the cluster.",
        examples=[{"set": {"x-env": "gray"}, "remove": ["x-debug"]}],
    )
    response_headers: ResponseHeaders | None = Field(
        default=None,
        description="What the headers of the cluster's answers become. The proxy's own answers stay as they are.",
        examples=[{"set": {"x-served-by": "%upstream_host%"}}],
    )
    rewrite: Rewrite | None = Field(
        default=None,
        description="Where the calls say that they go, on their way to the cluster.",
        examples=[{"prefix": "/v2/", "host": "shop.internal"}],
    )

    @model_validator(mode="after")
    def _edits_that_fit(self) -> Route:
        asked = asked_of_requests(self.request_headers, self.response_headers, self.rewrite)
        if len(asked) > MAX_ASKED:
            raise refuse(f"its edits ask for {len(asked)} texts of each request; write at most {MAX_ASKED} different ones")
        if (
            self.rewrite is not None
            and self.rewrite.prefix is not None
            and (self.match.path is None or self.match.path.prefix is None)
        ):
            raise refuse("rewrite.prefix is instead of what match.path.prefix matched; write match: {path: {prefix: ...}}")
        return self


def _table(value: Any) -> Any:
    if isinstance(value, dict) and "virtual_hosts" in value:
        raise WrongValueError("a table is a list of routes, without virtual_hosts; write routes with match.host")
    return value


RouteList = Annotated[tuple[Route, ...], BeforeValidator(checked(_table))]
