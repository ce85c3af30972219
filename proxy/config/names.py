"""How the names of HTTP are written: hosts, paths, methods, parameters, tokens.

What always holds: a host comes out in lower case and without a port, as the kernel gives the key `host`; methods keep
their case, which HTTP tells apart; whatever could never equal a key's value is refused.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from typing import Annotated, Any

from pydantic import BeforeValidator, WithJsonSchema

from proxy.config.types import Written, checked
from proxy.config.values import WrongValueError, describe

TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
MAX_NAMES = 100
"""In one list: more are a mistake, or a table with virtual hosts."""

LABELS = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*")
_METHOD = re.compile(r"[A-Z][A-Z0-9_-]*")


def parse_host(value: Any) -> str:
    """``Shop.example.com``, ``*.example.com``, ``10.0.0.1`` or ``[::1]``, in lower case."""
    instead = "write a name (shop.example.com), or *.example.com for all names below one"
    if not isinstance(value, str):
        raise WrongValueError(f"must be a host, not {describe(value)}; {instead}")
    if value == "*":
        raise WrongValueError("* stands for every host; leave host out")
    if value.startswith("["):
        return _ipv6(value)
    name, colon, port = value.lower().rpartition(":")
    if "://" in value:
        raise WrongValueError(f"{value!r} is a URL; {instead}")
    if colon and _is_ipv6(value):
        raise WrongValueError(f"{value!r} is an IPv6 address; write it in brackets and quotes: '[{value}]'")
    if colon and port.isdecimal():
        raise WrongValueError(f"{value!r} has a port, and hosts are compared without; write {name}")
    if "/" in value:
        raise WrongValueError(f"{value!r} has a path, which is no part of a host; write it under path")
    if not value.isascii():
        raise WrongValueError(f"{value!r} is not ASCII, and clients send ASCII; write it in its xn-- form")
    if value.endswith(".") and value != ".":
        raise WrongValueError(f"{value!r} ends with a dot; write {value.rstrip('.').lower()}")
    lower = value.lower()
    if not LABELS.fullmatch(lower.removeprefix("*.")):
        raise WrongValueError(f"{value!r} is no host; {instead}")
    return lower


def _is_ipv6(text: str) -> bool:
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return True


def _ipv6(value: str) -> str:
    inner, bracket, rest = value[1:].partition("]")
    if not bracket or not _is_ipv6(inner):
        raise WrongValueError(f"{value!r} is no IPv6 address; write it in brackets, as '[::1]'")
    if rest:
        raise WrongValueError(f"{value!r} has a port, and hosts are compared without; write '[{inner}]'")
    return value.lower()


def parse_method(value: Any) -> str:
    """``GET``."""
    if not isinstance(value, str):
        raise WrongValueError(f"must be a method, not {describe(value)}; write GET, or a list of methods")
    if _METHOD.fullmatch(value):
        return value
    if _METHOD.fullmatch(value.upper()):
        raise WrongValueError(f"{value!r} is not the method {value.upper()}, case counts; write {value.upper()}")
    raise WrongValueError(f"{value!r} is no method; write GET, or a list of methods")


def parse_parameter(value: Any) -> str:
    """A parameter's name, as it stands in a query."""
    if not isinstance(value, str) or not value or re.search(r"[^!-~]|[&=#]", value):
        raise WrongValueError(f"{describe(value)} is no parameter's name; write it as it is sent, percent-encoded")
    return value


def check_path(given: tuple[str, str]) -> None:
    """Of a condition's kind and its text: could a path meet it?"""
    kind, path = given
    if "?" in path or "#" in path:
        raise WrongValueError(f"{path!r} is more than a path; write what follows the ? under query")
    if re.search(r"[^!-~]", path):
        raise WrongValueError(f"{path!r} is never sent so; write it percent-encoded")
    if kind == "suffix" and not path:
        raise WrongValueError("an empty suffix matches every path; write prefix: /")
    if kind != "suffix" and not path.startswith("/") and (kind, path) != ("exact", "*"):
        raise WrongValueError(f"a path begins with /; write /{path}")


def parse_upgrade(value: Any) -> str:
    """``websocket``, in lower case."""
    if not isinstance(value, str):
        raise WrongValueError(f"must be a protocol, not {describe(value)}; write websocket")
    lower = value.lower()
    if lower == "h2c":
        raise WrongValueError("h2c would carry requests past all routes; leave it out")
    if not all(TOKEN.fullmatch(part) for part in lower.split("/", 1)):
        raise WrongValueError(f"{value!r} is no protocol's name; write websocket")
    return lower


def parse_via(value: Any) -> str:
    """A name without spaces, or nothing."""
    if not isinstance(value, str):
        raise WrongValueError(f'must be a name, not {describe(value)}; write xproto, or "" for no Via')
    if value and not TOKEN.fullmatch(value):
        raise WrongValueError(f'{value!r} cannot stand in Via; write letters, digits, - and ., or "" for no Via')
    return value


def one_or_more(kind: str) -> Callable[[Any], Any]:
    """For a list of what `kind` says, or one of it."""

    def listed(value: Any) -> Any:
        if isinstance(value, str):
            return (value,)
        if not isinstance(value, list):
            raise WrongValueError(f"must be a {kind}, not {describe(value)}; write one {kind}, or a list of them")
        if not value:
            raise WrongValueError(f"the list is empty; write a {kind}, or leave it out")
        if len(value) > MAX_NAMES:
            raise WrongValueError(f"there are {len(value)}; write at most {MAX_NAMES}, and a route for the others")
        return value

    return listed


_TEXT = {"type": "string"}
_TEXTS = {"anyOf": [_TEXT, {"type": "array", "items": _TEXT, "minItems": 1, "maxItems": MAX_NAMES}]}
Host = Annotated[str, BeforeValidator(checked(parse_host))]
Hosts = Annotated[
    tuple[Host, ...],
    Written("host, or list of hosts"),
    BeforeValidator(checked(one_or_more("host"))),
    WithJsonSchema(_TEXTS),
]
Method = Annotated[str, BeforeValidator(checked(parse_method))]
Methods = Annotated[
    tuple[Method, ...],
    Written("method, or list of methods"),
    BeforeValidator(checked(one_or_more("method"))),
    WithJsonSchema(_TEXTS),
]
Parameter = Annotated[str, BeforeValidator(checked(parse_parameter)), WithJsonSchema(_TEXT)]
Upgrade = Annotated[str, Written("protocol"), BeforeValidator(checked(parse_upgrade)), WithJsonSchema(_TEXT)]
Via = Annotated[str, Written("name"), BeforeValidator(checked(parse_via)), WithJsonSchema(_TEXT)]
