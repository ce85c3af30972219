"""What a configuration only names and is somewhere else: what is in the secrets' files, and the extensions that judge peers.

Looked at last, and only where nothing else is wrong: a file that another mistake made somebody name says nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from proxy.config.build_tls import verifiers
from proxy.config.listeners import Listener
from proxy.config.problems import Path
from proxy.config.schema import Config
from proxy.config.secrets import FILE
from proxy.config.tls import ServerTls, Verifier
from proxy.snapshot import Snapshot
from proxy.tls.verifiers import make_verifiers

Found = Iterator[tuple[Path, str]]


def check(config: Config, snapshot: Snapshot) -> Found:
    """Where it is named, and what is wrong with it."""
    for index, listener in enumerate(config.listeners):
        for path, listed in _of_listener(listener):
            yield from _verifiers(("listeners", index, *path), listed)
    for name, cluster in config.clusters.items():
        if cluster.tls is not None:
            yield from _verifiers(("clusters", name, "tls", "verifiers"), cluster.tls.verifiers)
        for index, match in enumerate(cluster.tls_matches):
            if match.tls is not None:
                yield from _verifiers(("clusters", name, "tls_matches", index, "tls", "verifiers"), match.tls.verifiers)
    yield from _secrets(snapshot)


def _of_listener(listener: Listener) -> Iterator[tuple[Path, tuple[Verifier, ...]]]:
    def of(path: Path, tls: ServerTls | None) -> Iterator[tuple[Path, tuple[Verifier, ...]]]:
        if tls is not None and tls.client is not None:
            yield (*path, "client", "verifiers"), tls.client.verifiers

    yield from of(("tls",), listener.tls)
    for index, chain in enumerate(listener.filter_chains):
        yield from of(("filter_chains", index, "tls"), chain.tls)


def _verifiers(path: Path, listed: Sequence[Verifier]) -> Found:
    for index, extension in enumerate(verifiers(listed)):
        try:
            make_verifiers([extension])
        except ValueError as error:
            yield (*path, index), f"{error}"


def _secrets(snapshot: Snapshot) -> Found:
    if not snapshot.secrets:
        return
    from proxy.tls.loading import check as check_secrets  # `cryptography` is 6 MB

    for name, field, message in check_secrets(snapshot):
        path: Path = ("secrets", name)
        if field and snapshot.secrets[name].provider != FILE and field != "provider":
            path = (*path, "settings", field)
        elif field:
            path = (*path, field)
        yield path, message
