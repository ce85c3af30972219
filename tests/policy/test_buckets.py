"""Token buckets: time is an argument."""

from __future__ import annotations

import tracemalloc
from types import SimpleNamespace
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.filters import rate_limit
from proxy.filters.bucket import Buckets
from proxy.filters.interface import Call


def test_a_burst_then_the_rate() -> None:
    buckets = Buckets(rate=2, burst=3, most=10)
    assert [buckets.take("k", 100.0) for _ in range(4)] == [True, True, True, False]
    assert not buckets.take("k", 100.4)
    assert buckets.take("k", 100.5)
    assert not buckets.take("k", 100.9), "what was refused costs nothing, and half a token is none"
    assert buckets.take("k", 101.0)


def test_a_rest_gives_no_more_than_a_burst() -> None:
    buckets = Buckets(rate=100, burst=2, most=10)
    assert buckets.take("k", 0)
    assert [buckets.take("k", 1e6) for _ in range(3)] == [True, True, False]


def test_keys_have_buckets_of_their_own() -> None:
    buckets = Buckets(rate=1, burst=1, most=10)
    assert [buckets.take(key, 0) for key in ("a", "a", "b", None, None)] == [True, False, True, True, False]


def test_the_longest_unused_goes() -> None:
    buckets = Buckets(rate=0.001, burst=1, most=2)
    assert all(buckets.take(key, 0) for key in ("a", "b"))
    assert not buckets.take("a", 0)
    assert buckets.take("c", 0)
    assert len(buckets) == 2
    assert not buckets.take("a", 0), "it was used after b"
    assert buckets.take("b", 0)


def test_time_that_goes_back_gives_nothing() -> None:
    buckets = Buckets(rate=1, burst=1, most=2)
    assert buckets.take("a", 100)
    assert not buckets.take("a", 50)
    assert not buckets.take("a", 100.5)
    assert buckets.take("a", 101)


@given(
    st.floats(0.1, 100), st.integers(1, 20), st.lists(st.floats(0, 0.5), min_size=1, max_size=200),
)  # fmt: skip
def test_never_more_than_burst_and_rate_allow(rate: float, burst: int, steps: list[float]) -> None:
    buckets = Buckets(rate, burst, 1)
    now, taken = 0.0, 0
    for step in steps:
        now += step
        taken += buckets.take("k", now)
        assert taken <= burst + rate * now + 1e-6


@pytest.mark.parametrize("size", [6, rate_limit.LONGEST_KEPT, rate_limit.LONGEST_KEPT + 1, 60_000])
def test_memory_is_bounded_whatever_callers_send(size: int) -> None:
    most = 2_000
    buckets = Buckets(1, 1, most)
    tracemalloc.start()
    try:
        for number in range(2 * most):
            buckets.take(rate_limit.kept(str(number).encode().zfill(size)), float(number))
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(buckets) == most
    assert held <= most * rate_limit.BUCKET_BYTES


def test_long_values_have_buckets_of_their_own() -> None:
    long = b"v" * 1000
    assert rate_limit.kept(long) == rate_limit.kept(bytes(bytearray(long)))
    assert len({rate_limit.kept(each) for each in (long, long + b"1", long[:64], None)}) == 4
    assert len(rate_limit.kept(long) or b"") == rate_limit.DIGEST_BYTES


def test_the_filter_keeps_no_long_value() -> None:
    made = rate_limit.RateLimit(rate_limit.RateLimitSettings(rate=0.001, burst=1, key="x"))
    values = [b"v" * 60_000, b"w" * 60_000, b"v" * 60_000, b"short"]
    answers = [made.on_route(cast("Call", SimpleNamespace(get_bytes=lambda _, value=value: value))) for value in values]
    assert [answer is None for answer in answers] == [True, True, False, True]
    assert all(len(key) <= rate_limit.LONGEST_KEPT for key in made._buckets._buckets)  # type: ignore[arg-type]
