"""Clusters: their hosts, how one is chosen, how it is connected to, and every limit of that."""

from __future__ import annotations

from typing import Literal

import msgspec

from proxy.snapshot.health import HealthCheck
from proxy.snapshot.retries import RetryBudget
from proxy.tls.settings import ClientTls, TlsMatch

BalancerName = Literal["round_robin", "random", "maglev"]
SubsetFallback = Literal["none", "any", "default"]
PoolName = Literal["multiplexed", "ping_pong"]
HttpName = Literal["http1", "http2", "auto"]
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
KEEPALIVE_INTERVAL = 15.0
KEEPALIVE_TIMEOUT = 1.0
KEEPALIVE_MISSES = 3
IDLE_TIMEOUT = 90.0
"""An upstream connection without calls for so long is closed; the Java Bolt server does the same."""
BACKOFF_BASE = 0.1
BACKOFF_MAX = 10.0
OUT_BUFFER_LIMIT = 32 * 1024 * 1024
"""Unsent bytes towards one peer before it counts as stuck: room for several calls of a few megabytes at once."""


class Keepalive(msgspec.Struct, frozen=True):
    interval: float = KEEPALIVE_INTERVAL
    timeout: float = KEEPALIVE_TIMEOUT
    misses: int = KEEPALIVE_MISSES


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
