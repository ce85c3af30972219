"""The configuration as workers see it: a map of named, immutable resources.

The control process parses and validates YAML (``proxy.config``) into a `Snapshot`, and sends it to the workers as
msgpack. Nothing here validates: a snapshot that exists is valid. Times are seconds, sizes are bytes, addresses are
``IP:PORT``, ``[IP]:PORT`` or ``unix:/path``. Every default is a named constant with its reason.
"""

from __future__ import annotations

from typing import Any

import msgspec

from proxy.snapshot.clusters import BalancerName, Cluster, HttpName, Keepalive, PoolName, SubsetFallback
from proxy.snapshot.edits import EditOp, Edits, HeaderEdit, Piece, Rewrite, RoleName
from proxy.snapshot.filters import Filter
from proxy.snapshot.health import GrpcCheck, HealthCheck
from proxy.snapshot.listeners import AccessLog, Fallback, Http, Listener, LogFormat, ProxyProtocol
from proxy.snapshot.retries import Retry, RetryBudget
from proxy.snapshot.routes import (
    Action,
    ClusterFrom,
    DirectResponse,
    FaultName,
    HeaderMatch,
    MatchKind,
    Mirror,
    Redirect,
    Route,
    VirtualHost,
    WeightedClusters,
)
from proxy.tls.settings import Secret

__all__ = [
    "DRAIN_TIMEOUT",
    "AccessLog",
    "Action",
    "BalancerName",
    "Cluster",
    "ClusterFrom",
    "DirectResponse",
    "EditOp",
    "Edits",
    "Fallback",
    "FaultName",
    "Filter",
    "GrpcCheck",
    "HeaderEdit",
    "HeaderMatch",
    "HealthCheck",
    "Http",
    "HttpName",
    "Keepalive",
    "Listener",
    "LogFormat",
    "MatchKind",
    "Mirror",
    "Piece",
    "PoolName",
    "ProxyProtocol",
    "Redirect",
    "Retry",
    "RetryBudget",
    "Rewrite",
    "RoleName",
    "Route",
    "Snapshot",
    "SubsetFallback",
    "VirtualHost",
    "WeightedClusters",
    "decode",
    "encode",
]
DRAIN_TIMEOUT = 5.0
"""Seconds that calls in flight may take after TERM; below the 10 s after which container runtimes kill."""


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
