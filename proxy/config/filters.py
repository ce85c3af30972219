"""Filters where they are written: a listener's list of them, and what a route says otherwise.

What a filter takes besides is its own model's to say: of the built-in ones in `filter_models`, of others' in their files.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, ConfigDict, Field, model_validator

from proxy.config.model import Model
from proxy.config.types import GIVEN, Duration, Name, Text, Written, checked, refuse
from proxy.config.values import WrongValueError, describe
from proxy.snapshot import filters as defaults

MAX_FILTERS = 32
"""Of a listener: the data path has a bit for each."""


class Filter(Model):
    """One of the filters that the listener's calls go through, in the order of the list. Every other key is a setting of the
    filter (docs/filters.md says what each takes).
    """

    model_config = ConfigDict(frozen=True, extra="allow", arbitrary_types_allowed=False)

    name: Name = Field(
        description="The filter's name in metrics, logs and routes; and which filter it is, unless `filter` or `file` says so.",
        examples=["fault"],
    )
    filter: Annotated[Name | None, GIVEN] = Field(
        default=None,
        description="A built-in filter, or one that is installed, where it goes by another name here.",
        examples=["rate_limit"],
    )
    file: Annotated[Text | None, GIVEN] = Field(
        default=None,
        description="A Python file, relative to this one, that declares the filter: one class whose base is "
        "`proxy.filters.Filter`.",
        examples=["./audit.py"],
    )
    timeout: Duration = Field(
        default=defaults.FILTER_TIMEOUT,
        description="How long it may keep a call waiting; then the call fails.",
        examples=["1s"],
    )
    block_limit: Duration = Field(
        default=defaults.FILTER_BLOCK_LIMIT,
        description="How long its code may run without coming back, while every call of the worker waits; then it is broken "
        "off by an exception, and the call fails.",
        examples=["250ms"],
    )
    stuck_limit: Duration = Field(
        default=defaults.FILTER_STUCK_LIMIT,
        description="And how long if no exception reaches it, since it is in a library's C code; then the worker ends, and "
        "another is started. Longer than `block_limit`.",
        examples=["5s"],
    )

    @model_validator(mode="after")
    def _from_one_place(self) -> Filter:
        if self.file is not None and self.filter is not None:
            raise refuse("file and filter both say which filter it is; write one of them")
        return self


def _override(value: Any) -> Any:
    if value is False:
        return None
    if not isinstance(value, dict):
        raise WrongValueError(f"must be settings or false, not {describe(value)}; write the filter's settings, or false")
    return value


Override = Annotated[dict[str, Any] | None, Written("the filter's settings, or `false`"), BeforeValidator(checked(_override))]
