"""Whether the protocols of a listener have the headers that its filters change.

As with edits of routes, what only some protocols lack is not refused. Of those filters alone that are built in: what others
do is not known.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from pydantic import ValidationError

from proxy.config.filter_models import Edits, HeaderRules
from proxy.config.listeners import Listener
from proxy.config.names import TOKEN
from proxy.config.problems import Path
from proxy.config.protocols import Registry
from proxy.config.references_edits import kinds_of, lacking, names_of
from proxy.config.schema import Config

Found = Iterator[tuple[Path, str]]
CHANGES = "header_rules"


def check(config: Config, registry: Registry) -> Found:
    """Headers that no protocol of the listener takes: every call of the others would fail."""
    for index, listener in enumerate(config.listeners):
        for place, given in enumerate(listener.filters):
            if given.file is None and (given.filter or given.name) == CHANGES:
                path = ("listeners", index, "filters", place)
                yield from _check_rules(path, given.model_extra or {}, kinds_of(_spoken(listener), registry))


def _spoken(listener: Listener) -> list[tuple[str, ...]]:
    return [listener.protocols, *(chain.protocols for chain in listener.filter_chains if chain.protocols)]


def _check_rules(path: Path, given: dict[str, Any], kinds: Sequence[Any]) -> Found:
    try:
        rules = HeaderRules.model_validate(given).rules
    except ValidationError:
        return  # filter_checks says why
    for index, rule in enumerate(rules if kinds else ()):
        at = (*path, "rules", index)
        calls, answers = [kind for kind in kinds if kind.calls], [kind for kind in kinds if kind.answers]
        if _any(rule.request) and not calls:
            yield (*at, "request"), f"{lacking(kinds)} no headers that can be edited; leave it out"
        if _any(rule.response) and not answers:
            yield (*at, "response"), f"answers of {names_of(kinds)} have no headers that can be edited; leave it out"
        yield from _check_names((*at, "request"), rule.request, calls)
        yield from _check_names((*at, "response"), rule.response, answers)


def _any(edits: Edits) -> bool:
    return bool(edits.set or edits.append or edits.remove)


def _check_names(path: Path, edits: Edits, kinds: Sequence[Any]) -> Found:
    if not any(kind.http for kind in kinds):
        return
    for key in ("set", "append", "remove"):
        for index, name in enumerate(getattr(edits, key)):
            if not TOKEN.fullmatch(name):
                at = (*path, key, index if key == "remove" else name)
                yield at, f"{name!r} is no name of a field of HTTP; write letters, digits and dashes"
