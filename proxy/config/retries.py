"""When calls are sent again: a route's policy, and a cluster's budget. How it works is in docs/retries.md.

Names of statuses are the protocols' own, so here they are only read; `references_retries` knows who serves the table.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, PlainValidator, WithJsonSchema, WrapValidator, model_validator

from proxy.config.model import Model
from proxy.config.names import TOKEN
from proxy.config.types import GIVEN, Duration, Flag, Size, Whole, Written, checked, refuse
from proxy.config.values import WrongValueError, describe
from proxy.snapshot import retries as defaults

EVENTS = ("connect_failure", "refused", "reset", "timeout")
"""What may go wrong with a try, whatever the protocol. All other names are statuses."""
MAX_NAMES = 64
MAX_HEADERS = 16
"""Of answers: each is looked for in every answer (`MOST_HEADERS` of the datapath)."""
MAX_ATTEMPTS = 10
MAX_BUFFER = 16 * 1024 * 1024
STATUS_BITS = 63
"""Of a status, without its sign: what the data path compares."""
NEVER_SAFE = frozenset(EVENTS[2:])
"""Events after which the call may have been processed."""
_DECIMAL = re.compile(r"-?[0-9]{1,99}")


def _event(value: Any) -> str | int:
    if isinstance(value, bool) or not isinstance(value, str | int) or value == "":
        raise WrongValueError(f"must be an event or a status, not {describe(value)}; write {', '.join(EVENTS)}, or a status")
    if isinstance(value, str) and not _DECIMAL.fullmatch(value):
        return value
    number = int(value)
    if abs(number) >> STATUS_BITS:
        raise WrongValueError("no status is as large as this number; write one that answers have, such as 503")
    return number


def _events(value: Any) -> Any:
    if isinstance(value, str | int) and not isinstance(value, bool):
        return (value,)
    if not isinstance(value, list):
        raise WrongValueError(f"must be events and statuses, not {describe(value)}; write one, or a list of them")
    if len(value) > MAX_NAMES:
        raise WrongValueError(f"there are {len(value)}; write at most {MAX_NAMES}")
    return tuple(value)


def _once(events: tuple[str | int, ...]) -> tuple[str | int, ...]:
    """Looked at when they are converted: '503' is 503."""
    twice = next((name for index, name in enumerate(events) if name in events[:index]), None)
    if twice is not None:
        raise WrongValueError(f"{twice!r} is listed twice; write it once")
    return events


def _idempotent(value: Any) -> bool | tuple[str, ...]:
    if isinstance(value, bool):
        return value
    if not isinstance(value, dict) or list(value) != ["methods"]:
        wrong = f"must be true, false or methods, not {describe(value)}"
        raise WrongValueError(f"{wrong}; write true, false, or {{methods: [...]}}")
    methods = value["methods"]
    if not isinstance(methods, list) or not methods or not all(isinstance(each, str) and each for each in methods):
        raise WrongValueError("methods must be a list of names; write {methods: [find, list]}")
    return tuple(methods)


def _headers(value: Any) -> Any:
    if isinstance(value, list) and len(value) > MAX_HEADERS:
        raise WrongValueError(f"there are {len(value)}; write at most {MAX_HEADERS}")
    return value


def _header(value: Any) -> str:
    if not isinstance(value, str) or not TOKEN.fullmatch(value):
        raise WrongValueError(f"{describe(value)} is no header's name; write one, such as x-try-again")
    return value


Event = Annotated[str | int, Written("event or status"), PlainValidator(checked(_event))]
Events = Annotated[
    tuple[Event, ...],
    Written("event or status, or list of them"),
    BeforeValidator(checked(_events)),
    AfterValidator(checked(_once)),
    WithJsonSchema({"anyOf": [{"type": ["string", "integer"]}, {"type": "array", "items": {"type": ["string", "integer"]}}]}),
]
Idempotent = Annotated[
    bool | tuple[str, ...],
    Written("`true`, `false`, or `methods` with a list of names"),
    PlainValidator(checked(_idempotent)),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "boolean"},
                {
                    "type": "object",
                    "properties": {"methods": {"type": "array", "items": {"type": "string"}, "minItems": 1}},
                    "required": ["methods"],
                    "additionalProperties": False,
                },
            ]
        }
    ),
]
HeaderName = Annotated[
    str, Written("header"), PlainValidator(checked(_header)), WithJsonSchema({"type": "string", "pattern": r"^\S+$"})
]


class RetryBackOff(Model):
    """The pause before a call is sent again: anything up to `base`, then up to twice that, and so on, at most up to `max`."""

    base: Duration = Field(
        default=defaults.RETRY_BACK_OFF_BASE, description="The longest pause before the first retry.", examples=["25ms"]
    )
    max: Duration = Field(default=defaults.RETRY_BACK_OFF_MAX, description="The longest pause of all.", examples=["250ms"])

    @model_validator(mode="after")
    def _ordered(self) -> RetryBackOff:
        if self.base > self.max:
            raise refuse(f"base ({self.base:g}s) is over max ({self.max:g}s); write a base of at most max")
        return self


class Retry(Model):
    """When a call is sent again, and how often. Only what is safe is: nothing was sent, or the server says that it did not
    process the call, or the call may be processed twice (`idempotent`). No call is that has begun to be answered.
    """

    on: Events = Field(
        default=defaults.RETRY_EVENTS,
        description="What is retried. `connect_failure`: no host can be connected to. `refused`: the server says that it did"
        " not look at the call (HTTP/2's REFUSED_STREAM and GOAWAY). `reset`: the connection closed before the answer."
        " `timeout`: a try took longer than `per_try_timeout`. Everything else is a status of the table's protocols, by its"
        " name or number: `5xx`, `gateway_error`, `429`, `unavailable`, `server_threadpool_busy`, `exception`; docs/retries.md"
        " has them all.",
        examples=[["connect_failure", "reset", "gateway_error"]],
    )
    retriable_headers: Annotated[tuple[HeaderName, ...], BeforeValidator(checked(_headers))] = Field(
        default=(),
        description="Names of headers: an answer that has one of them is retried, too.",
        examples=[["x-try-again"]],
    )
    attempts: Annotated[int, Whole(1, MAX_ATTEMPTS)] = Field(
        default=defaults.RETRY_ATTEMPTS, description="How often a call is sent again, at most.", examples=[2]
    )
    per_try_timeout: Annotated[Duration | None, GIVEN] = Field(
        default=None,
        description="How long one try may take, until its answer begins. The call's own deadline stays what it is, and wins.",
        examples=["200ms"],
    )
    back_off: RetryBackOff = Field(default_factory=RetryBackOff, description="The pauses between tries.")
    idempotent: Annotated[Idempotent | None, GIVEN] = Field(
        default=None,
        description="Whether calls may be processed twice. If not given: requests of HTTP whose method says so (GET, HEAD, PUT,"
        " DELETE, OPTIONS, TRACE), and no others. `methods`: calls of these methods may, and no others.",
        examples=[True],
    )
    same_host: Flag = Field(
        default=False,
        description="A try may go to the host of the one before. Else it goes to another one, if there is any.",
        examples=[True],
    )
    buffer: Size = Field(
        default=defaults.RETRY_BUFFER,
        description="Bytes of a request that are kept to send it again, its body included. A longer one is not retried.",
        examples=["64KiB"],
    )

    @model_validator(mode="after")
    def _timed(self) -> Retry:
        if "timeout" in self.on and self.per_try_timeout is None:
            raise refuse("timeout retries a try that took too long, and none can; write per_try_timeout, or leave timeout out")
        return self

    @model_validator(mode="after")
    def _possible(self) -> Retry:
        if not self.on and not self.retriable_headers:
            raise refuse("nothing is retried; write what under on, or leave retry out")
        if self.idempotent is False and all(name in NEVER_SAFE for name in self.on) and not self._answers():
            raise refuse(
                f"{' and '.join(map(str, self.on))} may come when a call was processed, and with idempotent: false none of "
                "them is retried; write connect_failure or refused, or which calls may be processed twice"
            )
        return self

    @model_validator(mode="after")
    def _kept(self) -> Retry:
        if self.buffer > MAX_BUFFER:
            raise refuse(f"buffer ({self.buffer} bytes) is over what may be kept of one request; write at most 16MiB")
        return self

    def _answers(self) -> bool:
        return bool(self.statuses or self.retriable_headers)

    @property
    def statuses(self) -> tuple[str | int, ...]:
        return tuple(name for name in self.on if name not in EVENTS)


def _or_off(value: Any, _handler: Any) -> Any:
    """A policy or false, by what was written, so that each problem is one line, at its place."""
    if value is False:
        return value
    if not isinstance(value, dict):
        raise refuse(f"must be a policy or false, not {describe(value)}; write {{on: [...]}}, or false for no retries")
    return Retry.model_validate(value)


RetryOrOff = Annotated[
    Literal[False] | Retry | None, Written("`routes.NAME[].retry`, or `false`"), WrapValidator(_or_off), GIVEN
]
"""Of a level: None leaves it to the level around it, and false says that nothing is retried, whatever that one says."""


class RetryBudget(Model):
    """How many of a cluster's calls may be retries at a time, in each worker: as many as either bound allows."""

    percent: Annotated[int, Whole(0, 100)] = Field(
        default=defaults.RETRY_BUDGET_PERCENT,
        description="Of the calls that are under way. A host that goes takes its share of the calls along: for all of them to"
        " be retried this must be as much.",
        examples=[20],
    )
    min_concurrent: Annotated[int, Whole(0, 1_000_000)] = Field(
        default=defaults.RETRY_BUDGET_MIN,
        description="So many in any case, since a share of few calls is none.",
        examples=[3],
    )
