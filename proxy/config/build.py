"""From validated models to the snapshot that workers get: defaults filled in, names resolved, nothing left to check."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from proxy.config import clusters, health, http, listeners, retries, routes, schema
from proxy.config.build_actions import action, mirrors
from proxy.config.build_edits import edits
from proxy.config.build_tls import chains, client_tls, secret, tls_match
from proxy.config.conditions import conditions
from proxy.config.references import route_name
from proxy.config.virtual_hosts import HostedTable, Level, nearest
from proxy.routing.edits import merge
from proxy.snapshot import (
    AccessLog,
    Cluster,
    Edits,
    Fallback,
    GrpcCheck,
    HealthCheck,
    Http,
    Keepalive,
    Listener,
    ProxyProtocol,
    Retry,
    RetryBudget,
    Route,
    Snapshot,
    VirtualHost,
)

Resolve = Callable[[Iterable[str]], tuple[str, ...]]
"""Protocols as a listener names them, `auto` among them, to those that it speaks, in rank order."""


def build(config: schema.Config, resolve: Resolve, specs: Sequence[str], folder: Path) -> Snapshot:
    """`specs` are absolute paths; `folder` is what the paths of secrets and logs are relative to, absolute."""
    return Snapshot(
        listeners={given.name: _listener(given, resolve, folder) for given in config.listeners},
        routes={name: tuple(_routes(table, folder)) for name, table in config.routes.items()},
        virtual_hosts={
            name: tuple(VirtualHost(host.name, host.domains, len(host.routes)) for host in table.virtual_hosts)
            for name, table in config.routes.items()
            if isinstance(table, HostedTable)
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


def _routes(table: tuple[routes.Route, ...] | HostedTable, folder: Path) -> Iterator[Route]:
    if not isinstance(table, HostedTable):
        yield from (_route(route_name(index, given.name), given, folder) for index, given in enumerate(table))
        return
    outermost = edits(table.request_headers, table.response_headers)
    for host in table.virtual_hosts:
        outer = (outermost, edits(host.request_headers, host.response_headers))
        for index, given in enumerate(host.routes):
            yield _route(f"{host.name}/{route_name(index, given.name)}", given, folder, outer, (host, table))


def _route(
    name: str, given: routes.Route, folder: Path, outer: tuple[Edits | None, ...] = (), around: tuple[Level, ...] = ()
) -> Route:
    """`outer`: the edits of its table and virtual host; `around`: those two, the nearest first."""
    prefix = given.match.path.prefix if given.match.path else None
    levels = (given, *around) if given.carries else (given,)
    retry = nearest("retry", levels)
    return Route(
        name=name,
        headers=conditions(given.match),
        cluster=given.cluster or "",
        timeout=nearest("timeout", levels),
        oneway=given.oneway,
        expression=given.match.expression or "",
        action=action(given, folder),
        mirrors=mirrors(given),
        retry=_retry(retry) if retry else None,
        hash_policy=tuple(key.routing_key for key in given.hash_policy or ()),
        metadata_match=dict(given.metadata_match or {}),
        edits=merge(*outer, edits(given.request_headers, given.response_headers, given.rewrite, prefix)),
    )


def _retry(given: retries.Retry) -> Retry:
    return Retry(
        on=tuple(name for name in retries.EVENTS if name in given.on),
        statuses=given.statuses,
        headers=tuple(name.lower() for name in given.retriable_headers),
        attempts=given.attempts,
        per_try_timeout=given.per_try_timeout,
        back_off_base=given.back_off.base,
        back_off_max=given.back_off.max,
        idempotent=given.idempotent if isinstance(given.idempotent, bool) else None,
        methods=given.idempotent if isinstance(given.idempotent, tuple) else (),
        same_host=given.same_host,
        buffer=given.buffer,
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
        retry_budget=RetryBudget(given.retry_budget.percent, given.retry_budget.min_concurrent),
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
