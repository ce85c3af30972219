"""From the models of TLS to what workers are told of it. The rest of a snapshot is `build`'s."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from proxy.config import listeners, sans, secrets, tls
from proxy.config.references import route_name
from proxy.tls.settings import ClientTls, Extension, FilterChain, SanMatch, Secret, ServerTls, TlsMatch

DEFAULT = "default"
"""What the chain of a listener's own `tls` is called."""
ALPN = {"http2": "h2", "http1": "http/1.1"}
"""What protocols are called in a hello, by our names of them, the preferred one first. The others have no such name."""


def secret(name: str, given: secrets.Secret, folder: Path) -> Secret:
    """Of provider `file` with absolute paths."""
    if given.provider != secrets.FILE:
        return Secret(name, given.provider, dict(given.settings))
    files = {key: path for key in secrets.FILES if (path := getattr(given, key)) is not None}
    return Secret(name, secrets.FILE, {key: os.path.normpath(folder / path) for key, path in files.items()})


def chains(given: listeners.Listener, resolve: Callable[[Iterable[str]], tuple[str, ...]]) -> tuple[FilterChain, ...]:
    """A listener's filter chains, and behind them that of its own `tls`."""
    made = []
    for index, chain in enumerate(given.filter_chains):
        protocols = resolve(chain.protocols or given.protocols)
        made.append(
            FilterChain(
                name=route_name(index, chain.name),
                tls=_server_tls(chain.tls, protocols),
                routes=chain.routes or given.routes,
                protocols=protocols,
                server_names=chain.match.server_names or (),
                alpn=chain.match.alpn or (),
            )
        )
    if given.tls is not None:
        protocols = resolve(given.protocols)
        made.append(FilterChain(DEFAULT, _server_tls(given.tls, protocols), given.routes, protocols))
    return tuple(made)


def _server_tls(given: tls.ServerTls, protocols: Sequence[str]) -> ServerTls:
    client = given.client or tls.Client(verify="off")
    return ServerTls(
        certificates=given.certificates,
        verify=client.verify,
        trust=client.ca,
        sans=_sans(client.san),
        verifiers=verifiers(client.verifiers),
        alpn=given.alpn or tuple(text for name, text in ALPN.items() if name in protocols),
        min_version=given.min_version,
        max_version=given.max_version,
        ciphers=given.ciphers,
        tickets=given.session_tickets,
    )


def client_tls(given: tls.ClientTls, http: str = "http1") -> ClientTls:
    """How hosts are spoken to. http: which version of it they speak."""
    return ClientTls(
        trust=given.ca,
        verify=given.verify,
        certificate=given.certificate,
        server_name=given.server_name or "",
        sans=_sans(given.san),
        verifiers=verifiers(given.verifiers),
        alpn=given.alpn or {"http2": ("h2",), "auto": ("h2", "http/1.1")}.get(http, ()),
        min_version=given.min_version,
        max_version=given.max_version,
        ciphers=given.ciphers,
        resume=given.session_reuse,
    )


def tls_match(given: tls.TlsMatch, http: str = "http1") -> TlsMatch:
    """An exception for some hosts."""
    return TlsMatch(dict(given.metadata), client_tls(given.tls, http) if given.tls else None)


def _sans(given: Sequence[sans.San]) -> tuple[SanMatch, ...]:
    return tuple(
        SanMatch(kind, value) for each in given for kind in sans.SAN_KINDS if (value := getattr(each, kind)) is not None
    )


def verifiers(given: Sequence[tls.Verifier]) -> tuple[Extension, ...]:
    return tuple(Extension(each.name, dict(each.settings)) for each in given)
