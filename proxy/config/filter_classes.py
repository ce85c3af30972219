"""A filter's class, and what is made of it, held to what the data path will ask: its phases, `looks()`, `keys` and `body`.

Whoever wrote it is told in its own words; what a class does besides is its own.
"""

from __future__ import annotations

from typing import Any, get_args

from proxy.filters.interface import MAX_BODY_LIMIT, PHASES, Body, Condition, Filter
from proxy.filters.loading import FilterError
from proxy.routing.condition import holds
from proxy.routing.keys import METADATA
from proxy.snapshot import MatchKind
from xproto.errors import suggest

KINDS = get_args(MatchKind)
LOOKS = "write None, or groups of Conditions: ((Condition(...), ...), ...)"


def check_phases(kind: type[Filter], place: str) -> None:
    """Raises `FilterError` for one that is asked for nothing, or that has a method which nobody calls."""
    for name in dir(kind):
        if name.startswith("on_") and not hasattr(Filter, name) and callable(getattr(kind, name)):
            raise FilterError(place, f"{kind.__name__} has {name}, which is no phase; {suggest(name, PHASES)}")
    if kind.body is not Body.BUFFERED and all(getattr(kind, name) is getattr(Filter, name) for name in PHASES):
        raise FilterError(place, f"{kind.__name__} takes part in no phase; write {', '.join(PHASES[:-1])} or {PHASES[-1]}")


def check_made(made: Filter) -> None:
    """Raises TypeError or ValueError, with what is wrong."""
    _check_looks(made.looks())
    keys: Any = made.keys
    if not isinstance(keys, tuple) or not all(isinstance(key, str) for key in keys):
        raise TypeError(f"keys is {keys!r}, which is no tuple of texts")
    _check_body(made)


def _check_looks(looks: Any) -> None:
    if looks is None:
        return
    if not isinstance(looks, tuple | list) or not all(isinstance(group, tuple | list) for group in looks):
        raise TypeError(f"looks() gives {looks!r}; {LOOKS}")
    for condition in (each for group in looks for each in group):
        if not isinstance(condition, Condition) or condition.kind not in KINDS:
            raise TypeError(f"looks() gives {condition!r}, which is no Condition")
        if condition.key.startswith(METADATA):
            raise ValueError(f"looks() asks for {condition.key}, that is not set yet")
        holds(condition, b"")  # which reads its value


def _check_body(made: Filter) -> None:
    streams = type(made).on_body is not Filter.on_body
    if not isinstance(made.body, Body):
        raise TypeError(f"body is {made.body!r}, which is no Body")
    if (made.body is Body.STREAMED) is not streams:
        raise TypeError("it has on_body, but not Body.STREAMED" if streams else "its body is streamed, and it has no on_body")
    if made.body is Body.BUFFERED and (type(made.body_limit) is not int or made.body_limit not in range(MAX_BODY_LIMIT + 1)):
        raise ValueError(f"body_limit is {made.body_limit!r}, not 0 to {MAX_BODY_LIMIT} bytes")
