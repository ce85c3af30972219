"""Routes: the part of the file that says where calls go. What they match is in `match`."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from proxy.config.match import Match
from proxy.config.model import Model
from proxy.config.retries import Retry
from proxy.config.types import GIVEN, Duration, Flag, Name, refuse


class Route(Model):
    """Where calls go. The first route of a table, or of its virtual host, that matches wins."""

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
    retry: Annotated[Retry | None, GIVEN] = Field(
        default=None,
        description="When its calls are sent again; never if not given.",
        examples=[{"on": ["connect_failure", "reset"], "attempts": 2}],
    )

    @model_validator(mode="after")
    def _in_time(self) -> Route:
        tried = self.retry.per_try_timeout if self.retry else None
        if tried is not None and self.timeout is not None and tried >= self.timeout:
            raise refuse(
                f"retry.per_try_timeout ({tried:g}s) leaves no time of the timeout ({self.timeout:g}s) for another try; "
                "write a shorter one"
            )
        return self
