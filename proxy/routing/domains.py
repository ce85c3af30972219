"""Which virtual host of a table is a request for? By the host that it names, and its port.

An exact domain wins over the longest ``*.suffix``, that over the longest ``prefix.*``, that over ``*``; of two that are equal
but for a port, the one with it wins. An asterisk stands for one character or more. A request without a host, and any call of
a protocol that has none, is for ``*``. Whatever a host is called, it costs one look for each length that domains have.

What always holds: at most one virtual host is chosen, and which is does not depend on their order.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from proxy.snapshot import VirtualHost

NOBODY = -1


class Domain(NamedTuple):
    """Taken apart. `kind`: exact, suffix (``*.example.com``), prefix (``shop.*``) or any (``*``)."""

    kind: str
    name: bytes
    port: bytes


def parse(text: str) -> Domain:
    """Of a domain as the snapshot has it: in lower case, its port behind a colon."""
    name, port = split(text.encode())
    if name == b"*":
        return Domain("any", b"", port)
    if name.startswith(b"*"):
        return Domain("suffix", name[1:], port)
    return Domain("prefix", name[:-1], port) if name.endswith(b"*") else Domain("exact", name, port)


def split(authority: bytes) -> tuple[bytes, bytes]:
    """Host and port; no port is empty. An IPv6 address keeps its brackets."""
    name, colon, port = authority.rpartition(b":")
    return (name, port) if colon and not port.endswith(b"]") else (authority, b"")


class Domains:
    """The domains of a table, by kind and length."""

    def __init__(self, hosts: Sequence[VirtualHost]) -> None:
        self._found = {parse(domain): at for at, host in enumerate(hosts) for domain in host.domains}
        self._suffixes = _lengths(self._found, "suffix")
        self._prefixes = _lengths(self._found, "prefix")

    def find(self, authority: bytes | None) -> int:
        """The place of the virtual host, or `NOBODY`. `authority`: the host in lower case, with its port if it has one."""
        name, port = (b"", b"") if authority is None else split(authority)
        for kind, text in self._candidates(name):
            at = self._found.get(Domain(kind, text, port))
            if at is None and port:
                at = self._found.get(Domain(kind, text, b""))
            if at is not None:
                return at
        return NOBODY

    def _candidates(self, name: bytes) -> Iterable[tuple[str, bytes]]:
        if name:
            yield "exact", name
            yield from (("suffix", name[-size:]) for size in self._suffixes if size < len(name))
            yield from (("prefix", name[:size]) for size in self._prefixes if size < len(name))
        yield "any", b""


def _lengths(found: Mapping[Domain, int], kind: str) -> tuple[int, ...]:
    return tuple(sorted({len(domain.name) for domain in found if domain.kind == kind}, reverse=True))
