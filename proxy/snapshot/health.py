"""How hosts are asked whether they are well."""

from __future__ import annotations

import msgspec

HEALTH_INTERVAL = 5.0
HEALTH_TIMEOUT = 1.0
UNHEALTHY_THRESHOLD = 3
HEALTHY_THRESHOLD = 2
PANIC_THRESHOLD = 1
"""Percent: as long as any host is healthy, unless there are more than a hundred, the others get no calls."""


class GrpcCheck(msgspec.Struct, frozen=True, tag="grpc"):
    """A call of `grpc.health.v1.Health/Check`. `authority`: empty: the server name of TLS, or the host's address."""

    service: str = ""
    authority: str = ""


class HealthCheck(msgspec.Struct, frozen=True):
    """How each host is asked whether it is well, and what follows. `panic_threshold`: percent; 0: never."""

    kind: GrpcCheck
    interval: float = HEALTH_INTERVAL
    timeout: float = HEALTH_TIMEOUT
    unhealthy_threshold: int = UNHEALTHY_THRESHOLD
    healthy_threshold: int = HEALTHY_THRESHOLD
    panic_threshold: int = PANIC_THRESHOLD
