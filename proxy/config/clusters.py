"""The clusters' section: hosts, and how the connections to them are held. How TLS is spoken to them is in `tls`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from proxy.balancing.maglev import MAX_HOSTS
from proxy.config.balancing import Subsets
from proxy.config.health import HealthCheck
from proxy.config.model import Model
from proxy.config.retries import RetryBudget
from proxy.config.tls import ClientTls, TlsMatch
from proxy.config.types import GIVEN, Address, Duration, DurationOrZero, Flag, Size, Text, Whole, refuse
from proxy.snapshot import clusters as defaults


class Host(Model):
    """A cluster's member. A bare string is its address."""

    short = "address"

    address: Address = Field(
        description="IP:PORT, [IPv6]:PORT or unix:/path. Names are not resolved.", examples=["127.0.0.1:9100"]
    )
    metadata: dict[str, Text] = Field(
        default_factory=dict,
        description="What is known of the host, for `tls_matches` and routes' `metadata_match`.",
        examples=[{"version": "v2"}],
    )


class Keepalive(Model):
    """Heartbeats on upstream connections from which nothing is heard."""

    interval: DurationOrZero = Field(
        default=defaults.KEEPALIVE_INTERVAL,
        description="Nothing received for so long: a heartbeat is sent; 0: never.",
        examples=["15s"],
    )
    timeout: Duration = Field(
        default=defaults.KEEPALIVE_TIMEOUT, description="How long a heartbeat may go unanswered.", examples=["1s"]
    )
    misses: Annotated[int, Whole(1, 100)] = Field(
        default=defaults.KEEPALIVE_MISSES,
        description="Unanswered heartbeats in a row that close a connection.",
        examples=[3],
    )


class Backoff(Model):
    """Waiting between attempts to connect to a host: exponential, with jitter."""

    base: Duration = Field(default=defaults.BACKOFF_BASE, description="After the first failure.", examples=["100ms"])
    max: Duration = Field(default=defaults.BACKOFF_MAX, description="The longest wait.", examples=["10s"])

    @model_validator(mode="after")
    def _ordered(self) -> Backoff:
        if self.base > self.max:
            raise refuse(f"base ({self.base:g}s) is over max ({self.max:g}s); write a base of at most max")
        return self


class Cluster(Model):
    """Hosts that serve the same calls, and the connections to them."""

    lb: Literal["round_robin", "random", "maglev"] = Field(
        default="round_robin",
        description="How a host is picked for a call. `maglev`: by what its route's `hash_policy` says, so that calls of one "
        "value go to one host; calls without take turns.",
        examples=["maglev"],
    )
    subsets: Annotated[Subsets | None, GIVEN] = Field(
        default=None,
        description="What happens where no host has the metadata that a route asks for. If not given, `fallback: none`.",
        examples=[{"fallback": "default", "default": {"version": "v1"}}],
    )
    hosts: tuple[Host, ...] = Field(
        description="The members. Without any, calls are answered with the protocol's own error.",
        examples=[["127.0.0.1:9100", {"address": "unix:/run/echo.sock"}]],
    )
    pool: Literal["multiplexed", "ping_pong"] | None = Field(
        default=None,
        description="How connections are shared: `multiplexed` (many calls at once) or `ping_pong` (one at a time). "
        "The protocol's own if not given; `multiplexed` needs servers that take a request before they have answered "
        "the one before.",
        examples=["multiplexed"],
    )
    http: Literal["http1", "http2", "auto"] = Field(
        default="http1",
        description="Which version of HTTP the hosts speak, to requests of either version. `http2`: by prior knowledge, or "
        "by ALPN where it has `tls`; many calls share a connection, and gRPC needs it. `auto`: what each host agrees on by "
        "ALPN, which needs `tls`; one in plaintext gets HTTP/1.1.",
        examples=["http2"],
    )
    grpc_web: Flag = Field(
        default=True,
        description="Of `http: http2`: calls of gRPC-Web become calls of gRPC. `false`: they go on as they came, to hosts that "
        "speak it themselves.",
        examples=[False],
    )
    timeout: Duration = Field(
        default=defaults.CALL_TIMEOUT, description="The calls' deadline. A call's own shorter one wins. "
        "Of HTTP: how long nothing of an exchange may move.", examples=["60s"]
    )
    connect_timeout: Duration = Field(
        default=defaults.CONNECT_TIMEOUT, description="How long connecting may take.", examples=["1s"]
    )
    idle_timeout: DurationOrZero = Field(
        default=defaults.IDLE_TIMEOUT,
        description="A connection without calls for so long is closed; 0: never.",
        examples=["90s"],
    )
    max_connections: Annotated[int, Whole(1, 1024)] | None = Field(
        default=None,
        description="Connections to one host, for each worker and each variant of a protocol. "
        f"If not given: {defaults.MAX_CONNECTIONS}, or {defaults.MAX_PING_PONG_CONNECTIONS} in a `ping_pong` pool.",
        examples=[4],
    )
    max_pending: Annotated[int, Whole(0, 1_000_000)] = Field(
        default=defaults.MAX_PENDING,
        description="Calls that wait for a connection of a `ping_pong` pool when all are taken. "
        "Over it a call is answered with the protocol's overload error.",
        examples=[256],
    )
    max_in_flight: Annotated[int, Whole(1, 1_000_000)] = Field(
        default=defaults.MAX_IN_FLIGHT,
        description="Calls in flight on one connection, those that timed out but still hold their id included. "
        "Over it a call is answered with the protocol's overload error.",
        examples=[4096],
    )
    out_buffer_limit: Size = Field(
        default=defaults.OUT_BUFFER_LIMIT,
        description="Unsent bytes on one connection from which on its host counts as busy.",
        examples=["4MiB"],
    )
    health_check: Annotated[HealthCheck | None, GIVEN] = Field(
        default=None,
        description="Asks the hosts whether they are well; if not given, they are held for it.",
        examples=[{"grpc": {"service": "shop.Carts"}}],
    )
    tls: Annotated[ClientTls | None, GIVEN] = Field(
        default=None,
        description="Speaks TLS to the hosts; plaintext if not given.",
        examples=[{"ca": "mesh-ca", "server_name": "a.example.com"}],
    )
    tls_matches: tuple[TlsMatch, ...] = Field(
        default=(),
        description="Exceptions to `tls`, by the hosts' metadata; the first that matches counts.",
        examples=[[{"metadata": {"tls": "legacy"}, "tls": "plaintext"}]],
    )
    keepalive: Keepalive = Field(default_factory=Keepalive, description="Heartbeats on upstream connections.")
    backoff: Backoff = Field(default_factory=Backoff, description="Waiting between attempts to connect.")
    retry_budget: RetryBudget = Field(
        default_factory=RetryBudget, description="How many of its calls may be retries, whatever its routes say."
    )

    @model_validator(mode="after")
    def _hashed(self) -> Cluster:
        if self.lb == "maglev" and len(self.hosts) > MAX_HOSTS:
            raise refuse(f"lb: maglev takes {MAX_HOSTS:,} hosts, there are {len(self.hosts):,}; write round_robin or random")
        return self

    @model_validator(mode="after")
    def _spoken_to(self) -> Cluster:
        if self.health_check is not None and self.http != "http2":
            raise refuse("health_check asks by gRPC, and the hosts do not speak it; write http: http2, or leave it out")
        return self

    @model_validator(mode="after")
    def _agreeing(self) -> Cluster:
        if self.http == "auto" and self.tls is None and not self.tls_matches:
            raise refuse("http: auto asks by ALPN, which is part of TLS; write tls, or http1 or http2")
        return self

    @model_validator(mode="after")
    def _translating(self) -> Cluster:
        if "grpc_web" in self.model_fields_set and self.http == "http1":
            raise refuse("grpc_web is for hosts that speak HTTP/2; write http: http2, or leave grpc_web out")
        return self
