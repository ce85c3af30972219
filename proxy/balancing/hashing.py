"""Which keys of a call its host may be chosen by, as routes ask for them.

A hash policy is a tuple of keys of the routing view; of each call the first that it has, and that is not empty, counts.
The hash itself is the data path's (`proxy/datapath/subset.pxd`): FNV-1a over the value's bytes, with a finalizer.
"""

from __future__ import annotations

from collections.abc import Iterable

from proxy.snapshot import Route


def wanted(routes: Iterable[Route]) -> tuple[str, ...]:
    """The keys that the policies of these routes look at, each once."""
    return tuple(dict.fromkeys(key for route in routes for key in route.hash_policy))
