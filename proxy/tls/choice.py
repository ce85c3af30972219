"""Which filter chain a connection is: by the ClientHello that it begins with.

Exact server names first, then wildcards, the longest first, then chains for every name; among those of a name one whose
protocols the client offers wins over one that asks for none. Never decided in OpenSSL's own callback for names: a context
that is switched there does not verify clients as it says (measured).

The same order says whose a host name is (`owner`): so a request can be told that came in by a chain that is not its host's.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from proxy.tls.settings import FilterChain


class Choice:
    """Built once for a listener's chains; a lookup is a few dictionaries."""

    def __init__(self, chains: Iterable[FilterChain]) -> None:
        self._exact: dict[str, list[FilterChain]] = {}
        self._below: dict[str, list[FilterChain]] = {}
        self._any: list[FilterChain] = []
        for chain in chains:
            for name in chain.server_names:
                where, key = (self._below, name[2:]) if name.startswith("*.") else (self._exact, name)
                where.setdefault(key, []).append(chain)
            if not chain.server_names:
                self._any.append(chain)
        self.guards = any(
            chain.tls.verify == "required"
            for each in (*self._exact.values(), *self._below.values(), self._any)
            for chain in each
        )
        """Whether some host is to be had with a client certificate only."""

    def find(self, server_name: str | None, alpn: tuple[bytes, ...]) -> str | None:
        """The chain's name; None: there is none for it."""
        for group in self._groups(server_name):
            for chain in group:
                if any(each.encode() in alpn for each in chain.alpn):
                    return chain.name
            for chain in group:
                if not chain.alpn:
                    return chain.name
        return None

    def misdirected(self, host: str, chain: str | None) -> bool:
        """Is this host another chain's, and one that wants a certificate of its clients? `chain`: None is plaintext.

        A chain for every name says nothing of plaintext: who takes both on one port has allowed it for what has no name.
        """
        wants = False
        for group in self._groups(host):
            if any(each.name == chain for each in group):
                return False
            if chain is not None or group is not self._any:
                wants = wants or any(each.tls.verify == "required" for each in group)
            if any(not each.alpn for each in group):
                break  # a hello for this host goes no further, whatever protocols it offers
        return wants

    def _groups(self, name: str | None) -> Iterator[list[FilterChain]]:
        if name is not None:
            name = name.lower().rstrip(".")
            if name in self._exact:
                yield self._exact[name]
            parent = name
            while "." in parent:
                parent = parent.partition(".")[2]
                if parent in self._below:
                    yield self._below[parent]
        if self._any:
            yield self._any
