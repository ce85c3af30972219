"""What each subset of a cluster consists of, worked out before anything is changed.

A table takes milliseconds to make (see `maglev.SIZES`), so one is made only where the hosts are others than before.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from proxy.balancing import maglev
from proxy.balancing.subsets import EVERYONE, Match, members
from proxy.snapshot import Cluster


class Share(NamedTuple):
    """The hosts of one subset, in the order in which they take turns."""

    match: Match
    addresses: tuple[str, ...]
    fell_back: bool = False
    """No host has what was asked for: these are those of the fallback, if any."""
    table: bytes | None = None
    """Maglev's, of places among the addresses, as 16-bit numbers; None where no hash decides."""
    prime: int = 0
    """A modulus for steps through the places, with a table."""


def plan(cluster: Cluster, matches: Iterable[Match], before: Mapping[Match, Share]) -> dict[Match, Share]:
    """The cluster's shares by what they are asked for by: that of all hosts first, then one for each of `matches`.

    `before`: what there was, whose tables are used again where the hosts are the same.
    """
    return {match: _share(cluster, match, before.get(match)) for match in dict.fromkeys((EVERYONE, *matches))}


def _share(cluster: Cluster, match: Match, before: Share | None) -> Share:
    addresses, fell_back = members(cluster, match)
    if cluster.lb != "maglev" or not addresses:
        return Share(match, addresses, fell_back)
    addresses = tuple(sorted(addresses))
    if before is not None and before.table is not None and before.addresses == addresses:
        return before._replace(fell_back=fell_back)
    return Share(match, addresses, fell_back, maglev.build(addresses).tobytes(), maglev.prime_from(len(addresses)))
