"""The leaf types of the models: how a value is read, and what it says in the JSON Schema.

pydantic's unions report one problem for each member; a value with a short form is normalised before validation
instead, so every problem is one line about what was written.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BeforeValidator,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    StrictBool,
    StrictStr,
    WithJsonSchema,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from proxy.config.values import (
    DURATION_PATTERN,
    MAX_DURATION,
    MIN_DURATION,
    SIZE_PATTERN,
    WrongValueError,
    describe,
    parse_address,
    parse_duration,
    parse_network,
    parse_size,
)

NAME_MAX = 200
"""Names become label values of metrics and words of log lines."""


def checked(parse: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """A parser that raises `WrongValueError(message)`, as a validator whose message arrives unchanged."""

    def validate(value: Any) -> Any:
        try:
            return parse(value)
        except WrongValueError as error:
            raise refuse(str(error)) from None

    return validate


def refuse(message: str) -> PydanticCustomError:
    """A problem to raise in a validator."""
    return PydanticCustomError("refused", "{message}", {"message": message})


def _name(value: Any) -> str:
    if not isinstance(value, str):
        raise WrongValueError(f"must be a name, not {describe(value)}; write it in quotes")
    if not value or any(c.isspace() or not c.isprintable() for c in value):
        raise WrongValueError(f"{value!r} is no name; write one or more characters without spaces")
    if len(value) > NAME_MAX:
        raise WrongValueError(f"the name has {len(value)} characters; write at most {NAME_MAX}")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        quoted = str(value).lower() if isinstance(value, bool) else value
        instead = f'; write it in quotes: "{quoted}"' if isinstance(value, bool | int | float) else "; write text"
        raise WrongValueError(f"must be text, not {describe(value)}{instead}")
    return value


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise WrongValueError(f"must be true or false, not {describe(value)}; write true or false")
    return value


def _given(value: Any) -> Any:
    if value is None:
        raise WrongValueError("has no value; write one, or leave the key out")
    return value


GIVEN = BeforeValidator(checked(_given))
"""Of a field that may be left out: to write it and say nothing is a mistake, not the same."""


@dataclass(frozen=True, slots=True)
class Written:
    """What docs/configuration.md calls a type."""

    text: str


@dataclass(frozen=True, slots=True)
class Whole:
    """A whole number in a range, both ends included: ``Annotated[int, Whole(1, 64)]``."""

    least: int
    most: int

    def check(self, value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int):
            raise refuse(f"must be a whole number, not {describe(value)}; write {self.least} to {self.most}")
        if not self.least <= value <= self.most:
            raise refuse(f"{value} is out of range; write {self.least} to {self.most}")
        return value

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(self.check)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {"type": "integer", "minimum": self.least, "maximum": self.most}


def _listening(value: Any) -> str:
    return parse_address(value, port_zero=True)


def _zero_or_duration(value: Any) -> float:
    number = parse_duration(value, least=0.0)
    if 0 < number < MIN_DURATION:
        raise WrongValueError(f"{value} is out of range; write 0, or between {MIN_DURATION:g}s and {MAX_DURATION:g}s")
    return number


_DURATION_SCHEMA = {"anyOf": [{"type": "string", "pattern": DURATION_PATTERN}, {"type": "number", "minimum": 0}]}
_SIZE_SCHEMA = {"anyOf": [{"type": "string", "pattern": SIZE_PATTERN}, {"type": "integer", "minimum": 1}]}
_ADDRESS_SCHEMA = {"type": "string", "pattern": r"^(unix:/.+|\[.+\]:[0-9]+|[0-9.]+:[0-9]+)$"}

Name = Annotated[str, Written("name"), BeforeValidator(checked(_name)), WithJsonSchema({"type": "string", "pattern": r"^\S+$"})]
Text = Annotated[str, Written("text"), StrictStr, BeforeValidator(checked(_text))]
Flag = Annotated[bool, Written("`true` or `false`"), StrictBool, BeforeValidator(checked(_flag))]
Duration = Annotated[float, Written("duration"), BeforeValidator(checked(parse_duration)), WithJsonSchema(_DURATION_SCHEMA)]
DurationOrZero = Annotated[
    float, Written("duration"), BeforeValidator(checked(_zero_or_duration)), WithJsonSchema(_DURATION_SCHEMA)
]
Size = Annotated[int, Written("size"), BeforeValidator(checked(parse_size)), WithJsonSchema(_SIZE_SCHEMA)]
Address = Annotated[str, Written("address"), BeforeValidator(checked(parse_address)), WithJsonSchema(_ADDRESS_SCHEMA)]
ListenAddress = Annotated[str, Written("address"), BeforeValidator(checked(_listening)), WithJsonSchema(_ADDRESS_SCHEMA)]


def _protocols(value: Any) -> Any:
    if isinstance(value, str):
        return (value,)
    if not isinstance(value, list):
        raise WrongValueError(f"must be protocols, not {describe(value)}; write auto, one name, or a list of names")
    if not value:
        raise WrongValueError("the list is empty; write auto, or the protocols to detect")
    if "auto" in value and len(value) > 1:
        raise WrongValueError("auto stands for every protocol; write auto alone, or the list without it")
    twice = next((name for index, name in enumerate(value) if name in value[:index]), None)
    if twice is not None:
        raise WrongValueError(f"{twice!r} is listed twice; write it once")
    return tuple(value)


_PROTOCOLS_SCHEMA = {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "minItems": 1}]}
Protocols = Annotated[
    tuple[Name, ...],
    Written("`auto`, name, or list of names"),
    BeforeValidator(checked(_protocols)),
    WithJsonSchema(_PROTOCOLS_SCHEMA),
]


def _networks(value: Any) -> Any:
    if value == []:
        raise WrongValueError("the list is empty; write whom to trust, or leave proxy_protocol out")
    return value


Network = Annotated[str, Written("network"), BeforeValidator(checked(parse_network)), WithJsonSchema({"type": "string"})]
Networks = Annotated[tuple[Network, ...], BeforeValidator(checked(_networks))]


def _portable(value: Any) -> Any:
    """Options are handed to a protocol as they are; only what msgpack and JSON can carry may be in them."""
    if isinstance(value, float) and not math.isfinite(value):
        raise WrongValueError(f"{value} cannot be passed on; write a finite number")
    if isinstance(value, dict):
        for child in value.values():
            _portable(child)
    if isinstance(value, list):
        for child in value:
            _portable(child)
    return value


Options = Annotated[dict[str, Any], Written("the options"), AfterValidator(checked(_portable))]
