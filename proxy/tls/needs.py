"""What a snapshot wants of each of its secrets: pure. A secret that lacks it is as wrong as one that cannot be read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from proxy.snapshot import Snapshot
from proxy.tls.material import Material
from proxy.tls.providers import Problem
from proxy.tls.settings import ClientTls, ServerTls

Needs = Mapping[str, str]
"""Fields of one secret, each with who wants it."""
NOTHING: Needs = {}


def needs(snapshot: Snapshot) -> dict[str, dict[str, str]]:
    """By the secrets' names; the first who wants a field stands for all."""
    found: dict[str, dict[str, str]] = {}
    for who, secret, field in _uses(snapshot):
        found.setdefault(secret, {}).setdefault(field, who)
    return found


def lacks(material: Material, needed: Needs) -> list[Problem]:
    """What is not in the material."""
    there = {"certificate": material.certificate, "ca": material.trust}
    return [("", f"has no {field}, and {who} needs one; add it") for field, who in needed.items() if not there[field]]


def _uses(snapshot: Snapshot) -> Iterator[tuple[str, str, str]]:
    for listener in snapshot.listeners.values():
        for chain in listener.chains:
            yield from _of(f"listener {listener.name}", chain.tls)
    for cluster in snapshot.clusters.values():
        for tls in (cluster.tls, *(match.tls for match in cluster.tls_matches)):
            if tls is not None:
                yield from _of(f"cluster {cluster.name}", tls)


def _of(who: str, tls: ServerTls | ClientTls) -> Iterator[tuple[str, str, str]]:
    certificates = tls.certificates if isinstance(tls, ServerTls) else (tls.certificate,)
    yield from ((who, name, "certificate") for name in certificates if name is not None)
    if tls.trust is not None:
        yield who, tls.trust, "ca"
