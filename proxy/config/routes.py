"""Routes: the part of the file that says where calls go. What they match is in `match`."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from proxy.config.actions import MAX_MIRRORS, ClusterFrom, DirectResponse, Mirror, Redirect, WeightedCluster
from proxy.config.balancing import HashPolicy, Metadata
from proxy.config.edits import MAX_ASKED, RequestHeaders, ResponseHeaders, Rewrite, asked_of_requests
from proxy.config.filters import Override
from proxy.config.match import Match
from proxy.config.model import Model
from proxy.config.retries import RetryOrOff
from proxy.config.types import GIVEN, DurationOrZero, Flag, Name, refuse

ACTIONS = ("cluster", "clusters", "cluster_from", "redirect", "direct_response")
"""A route has one of them: `references_actions` looks, so that this is said beside whatever else is wrong with it."""
ANSWERS = ("redirect", "direct_response")
"""Those by which no call goes anywhere."""
CARRYING = (
    "timeout", "mirror", "retry", "request_headers", "response_headers", "rewrite", "hash_policy", "metadata_match",
)  # fmt: skip
"""What is said of calls that go somewhere."""


class Route(Model):
    """Where calls go. The first route of a table, or of its virtual host, that matches wins."""

    name: Name | None = Field(
        default=None,
        description="The route's name in metrics and logs; its index in the table if not given.",
        examples=["echo"],
    )
    match: Match = Field(default_factory=Match, description="Which calls the route takes; every one if not given.")
    cluster: Name | None = Field(
        default=None,
        description="The cluster that gets the calls. Write this, or one of clusters, cluster_from, redirect, direct_response.",
        examples=["echo"],
    )
    clusters: tuple[WeightedCluster, ...] | None = Field(
        default=None,
        description="The clusters that the calls are divided among: each call is drawn anew.",
        examples=[[{"name": "v1", "weight": 90}, {"name": "v2", "weight": 10}]],
    )
    cluster_from: ClusterFrom | None = Field(default=None, description="The cluster that each call names itself.")
    redirect: Redirect | None = Field(default=None, description="Requests of HTTP are told to ask elsewhere.")
    direct_response: DirectResponse | None = Field(default=None, description="Calls are answered here.")
    mirror: tuple[Mirror, ...] = Field(
        default=(),
        description="Clusters that get copies of the calls (docs/actions.md).",
        examples=[[{"cluster": "shadow", "percent": 5}]],
    )
    timeout: DurationOrZero | None = Field(
        default=None,
        description="The calls' deadline, instead of that of the virtual host, the table or the cluster; 0: none. A call's own "
        "shorter one wins.",
        examples=["500ms"],
    )
    oneway: Flag = Field(
        default=False,
        description="Nobody waits for an answer, whatever the frames say: for methods that are oneways, of clients that write"
        " them as calls, as Thrift's for Go do. Else such a call counts as open until its deadline.",
    )
    retry: RetryOrOff = Field(
        default=None,
        description="When its calls are sent again, instead of what the virtual host or the table says, all of it; false: "
        "never. If not given: as those say, and never where they say nothing.",
        examples=[{"on": ["connect_failure", "reset"], "attempts": 2}],
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
    filters: dict[Name, Override] = Field(
        default_factory=dict,
        description="Other settings for filters of the listener, by name: they take the place of all of those, from the phase "
        "`on_route` on. false: the filter is not asked.",
        examples=[{"fault": False, "rate_limit": {"rate": 10}}],
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

    @property
    def carries(self) -> bool:
        """Whether its calls go anywhere."""
        return all(getattr(self, name) is None for name in ANSWERS)

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

    @model_validator(mode="after")
    def _in_time(self) -> Route:
        tried = self.retry.per_try_timeout if self.retry else None
        if tried is not None and self.timeout and tried >= self.timeout:
            raise refuse(
                f"retry.per_try_timeout ({tried:g}s) leaves no time of the timeout ({self.timeout:g}s) for another try; "
                "write a shorter one"
            )
        return self

    @model_validator(mode="after")
    def _action_acts(self) -> Route:
        answer = next((name for name in ANSWERS if getattr(self, name) is not None), None)
        what = next((name for name in CARRYING if getattr(self, name) not in (None, ())), None)
        if answer is not None and what is not None:
            raise refuse(f"{what} beside {answer}, by which no call goes anywhere; leave it out")
        if (
            self.redirect is not None
            and self.redirect.prefix is not None
            and (self.match.path is None or self.match.path.prefix is None)
        ):
            raise refuse("redirect.prefix stands for what match.path.prefix matched; write that, or redirect.path")
        self._check_clusters()
        return self

    def _check_clusters(self) -> None:
        names = [each.name for each in self.clusters or ()]
        if self.clusters is not None and not any(each.weight for each in self.clusters):
            raise refuse("clusters: no cluster gets any call; write a weight above 0")
        copies = [each.cluster for each in self.mirror]
        for listed, where in ((names, "clusters"), (copies, "mirror")):
            if twice := next((name for index, name in enumerate(listed) if name in listed[:index]), None):
                raise refuse(f"{where}: {twice!r} is listed twice; write it once")
        if len(copies) > MAX_MIRRORS:
            raise refuse(f"mirror: {len(copies)} clusters, and each is a copy of every call; write at most {MAX_MIRRORS}")
        called = [self.cluster, *(each.name for each in self.clusters or () if each.weight)]
        if twice := next((name for name in copies if name in called), None):
            raise refuse(f"mirror: {twice!r} would get its own calls twice; write another cluster")
