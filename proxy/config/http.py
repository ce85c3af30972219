"""What a listener does with HTTP/1.1 besides routing: whom it believes, what it adds, what it lets through."""

from __future__ import annotations

from pydantic import Field

from proxy.config.model import Model
from proxy.config.names import Upgrade, Via
from proxy.config.types import Duration, DurationOrZero, Flag, Network
from proxy.snapshot import listeners as defaults


class Http(Model):
    """What is special to HTTP/1.1: the fields that are added to requests, upgrades, tunnels."""

    trusted: tuple[Network, ...] = Field(
        default=(),
        description="Networks or addresses of peers whose X-Forwarded-For, X-Forwarded-Proto, X-Forwarded-Client-Cert and "
        "X-Request-Id are believed and added to; `unix`: every peer of a unix socket. From all others these fields are dropped "
        "and written anew.",
        examples=[["10.0.0.0/8"]],
    )
    forwarded: Flag = Field(default=True, description="Writes X-Forwarded-For and X-Forwarded-Proto.")
    request_id: Flag = Field(
        default=True, description="Writes X-Request-Id where a request has none, or none that is believed."
    )
    via: Via = Field(
        default=defaults.HTTP_VIA,
        description='What this proxy calls itself in the field Via of requests and answers; `""`: writes no such field.',
        examples=["mesh"],
    )
    upgrades: tuple[Upgrade, ...] = Field(
        default=defaults.HTTP_UPGRADES,
        description="Protocols to which a connection may be upgraded; none if the list is empty. `h2c` is refused: the "
        "requests in it would pass all routes.",
        examples=[["websocket"]],
    )
    connect: Flag = Field(default=False, description="Passes CONNECT requests on, as tunnels to the route's cluster.")
    tunnel_idle_timeout: DurationOrZero = Field(
        default=defaults.HTTP_TUNNEL_IDLE_TIMEOUT,
        description="An upgraded connection, or a tunnel, on which nothing moves for so long is closed; 0: never.",
        examples=["1h"],
    )
    header_timeout: Duration = Field(
        default=defaults.HTTP_HEADER_TIMEOUT,
        description="How long a request's head may take, from its first byte to its last.",
        examples=["10s"],
    )
    client_certificate: Flag = Field(
        default=False,
        description="Writes X-Forwarded-Client-Cert: who the client is by the certificate that it presented. From peers that "
        "are not trusted the field is dropped in any case.",
    )
