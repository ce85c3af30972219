"""What a route matches: conditions on keys, shorter ways to write those on usual keys, and an expression.

A route table knows nothing but conditions on keys that are ANDed, and expressions. So `path`, `service`, `source` and the
like are only other ways to write conditions: each becomes one on a key, a list of names one with choices.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field, model_validator

from proxy.config.match_values import Expression, Key, MetadataName, NetworkList, ProtocolNames, Variable
from proxy.config.model import Model
from proxy.config.names import Hosts, Methods, Parameter, check_path
from proxy.config.types import GIVEN, Flag, Text, Whole, checked, refuse
from proxy.config.values import WrongValueError
from proxy.routing.condition import LEAST, MOST, compile_regex
from proxy.routing.template import regex
from proxy.snapshot import MatchKind

PATH_KINDS: tuple[MatchKind, ...] = ("exact", "prefix", "suffix", "regex", "template")
MATCH_KINDS: tuple[MatchKind, ...] = ("exact", "prefix", "suffix", "contains", "regex", "range", "present")
CASED = frozenset({"exact", "prefix", "suffix", "contains"})
"""Kinds that can ignore case."""
HTTP_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "CONNECT", "TRACE"})


class Range(Model):
    """Integers from `start` on, and below `end`."""

    start: Annotated[int, Whole(LEAST, MOST)] = Field(description="The first one that is in it.", examples=[500])
    end: Annotated[int, Whole(LEAST, MOST)] = Field(description="The first one that is not in it any more.", examples=[600])

    @model_validator(mode="after")
    def _ordered(self) -> Range:
        if self.start >= self.end:
            raise refuse(f"no number is from {self.start} on and below {self.end}; write an end over the start")
        return self


class HeaderMatch(Model):
    """A condition on one key. A bare string is an exact match."""

    short = "exact"

    exact: Text | None = Field(default=None, description="The value is this, byte for byte.", examples=["gray"])
    prefix: Text | None = Field(default=None, description="The value starts with this.", examples=["com.test."])
    suffix: Text | None = Field(default=None, description="The value ends with this.", examples=[":1.0"])
    contains: Text | None = Field(default=None, description="The value has this in it.", examples=["canary"])
    regex: Text | None = Field(
        default=None,
        description="The whole value matches this regular expression (RE2's syntax).",
        examples=["v[0-9]+"],
    )
    range: Annotated[Range | None, GIVEN] = Field(
        default=None,
        description="The value is a decimal integer of this range, its end not included.",
        examples=[{"start": 500, "end": 600}],
    )
    present: Flag | None = Field(default=None, description="true: the key is there; false: it is not.", examples=[True])
    invert: Flag = Field(
        default=False,
        description="The condition holds where it otherwise would not. A call without the key still meets no "
        "condition on its value; write present: false for such calls.",
        examples=[True],
    )
    ignore_case: Flag = Field(
        default=False,
        description="ASCII letters count as equal in either case; of exact, prefix, suffix and contains.",
        examples=[True],
    )

    @model_validator(mode="after")
    def _one_kind(self) -> HeaderMatch:
        kind = _kind(self, MATCH_KINDS)
        if kind in ("prefix", "suffix", "contains") and getattr(self, kind) == "":
            raise refuse(f"an empty {kind} matches every value; write present: true")
        if self.regex is not None:
            _compile(self.regex)
        _check_case(kind, ignore_case=self.ignore_case)
        return self


def given_kinds(condition: Model, kinds: tuple[MatchKind, ...]) -> list[MatchKind]:
    """The kinds that a condition has: one, once it is validated."""
    return [kind for kind in kinds if getattr(condition, kind) is not None]


def _kind(condition: Model, kinds: tuple[MatchKind, ...]) -> MatchKind:
    given = given_kinds(condition, kinds)
    if len(given) != 1:
        what = f"{' and '.join(given)} together" if given else "no condition"
        raise refuse(f"{what}; write one of {', '.join(kinds)}")
    return given[0]


def _compile(pattern: str) -> None:
    try:
        compile_regex(pattern)
    except ValueError as error:
        raise refuse(f"RE2 refuses the {error}; write RE2's syntax") from None


def _check_case(kind: MatchKind, *, ignore_case: bool) -> None:
    if ignore_case and kind == "regex":
        raise refuse("ignore_case is not for a regex; write (?i) at its beginning")
    if ignore_case and kind not in CASED:
        raise refuse(f"{kind} knows no case; leave ignore_case out")


class PathMatch(Model):
    """A condition on a request's path: what is before the `?`. A bare string is an exact match.

    Of percent signs only those are decoded that stand for letters, digits and `-._~`: they mean the same. No `//` is resolved;
    paths with segments of dots are refused before they get here.
    """

    short = "exact"

    exact: Text | None = Field(default=None, description="The path is this.", examples=["/healthz"])
    prefix: Text | None = Field(
        default=None,
        description="The path starts with this: `/api/` with all below it, `/api` with /apis too.",
        examples=["/api/"],
    )
    suffix: Text | None = Field(default=None, description="The path ends with this.", examples=[".png"])
    regex: Text | None = Field(
        default=None,
        description="The whole path matches this regular expression (RE2's syntax).",
        examples=["/users/[0-9]+"],
    )
    template: Text | None = Field(
        default=None,
        description="The path is of this form: `*` and `{name}` stand for one segment, `**` and `{name=**}`, at the end, for "
        "all segments that follow, also none; `{name=media/*}` for segments of a form of their own.",
        examples=["/users/{id}/posts/{rest=**}"],
    )
    ignore_case: Flag = Field(
        default=False,
        description="ASCII letters count as equal in either case; of exact, prefix and suffix.",
        examples=[True],
    )

    @model_validator(mode="after")
    def _one_kind(self) -> PathMatch:
        kind = _kind(self, PATH_KINDS)
        if self.regex is not None:
            _compile(self.regex)
        elif self.template is not None:
            _check_template(self.template)
        else:
            checked(check_path)((kind, getattr(self, kind)))
        _check_case(kind, ignore_case=self.ignore_case)
        return self


def _check_template(text: str) -> None:
    try:
        regex(text)
    except ValueError as error:
        raise refuse(str(error)) from None


def _http_method(value: Any) -> Any:
    exact = value.get("exact") if isinstance(value, dict) else value
    if isinstance(exact, str) and exact in HTTP_METHODS:
        raise WrongValueError(f"is the method of a call, and {exact} is one of HTTP; write http_method: {exact}")
    return value


class Match(Model):
    """Which calls a route takes. Conditions are ANDed; none at all matches every call.

    Calls that are not HTTP have no path, host, HTTP method or query, whatever headers they carry, so a route that asks for one
    does not take them.
    """

    service: Annotated[HeaderMatch | None, GIVEN] = Field(
        default=None,
        description="The service that is called: what every protocol of calls has. The same as under `headers`.",
        examples=["com.test.EchoService:1.0"],
    )
    method: Annotated[HeaderMatch | None, BeforeValidator(checked(_http_method)), GIVEN] = Field(
        default=None,
        description="The method of a call, not that of HTTP. The same as under `headers`.",
        examples=["echo"],
    )
    headers: dict[Key, HeaderMatch] = Field(
        default_factory=dict,
        description="Conditions by key. A key is one of the protocol's headers, or `service` or `method`, which every "
        "protocol of calls has and which win over a header of the same name. On a connection of TLS, `tls.sni` is the server "
        "name that the client asked for, and `tls.san` the name that its certificate proves: the first URI of it, or else the "
        "first DNS name. No header can pose as these.",
        examples=[{"service": "com.test.EchoService:1.0", "env": {"prefix": "gray"}}],
    )
    path: PathMatch | None = Field(
        default=None,
        description="The path of a request of HTTP; other calls have none.",
        examples=[{"prefix": "/api/"}],
    )
    host: Hosts | None = Field(
        default=None,
        description="The host of a request of HTTP, whatever its case and without its port: a name, `*.example.com` for every "
        "name below one (itself not), or a list of them. Other calls have none.",
        examples=[["shop.example.com", "*.shop.example.com"]],
    )
    http_method: Methods | None = Field(
        default=None,
        description="The method of a request of HTTP, or a list of them. Other calls have none.",
        examples=[["GET", "HEAD"]],
    )
    query: dict[Parameter, HeaderMatch] = Field(
        default_factory=dict,
        description="Conditions by a parameter's name, on the query of a request of HTTP: the first of that name counts, as it "
        "was sent, its percent signs not decoded. Other calls have none.",
        examples=[{"version": "2"}],
    )
    source: Annotated[NetworkList | None, GIVEN] = Field(
        default=None,
        description="Where the client is: networks (10.0.0.0/8), addresses, or `unix` for clients of a unix socket; one of "
        "them, or a list. The client is who connected, or whom a trusted PROXY header names, never whom a header of HTTP does.",
        examples=[["10.0.0.0/8", "fd00::/8"]],
    )
    sni: Annotated[Hosts | None, GIVEN] = Field(
        default=None,
        description="The server name that the client asked for (SNI) on its connection of TLS; written as `host`.",
        examples=["api.example.com"],
    )
    protocol: Annotated[ProtocolNames | None, GIVEN] = Field(
        default=None,
        description="What the call is spoken in: a protocol, or a list of them. gRPC is `grpc`, the rest of HTTP/2 `http2`.",
        examples=[["bolt", "dubbo"]],
    )
    variables: dict[Variable, HeaderMatch] = Field(
        default_factory=dict,
        description="Conditions on what the proxy knows itself: `source.address` (without a port), `protocol`, `tls.sni`, "
        "`tls.san`. No header can pose as these.",
        examples=[{"tls.san": {"prefix": "spiffe://example.com/"}}],
    )
    metadata: dict[MetadataName, HeaderMatch] = Field(
        default_factory=dict,
        description="Conditions by name on what filters have set on the call. No header can pose as it.",
        examples=[{"tenant": "gold"}],
    )
    expression: Annotated[Expression | None, GIVEN] = Field(
        default=None,
        description="An expression in CEL that must be true. It knows `service`, `method`, `path`, `host`, `http_method`, "
        "`protocol`, `source.address`, `tls.sni` and `tls.san`, which are texts, and `headers`, `query` and `metadata`, of "
        "which single entries can be asked for: `headers['x']`, `'x' in headers`. Where it looks at something that is not "
        "there, it does not hold.",
        examples=["headers['env'] == 'gray' && int(headers['weight']) >= 3"],
    )
