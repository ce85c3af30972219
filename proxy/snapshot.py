"""The configuration as workers see it: a map of named, immutable resources.

The control process parses and validates YAML (``proxy.config``) into a `Snapshot`, and sends it to the workers as
msgpack. Nothing here validates: a snapshot that exists is valid. Times are seconds, sizes are bytes, addresses are
``IP:PORT``, ``[IP]:PORT`` or ``unix:/path``. Every default is a named constant with its reason.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from proxy.tls.settings import HANDSHAKE_TIMEOUT, ClientTls, FilterChain, Secret, TlsMatch

MatchKind = Literal["exact", "prefix", "suffix", "regex", "present"]
BalancerName = Literal["round_robin", "random", "maglev"]
SubsetFallback = Literal["none", "any", "default"]
PoolName = Literal["multiplexed", "ping_pong"]
HttpName = Literal["http1", "http2", "auto"]
LogFormat = Literal["json", "text"]

DETECT_BYTES = 64
"""First bytes looked at before the answer must be known; the longest built-in signature is 24 bytes."""
DETECT_TIMEOUT = 1.0
"""Seconds of silence before detection gives up; shorter values broke slow clients in other proxies."""
CONNECT_TIMEOUT = 1.0
CALL_TIMEOUT = 60.0
"""The default deadline of a call that carries none itself, as MOSN's global timeout."""
MAX_CONNECTIONS = 1
"""To one host, where calls share connections."""
MAX_PING_PONG_CONNECTIONS = 256
"""To one host, where each call in flight has a connection for itself: as many threads as the largest stock servers have."""
MAX_HTTP2_CONNECTIONS = 8
"""To one host, where each call has a stream: another is made when those that there are have no more streams to give."""
MAX_PENDING = 1024
"""Calls that wait for a connection of a ping-pong pool."""
MAX_IN_FLIGHT = 4096
"""Calls in flight on one upstream connection, timed-out ones that still hold their id included."""
DOWNSTREAM_CONNECTIONS = 50_000
"""Open connections of one listener in one worker: some 50 MB of them idle, and within the descriptors that services get."""
DOWNSTREAM_IN_FLIGHT = 1024
"""Calls in flight of one downstream connection; reading from it pauses at the limit."""
KEEPALIVE_INTERVAL = 15.0
KEEPALIVE_TIMEOUT = 1.0
KEEPALIVE_MISSES = 3
IDLE_TIMEOUT = 90.0
"""An upstream connection without calls for so long is closed; the Java Bolt server does the same."""
DOWNSTREAM_IDLE_TIMEOUT = 90.0
FALLBACK_IDLE_TIMEOUT = 3600.0
"""A tunnel on which nothing moves for so long is closed: what it carries is unknown, and databases rest for long."""
HTTP_HEADER_TIMEOUT = 10.0
"""A request's head, from its first byte to its last: ample on bad networks, and an end for who trickles it."""
HTTP_TUNNEL_IDLE_TIMEOUT = 3600.0
"""After an upgrade, as of the fallback's tunnels: a WebSocket may rest for long."""
HTTP_VIA = "xproto"
HTTP_UPGRADES = ("websocket",)
BACKOFF_BASE = 0.1
BACKOFF_MAX = 10.0
HEALTH_INTERVAL = 5.0
HEALTH_TIMEOUT = 1.0
UNHEALTHY_THRESHOLD = 3
HEALTHY_THRESHOLD = 2
PANIC_THRESHOLD = 1
"""Percent: as long as any host is healthy, unless there are more than a hundred, the others get no calls."""
OUT_BUFFER_LIMIT = 32 * 1024 * 1024
"""Unsent bytes towards one peer before it counts as stuck: room for several calls of a few megabytes at once."""
DRAIN_TIMEOUT = 5.0
"""Seconds that calls in flight may take after TERM; below the 10 s after which container runtimes kill."""


class HeaderMatch(msgspec.Struct, frozen=True):
    """One condition on one key of the protocol's routing view (its headers, plus the roles service and method)."""

    key: str
    kind: MatchKind
    value: str = ""
    invert: bool = False


class Route(msgspec.Struct, frozen=True):
    """Headers are ANDed; the first route of a table that matches wins."""

    name: str
    headers: tuple[HeaderMatch, ...]
    cluster: str
    timeout: float | None = None
    oneway: bool = False
    hash_policy: tuple[str, ...] = ()
    """Keys of the routing view (`proxy.balancing.hashing`): the first that a call has decides which host it goes to."""
    metadata_match: dict[str, str] = {}
    """Only hosts with this metadata; empty: all."""


class Keepalive(msgspec.Struct, frozen=True):
    interval: float = KEEPALIVE_INTERVAL
    timeout: float = KEEPALIVE_TIMEOUT
    misses: int = KEEPALIVE_MISSES


class GrpcCheck(msgspec.Struct, frozen=True, tag="grpc"):
    """A call of `grpc.health.v1.Health/Check`. `authority`: empty: the server name of TLS, or the host's address."""

    service: str = ""
    authority: str = ""


class HealthCheck(msgspec.Struct, frozen=True):
    """How each host is asked whether it is well, and what follows. `panic_threshold`: percent; 0: never."""

    kind: GrpcCheck
    interval: float = HEALTH_INTERVAL
    timeout: float = HEALTH_TIMEOUT
    unhealthy_threshold: int = UNHEALTHY_THRESHOLD
    healthy_threshold: int = HEALTHY_THRESHOLD
    panic_threshold: int = PANIC_THRESHOLD


class Cluster(msgspec.Struct, frozen=True):
    name: str
    hosts: tuple[str, ...]
    lb: BalancerName = "round_robin"
    connect_timeout: float = CONNECT_TIMEOUT
    timeout: float = CALL_TIMEOUT
    pool: PoolName | None = None
    """None: as the protocol says."""
    http: HttpName = "http1"
    """What its hosts speak, of HTTP; `auto`: what each agrees on by ALPN."""
    max_connections: int | None = None
    """None: `MAX_CONNECTIONS`, or `MAX_PING_PONG_CONNECTIONS`."""
    max_pending: int = MAX_PENDING
    max_in_flight: int = MAX_IN_FLIGHT
    out_buffer_limit: int = OUT_BUFFER_LIMIT
    idle_timeout: float = IDLE_TIMEOUT
    backoff_base: float = BACKOFF_BASE
    backoff_max: float = BACKOFF_MAX
    keepalive: Keepalive = Keepalive()
    health_check: HealthCheck | None = None
    """None: there is none."""
    tls: ClientTls | None = None
    """None: plaintext."""
    tls_matches: tuple[TlsMatch, ...] = ()
    """Exceptions to `tls`; the first whose metadata a host has."""
    metadata: dict[str, dict[str, str]] = {}
    """Of hosts that have any, by their addresses."""
    subset_fallback: SubsetFallback = "none"
    """Which hosts stand in where none has the metadata that a route asks for."""
    subset_default: dict[str, str] = {}
    """Theirs, of `default`."""
    grpc_web: bool = True
    """Calls of gRPC-Web become such of gRPC, where hosts speak HTTP/2."""

    def tls_of(self, address: str) -> ClientTls | None:
        """How this host is spoken to; None: in plaintext."""
        has = self.metadata.get(address, {}).items()
        return next((match.tls for match in self.tls_matches if match.metadata.items() <= has), self.tls)


class ProxyProtocol(msgspec.Struct, frozen=True):
    """From whom a header of the PROXY protocol is taken. `trusted`: networks, and ``unix`` for peers of a unix socket."""

    trusted: tuple[str, ...]
    required: bool = False


class Fallback(msgspec.Struct, frozen=True):
    """Where a connection goes, as it is, that speaks no protocol of its listener."""

    cluster: str
    idle_timeout: float = FALLBACK_IDLE_TIMEOUT


class Http(msgspec.Struct, frozen=True):
    """What a listener does with HTTP/1.1. `trusted`, as of the PROXY protocol: whose forwarding fields are believed."""

    trusted: tuple[str, ...] = ()
    forwarded: bool = True
    request_id: bool = True
    via: str = HTTP_VIA
    """Empty: no Via is written."""
    upgrades: tuple[str, ...] = HTTP_UPGRADES
    """In lower case; never h2c."""
    connect: bool = False
    tunnel_idle_timeout: float = HTTP_TUNNEL_IDLE_TIMEOUT
    header_timeout: float = HTTP_HEADER_TIMEOUT
    client_certificate: bool = False
    """Whether X-Forwarded-Client-Cert says who a client of TLS is. What an untrusted one says of that never goes on."""


class AccessLog(msgspec.Struct, frozen=True):
    """A line for each call when it has ended. `path` is absolute."""

    path: str
    format: LogFormat = "json"


class Listener(msgspec.Struct, frozen=True):
    name: str
    address: str
    protocols: tuple[str, ...]
    """Names to detect among, in rank order; one name, without a fallback, means that nothing is detected. Never empty."""
    routes: str
    detect_bytes: int = DETECT_BYTES
    detect_timeout: float = DETECT_TIMEOUT
    max_connections: int = DOWNSTREAM_CONNECTIONS
    max_in_flight: int = DOWNSTREAM_IN_FLIGHT
    out_buffer_limit: int = OUT_BUFFER_LIMIT
    idle_timeout: float = DOWNSTREAM_IDLE_TIMEOUT
    proxy_protocol: ProxyProtocol | None = None
    fallback: Fallback | None = None
    """None: it is closed."""
    http: Http = Http()
    chains: tuple[FilterChain, ...] = ()
    """Where any are, a connection that begins with a ClientHello is one of theirs, or refused."""
    plaintext: bool = True
    """Whether connections without TLS are taken, beside chains."""
    handshake_timeout: float = HANDSHAKE_TIMEOUT
    access_log: AccessLog | None = None
    """None: there is none."""

    @property
    def detects(self) -> bool:
        """Whether the first bytes decide what is spoken."""
        return self.detects_among(self.protocols)

    def detects_among(self, protocols: tuple[str, ...]) -> bool:
        """The same of the first bytes inside TLS, where `protocols` are those of one of its chains."""
        return len(protocols) > 1 or self.fallback is not None

    @property
    def spoken(self) -> tuple[str, ...]:
        """All protocols, those of its chains included."""
        return tuple(dict.fromkeys((*self.protocols, *(name for chain in self.chains for name in chain.protocols))))


class Snapshot(msgspec.Struct, frozen=True):
    listeners: dict[str, Listener]
    routes: dict[str, tuple[Route, ...]]
    clusters: dict[str, Cluster]
    protocol_specs: tuple[str, ...] = ()
    """Absolute paths of Python files that declare protocols."""
    protocol_options: dict[str, dict[str, Any]] = {}
    """Keyword arguments for a protocol's factory, by protocol name: ``{"dubbo": {"serializations": ["hessian2"]}}``."""
    secrets: dict[str, Secret] = {}
    """Where certificates and keys come from; what they are travels apart (`proxy.tls.material`)."""
    admin: str | None = None
    workers: int = 1
    drain_timeout: float = DRAIN_TIMEOUT


def encode(snapshot: Snapshot) -> bytes:
    """The snapshot as msgpack, for the way from control to worker."""
    return msgspec.msgpack.encode(snapshot)


def decode(data: bytes) -> Snapshot:
    """The inverse of `encode`; raises `msgspec.ValidationError` on anything else."""
    return msgspec.msgpack.decode(data, type=Snapshot)
