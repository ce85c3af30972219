"""The leaf types of matches: keys, names, networks, expressions."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import BeforeValidator, WithJsonSchema

from proxy.config.names import one_or_more
from proxy.config.types import Name, Network, Text, Written, checked
from proxy.config.values import WrongValueError, describe
from proxy.routing.keys import METADATA, VARIABLES
from proxy.tls.settings import ROUTING_KEYS
from xproto.errors import suggest

_METADATA_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")


def _key(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    if value.startswith("tls.") and value not in ROUTING_KEYS:
        raise WrongValueError(f"{value!r} is nothing that is known of TLS; {suggest(value, ROUTING_KEYS)}")
    if value.startswith(":"):
        raise WrongValueError(f"{value!r} is no header; write path, host or http_method beside headers")
    if value.startswith(METADATA):
        raise WrongValueError(f"no header can be called {value!r}; write metadata: {{{value.removeprefix(METADATA)}: ...}}")
    if value in VARIABLES and value not in ROUTING_KEYS and value != "protocol":
        raise WrongValueError(f"no header can be called {value!r}; write it under variables")
    return value


def _variable(value: Any) -> Any:
    if isinstance(value, str) and value.startswith(METADATA):
        raise WrongValueError(f"{value!r} is metadata; write metadata: {{{value.removeprefix(METADATA)}: ...}}")
    if value not in VARIABLES:
        raise WrongValueError(f"there is no variable {value!r}; {suggest(str(value), VARIABLES)}")
    return value


def _metadata_name(value: Any) -> Any:
    if not isinstance(value, str) or not _METADATA_NAME.fullmatch(value):
        raise WrongValueError(f"{value!r} is no name of metadata; write letters, digits, _, - and .")
    return value


def _expression(value: Any) -> Any:
    from proxy.routing.expression import ExpressionError, compiled

    if not isinstance(value, str):
        raise WrongValueError(f"must be an expression, not {describe(value)}; write it in quotes")
    try:
        found = compiled(value)
    except ExpressionError as error:
        raise WrongValueError(str(error)) from None
    if not found.keys:
        always = found.holds(())
        instead = "leave it out" if always else "write what calls say, or leave the route out"
        raise WrongValueError(f"looks at nothing of the call, and {'always' if always else 'never'} holds; {instead}")
    return value


_TEXT = {"type": "string"}
_TEXTS = {"anyOf": [_TEXT, {"type": "array", "items": _TEXT, "minItems": 1}]}

Key = Annotated[str, BeforeValidator(checked(_key))]
Variable = Annotated[str, BeforeValidator(checked(_variable)), WithJsonSchema(_TEXT)]
MetadataName = Annotated[str, BeforeValidator(checked(_metadata_name)), WithJsonSchema(_TEXT)]
Expression = Annotated[Text, Written("expression in CEL"), BeforeValidator(checked(_expression))]
NetworkList = Annotated[
    tuple[Network, ...],
    Written("network, or list of networks"),
    BeforeValidator(checked(one_or_more("network"))),
    WithJsonSchema(_TEXTS),
]
ProtocolNames = Annotated[
    tuple[Name, ...],
    Written("protocol, or list of protocols"),
    BeforeValidator(checked(one_or_more("protocol"))),
    WithJsonSchema(_TEXTS),
]
