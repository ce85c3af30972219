"""A filter's settings, read by its own model, and the filter made once, to see that it works.

A filter's file is a program of its user: whatever it raises is a problem at its line, never a traceback.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, get_args

import msgspec
from pydantic import ValidationError

from proxy.config.filter_models import MODELS
from proxy.config.messages import report_errors
from proxy.config.problems import Path, Problem
from proxy.config.source import Source
from proxy.filters.interface import MAX_BODY_LIMIT, Body, Condition
from proxy.filters.interface import Filter as FilterClass
from proxy.filters.placed import settings_of
from proxy.routing.condition import holds
from proxy.routing.keys import METADATA
from proxy.snapshot import Filter as Spec
from proxy.snapshot import MatchKind
from xproto.errors import suggest

KINDS = get_args(MatchKind)


def settings(source: Source, path: Path, kind: type[FilterClass], spec: Spec, given: dict[str, Any]) -> dict[str, Any] | None:
    """As the filter takes them, and it does; None: a problem was reported."""
    plain: dict[str, Any] | None = given
    if spec.file is None and spec.kind in MODELS:
        try:
            plain = MODELS[spec.kind].model_validate(given).plain()
        except ValidationError as error:
            report_errors(source, error, path, MODELS[spec.kind])
            return None
    else:
        unknown = [key for key in given if key not in fields_of(kind)]
        for key in unknown:
            source.report((*path, key), f"there is no such setting; {_known(key, kind)}")
        if unknown:
            return None
    try:
        made = kind(settings_of(kind, plain or {}))
        _check_looks(made.looks())
        _check_keys(made.keys)
        _check_body(made)
    except ValidationError as error:
        told = len(source.problems)
        report_errors(source, error, path, kind.Settings)
        source.problems[told:] = [_with_advice(each, kind) for each in source.problems[told:]]
    except msgspec.ValidationError as error:
        source.report(path, f"its settings are refused: {error}; see {kind.__name__}.Settings")
    except Exception as error:  # noqa: BLE001 (a user's program)
        source.report(path, f"cannot be made ({type(error).__name__}: {error}); mend it, or its settings")
    else:
        return plain
    return None


def _with_advice(problem: Problem, kind: type[FilterClass]) -> Problem:
    """What pydantic says of itself has no second half."""
    if ";" in problem.message:
        return problem
    return replace(problem, message=f"{problem.message}; write what {kind.__name__}.Settings allows")


def fields_of(kind: type[FilterClass]) -> tuple[str, ...]:
    """The names of a filter's settings."""
    model = kind.Settings
    if model is None:
        return ()
    if issubclass(model, msgspec.Struct):
        return tuple(model.__struct_encode_fields__)
    return tuple(each.alias or name for name, each in model.model_fields.items())


def _known(key: str, kind: type[FilterClass]) -> str:
    names = fields_of(kind)
    return suggest(key, names) if names else "this filter has none"


def _check_looks(looks: Any) -> None:
    for condition in _all(looks or ()):
        if not isinstance(condition, Condition) or condition.kind not in KINDS:
            raise TypeError(f"looks() gives {condition!r}, which is no Condition")
        if condition.key.startswith(METADATA):
            raise ValueError(f"looks() asks for {condition.key}, that is not set yet")
        holds(condition, b"")  # which reads its value


def _check_keys(keys: Any) -> None:
    if not isinstance(keys, tuple) or not all(isinstance(key, str) for key in keys):
        raise TypeError(f"keys is {keys!r}, which is no tuple of texts")


def _check_body(made: FilterClass) -> None:
    kind = type(made)
    streams = kind.on_body is not FilterClass.on_body
    if not isinstance(made.body, Body):
        raise TypeError(f"body is {made.body!r}, which is no Body")
    if (made.body is Body.STREAMED) is not streams:
        raise TypeError("it has on_body, but not Body.STREAMED" if streams else "its body is streamed, and it has no on_body")
    if made.body is Body.BUFFERED and (type(made.body_limit) is not int or made.body_limit not in range(MAX_BODY_LIMIT + 1)):
        raise ValueError(f"body_limit is {made.body_limit!r}, not 0 to {MAX_BODY_LIMIT} bytes")


def _all(groups: Any) -> Iterator[Any]:
    for group in groups:
        yield from group
