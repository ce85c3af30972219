"""What a route asks of its cluster's balancing, and what the cluster does where it has not what is asked for."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_validator

from proxy.config.model import Model
from proxy.config.names import TOKEN, Parameter
from proxy.config.types import Flag, Text, Written, checked, refuse
from proxy.config.values import WrongValueError
from proxy.routing.keys import COOKIE, HOST, HTTP_METHOD, METHOD, PATH, QUERY, SERVICE, SOURCE
from proxy.tls.settings import ROUTING_KEYS

ROLES = ("service", "method")
KEYS = (*ROLES, "path", "host", "http_method", *ROUTING_KEYS)
KINDS = ("header", "query", "cookie", "source_address", "key")
ROLE_KEYS = {"service": SERVICE, "method": METHOD, "path": PATH, "host": HOST, "http_method": HTTP_METHOD}
"""By the names that users write."""
MAX_KEYS = 8
"""Of one policy: each is looked for in every call of its table."""
NONE: Literal["none"] = "none"


class HashKey(Model):
    """What a call's host is chosen by: calls of one value go to one host."""

    header: Text | None = Field(default=None, description="The value of this header.", examples=["x-user"])
    query: Annotated[Parameter, Written("text")] | None = Field(
        default=None,
        description="The first parameter of this name in the query of a request of HTTP, as it was sent.",
        examples=["id"],
    )
    cookie: Text | None = Field(
        default=None, description="The first cookie of this name in a request of HTTP.", examples=["session"]
    )
    source_address: Flag | None = Field(
        default=None,
        description="The client's address, without its port: of its connection, or of a PROXY header that is believed.",
        examples=[True],
    )
    key: Literal["service", "method", "path", "host", "http_method", "tls.sni", "tls.san"] | None = Field(
        default=None,
        description="What is no header: `service` and `method` of any protocol; `path`, `host` and `http_method` of HTTP; "
        "`tls.sni` and `tls.san` of the connection, as in `match`.",
        examples=["service"],
    )

    @model_validator(mode="after")
    def _one_kind(self) -> HashKey:
        given = [kind for kind in KINDS if getattr(self, kind) is not None]
        if len(given) != 1:
            what = f"{' and '.join(given)} together" if given else "nothing to choose by"
            raise refuse(f"{what}; write one of {', '.join(KINDS)}, and more in a list")
        if self.header in ROLES:
            raise refuse(f"{self.header} is what each protocol says in its own way, not a header; write key: {self.header}")
        if self.header == "":
            raise refuse("the header has no name; write one, as x-user")
        if self.cookie is not None and not TOKEN.fullmatch(self.cookie):
            raise refuse(f"{self.cookie!r} is no cookie's name; write it as it is sent")
        if self.source_address is False:
            raise refuse("source_address: false chooses by nothing; write true, or leave it out")
        return self

    @property
    def routing_key(self) -> str:
        """How the data path asks for it."""
        if self.source_address:
            return SOURCE
        if self.query is not None:
            return f"{QUERY}{self.query}"
        if self.cookie is not None:
            return f"{COOKIE}{self.cookie}"
        return self.header or ROLE_KEYS.get(self.key or "", self.key or "")


def _policy(value: Any) -> Any:
    keys = [given.routing_key for given in value]
    if not keys:
        raise WrongValueError("the list is empty; write a key, as {header: x-user}, or leave it out")
    if len(keys) > MAX_KEYS:
        raise WrongValueError(f"there are {len(keys)} keys; write at most {MAX_KEYS}")
    for at, key in enumerate(keys):
        if key in keys[:at]:
            raise WrongValueError(f"[{at}] is the same as [{keys.index(key)}]; write it once")
    return value


HashPolicy = Annotated[tuple[HashKey, ...], AfterValidator(checked(_policy))]


def _metadata(value: Any) -> Any:
    if not value:
        raise WrongValueError("is empty, and every host has that; write what hosts must have, or leave it out")
    return value


Metadata = Annotated[dict[str, Text], AfterValidator(checked(_metadata))]


class Subsets(Model):
    """Which hosts get the calls of a route whose `metadata_match` no host has."""

    fallback: Literal["none", "any", "default"] = Field(
        default=NONE,
        description="`none`: no host: such a call is answered with the protocol's own error. `any`: all hosts. `default`: "
        "those with the metadata of `default`.",
        examples=["any"],
    )
    default: Metadata | None = Field(
        default=None, description="Of `fallback: default`: metadata that some hosts have.", examples=[{"version": "v1"}]
    )

    @model_validator(mode="after")
    def _together(self) -> Subsets:
        if self.fallback == "default" and self.default is None:
            raise refuse("fallback: default needs default; write which hosts those are, as default: {version: v1}")
        if self.fallback != "default" and self.default is not None:
            raise refuse(f"default does nothing with fallback: {self.fallback}; write fallback: default, or leave it out")
        return self
