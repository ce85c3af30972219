"""Headers as the settings of built-in filters name them.

A filter's edits are made by `proxy.filters.editing`, which refuses what must not be written when the call is there: so that
no call fails by it, it is refused here. What always holds: a name or a value that is accepted is one that any protocol with
such headers takes, but for names of HTTP's fields, which are `references_filters`' matter.
"""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, WithJsonSchema

from proxy.config.edits import check_header_name
from proxy.config.templates import CONTROL, MAX_VALUE, VARIABLE
from proxy.config.types import Text, Written, checked
from proxy.config.values import WrongValueError
from proxy.filters.editing import FRAMING
from proxy.routing.keys import METADATA, VARIABLES

DEADLINE = "grpc-timeout"
NO_HEADERS = re.compile(rf":.*|(query|cookie)\..+|path|http_method|{METADATA}.+|{'|'.join(map(re.escape, VARIABLES))}")
"""Routing keys that are no header."""


def check_edited(value: object) -> str:
    """A header that a filter changes."""
    name = check_header_name(value, " in a route")
    if name.lower() == DEADLINE:
        raise WrongValueError(f"{name} is the call's deadline; write timeout in a route")
    if name.lower() in FRAMING:
        raise WrongValueError(f"{name} frames the message; write another header, or leave it out")
    return name


def check_removed(key: str) -> None:
    """A routing key whose header a filter takes out."""
    if NO_HEADERS.fullmatch(key):
        raise WrongValueError(f"{key} is no header, and cannot be taken out; leave remove out")
    check_edited(key)


def _value(text: str) -> str:
    if CONTROL.search(text):
        raise WrongValueError("the value has control characters, or more than one line; write one line")
    if len(text.encode()) > MAX_VALUE:
        raise WrongValueError(f"the value has {len(text.encode())} bytes; write at most {MAX_VALUE}")
    if variable := VARIABLE.search(text):
        where = "request_headers or response_headers in a route"
        raise WrongValueError(f"{variable[0]} would be sent as it is, since filters have no variables; write {where}")
    return text


EditedName = Annotated[str, Written("name"), BeforeValidator(checked(check_edited)), WithJsonSchema({"type": "string"})]
EditedValue = Annotated[Text, AfterValidator(checked(_value))]
