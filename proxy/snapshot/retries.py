"""When calls are sent again, and how many of a cluster's calls may be such."""

from __future__ import annotations

import msgspec

RETRY_ATTEMPTS = 2
RETRY_BACK_OFF_BASE = 0.025
"""Seconds: the longest first pause between two tries, as Envoy's."""
RETRY_BACK_OFF_MAX = 0.25
RETRY_BUFFER = 64 * 1024
"""Bytes of a request that are kept to send it again."""
RETRY_EVENTS = ("connect_failure", "refused", "reset")
"""What is retried where nothing is named: nothing that was answered, and resets only of calls that may be processed twice."""
RETRY_BUDGET_PERCENT = 20
"""Of the calls under way that may be retries: enough for one of five hosts, and no load that keeps a cluster down."""
RETRY_BUDGET_MIN = 3
"""Retries that may be under way in any case, in each worker: where calls are few a share of them is nothing."""


class Retry(msgspec.Struct, frozen=True):
    """When a call is sent again. `on`: of connect_failure, refused, reset, timeout. `headers`: of answers, in lower case."""

    on: tuple[str, ...] = RETRY_EVENTS
    statuses: tuple[str | int, ...] = ()
    """Names, as the protocols declare them, and numbers."""
    headers: tuple[str, ...] = ()
    attempts: int = RETRY_ATTEMPTS
    """How often it is sent again, at most."""
    per_try_timeout: float | None = None
    back_off_base: float = RETRY_BACK_OFF_BASE
    back_off_max: float = RETRY_BACK_OFF_MAX
    idempotent: bool | None = None
    """None: as `methods` say; without any, as the method of HTTP does."""
    methods: tuple[str, ...] = ()
    same_host: bool = False
    buffer: int = RETRY_BUFFER


class RetryBudget(msgspec.Struct, frozen=True):
    """Retries under way in a worker are at most so many percent of a cluster's calls there, or so many."""

    percent: int = RETRY_BUDGET_PERCENT
    min_concurrent: int = RETRY_BUDGET_MIN
