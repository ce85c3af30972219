"""The listeners' section: where clients connect, what they may speak, and what is done before a protocol is known."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from proxy.config.access_log import AccessLog
from proxy.config.chains import FilterChain
from proxy.config.filters import Filter
from proxy.config.http import Http
from proxy.config.model import Model
from proxy.config.tls import ServerTls
from proxy.config.types import (
    GIVEN,
    Duration,
    DurationOrZero,
    Flag,
    ListenAddress,
    Name,
    Networks,
    Protocols,
    Size,
    Whole,
    Written,
    checked,
)
from proxy.config.values import WrongValueError
from proxy.snapshot import listeners as defaults
from proxy.snapshot.clusters import OUT_BUFFER_LIMIT
from proxy.tls.settings import HANDSHAKE_TIMEOUT


class Detect(Model):
    """Finding out which protocol a connection speaks."""

    bytes: Annotated[int, Whole(1, 4096)] = Field(
        default=defaults.DETECT_BYTES, description="First bytes after which the answer must be known.", examples=[64]
    )
    timeout: Duration = Field(
        default=defaults.DETECT_TIMEOUT,
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
        default=defaults.FALLBACK_IDLE_TIMEOUT,
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
    tls: Annotated[ServerTls | None, GIVEN] = Field(
        default=None,
        description="Takes TLS: what is presented to every client that no filter chain takes, and wanted of it.",
        examples=[{"certificates": "web"}],
    )
    filter_chains: tuple[FilterChain, ...] = Field(
        default=(),
        description="Takes TLS, with other certificates, routes or protocols by what the client asks for.",
        examples=[[{"match": {"server_names": "api.example.com"}, "tls": {"certificates": "api"}}]],
    )
    plaintext: Annotated[Flag | None, GIVEN] = Field(
        default=None,
        description="Whether connections without TLS are taken. If not given: only where neither `tls` nor `filter_chains` is.",
        examples=[False],
    )
    handshake_timeout: Duration = Field(
        default=HANDSHAKE_TIMEOUT,
        description="How long a TLS handshake may take, from the connection's first byte.",
        examples=["10s"],
    )
    detect: Detect = Field(default_factory=Detect, description="Bounds of detection.")
    max_connections: Annotated[int, Whole(1, 1_000_000)] = Field(
        default=defaults.DOWNSTREAM_CONNECTIONS,
        description="Connections open at a time, in each worker; one more is closed at once.",
        examples=[50_000],
    )
    max_in_flight: Annotated[int, Whole(1, 1_000_000)] = Field(
        default=defaults.DOWNSTREAM_IN_FLIGHT,
        description="Calls in flight of one connection; at the limit, reading from it pauses.",
        examples=[1024],
    )
    out_buffer_limit: Size = Field(
        default=OUT_BUFFER_LIMIT,
        description="Answers that a client has not read, in bytes, over which its connection is cut.",
        examples=["4MiB"],
    )
    idle_timeout: DurationOrZero = Field(
        default=defaults.DOWNSTREAM_IDLE_TIMEOUT,
        description="A connection without traffic and without calls for so long is closed; 0: never.",
        examples=["90s"],
    )
    proxy_protocol: Annotated[ProxyProtocol | None, BeforeValidator(_trusted)] = Field(
        default=None,
        description="Takes the client's address from a header of the PROXY protocol, where a trusted peer sends one.",
        examples=[["10.0.0.0/8"]],
        json_schema_extra=_or_list,
    )
    fallback: Annotated[Fallback | None, Written("`close`, or `listeners[].fallback`"), BeforeValidator(checked(_fallback))] = (
        Field(
            default=None,
            description="What becomes of a connection that speaks none of the protocols, or nothing in time: it is closed, or "
            "goes on to a cluster as it is.",
            examples=[{"cluster": "tcp"}],
            json_schema_extra=_or_close,
        )
    )
    http: Http = Field(default_factory=Http, description="What is special to HTTP/1.1.")
    access_log: Annotated[AccessLog | None, GIVEN] = Field(
        default=None,
        description="Writes a line for each call when it has ended. If not given: none.",
        examples=["/var/log/xproto/access.log"],
    )
    filters: tuple[Filter, ...] = Field(
        default=(),
        description="What calls go through, in this order (docs/filters.md). Filters see whole frames, so with any a big "
        "frame is not passed on before it is whole.",
        examples=[[{"name": "fault", "abort": {"percent": 1}}]],
    )


def _some(value: Any) -> Any:
    if value == []:
        raise WrongValueError("the list is empty; write at least one listener")
    return value


ListenerList = Annotated[tuple[Listener, ...], BeforeValidator(checked(_some))]
