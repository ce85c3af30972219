"""Whom a certificate may name: conditions on subject alternative names. The common name is never looked at.

What always holds: DNS names come out in small letters and addresses in their shortest form, as they are compared; what could
never match, or would match more than it seems to, is refused.
"""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator

from proxy.config.model import Model
from proxy.config.names import LABELS
from proxy.config.tls_values import parse_ip
from proxy.config.types import GIVEN, Written, checked, refuse
from proxy.config.values import WrongValueError, describe
from proxy.tls.settings import SanKind

SAN_KINDS: tuple[SanKind, ...] = ("exact", "suffix", "uri")

_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[!-~]+")
_MAILBOX = re.compile(r"[!-?A-~]+@[a-z0-9_-]+(\.[a-z0-9_-]+)*", re.IGNORECASE)
_TEXT = {"type": "string"}


def parse_exact(value: Any) -> str:
    """A name in small letters, an address in its shortest form, or a mailbox as it is."""
    instead = "write a name (a.example.com), an address (10.0.0.1) or a mailbox"
    if not isinstance(value, str):
        raise WrongValueError(f"must be a name, not {describe(value)}; {instead}")
    if (address := parse_ip(value)) is not None:
        return address
    if value.startswith("*."):
        raise WrongValueError(f"{value!r} is not one name; write suffix: {value[1:]}")
    if "://" in value:
        raise WrongValueError(f"{value!r} is a URI; write uri: {value}")
    if _MAILBOX.fullmatch(value):
        return value
    if not LABELS.fullmatch(value.lower()):
        raise WrongValueError(f"{describe(value)} is no name of a certificate; {instead}")
    return value.lower()


def parse_suffix(value: Any) -> str:
    """``.example.com``, in small letters."""
    if not isinstance(value, str):
        raise WrongValueError(f"must be the end of a name, not {describe(value)}; write .example.com")
    plain = value.removeprefix("*")
    if not LABELS.fullmatch(plain.lower().removeprefix(".")):
        raise WrongValueError(f"{describe(value)} is no end of a name; write .example.com")
    if not value.startswith("."):
        raise WrongValueError(f"{value!r} does not begin with a dot; write .{plain.removeprefix('.')}")
    return value.lower()


def parse_uri(value: Any) -> str:
    """``spiffe://domain/path``, or its beginning up to a final asterisk, which stands behind the whole of a domain."""
    instead = "write spiffe://domain/path, or spiffe://domain/* for all that begins so"
    if not isinstance(value, str):
        raise WrongValueError(f"must be a URI, not {describe(value)}; {instead}")
    start = value.removesuffix("*")
    if "*" in start or not _URI.fullmatch(start):
        raise WrongValueError(f"{describe(value)} is no URI; {instead}")
    if start != value and "://" in start and "/" not in start.partition("://")[2]:
        raise WrongValueError(f"{value!r} stands for other domains too; write {start}/*")
    return value


Exact = Annotated[str, Written("name"), BeforeValidator(checked(parse_exact)), WithJsonSchema(_TEXT)]
Suffix = Annotated[str, Written("text"), BeforeValidator(checked(parse_suffix)), WithJsonSchema(_TEXT)]
Uri = Annotated[str, Written("URI"), BeforeValidator(checked(parse_uri)), WithJsonSchema(_TEXT)]


class San(Model):
    """A condition on a name in a certificate (subject alternative names only). A bare string is `exact`."""

    short = "exact"

    exact: Annotated[Exact | None, GIVEN] = Field(
        default=None, description="A DNS name, whatever its case, an IP address, or a mailbox.", examples=["a.example.com"]
    )
    suffix: Annotated[Suffix | None, GIVEN] = Field(
        default=None, description="The end of a DNS name, from a dot on.", examples=[".mesh.example.com"]
    )
    uri: Annotated[Uri | None, GIVEN] = Field(
        default=None,
        description="A URI; with `*` at its end, every one that begins like it.",
        examples=["spiffe://domain/ns/web/*"],
    )

    @model_validator(mode="after")
    def _one_kind(self) -> San:
        given = [kind for kind in SAN_KINDS if getattr(self, kind) is not None]
        if len(given) != 1:
            what = f"{' and '.join(given)} together" if given else "no condition"
            raise refuse(f"{what}; write one of {', '.join(SAN_KINDS)}")
        return self


def _some(value: Any) -> Any:
    if value == []:
        raise WrongValueError("the list is empty; write whom to accept, or leave san out")
    return value


Sans = Annotated[tuple[San, ...], BeforeValidator(checked(_some))]
