"""Listeners: what they speak, with what limits, and what becomes of connections that speak something else."""

from __future__ import annotations

from typing import Literal

import msgspec

from proxy.snapshot.clusters import OUT_BUFFER_LIMIT
from proxy.snapshot.filters import Filter
from proxy.tls.settings import HANDSHAKE_TIMEOUT, FilterChain

LogFormat = Literal["json", "text"]
DETECT_BYTES = 64
"""First bytes looked at before the answer must be known; the longest built-in signature is 24 bytes."""
DETECT_TIMEOUT = 1.0
"""Seconds of silence before detection gives up; shorter values broke slow clients in other proxies."""
DOWNSTREAM_CONNECTIONS = 50_000
"""Open connections of one listener in one worker: some 50 MB of them idle, and within the descriptors that services get."""
DOWNSTREAM_IN_FLIGHT = 1024
"""Calls in flight of one downstream connection; reading from it pauses at the limit."""
DOWNSTREAM_IDLE_TIMEOUT = 90.0
FALLBACK_IDLE_TIMEOUT = 3600.0
"""A tunnel on which nothing moves for so long is closed: what it carries is unknown, and databases rest for long."""
HTTP_HEADER_TIMEOUT = 10.0
"""A request's head, from its first byte to its last: ample on bad networks, and an end for who trickles it."""
HTTP_TUNNEL_IDLE_TIMEOUT = 3600.0
"""After an upgrade, as of the fallback's tunnels: a WebSocket may rest for long."""
HTTP_VIA = "xproto"
HTTP_UPGRADES = ("websocket",)


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
