"""Which of many networks is an address in: one look for each length of prefix that there is, whatever the address.

What always holds: an address and the same one mapped into IPv6 (``::ffff:10.0.0.1``) are in the same networks; what is no
address is in none.
"""

from __future__ import annotations

import ipaddress
from collections import defaultdict
from collections.abc import Mapping
from functools import lru_cache

from proxy.routing.masks import Hits, mask, pack

UNIX = "unix"
"""The address of a client that came by a unix socket."""
WIDTHS = {4: 32, 6: 128}


class Networks:
    """An index from networks (``10.0.0.0/8``) to the routes that ask for them."""

    def __init__(self, entries: Mapping[bytes, list[int]]) -> None:
        by_length: dict[tuple[int, int], dict[int, list[int]]] = defaultdict(lambda: defaultdict(list))
        for text, routes in entries.items():
            version, number, length = _network(text.decode())
            by_length[version, WIDTHS[version] - length][number >> WIDTHS[version] - length] += routes
        self._found: dict[int, list[tuple[int, dict[int, Hits]]]] = defaultdict(list)
        for (version, shift), numbers in by_length.items():
            self._found[version].append((shift, {number: pack(routes) for number, routes in numbers.items()}))

    def __bool__(self) -> bool:
        return bool(self._found)

    def find(self, value: bytes) -> int:
        """The mask of the routes one of whose networks the address is in."""
        read = _address(value)
        if read is None:
            return 0
        version, number = read
        found = 0
        for shift, numbers in self._found.get(version, ()):
            if (hits := numbers.get(number >> shift)) is not None:
                found |= mask(hits)
        return found


def is_in(value: bytes, network: str) -> bool:
    """The same of one network, told plainly."""
    read, (version, number, length) = _address(value), _network(network)
    return read is not None and read[0] == version and (read[1] ^ number) >> WIDTHS[version] - length == 0


def plain_address(peer: str) -> str | None:
    """The address in the name of a peer (``10.0.0.1:9200``, ``[::1]:9200``, ``unix:...``); None where there is none."""
    if peer.startswith("unix:"):
        return UNIX
    try:
        address = ipaddress.ip_address(peer.rpartition(":")[0].strip("[]").partition("%")[0])
    except ValueError:
        return None
    return str(getattr(address, "ipv4_mapped", None) or address)


LONGEST = 45
"""Of an address as text: ``ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255``."""


@lru_cache(maxsize=256)
def _address(value: bytes) -> tuple[int, int] | None:
    if len(value) > LONGEST:
        return None
    try:
        address = ipaddress.ip_address(value.decode("ascii"))
    except ValueError:
        return None
    address = getattr(address, "ipv4_mapped", None) or address
    return address.version, int(address)


def _network(text: str) -> tuple[int, int, int]:
    network = ipaddress.ip_network(text)
    address = network.network_address
    mapped = getattr(address, "ipv4_mapped", None)
    if mapped is not None and network.prefixlen >= 96:
        return 4, int(mapped), network.prefixlen - 96
    return network.version, int(address), network.prefixlen
