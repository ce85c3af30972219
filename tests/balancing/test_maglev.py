"""Shares, what moves, and that all proxies agree."""

from __future__ import annotations

import random
from collections import Counter
from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.balancing.maglev import MAX_HOSTS, SIZES, build, prime_from, size_for


def hosts(count: int) -> list[str]:
    return [f"10.0.{n // 256}.{n % 256}:9100" for n in range(count)]


def owners(addresses: list[str]) -> list[str]:
    return [addresses[place] for place in build(addresses)]


@pytest.mark.parametrize("count", [1, 2, 3, 7, 10, 100, 700])
def test_all_hosts_have_the_same_share_but_for_one_entry(count: int) -> None:
    shares = Counter(build(hosts(count))).values()
    assert len(shares) == count
    assert max(shares) - min(shares) <= 1


@pytest.mark.parametrize("count", [2, 3, 10, 50, 163, 300])
def test_a_host_that_goes_or_comes_takes_little_along(count: int) -> None:
    before = hosts(count)
    for gone in random.Random(1).sample(before, 2):
        was, now = owners(before), owners([host for host in before if host != gone])
        assert sum(one != other for one, other in zip(was, now, strict=True) if one != gone) <= 0.03 * len(was), (
            "beside its own"
        )
        assert was.count(gone) <= len(was) / count + 1


@settings(max_examples=20)
@given(st.sets(st.text("0123456789.:", min_size=1, max_size=12), min_size=1, max_size=12), st.randoms())
def test_the_order_of_hosts_means_nothing(addresses: set[str], dice: random.Random) -> None:
    one, other = sorted(addresses), sorted(addresses)
    dice.shuffle(other)
    assert owners(one) == owners(other)


def test_it_is_the_same_in_every_process_and_release() -> None:
    """Proxies of two releases beside each other must agree, or each upgrade would move every key."""
    assert build(hosts(3))[:12].tolist() == GOLDEN_START
    assert [sha256(build(hosts(n)).tobytes()).hexdigest()[:16] for n in (1, 3, 10, 100)] == GOLDEN


GOLDEN_START = [1, 1, 2, 0, 2, 0, 1, 1, 2, 0, 2, 0]
GOLDEN = ["d4e0d00867ae3ba4", "2d1291796fefaf50", "fc73b3b4254cb48a", "70a9c0c40e1e59d9"]


def test_sizes() -> None:
    assert all(prime_from(size) == size for size in SIZES)
    assert [size_for(count) for count in (1, 10, 163, 164, 655, MAX_HOSTS)] == [16381, 16381, 16381, 65537, 65537, 65537]
    assert [prime_from(count) for count in (0, 1, 2, 3, 4, 90, 255)] == [2, 2, 2, 3, 5, 97, 257]


def test_no_hosts_and_too_many() -> None:
    assert len(build([])) == 0
    with pytest.raises(ValueError, match="6554 hosts; a Maglev table is for 6553"):
        build(hosts(MAX_HOSTS + 1))
