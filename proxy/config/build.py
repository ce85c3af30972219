"""From validated models to the snapshot that workers get: defaults filled in, names resolved, nothing left to check."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from proxy.config import clusters, health, http, listeners, routes, schema
from proxy.config.build_tls import chains, client_tls, secret, tls_match
from proxy.config.conditions import conditions
from proxy.config.references import route_name
from proxy.snapshot import (
    AccessLog,
    Cluster,
    Fallback,
    GrpcCheck,
    HealthCheck,
    Http,
    Keepalive,
    Listener,
    ProxyProtocol,
    Route,
    Snapshot,
)

Resolve = Callable[[Iterable[str]], tuple[str, ...]]
"""Protocols as a listener names them, `auto` among them, to those that it speaks, in rank order."""


def build(config: schema.Config, resolve: Resolve, specs: Sequence[str], folder: Path) -> Snapshot:
    """`specs` are absolute paths; `folder` is what the paths of secrets and logs are relative to, absolute."""
    return Snapshot(
        listeners={given.name: _listener(given, resolve, folder) for given in config.listeners},
        routes={
            table: tuple(_route(index, given) for index, given in enumerate(listed)) for table, listed in config.routes.items()
        },
        clusters={name: _cluster(name, given) for name, given in config.clusters.items()},
        protocol_specs=tuple(specs),
        protocol_options={name: dict(options) for name, options in config.protocol_options.items()},
        secrets={name: secret(name, given, folder) for name, given in config.secrets.items()},
        admin=config.admin.address if config.admin else None,
        workers=config.workers,
        drain_timeout=config.drain_timeout,
    )


def _listener(given: listeners.Listener, resolve: Resolve, folder: Path) -> Listener:
    made = chains(given, resolve)
    return Listener(
        name=given.name,
        address=given.address,
        protocols=resolve(given.protocols),
        routes=given.routes,
        detect_bytes=given.detect.bytes,
        detect_timeout=given.detect.timeout,
        max_connections=given.max_connections,
        max_in_flight=given.max_in_flight,
        out_buffer_limit=given.out_buffer_limit,
        idle_timeout=given.idle_timeout,
        proxy_protocol=ProxyProtocol(told.trusted, told.required) if (told := given.proxy_protocol) else None,
        fallback=Fallback(to.cluster, to.idle_timeout) if (to := given.fallback) else None,
        http=_http(given.http),
        chains=made,
        plaintext=not made if given.plaintext is None else given.plaintext,
        handshake_timeout=given.handshake_timeout,
        access_log=AccessLog(os.path.normpath(folder / log.path), log.format) if (log := given.access_log) else None,
    )


def _http(given: http.Http) -> Http:
    return Http(
        trusted=given.trusted,
        forwarded=given.forwarded,
        request_id=given.request_id,
        via=given.via,
        upgrades=given.upgrades,
        connect=given.connect,
        tunnel_idle_timeout=given.tunnel_idle_timeout,
        header_timeout=given.header_timeout,
        client_certificate=given.client_certificate,
    )


def _route(index: int, given: routes.Route) -> Route:
    return Route(
        name=route_name(index, given.name),
        headers=conditions(given.match),
        cluster=given.cluster,
        timeout=given.timeout,
        oneway=given.oneway,
        hash_policy=tuple(key.routing_key for key in given.hash_policy or ()),
        metadata_match=dict(given.metadata_match or {}),
    )


def _cluster(name: str, given: clusters.Cluster) -> Cluster:
    return Cluster(
        name=name,
        hosts=tuple(host.address for host in given.hosts),
        lb=given.lb,
        pool=given.pool,
        http=given.http,
        grpc_web=given.grpc_web,
        connect_timeout=given.connect_timeout,
        timeout=given.timeout,
        max_connections=given.max_connections,
        max_in_flight=given.max_in_flight,
        max_pending=given.max_pending,
        out_buffer_limit=given.out_buffer_limit,
        idle_timeout=given.idle_timeout,
        backoff_base=given.backoff.base,
        backoff_max=given.backoff.max,
        keepalive=Keepalive(given.keepalive.interval, given.keepalive.timeout, given.keepalive.misses),
        health_check=_health_check(given.health_check),
        tls=client_tls(given.tls, given.http) if given.tls else None,
        tls_matches=tuple(tls_match(each, given.http) for each in given.tls_matches),
        metadata={host.address: dict(host.metadata) for host in given.hosts if host.metadata},
        subset_fallback=given.subsets.fallback if given.subsets else "none",
        subset_default=dict(given.subsets.default or {}) if given.subsets else {},
    )


def _health_check(given: health.HealthCheck | None) -> HealthCheck | None:
    if given is None or given.grpc is None:
        return None
    return HealthCheck(
        kind=GrpcCheck(given.grpc.service, given.grpc.authority),
        interval=given.interval,
        timeout=given.timeout,
        unhealthy_threshold=given.unhealthy_threshold,
        healthy_threshold=given.healthy_threshold,
        panic_threshold=given.panic_threshold,
    )
