"""A table from hashes to hosts in which all have equal shares, and few hashes move when a host comes or goes.

Source: Eisenbud et al., Maglev, NSDI 2016, section 3.4. Each host has a permutation of the table's entries that depends on
its address alone; the hosts take entries in turns, each the first of its permutation that is free.

What always holds: a table depends on the set of addresses alone, not on their order, the process or the machine, so all
workers of all proxies send one key to one host; each host has as many entries as any other, or one less.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from hashlib import blake2b

SIZES = (16_381, 65_537)
"""Primes, so that every step visits all entries. Few, since all hashes move where a table grows: only between 163 hosts and
164. The first is 32 KiB and made in 3 to 6 ms, the other, which is the paper's small one, 128 KiB and 25 ms."""

ENTRIES = 100
"""Of each host, at least, as long as there is a table of that size: shares then differ by one in a hundred at most."""

MAX_HOSTS = SIZES[-1] // 10
"""With fewer than ten entries each, shares would differ by more than a tenth."""


def size_for(hosts: int) -> int:
    """How many entries the table of so many hosts has."""
    return next((size for size in SIZES if size >= hosts * ENTRIES), SIZES[-1])


def build(addresses: Sequence[str]) -> array[int]:
    """For each entry the place of its host among `addresses`, as unsigned 16-bit numbers; empty where there are none.

    Raises ValueError for more than `MAX_HOSTS` addresses.
    """
    if len(addresses) > MAX_HOSTS:
        raise ValueError(f"{len(addresses)} hosts; a Maglev table is for {MAX_HOSTS}")
    if not addresses:
        return array("H")
    size = size_for(len(addresses))
    order = sorted(range(len(addresses)), key=addresses.__getitem__)
    return _fill([(place, *_permutation(addresses[place], size)) for place in order], size)


def _permutation(address: str, size: int) -> tuple[int, int]:
    """Where the host begins, and its step."""
    digest = blake2b(address.encode(), digest_size=16).digest()
    return int.from_bytes(digest[:8], "big") % size, int.from_bytes(digest[8:], "big") % (size - 1) + 1


def _fill(turns: Sequence[tuple[int, int, int]], size: int) -> array[int]:
    """`turns`: each host's place, its first entry and its step, in the order in which they take entries."""
    table = array("H", bytes(2 * size))
    taken = bytearray(size)
    at = [first for _, first, _ in turns]
    left = size
    while True:
        for turn, (place, _, step) in enumerate(turns):
            entry = at[turn]
            while taken[entry]:
                entry = (entry + step) % size
            table[entry] = place
            taken[entry] = 1
            at[turn] = (entry + step) % size
            left -= 1
            if not left:
                return table


def prime_from(least: int) -> int:
    """The smallest prime that is not below `least`: with it as the modulus, every step visits all places."""
    found = max(least, 2)
    while any(found % factor == 0 for factor in range(2, int(found**0.5) + 1)):
        found += 1
    return found
