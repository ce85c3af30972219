"""Which providers of secrets there are: built-ins (an explicit table), and third parties' by entry point. A name exists once.

Entry points are loaded only when a secret names them, so that one that cannot be loaded harms nobody else.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from proxy.tls.files import Files
from proxy.tls.guard import failure
from proxy.tls.providers import MaterialError, Provider
from proxy.tls.settings import Secret

ENTRY_POINTS = "xproto.certificate_providers"
Factory = Callable[[str, Mapping[str, Any]], Provider]
BUILT_IN: Mapping[str, Factory] = {"file": Files}
Declared = Mapping[str, Sequence[EntryPoint]]


def declared() -> Declared:
    """Third parties' entry points by name. Takes a millisecond: all installed packages are looked at."""
    found: dict[str, list[EntryPoint]] = {}
    for entry in entry_points(group=ENTRY_POINTS):
        found.setdefault(entry.name, []).append(entry)
    return found


def make(secret: Secret, others: Declared) -> Provider:
    """The secret's provider; raises `MaterialError`, and nothing else."""
    factory = _find(secret.provider, others)
    try:
        provider = factory(secret.name, secret.settings)
    except MaterialError:
        raise
    except Exception as error:  # noqa: BLE001 (whatever a third party does)
        raise MaterialError(("provider", failure(f"{secret.provider} cannot be made of these settings", error))) from None
    if not isinstance(provider, Provider):
        raise MaterialError(("provider", f"{secret.provider} makes no Provider; see proxy.tls.providers"))
    return provider


def _find(name: str, others: Declared) -> Factory:
    found = others.get(name, [])
    sources = [f"entry point {value}" for value in dict.fromkeys(entry.value for entry in found)]
    if name in BUILT_IN:
        sources.insert(0, "built-in")
    if len(sources) > 1:
        raise MaterialError(("provider", f"{name} is declared by {' and by '.join(sources)}; rename or uninstall one of them"))
    if name in BUILT_IN:
        return BUILT_IN[name]
    if not found:
        names = sorted({*BUILT_IN, *others})
        near = difflib.get_close_matches(name, names, 1)
        hint = f"did you mean {near[0]}?" if near else f"write one of: {', '.join(names)}"
        raise MaterialError(("provider", f"there is no provider {name}; {hint}"))
    try:
        loaded: Factory = found[0].load()
    except Exception as error:  # noqa: BLE001 (whatever a third party does)
        raise MaterialError(("provider", failure(f"{name} cannot be loaded", error))) from None
    return loaded
