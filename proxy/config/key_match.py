"""Conditions on one key as a file writes them: one of several kinds, and what of them cannot be.

What always holds: of a validated condition exactly one kind is given, and its regex or its template is good.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from proxy.config.model import Model
from proxy.config.names import check_path
from proxy.config.types import GIVEN, Flag, Text, Whole, checked, refuse
from proxy.routing.condition import LEAST, MOST, compile_regex
from proxy.routing.template import regex
from proxy.snapshot import MatchKind

PATH_KINDS: tuple[MatchKind, ...] = ("exact", "prefix", "suffix", "regex", "template")
MATCH_KINDS: tuple[MatchKind, ...] = ("exact", "prefix", "suffix", "contains", "regex", "range", "present")
CASED = frozenset({"exact", "prefix", "suffix", "contains"})
"""Kinds that can ignore case."""


class Range(Model):
    """Integers from `start` on, and below `end`."""

    start: Annotated[int, Whole(LEAST, MOST)] = Field(description="The first one that is in it.", examples=[500])
    end: Annotated[int, Whole(LEAST, MOST)] = Field(description="The first one that is not in it any more.", examples=[600])

    @model_validator(mode="after")
    def _ordered(self) -> Range:
        if self.start >= self.end:
            raise refuse(f"no number is from {self.start} on and below {self.end}; write an end over the start")
        return self


class HeaderMatch(Model):
    """A condition on one key. A bare string is an exact match."""

    short = "exact"

    exact: Text | None = Field(default=None, description="The value is this, byte for byte.", examples=["gray"])
    prefix: Text | None = Field(default=None, description="The value starts with this.", examples=["com.test."])
    suffix: Text | None = Field(default=None, description="The value ends with this.", examples=[":1.0"])
    contains: Text | None = Field(default=None, description="The value has this in it.", examples=["canary"])
    regex: Text | None = Field(
        default=None,
        description="The whole value matches this regular expression (RE2's syntax).",
        examples=["v[0-9]+"],
    )
    range: Annotated[Range | None, GIVEN] = Field(
        default=None,
        description="The value is a decimal integer of this range, its end not included.",
        examples=[{"start": 500, "end": 600}],
    )
    present: Flag | None = Field(default=None, description="true: the key is there; false: it is not.", examples=[True])
    invert: Flag = Field(
        default=False,
        description="The condition holds where it otherwise would not. A call without the key still meets no "
        "condition on its value; write present: false for such calls.",
        examples=[True],
    )
    ignore_case: Flag = Field(
        default=False,
        description="ASCII letters count as equal in either case; of exact, prefix, suffix and contains.",
        examples=[True],
    )

    @model_validator(mode="after")
    def _one_kind(self) -> HeaderMatch:
        kind = _kind(self, MATCH_KINDS)
        if kind in ("prefix", "suffix", "contains") and getattr(self, kind) == "":
            raise refuse(f"an empty {kind} matches every value; write present: true")
        if self.regex is not None:
            _compile(self.regex)
        _check_case(kind, ignore_case=self.ignore_case)
        return self


def given_kinds(condition: Model, kinds: tuple[MatchKind, ...]) -> list[MatchKind]:
    """The kinds that a condition has: one, once it is validated."""
    return [kind for kind in kinds if getattr(condition, kind) is not None]


def _kind(condition: Model, kinds: tuple[MatchKind, ...]) -> MatchKind:
    given = given_kinds(condition, kinds)
    if len(given) != 1:
        what = f"{' and '.join(given)} together" if given else "no condition"
        raise refuse(f"{what}; write one of {', '.join(kinds)}")
    return given[0]


def _compile(pattern: str) -> None:
    try:
        compile_regex(pattern)
    except ValueError as error:
        raise refuse(f"RE2 refuses the {error}; write RE2's syntax") from None


def _check_case(kind: MatchKind, *, ignore_case: bool) -> None:
    if ignore_case and kind == "regex":
        raise refuse("ignore_case is not for a regex; write (?i) at its beginning")
    if ignore_case and kind not in CASED:
        raise refuse(f"{kind} knows no case; leave ignore_case out")


class PathMatch(Model):
    """A condition on a request's path: what is before the `?`. A bare string is an exact match.

    Of percent signs only those are decoded that stand for letters, digits and `-._~`: they mean the same. No `//` is resolved;
    paths with segments of dots are refused before they get here.
    """

    short = "exact"

    exact: Text | None = Field(default=None, description="The path is this.", examples=["/healthz"])
    prefix: Text | None = Field(
        default=None,
        description="The path starts with this: `/api/` with all below it, `/api` with /apis too.",
        examples=["/api/"],
    )
    suffix: Text | None = Field(default=None, description="The path ends with this.", examples=[".png"])
    regex: Text | None = Field(
        default=None,
        description="The whole path matches this regular expression (RE2's syntax).",
        examples=["/users/[0-9]+"],
    )
    template: Text | None = Field(
        default=None,
        description="The path is of this form: `*` and `{name}` stand for one segment, `**` and `{name=**}`, at the end, for "
        "all segments that follow, also none; `{name=media/*}` for segments of a form of their own.",
        examples=["/users/{id}/posts/{rest=**}"],
    )
    ignore_case: Flag = Field(
        default=False,
        description="ASCII letters count as equal in either case; of exact, prefix and suffix.",
        examples=[True],
    )

    @model_validator(mode="after")
    def _one_kind(self) -> PathMatch:
        kind = _kind(self, PATH_KINDS)
        if self.regex is not None:
            _compile(self.regex)
        elif self.template is not None:
            _check_template(self.template)
        else:
            checked(check_path)((kind, getattr(self, kind)))
        _check_case(kind, ignore_case=self.ignore_case)
        return self


def _check_template(text: str) -> None:
    try:
        regex(text)
    except ValueError as error:
        raise refuse(str(error)) from None
