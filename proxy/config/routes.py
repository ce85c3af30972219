"""Routes and what they match: the part of the file that says where calls go."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from proxy.config.model import Model
from proxy.config.types import Duration, Flag, Name, Text, checked, refuse
from proxy.config.values import WrongValueError

MatchKind = Literal["exact", "prefix", "suffix", "regex", "present"]
MATCH_KINDS: tuple[MatchKind, ...] = ("exact", "prefix", "suffix", "regex", "present")


class HeaderMatch(Model):
    """A condition on one key. A bare string is an exact match."""

    short = "exact"

    exact: Text | None = Field(default=None, description="The value is this, byte for byte.", examples=["gray"])
    prefix: Text | None = Field(default=None, description="The value starts with this.", examples=["com.test."])
    suffix: Text | None = Field(default=None, description="The value ends with this.", examples=[":1.0"])
    regex: Text | None = Field(
        default=None,
        description="The whole value matches this regular expression (RE2's syntax).",
        examples=["v[0-9]+"],
    )
    present: Flag | None = Field(default=None, description="true: the key is there; false: it is not.", examples=[True])
    invert: Flag = Field(
        default=False,
        description="The condition holds where it otherwise would not. A call without the key still meets no "
        "condition on its value; write present: false for such calls.",
        examples=[True],
    )

    @model_validator(mode="after")
    def _one_kind(self) -> HeaderMatch:
        given = [kind for kind in MATCH_KINDS if getattr(self, kind) is not None]
        if len(given) != 1:
            what = f"{' and '.join(given)} together" if given else "no condition"
            raise refuse(f"{what}; write one of exact, prefix, suffix, regex, present")
        if given[0] in ("prefix", "suffix") and getattr(self, given[0]) == "":
            raise refuse(f"an empty {given[0]} matches every value; write present: true")
        if self.regex is not None:
            _compile(self.regex)
        return self


def _compile(pattern: str) -> None:
    from proxy.routing.condition import compile_regex

    try:
        compile_regex(pattern)
    except ValueError as error:
        raise refuse(f"RE2 refuses the {error}; write RE2's syntax") from None


class Match(Model):
    """Which calls a route takes. Conditions are ANDed; none at all matches every call."""

    headers: dict[str, HeaderMatch] = Field(
        default_factory=dict,
        description="Conditions by key. A key is one of the protocol's headers, or `service` or `method`, which every "
        "protocol has and which win over a header of the same name.",
        examples=[{"service": "com.test.EchoService:1.0", "env": {"prefix": "gray"}}],
    )


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


def _table(value: Any) -> Any:
    if isinstance(value, dict) and "virtual_hosts" in value:
        raise WrongValueError("virtual_hosts are for HTTP, which is not there yet; write a list of routes")
    return value


RouteList = Annotated[tuple[Route, ...], BeforeValidator(checked(_table))]
