"""What a route matches: conditions on keys, shorter ways to write those on usual keys, and an expression.

A route table knows nothing but conditions on keys that are ANDed, and expressions. So `path`, `service`, `source` and the
like are only other ways to write conditions: each becomes one on a key, a list of names one with choices.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from proxy.config.key_match import HeaderMatch, PathMatch
from proxy.config.match_values import Expression, Key, MetadataName, NetworkList, ProtocolNames, Variable
from proxy.config.model import Model
from proxy.config.names import Hosts, Methods, Parameter
from proxy.config.types import GIVEN, checked
from proxy.config.values import WrongValueError

HTTP_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "CONNECT", "TRACE"})


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
        description="The service that is called, as the protocol's own servers understand it. Of HTTP only gRPC has one; a "
        "header of that name is none.",
        examples=["com.test.EchoService:1.0"],
    )
    method: Annotated[HeaderMatch | None, BeforeValidator(checked(_http_method)), GIVEN] = Field(
        default=None,
        description="The method of a call, not that of HTTP; as `service`.",
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
