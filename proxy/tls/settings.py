"""TLS as workers are told of it: who presents what, and whom it believes. Part of a `proxy.snapshot.Snapshot`.

A certificate, a key or a trusted root is never here, only the name of the secret that has it: so no dump of a snapshot
can show one, and a secret that is rotated changes no snapshot. Nothing here validates, as in `proxy.snapshot`.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

SanKind = Literal["exact", "suffix", "uri"]
Verify = Literal["off", "optional", "required"]
Version = Literal["1.2", "1.3"]

SNI, SAN = "tls.sni", "tls.san"
ROUTING_KEYS = (SNI, SAN)
"""What routes see of a connection's TLS: the server name that the client asked for, and the name that it proved to have
(`proxy.tls.peer.Identity.principal`). A header of such a name is nobody's."""

MIN_VERSION: Version = "1.2"
"""RFC 8996 deprecates what is older."""
HANDSHAKE_TIMEOUT = 10.0
"""Seconds from a connection's first byte to the end of its handshake: ample on bad networks."""


class Extension(msgspec.Struct, frozen=True):
    """Something that a built-in or an entry point makes, by name, of settings of its own."""

    name: str
    settings: dict[str, Any] = {}


class Secret(msgspec.Struct, frozen=True):
    """A secret by name, and where it comes from: `settings` are its provider's. Paths in them are absolute."""

    name: str
    provider: str = "file"
    settings: dict[str, Any] = {}


class SanMatch(msgspec.Struct, frozen=True):
    """A condition on one subject alternative name.

    `exact`: a DNS name (whatever its case), an address or a mailbox. `suffix`: the end of a DNS name, from a dot on.
    `uri`: a URI, or the beginning of one up to a final ``*``.
    """

    kind: SanKind
    value: str


class ServerTls(msgspec.Struct, frozen=True):
    """What a filter chain presents to clients, and what it wants of them. Secrets go by their names."""

    certificates: tuple[str, ...]
    """One for each kind of key (ECDSA, RSA); at least one."""
    verify: Verify = "off"
    trust: str | None = None
    """The secret with the roots that clients' certificates are judged by; never None where `verify` is not off."""
    sans: tuple[SanMatch, ...] = ()
    """One of them must hold for one name of the client's certificate; none: every certificate that is trusted will do."""
    verifiers: tuple[Extension, ...] = ()
    """Asked in this order after all that; each may refuse."""
    alpn: tuple[str, ...] = ()
    """In the order of preference; empty: none is negotiated."""
    min_version: Version = MIN_VERSION
    max_version: Version | None = None
    ciphers: str = ""
    """OpenSSL's list, for TLS 1.2; empty: its default."""
    tickets: bool = True
    """Whether sessions are resumed by tickets; those of TLS 1.2 also are by their ids."""


class ClientTls(msgspec.Struct, frozen=True):
    """What a cluster's connections present to its hosts, and what they want of them."""

    trust: str | None = None
    """The secret with the roots; None: the system's."""
    verify: bool = True
    certificate: str | None = None
    server_name: str = ""
    """The SNI, and the name that the host's certificate must have unless `sans` says otherwise; empty: none is sent."""
    sans: tuple[SanMatch, ...] = ()
    verifiers: tuple[Extension, ...] = ()
    alpn: tuple[str, ...] = ()
    min_version: Version = MIN_VERSION
    max_version: Version | None = None
    ciphers: str = ""
    resume: bool = True


class TlsMatch(msgspec.Struct, frozen=True):
    """An exception for the hosts whose metadata has all these values; `tls` None: plaintext."""

    metadata: dict[str, str]
    tls: ClientTls | None


class FilterChain(msgspec.Struct, frozen=True):
    """What becomes of a TLS connection, by its ClientHello. No names and no protocols: of every one.

    An exact name wins over a wildcard (``*.example.com``: the names below it, the longest such wins), that over no name; among
    chains of equal names one with `alpn` wins if the client offers one of these.
    """

    name: str
    tls: ServerTls
    routes: str
    protocols: tuple[str, ...]
    """As a listener's; in rank order, never empty."""
    server_names: tuple[str, ...] = ()
    """In small letters."""
    alpn: tuple[str, ...] = ()
