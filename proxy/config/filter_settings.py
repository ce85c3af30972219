"""A filter's settings, read by its own model, and the filter made once, to see that it works.

A filter's file is a program of its user: whatever it raises is a problem at its line, never a traceback.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
from pydantic import ValidationError

from proxy.config.filter_classes import check_made
from proxy.config.filter_models import MODELS, too_long
from proxy.config.messages import report_errors
from proxy.config.problems import Path, Problem
from proxy.config.source import Source
from proxy.filters.interface import Filter as FilterClass
from proxy.filters.placed import settings_of
from proxy.snapshot import Filter as Spec
from xproto.errors import suggest


def settings(source: Source, path: Path, kind: type[FilterClass], spec: Spec, given: dict[str, Any]) -> dict[str, Any] | None:
    """As the filter takes them, and it does; None: a problem was reported."""
    plain: dict[str, Any] | None = given
    if spec.file is None and spec.kind in MODELS:
        try:
            written = MODELS[spec.kind].model_validate(given)
        except ValidationError as error:
            report_errors(source, error, path, MODELS[spec.kind])
            return None
        if found := too_long(written, spec.timeout):
            source.report((*path, *found[0]), found[1])
            return None
        plain = written.plain()
    else:
        unknown = [key for key in given if key not in fields_of(kind)]
        for key in unknown:
            source.report((*path, key), f"there is no such setting; {_known(key, kind)}")
        if unknown:
            return None
    try:
        made = kind(settings_of(kind, plain or {}))
        check_made(made)
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
