"""How what is special to TLS is written: versions, ciphers, protocols, the names of servers.

What always holds: names come out in small letters, as they are compared; what OpenSSL would pass over is refused.
"""

from __future__ import annotations

import ipaddress
import re
import ssl
from collections.abc import Callable
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, WithJsonSchema

from proxy.config.names import LABELS
from proxy.config.types import Name, Written, checked
from proxy.config.values import WrongValueError, describe
from proxy.tls.settings import Version

MAX_ALPN = 255
"""RFC 7301: a protocol's length is one byte."""


def parse_version(value: Any) -> str:
    """``1.2`` or ``1.3``, with quotes or without."""
    text = str(value) if isinstance(value, float) else value
    if text in ("1.2", "1.3"):
        return str(text)
    if text in ("1.0", "1.1"):
        raise WrongValueError(f"TLS {text} is deprecated and not spoken here; write 1.2 or 1.3")
    raise WrongValueError(f"{describe(value)} is no version of TLS; write 1.2 or 1.3")


def parse_ciphers(value: Any) -> str:
    """A list as OpenSSL reads it, each part tried alone: OpenSSL itself passes over those that it does not know."""
    instead = "write OpenSSL's names of TLS 1.2's, as ECDHE+AESGCM"
    if not isinstance(value, str):
        raise WrongValueError(f"must be a list in one text, not {describe(value)}; {instead}")
    for part in re.split(r"[:, ]", value):
        if part and part[0] not in "!-+@" and _ciphers(part) is None:
            raise WrongValueError(f"OpenSSL has no cipher {part!r}; {instead}")
    if value:
        found = _ciphers(value)
        if not found:
            raise WrongValueError(f"no cipher is left of {value!r}; {instead}")
        open_to_all = next((c["name"] for c in found if c["auth"] == "auth-null" or not c["strength_bits"]), None)
        if open_to_all is not None:
            raise WrongValueError(f"{open_to_all} among them proves or hides nothing; write {value}:!aNULL:!eNULL")
    return value


def _ciphers(text: str) -> list[Any] | None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.set_ciphers(text)
    except (ssl.SSLError, ValueError):
        return None
    return context.get_ciphers()


def parse_alpn(value: Any) -> str:
    """A protocol's name, as it stands in a hello."""
    if not isinstance(value, str):
        raise WrongValueError(f"must be a protocol, not {describe(value)}; write http/1.1")
    if not re.fullmatch(r"[!-~]+", value) or len(value) > MAX_ALPN:
        raise WrongValueError(f"{describe(value)} is no protocol's name; write http/1.1")
    return value


def parse_server_name(value: Any) -> str:
    """``api.example.com`` or ``*.example.com``, in small letters."""
    if value == "*":
        raise WrongValueError("* stands for every name; leave server_names out")
    return _dns(value, "write a name (api.example.com), or *.example.com for all names below one", "*.")


def parse_sni(value: Any) -> str:
    """``api.example.com``, in small letters."""
    return _dns(value, "write a name (api.example.com)")


def _dns(value: Any, instead: str, wildcard: str = "") -> str:
    if not isinstance(value, str):
        raise WrongValueError(f"must be a server's name, not {describe(value)}; {instead}")
    if parse_ip(value) is not None:
        raise WrongValueError(f"{value!r} is an address, and no client asks for one by name; {instead}")
    if not value.isascii():
        raise WrongValueError(f"{value!r} is not ASCII, and clients send ASCII; write it in its xn-- form")
    lower = value.lower()
    if LABELS.fullmatch(lower.removeprefix(wildcard).removesuffix(".")) and value.endswith("."):
        raise WrongValueError(f"{value!r} ends with a dot; write {lower.removesuffix('.')}")
    if not LABELS.fullmatch(lower.removeprefix(wildcard)):
        raise WrongValueError(f"{value!r} is no server's name; {instead}")
    return lower


def parse_ip(text: str) -> str | None:
    """An address in its shortest form; None for anything else."""
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return None


def one_or_more(what: str, otherwise: str = ", or leave it out") -> Callable[[Any], Any]:
    """A parser of one text or a list of them, each once."""

    def listed(value: Any) -> Any:
        if isinstance(value, str):
            return (value,)
        if not isinstance(value, list):
            raise WrongValueError(f"must be a {what}, not {describe(value)}; write one {what}, or a list of them")
        if not value:
            raise WrongValueError(f"the list is empty; write a {what}{otherwise}")
        twice = next((each for index, each in enumerate(value) if each in value[:index]), None)
        if twice is not None:
            raise WrongValueError(f"{describe(twice)} is listed twice; write it once")
        return value

    return listed


_TEXT = {"type": "string"}
_TEXTS = {"anyOf": [_TEXT, {"type": "array", "items": _TEXT, "minItems": 1}]}
TlsVersion = Annotated[
    Version,
    Written("`1.2` or `1.3`"),
    BeforeValidator(checked(parse_version)),
    WithJsonSchema({"enum": ["1.2", "1.3", 1.2, 1.3]}),
]
Ciphers = Annotated[str, Written("OpenSSL's list"), BeforeValidator(checked(parse_ciphers)), WithJsonSchema(_TEXT)]
Alpn = Annotated[str, Written("protocol"), BeforeValidator(checked(parse_alpn)), WithJsonSchema(_TEXT)]
Alpns = Annotated[
    tuple[Alpn, ...],
    Written("protocol, or list of protocols"),
    BeforeValidator(checked(one_or_more("protocol"))),
    WithJsonSchema(_TEXTS),
]
ServerName = Annotated[str, BeforeValidator(checked(parse_server_name)), WithJsonSchema(_TEXT)]
ServerNames = Annotated[
    tuple[ServerName, ...],
    Written("name, or list of names"),
    BeforeValidator(checked(one_or_more("name"))),
    WithJsonSchema(_TEXTS),
]
SecretNames = Annotated[
    tuple[Name, ...],
    Written("name, or list of names"),
    BeforeValidator(checked(one_or_more("secret's name", ""))),
    WithJsonSchema(_TEXTS),
]
Sni = Annotated[str, Written("name"), BeforeValidator(checked(parse_sni)), WithJsonSchema(_TEXT)]


def _verify(value: Any) -> Any:
    """``off`` is false in YAML 1.1."""
    return "off" if value is False else value


VerifyClient = Annotated[
    Literal["off", "optional", "required"],
    BeforeValidator(_verify),
    WithJsonSchema({"enum": ["off", "optional", "required", False]}),
]
