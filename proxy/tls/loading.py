"""One secret, from its provider to material that was judged. Blocking: control does it in threads.

`problems` and `check` are for whoever reads a configuration: what is in the files is as much a part of it as the lines that
name them. Whatever a provider does, a `MaterialError` comes of it, and no other error.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from proxy.snapshot import Snapshot
from proxy.tls.facts import Facts
from proxy.tls.guard import failure, places_of, version_of
from proxy.tls.inspect import judge
from proxy.tls.material import Material
from proxy.tls.needs import NOTHING, Needs, lacks, needs
from proxy.tls.providers import MaterialError, Problem, Provider
from proxy.tls.registry import Declared, declared, make
from proxy.tls.settings import Secret


class Loaded(NamedTuple):
    """Good material, and what it says of itself."""

    material: Material
    facts: Facts


class Opened(NamedTuple):
    """A secret that was loaded for the first time. `version` is the provider's from before that."""

    provider: Provider
    version: object
    loaded: Loaded


def open_secret(secret: Secret, needed: Needs, others: Declared) -> Opened:
    """Makes the provider and loads; raises `MaterialError`. `others`: of `declared`."""
    provider = make(secret, others)
    version = version_of(provider)
    return Opened(provider, version, load(provider, needed))


def load(provider: Provider, needed: Needs = NOTHING) -> Loaded:
    """What the provider has now, if it is good; raises `MaterialError`."""
    try:
        try:
            given = provider.load()
        except MaterialError:
            raise
        except Exception as error:  # noqa: BLE001 (whatever a third party does)
            raise MaterialError(("", failure("the provider failed", error))) from None
        if not isinstance(given, Material):
            raise MaterialError(("", f"the provider gives a {type(given).__name__}; it has to be a Material"))
        material, facts = judge(given)
        if missing := lacks(material, needed):
            raise MaterialError(*missing)
    except MaterialError as error:
        raise error.at(places_of(provider)) from None
    return Loaded(material, facts)


def try_open(secret: Secret, needed: Needs, others: Declared) -> Opened | MaterialError:
    """As `open_secret`, with the error as a value."""
    try:
        return open_secret(secret, needed, others)
    except MaterialError as error:
        return error


def try_load(provider: Provider, needed: Needs) -> Loaded | MaterialError:
    """As `load`, with the error as a value."""
    try:
        return load(provider, needed)
    except MaterialError as error:
        return error


def problems(secret: Secret, needed: Needs = NOTHING, others: Declared | None = None) -> list[Problem]:
    """What is wrong with a secret as it is now: fields (see `proxy.tls.providers.Problem`) and messages.

    Besides `FIELDS` a field may be a setting of another provider, ``provider``, or empty. `needed`: see `needs`.
    """
    opened = try_open(secret, needed, declared() if others is None else others)
    return list(opened.problems) if isinstance(opened, MaterialError) else []


def check(snapshot: Snapshot) -> Iterator[tuple[str, str, str]]:
    """What is wrong with all of a snapshot's secrets: name, field, message."""
    if not snapshot.secrets:
        return
    needed, others = needs(snapshot), declared()
    for name, secret in snapshot.secrets.items():
        yield from ((name, field, message) for field, message in problems(secret, needed.get(name, NOTHING), others))
