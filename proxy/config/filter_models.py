"""The settings of the built-in filters, as they are written; `plain` gives them as the filters take them.

A filter's own `Settings` (proxy/filters) are plain data, so that workers need not have pydantic in memory. What always holds:
what a model here gives is what that takes (a test converts every example).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from proxy.config.filter_headers import EditedName, EditedValue, check_removed
from proxy.config.filter_match import MATCH, FilterMatch, plain_conditions
from proxy.config.model import Model
from proxy.config.numbers import Percent, Rate
from proxy.config.problems import Path
from proxy.config.types import GIVEN, Duration, Flag, Name, Size, Text, Whole, checked, refuse
from proxy.config.values import WrongValueError
from proxy.filters.interface import BODILESS, MAX_BODY_LIMIT
from proxy.filters.rate_limit import MAX_KEYS
from xproto.spec import Fault

FaultName = Literal["no_route", "no_host", "connect", "overload", "timeout", "closed", "malformed"]


class Delay(Model):
    """Calls that wait."""

    duration: Duration = Field(description="How long. It has to be shorter than the filter's `timeout`.", examples=["100ms"])
    percent: Percent = Field(default=100.0, description="Of how many calls, drawn for each.", examples=[10])


class Abort(Model):
    """Calls that are answered with an error."""

    fault: FaultName = Field(
        default="overload", description="The error, as each protocol says it (docs/protocols).", examples=["overload"]
    )
    http_status: Annotated[int | None, Whole(200, 599)] = Field(
        default=None, description="Instead, where the call is HTTP.", examples=[503]
    )
    grpc_status: Annotated[int | None, Whole(1, 16)] = Field(
        default=None, description="Instead, where the call is gRPC.", examples=[14]
    )
    text: Annotated[Text | None, GIVEN] = Field(
        default=None, description="What HTTP and gRPC say with it.", examples=["an injected fault"]
    )
    percent: Percent = Field(default=100.0, description="Of how many calls, drawn for each.", examples=[1])

    @model_validator(mode="after")
    def _said(self) -> Abort:
        if self.text is not None and self.http_status in BODILESS:
            raise refuse(f"an answer of HTTP with status {self.http_status} has no body; write another status, or no text")
        return self


class FaultInjection(Model):
    """The filter `fault`: lets calls wait, or answers them with an error. A call that both hit waits first."""

    delay: Annotated[Delay | None, GIVEN] = Field(
        default=None, description="Calls that wait.", examples=[{"duration": "100ms", "percent": 10}]
    )
    abort: Annotated[Abort | None, GIVEN] = Field(
        default=None, description="Calls that fail.", examples=[{"fault": "overload", "percent": 1}]
    )
    match: FilterMatch = Field(
        default=None, description=MATCH, examples=[{"headers": {"service": "com.test.Echo:1.0"}}]
    )

    @model_validator(mode="after")
    def _some(self) -> FaultInjection:
        if self.delay is None and self.abort is None:
            raise refuse("there is nothing that it does; write delay, abort, or both")
        return self

    def plain(self) -> dict[str, Any]:
        delay, abort = self.delay, self.abort
        return {
            "delay": None if delay is None else {"duration": delay.duration, "percent": delay.percent},
            "abort": None if abort is None else {
                "fault": int(Fault[abort.fault.upper()]), "http_status": abort.http_status,
                "grpc_status": abort.grpc_status, "text": abort.text, "percent": abort.percent,
            },
            "match": None if self.match is None else plain_conditions(self.match),
        }  # fmt: skip


class RateLimit(Model):
    """The filter `rate_limit`: so many calls a second in each worker; what is over that is answered as overload (HTTP: 429)."""

    rate: Rate = Field(description="Calls a second.", examples=[100])
    burst: Annotated[Rate | None, GIVEN] = Field(
        default=None,
        description="Calls at once after a rest; at least 1. If not given, what comes in a second.",
        examples=[200],
    )
    key: Annotated[Name | None, GIVEN] = Field(
        default=None,
        description="A routing key, each value of which has the whole rate for itself; `client` is the client's address. Calls "
        "without it share one.",
        examples=["x-user"],
    )
    max_keys: Annotated[int, Whole(1, 1_000_000)] = Field(
        default=MAX_KEYS,
        description="Values that are remembered; over that the one that called longest ago is forgotten, and has its burst "
        "again.",
        examples=[10_000],
    )
    match: FilterMatch = Field(default=None, description=MATCH, examples=[{"path": {"prefix": "/api/"}}])

    @model_validator(mode="after")
    def _whole_call(self) -> RateLimit:
        if self.burst is not None and self.burst < 1:
            raise refuse(f"a burst of {self.burst:g} lets no call through; write 1 or more")
        return self

    def plain(self) -> dict[str, Any]:
        return {
            "rate": self.rate,
            "burst": max(1.0, self.rate) if self.burst is None else self.burst,
            "key": self.key,
            "max_keys": self.max_keys,
            "match": None if self.match is None else plain_conditions(self.match),
        }


def _within_reach(size: int) -> int:
    if size > MAX_BODY_LIMIT:
        raise WrongValueError(f"{size} bytes are more than a worker keeps; write at most {MAX_BODY_LIMIT >> 20}MiB")
    return size


class Buffer(Model):
    """The filter `buffer`: requests of HTTP go on when their bodies are here; those that are too long are answered with 413."""

    max_bytes: Annotated[Size, AfterValidator(checked(_within_reach))] = Field(
        description="Of a body, without the framing of its chunks. They are kept until the body is whole; at most 64MiB.",
        examples=["64KiB"],
    )
    match: FilterMatch = Field(default=None, description=MATCH, examples=[{"path": {"prefix": "/upload/"}}])

    def plain(self) -> dict[str, Any]:
        return {"max_bytes": self.max_bytes, "match": None if self.match is None else plain_conditions(self.match)}


class Edits(Model):
    """Headers that are changed: first removed, then set, then appended."""

    set: dict[EditedName, EditedValue] = Field(
        default_factory=dict, description="Values by name, in place of all of that name.", examples=[{"x-env": "gray"}]
    )
    append: dict[EditedName, EditedValue] = Field(
        default_factory=dict, description="Values by name, beside those that are there.", examples=[{"x-seen-by": "xproto"}]
    )
    remove: tuple[EditedName, ...] = Field(default=(), description="Names.", examples=[["x-debug"]])


class HeaderRule(Model):
    """Headers that are changed for some calls."""

    match: FilterMatch = Field(
        default=None, description="For which calls; for every one if not given.", examples=[{"headers": {"env": "gray"}}]
    )
    request: Edits = Field(
        default_factory=Edits,
        description="Of the request, where its protocol has headers.",
        examples=[{"set": {"x-env": "gray"}}],
    )
    response: Edits = Field(
        default_factory=Edits, description="Of the answer, likewise.", examples=[{"remove": ["server"]}]
    )

    @model_validator(mode="after")
    def _some(self) -> HeaderRule:
        if not any((each.set or each.append or each.remove) for each in (self.request, self.response)):
            raise refuse("there is nothing that it changes; write request or response")
        return self


def _some_rules(value: Any) -> Any:
    if value == []:
        raise WrongValueError("the list is empty; write at least one rule")
    return value


class HeaderRules(Model):
    """The filter `header_rules`: changes headers of calls that meet conditions."""

    rules: Annotated[tuple[HeaderRule, ...], BeforeValidator(checked(_some_rules))] = Field(
        description="All that a call meets are applied, in their order.",
        examples=[[{"request": {"set": {"x-env": "gray"}}}]],
    )

    def plain(self) -> dict[str, Any]:
        def edits(given: Edits) -> dict[str, Any]:
            return {"set": dict(given.set), "append": dict(given.append), "remove": list(given.remove)}

        return {
            "rules": [
                {
                    "match": [] if rule.match is None else plain_conditions(rule.match),
                    "request": edits(rule.request),
                    "response": edits(rule.response),
                }
                for rule in self.rules
            ]
        }


class MetadataRule(Model):
    """One header, and what it becomes."""

    header: Name = Field(description="The header, or any routing key.", examples=["x-env"])
    metadata: Name = Field(description="The name in the call's metadata.", examples=["env"])
    value: Annotated[Text | None, GIVEN] = Field(
        default=None, description="The value, instead of the header's.", examples=["gray"]
    )
    default: Annotated[Text | None, GIVEN] = Field(
        default=None,
        description="The value where there is no such header; nothing is set then if not given.",
        examples=["prod"],
    )
    remove: Flag = Field(default=False, description="Takes the header out of the request, where its protocol has headers.")

    @model_validator(mode="after")
    def _takes_a_header(self) -> MetadataRule:
        if self.remove:
            try:
                check_removed(self.header)
            except WrongValueError as error:
                raise refuse(f"header: {error}") from None
        return self


class HeaderToMetadata(Model):
    """The filter `header_to_metadata`: what headers say becomes metadata of the call, before it has its route."""

    rules: Annotated[tuple[MetadataRule, ...], BeforeValidator(checked(_some_rules))] = Field(
        description="In their order; the last one that sets a name wins.",
        examples=[[{"header": "x-env", "metadata": "env"}]],
    )

    def plain(self) -> dict[str, Any]:
        return {"rules": [rule.model_dump() for rule in self.rules]}


MODELS: Mapping[str, type[FaultInjection | RateLimit | Buffer | HeaderRules | HeaderToMetadata]] = {
    "fault": FaultInjection,
    "rate_limit": RateLimit,
    "buffer": Buffer,
    "header_rules": HeaderRules,
    "header_to_metadata": HeaderToMetadata,
}
"""By the filter's name."""


def too_long(given: Model, timeout: float) -> tuple[Path, str] | None:
    """What would take longer than the filter may, so that each call fails by it."""
    delay = given.delay if isinstance(given, FaultInjection) else None
    if delay is None or delay.duration < timeout:
        return None
    wrong = f"{delay.duration:g}s is not shorter than the filter's timeout, {timeout:g}s, by which the call fails"
    return ("delay", "duration"), f"{wrong}; write less, or a longer timeout"
