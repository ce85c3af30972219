"""The configuration as workers see it: a map of named, immutable resources.

The control process parses and validates YAML (``proxy.config``) into a `Snapshot`, and sends it to the workers as
msgpack. Nothing here validates: a snapshot that exists is valid. Times are seconds, sizes are bytes, addresses are
``IP:PORT``, ``[IP]:PORT`` or ``unix:/path``. Every default is a named constant with its reason.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from proxy.tls.settings import HANDSHAKE_TIMEOUT, ClientTls, FilterChain, Secret, TlsMatch

MatchKind = Literal["exact", "prefix", "suffix", "contains", "regex", "template", "range", "network", "any_of", "present"]
BalancerName = Literal["round_robin", "random", "maglev"]
SubsetFallback = Literal["none", "any", "default"]
PoolName = Literal["multiplexed", "ping_pong"]
HttpName = Literal["http1", "http2", "auto"]
EditOp = Literal["set", "add", "append", "remove"]
RoleName = Literal["service", "method", "version", "path", "host"]
LogFormat = Literal["json", "text"]
FaultName = Literal["no_route", "no_host", "connect", "overload", "timeout", "closed", "malformed"]

DETECT_BYTES = 64
"""First bytes looked at before the answer must be known; the longest built-in signature is 24 bytes."""
DETECT_TIMEOUT = 1.0
"""Seconds of silence before detection gives up; shorter values broke slow clients in other proxies."""
CONNECT_TIMEOUT = 1.0
CALL_TIMEOUT = 60.0
"""The default deadline of a call that carries none itself, as MOSN's global timeout."""
REDIRECT_STATUS = 301
"""As other proxies send where nothing is said."""
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
RETRY_ATTEMPTS = 2
RETRY_BACK_OFF_BASE = 0.025
"""Seconds: the longest first pause between two tries, as Envoy's."""
RETRY_BACK_OFF_MAX = 0.25
RETRY_BUFFER = 64 * 1024
"""Bytes of a request that are kept to send it again."""
RETRY_EVENTS = ("connect_failure", "refused", "reset")
"""What is retried where nothing is named: nothing that was answered, and resets only of calls that may be processed twice."""
RETRY_BUDGET_PERCENT = 20
"""Of the calls under way that may be retries: enough for one of five hosts, and no load that keeps a cluster down."""
RETRY_BUDGET_MIN = 3
"""Retries that may be under way in any case, in each worker: where calls are few a share of them is nothing."""
MAX_EDITS = 64
"""Headers that are edited of one call, by all levels together, and again of its answer: what the kernel takes at a time."""
DRAIN_TIMEOUT = 5.0
"""Seconds that calls in flight may take after TERM; below the 10 s after which container runtimes kill."""


FILTER_TIMEOUT = 1.0
"""Seconds that a filter may keep a call waiting: longer than a lookup elsewhere should take, shorter than most callers wait."""
FILTER_BLOCK_LIMIT = 0.25
"""Seconds after which a filter that does not come back is broken off: meanwhile every call of the worker waits."""
FILTER_STUCK_LIMIT = 5.0
"""And after which the worker ends, since no exception reaches what runs in C."""


class HeaderMatch(msgspec.Struct, frozen=True):
    """One condition on one key of the routing view (`proxy.routing.keys`). What the kinds mean: `proxy.routing.condition`."""

    key: str
    kind: MatchKind
    value: str = ""
    """Of a range: ``START:END``. Of `any_of` and `present`: none."""
    invert: bool = False
    ignore_case: bool = False
    """Of ASCII letters, in `exact`, `prefix`, `suffix`, `contains`; `value` is in lower case then."""
    choices: tuple[tuple[MatchKind, str], ...] = ()
    """Of `any_of`: one of these must hold, each an `exact`, `prefix`, `suffix` or `network`."""


class Retry(msgspec.Struct, frozen=True):
    """When a call is sent again. `on`: of connect_failure, refused, reset, timeout. `headers`: of answers, in lower case."""

    on: tuple[str, ...] = RETRY_EVENTS
    statuses: tuple[str | int, ...] = ()
    """Names, as the protocols declare them, and numbers."""
    headers: tuple[str, ...] = ()
    attempts: int = RETRY_ATTEMPTS
    """How often it is sent again, at most."""
    per_try_timeout: float | None = None
    back_off_base: float = RETRY_BACK_OFF_BASE
    back_off_max: float = RETRY_BACK_OFF_MAX
    idempotent: bool | None = None
    """None: as `methods` say; without any, as the method of HTTP does."""
    methods: tuple[str, ...] = ()
    same_host: bool = False
    buffer: int = RETRY_BUFFER


class RetryBudget(msgspec.Struct, frozen=True):
    """Retries under way in a worker are at most so many percent of a cluster's calls there, or so many."""

    percent: int = RETRY_BUDGET_PERCENT
    min_concurrent: int = RETRY_BUDGET_MIN


class WeightedClusters(msgspec.Struct, frozen=True, tag="weighted"):
    """Each call goes to one of them, drawn by weight. Not all weights are 0."""

    clusters: tuple[tuple[str, int], ...]


class ClusterFrom(msgspec.Struct, frozen=True, tag="cluster_from"):
    """The cluster that the key's value names; `default`: of calls whose value names none; None: they have no route."""

    key: str
    default: str | None = None


class Redirect(msgspec.Struct, frozen=True, tag="redirect"):
    """Where a request of HTTP is sent on to; None: as it was. `prefix`: for the first `matched` bytes of the path."""

    status: int = REDIRECT_STATUS
    scheme: str | None = None
    host: str | None = None
    port: int | None = None
    path: str | None = None
    prefix: str | None = None
    matched: int = 0
    strip_query: bool = False


class DirectResponse(msgspec.Struct, frozen=True, tag="direct_response"):
    """What calls are answered with here. `fault`: for protocols without statuses of HTTP."""

    status: int
    body: str
    fault: FaultName
    grpc_status: int


class Mirror(msgspec.Struct, frozen=True):
    """Where copies of calls go; `percent` of them, 0 to 100."""

    cluster: str
    percent: float = 100.0


Action = WeightedClusters | ClusterFrom | Redirect | DirectResponse


class Piece(msgspec.Struct, frozen=True):
    """A part of a value: a text, or (`variable`) what it stands for, of which `text` is the argument."""

    text: str
    variable: str = ""


class HeaderEdit(msgspec.Struct, frozen=True):
    """One header, of a request or of an answer."""

    op: EditOp
    name: str
    value: tuple[Piece, ...] = ()


class Rewrite(msgspec.Struct, frozen=True):
    """Where a call says that it goes. Of a path: `prefix`, only where it begins so, and only that; `regex`, what it matches."""

    role: RoleName
    value: tuple[Piece, ...]
    prefix: str = ""
    regex: str = ""


class Edits(msgspec.Struct, frozen=True):
    """What a route changes, in this order: rewrites, then headers one after the other."""

    request: tuple[HeaderEdit, ...] = ()
    response: tuple[HeaderEdit, ...] = ()
    rewrites: tuple[Rewrite, ...] = ()


class Route(msgspec.Struct, frozen=True):
    """Headers and the expression are ANDed; the first route of its virtual host that matches wins."""

    name: str
    headers: tuple[HeaderMatch, ...]
    cluster: str = ""
    """Empty where there is an `action`."""
    timeout: float | None = None
    """0: no deadline but the call's own."""
    oneway: bool = False
    retry: Retry | None = None
    """None: its calls are not sent again."""
    expression: str = ""
    """In CEL; empty: none."""
    action: Action | None = None
    """None: calls go to `cluster`."""
    mirrors: tuple[Mirror, ...] = ()
    edits: Edits | None = None
    """None: calls and answers go on as they are."""
    filters: dict[str, dict[str, Any] | None] = {}
    """Other settings for filters of the listener, by name; None: it is disabled. What the virtual host and the table say is in
    it, where the route says nothing nearer.
    """
    hash_policy: tuple[str, ...] = ()
    """Keys of the routing view (`proxy.balancing.hashing`): the first that a call has decides which host it goes to."""
    metadata_match: dict[str, str] = {}
    """Only hosts with this metadata; empty: all."""


class VirtualHost(msgspec.Struct, frozen=True):
    """The next `size` routes of a table are for requests to one of these domains (`proxy.routing.domains`)."""

    name: str
    domains: tuple[str, ...]
    size: int


class Filter(msgspec.Struct, frozen=True):
    """One of a listener's filters. `kind`: the name of a built-in one, or of an entry point; empty where there is a file.

    `settings` are as the filter takes them: plain data.
    """

    name: str
    kind: str = ""
    file: str | None = None
    """Absolute."""
    settings: dict[str, Any] = {}
    timeout: float = FILTER_TIMEOUT
    block_limit: float = FILTER_BLOCK_LIMIT
    stuck_limit: float = FILTER_STUCK_LIMIT


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
    retry_budget: RetryBudget = RetryBudget()
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
    filters: tuple[Filter, ...] = ()
    """In the order in which calls go through them."""

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
    virtual_hosts: dict[str, tuple[VirtualHost, ...]] = {}
    """Of the route tables that have any: together they have all its routes, in order."""
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
