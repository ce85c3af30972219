"""Filter chains: what becomes of a TLS connection, by the name and the protocols that its client asks for."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from proxy.config.model import Model
from proxy.config.tls import ServerTls
from proxy.config.tls_values import Alpns, ServerNames
from proxy.config.types import GIVEN, Name, Protocols


class ChainMatch(Model):
    """Which TLS connections a chain takes. An exact name wins over a wildcard, the longest wildcard over shorter ones, any
    name over none; among equal names a chain with `alpn` over one without.
    """

    server_names: Annotated[ServerNames | None, GIVEN] = Field(
        default=None,
        description="The name that the client asks for (SNI), whatever its case: a name, `*.example.com` for every name below "
        "one (itself not), or a list of them. If not given: every name, and none.",
        examples=[["api.example.com", "*.api.example.com"]],
    )
    alpn: Annotated[Alpns | None, GIVEN] = Field(
        default=None,
        description="Protocols of which the client offers one (ALPN). If not given: whatever it offers.",
        examples=[["http/1.1"]],
    )


class FilterChain(Model):
    """Certificates, routes and protocols for some of a listener's TLS connections."""

    name: Annotated[Name | None, GIVEN] = Field(
        default=None,
        description="The chain's name in metrics and logs; its index in the list if not given. `default` is the listener's "
        "own `tls`.",
        examples=["admin"],
    )
    match: ChainMatch = Field(
        default_factory=ChainMatch, description="Which connections the chain takes; if not given, those that no other does."
    )
    tls: ServerTls = Field(
        description="What is presented to these clients, and wanted of them.", examples=[{"certificates": ["web"]}]
    )
    routes: Annotated[Name | None, GIVEN] = Field(
        default=None,
        description="The route table that decides where calls go; the listener's if not given.",
        examples=["admin"],
    )
    protocols: Annotated[Protocols | None, GIVEN] = Field(
        default=None, description="What may be spoken inside; as the listener if not given.", examples=["auto"]
    )
