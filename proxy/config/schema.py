"""The configuration file's shape: frozen pydantic models, every field documented.

These models are the one source of the JSON Schema (`xproto validate --schema`) and of docs/configuration.md. They
check what can be seen in one value; what a value says of another is `references`' matter. Defaults are those of
`proxy.snapshot`, so that a snapshot made by hand in a test means the same as one from an empty section.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from proxy import snapshot
from proxy.config.model import Model
from proxy.config.routes import RouteList
from proxy.config.types import (
    Address,
    Duration,
    DurationOrZero,
    Flag,
    ListenAddress,
    Name,
    Networks,
    Options,
    Protocols,
    Size,
    Text,
    Whole,
    Written,
    checked,
    refuse,
)
from proxy.config.values import WrongValueError, is_loopback

MAX_WORKERS = 64


class Host(Model):
    """A cluster's member. A bare string is its address."""

    short = "address"

    address: Address = Field(
        description="IP:PORT, [IPv6]:PORT or unix:/path. Names are not resolved.", examples=["127.0.0.1:9100"]
    )


class Keepalive(Model):
    """Heartbeats on upstream connections from which nothing is heard."""

    interval: DurationOrZero = Field(
        default=snapshot.KEEPALIVE_INTERVAL,
        description="Nothing received for so long: a heartbeat is sent; 0: never.",
        examples=["15s"],
    )
    timeout: Duration = Field(
        default=snapshot.KEEPALIVE_TIMEOUT, description="How long a heartbeat may go unanswered.", examples=["1s"]
    )
    misses: Annotated[int, Whole(1, 100)] = Field(
        default=snapshot.KEEPALIVE_MISSES,
        description="Unanswered heartbeats in a row that close a connection.",
        examples=[3],
    )


class Backoff(Model):
    """Waiting between attempts to connect to a host: exponential, with jitter."""

    base: Duration = Field(default=snapshot.BACKOFF_BASE, description="After the first failure.", examples=["100ms"])
    max: Duration = Field(default=snapshot.BACKOFF_MAX, description="The longest wait.", examples=["10s"])

    @model_validator(mode="after")
    def _ordered(self) -> Backoff:
        if self.base > self.max:
            raise refuse(f"base ({self.base:g}s) is over max ({self.max:g}s); write a base of at most max")
        return self


class Cluster(Model):
    """Hosts that serve the same calls, and the connections to them."""

    lb: Literal["round_robin", "random"] = Field(
        default="round_robin", description="How a host is picked for a call.", examples=["random"]
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
    timeout: Duration = Field(
        default=snapshot.CALL_TIMEOUT, description="The calls' deadline. A call's own shorter one wins.", examples=["60s"]
    )
    connect_timeout: Duration = Field(
        default=snapshot.CONNECT_TIMEOUT, description="How long connecting may take.", examples=["1s"]
    )
    idle_timeout: DurationOrZero = Field(
        default=snapshot.IDLE_TIMEOUT,
        description="A connection without calls for so long is closed; 0: never.",
        examples=["90s"],
    )
    max_connections: Annotated[int, Whole(1, 1024)] | None = Field(
        default=None,
        description="Connections to one host, for each worker and each variant of a protocol. "
        f"If not given: {snapshot.MAX_CONNECTIONS}, or {snapshot.MAX_PING_PONG_CONNECTIONS} in a `ping_pong` pool.",
        examples=[4],
    )
    max_pending: Annotated[int, Whole(0, 1_000_000)] = Field(
        default=snapshot.MAX_PENDING,
        description="Calls that wait for a connection of a `ping_pong` pool when all are taken. "
        "Over it a call is answered with the protocol's overload error.",
        examples=[256],
    )
    max_in_flight: Annotated[int, Whole(1, 1_000_000)] = Field(
        default=snapshot.MAX_IN_FLIGHT,
        description="Calls in flight on one connection, those that timed out but still hold their id included. "
        "Over it a call is answered with the protocol's overload error.",
        examples=[4096],
    )
    out_buffer_limit: Size = Field(
        default=snapshot.OUT_BUFFER_LIMIT,
        description="Unsent bytes on one connection from which on its host counts as busy.",
        examples=["4MiB"],
    )
    keepalive: Keepalive = Field(default_factory=Keepalive, description="Heartbeats on upstream connections.")
    backoff: Backoff = Field(default_factory=Backoff, description="Waiting between attempts to connect.")


class Detect(Model):
    """Finding out which protocol a connection speaks."""

    bytes: Annotated[int, Whole(1, 4096)] = Field(
        default=snapshot.DETECT_BYTES, description="First bytes after which the answer must be known.", examples=[64]
    )
    timeout: Duration = Field(
        default=snapshot.DETECT_TIMEOUT,
        description="So long after the first byte without an answer, the connection is closed, or goes to the fallback. "
        "With a fallback, a connection that sends nothing goes there so long after it was accepted.",
        examples=["1s"],
    )


class ProxyProtocol(Model):
    """Whose word is taken for a client's address: that of a peer whose connection begins with a header of the PROXY
    protocol, version 1 or 2. A bare list is `trusted`.
    """

    trusted: Networks = Field(
        description="Networks or addresses of peers whose header is read; `unix`: every peer of a unix socket. "
        "From others a header is bytes of no protocol.",
        examples=[["10.0.0.0/8", "unix"]],
    )
    required: Flag = Field(default=False, description="Closes connections of trusted peers that begin with no header.")


class Fallback(Model):
    """Where connections go that speak none of the listener's protocols: as they are, byte for byte, both ways."""

    cluster: Name = Field(description="The cluster to a host of which the connection goes on.", examples=["tcp"])
    idle_timeout: DurationOrZero = Field(
        default=snapshot.FALLBACK_IDLE_TIMEOUT,
        description="Closed when nothing moves either way for so long; 0: never.",
        examples=["1h"],
    )


def _trusted(value: Any) -> Any:
    return {"trusted": value} if isinstance(value, list) else value


def _fallback(value: Any) -> Any:
    if isinstance(value, str) and value != "close":
        raise WrongValueError(f"{value!r} is no fallback; write close, or {{cluster: {value}}}")
    return None if value == "close" else value


def _or_close(schema: dict[str, Any]) -> None:
    schema["anyOf"].append({"const": "close"})


def _or_list(schema: dict[str, Any]) -> None:
    schema["anyOf"].append({"type": "array", "items": {"type": "string"}, "minItems": 1})


class Listener(Model):
    """An address that clients connect to."""

    name: Name = Field(description="The listener's name in metrics and logs.", examples=["mesh"])
    address: ListenAddress = Field(
        description="IP:PORT, [IPv6]:PORT or unix:/path. Port 0 lets the kernel choose; `xproto run` prints which.",
        examples=["127.0.0.1:9200"],
    )
    protocols: Protocols = Field(
        default=("auto",),
        description="What may be spoken here: `auto` (every protocol, by rank), one name, or a list to detect among. "
        "With one name and no fallback nothing is detected.",
        examples=[["bolt", "dubbo"]],
    )
    routes: Name = Field(description="The route table that decides where calls go.", examples=["main"])
    detect: Detect = Field(default_factory=Detect, description="Bounds of detection.")
    max_connections: Annotated[int, Whole(1, 1_000_000)] = Field(
        default=snapshot.DOWNSTREAM_CONNECTIONS,
        description="Connections open at a time, in each worker; one more is closed at once.",
        examples=[50_000],
    )
    max_in_flight: Annotated[int, Whole(1, 1_000_000)] = Field(
        default=snapshot.DOWNSTREAM_IN_FLIGHT,
        description="Calls in flight of one connection; at the limit, reading from it pauses.",
        examples=[1024],
    )
    out_buffer_limit: Size = Field(
        default=snapshot.OUT_BUFFER_LIMIT,
        description="Answers that a client has not read, in bytes, over which its connection is cut.",
        examples=["4MiB"],
    )
    idle_timeout: DurationOrZero = Field(
        default=snapshot.DOWNSTREAM_IDLE_TIMEOUT,
        description="A connection without traffic and without calls for so long is closed; 0: never.",
        examples=["90s"],
    )
    proxy_protocol: Annotated[ProxyProtocol | None, BeforeValidator(_trusted)] = Field(
        default=None,
        description="Takes the client's address from a header of the PROXY protocol, where a trusted peer sends one.",
        examples=[["10.0.0.0/8"]],
        json_schema_extra=_or_list,
    )
    fallback: Annotated[
        Fallback | None, Written("`close`, or `listeners[].fallback`"), BeforeValidator(checked(_fallback))
    ] = Field(
        default=None,
        description="What becomes of a connection that speaks none of the protocols, or nothing in time: it is closed, or "
        "goes on to a cluster as it is.",
        examples=[{"cluster": "tcp"}],
        json_schema_extra=_or_close,
    )


class Admin(Model):
    """The admin port: metrics, readiness, and what is configured. A bare string is its address."""

    short = "address"

    address: ListenAddress = Field(description="Loopback, unless allow_remote is set.", examples=["127.0.0.1:9901"])
    allow_remote: Flag = Field(
        default=False, description="Lets the address be one that other machines reach. Nothing asks them who they are."
    )

    @model_validator(mode="after")
    def _loopback(self) -> Admin:
        if not self.allow_remote and not is_loopback(self.address):
            instead = "write 127.0.0.1:PORT, or {address: ..., allow_remote: true}"
            raise refuse(f"{self.address} can be reached from other machines; {instead}")
        return self


def _some(value: Any) -> Any:
    if value == []:
        raise WrongValueError("the list is empty; write at least one listener")
    return value


ListenerList = Annotated[tuple[Listener, ...], BeforeValidator(checked(_some))]


class Config(Model):
    """The whole file."""

    listeners: ListenerList = Field(
        description="Where clients connect; at least one.",
        examples=[[{"name": "mesh", "address": "127.0.0.1:9200", "routes": "main"}]],
    )
    routes: dict[Name, RouteList] = Field(
        description="Route tables by name, each a list of routes.", examples=[{"main": [{"cluster": "echo"}]}]
    )
    clusters: dict[Name, Cluster] = Field(default_factory=dict, description="Clusters by name.")
    protocol_specs: tuple[Text, ...] = Field(
        default=(),
        description="Python files that declare further protocols, relative to this file.",
        examples=[["./myproto.py"]],
    )
    protocol_options: dict[Name, Options] = Field(
        default_factory=dict,
        description="Options of protocols by name; `xproto explain NAME` lists them.",
        examples=[{"dubbo": {"serializations": ["hessian2"]}}],
    )
    admin: Admin | None = Field(
        default=None,
        description="The admin port; without it there is none. A reload cannot change it.",
        examples=["127.0.0.1:9901"],
    )
    workers: Annotated[int, Whole(1, MAX_WORKERS)] = Field(
        default=1,
        description="Worker processes. Each has its own connections and its own event loop. A reload cannot change it.",
        examples=[1],
    )
    drain_timeout: DurationOrZero = Field(
        default=snapshot.DRAIN_TIMEOUT,
        description="After TERM no connection is accepted any more, and calls in flight may take so long to finish.",
        examples=["5s"],
    )
