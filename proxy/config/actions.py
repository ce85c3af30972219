"""What a route does with its calls besides sending them to one cluster. What it matches is in `match`.

Each is refused where it could do nothing: an action that never acts looks like one that does.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator

from proxy import snapshot
from proxy.config.match_values import Key, MetadataName, Variable
from proxy.config.model import Model
from proxy.config.names import parse_host
from proxy.config.numbers import Percent
from proxy.config.types import Flag, Name, Text, Whole, Written, checked, refuse
from proxy.config.values import WrongValueError, describe
from proxy.routing.keys import METADATA, VARIABLES

MAX_WEIGHT = 1_000_000
"""Of a cluster: parts of a million are finer than anybody steers."""
MAX_MIRRORS = 8
"""Of a route: each is a copy of every call."""
BODY_MAX = 64 * 1024
"""Bytes of a direct response: a page for people, and little enough to be sent from memory for each call."""
GRPC_CODES = (
    "ok", "cancelled", "unknown", "invalid_argument", "deadline_exceeded", "not_found", "already_exists",
    "permission_denied", "resource_exhausted", "failed_precondition", "aborted", "out_of_range", "unimplemented",
    "internal", "unavailable", "data_loss", "unauthenticated",
)  # fmt: skip
"""By their numbers."""
_PATH = re.compile(r"/[!\"$-~]*", re.ASCII)


class WeightedCluster(Model):
    """One of the clusters that a route's calls are divided among."""

    name: Name = Field(description="The cluster.", examples=["echo"])
    weight: Annotated[int, Whole(0, MAX_WEIGHT)] = Field(
        description="Its part of the calls, in proportion to the sum of all weights; 0: none of them.", examples=[90]
    )


def _header(value: Any) -> Any:
    if isinstance(value, str) and (not value or not value.isprintable() or " " in value):
        raise WrongValueError(f"{value!r} is no header's name; write one without spaces, such as x-cluster")
    return value


class ClusterFrom(Model):
    """The cluster that a call names. A bare string is the header. Write one of header, variable, metadata."""

    short: ClassVar[str] = "header"

    header: Annotated[Key | None, Written("key"), BeforeValidator(checked(_header))] = Field(
        default=None,
        description="The key whose value is the cluster's name: one of those that match.headers may look at.",
        examples=["x-cluster"],
    )
    variable: Annotated[Variable | None, Written("variable")] = Field(
        default=None,
        description="What the proxy knows itself, instead of a header: `protocol`, `tls.sni`, `tls.san`, `source.address`.",
        examples=["protocol"],
    )
    metadata: Annotated[MetadataName | None, Written("name")] = Field(
        default=None, description="The name of what a filter has set on the call, instead of a header.", examples=["tenant"]
    )
    default: Name | None = Field(
        default=None,
        description="The cluster of calls that name none, or one that there is not; without it they have no route.",
        examples=["echo"],
    )

    @model_validator(mode="after")
    def _one_key(self) -> ClusterFrom:
        given = [name for name in ("header", "variable", "metadata") if getattr(self, name) is not None]
        if len(given) != 1:
            what = f"{' and '.join(given)} together" if given else "nothing names the cluster"
            raise refuse(f"{what}; write one of header, variable, metadata")
        return self

    @property
    def routing_key(self) -> str:
        """How the data path asks for it."""
        if self.metadata is not None:
            return f"{METADATA}{self.metadata}"
        return VARIABLES[self.variable] if self.variable is not None else self.header or ""


def _host(value: Any) -> str:
    found = parse_host(value)
    if found.startswith("*"):
        raise WrongValueError(f"{value!r} is many hosts; write the one to go to")
    return found


def _path(value: Any) -> Any:
    if isinstance(value, str) and not _PATH.fullmatch(value):
        raise WrongValueError(f"{value!r} is no path; write one that begins with /, in ASCII, without spaces and #")
    return value


Place = Annotated[str, Written("host"), BeforeValidator(checked(_host)), WithJsonSchema({"type": "string"})]
Path = Annotated[Text, Written("path"), BeforeValidator(checked(_path))]


class Redirect(Model):
    """Where requests of HTTP are sent on to. What is not written stays as the request has it.

    Calls that are not HTTP, and those of gRPC, have no route then.
    """

    status: Literal[301, 302, 303, 307, 308] = Field(
        default=301, description="301 and 308: for ever; 307 and 308: with the same method.", examples=[302]
    )
    scheme: Literal["http", "https"] | None = Field(
        default=None, description="With another one the request's port is left out.", examples=["https"]
    )
    host: Place | None = Field(default=None, description="The host, without a port.", examples=["www.example.com"])
    port: Annotated[int, Whole(1, 65535)] | None = Field(default=None, description="The port.", examples=[8443])
    path: Path | None = Field(
        default=None, description="The path; with a query in it, instead of the request's.", examples=["/new"]
    )
    prefix: Path | None = Field(
        default=None, description="What stands in place of the route's match.path.prefix; the rest stays.", examples=["/v2/"]
    )
    strip_query: Flag = Field(default=False, description="The request's query is left out.", examples=[True])

    @model_validator(mode="after")
    def _goes_elsewhere(self) -> Redirect:
        if self.path is not None and self.prefix is not None:
            raise refuse("path and prefix together; write one of them")
        if all(each is None for each in (self.scheme, self.host, self.port, self.path, self.prefix)):
            raise refuse("it leads to where the request came from; write one of scheme, host, port, path, prefix")
        return self


def _grpc(value: Any) -> int:
    known = f"write 0 to {len(GRPC_CODES) - 1}, or a name ({GRPC_CODES[14]})"
    if isinstance(value, str) and value.lower() in GRPC_CODES:
        return GRPC_CODES.index(value.lower())
    if isinstance(value, bool) or not isinstance(value, int):
        raise WrongValueError(f"{describe(value)} is no status of gRPC; {known}")
    if not 0 <= value < len(GRPC_CODES):
        raise WrongValueError(f"{value} is no status of gRPC; {known}")
    return value


GrpcStatus = Annotated[
    int,
    Written("status of gRPC"),
    BeforeValidator(checked(_grpc)),
    WithJsonSchema({"anyOf": [{"enum": list(GRPC_CODES)}, {"type": "integer", "minimum": 0, "maximum": len(GRPC_CODES) - 1}]}),
]


class DirectResponse(Model):
    """What calls are answered with here, each in its protocol. Of oneways nothing is sent; they are dropped."""

    status: Annotated[int, Whole(200, 599)] = Field(description="The status for requests of HTTP.", examples=[503])
    body: Text | None = Field(
        default=None,
        description="The body, as text/plain, of at most 64 KiB; for gRPC and for RPC protocols whose errors have a text, that "
        "text (at most 1024 characters).",
        examples=["down for maintenance\n"],
    )
    body_file: Text | None = Field(
        default=None,
        description="A file that holds it, in UTF-8, relative to this one; read when the configuration is.",
        examples=["maintenance.txt"],
    )
    grpc_status: GrpcStatus | None = Field(
        default=None,
        description="The status for calls of gRPC; by default what gRPC's mapping makes of `status`.",
        examples=["unavailable"],
    )
    fault: snapshot.FaultName | None = Field(
        default=None,
        description="The proxy's own error that callers of RPC protocols get; by default the one nearest to `status`.",
        examples=["overload"],
    )

    @model_validator(mode="after")
    def _one_body(self) -> DirectResponse:
        if self.body is not None and self.body_file is not None:
            raise refuse("body and body_file together; write one of them")
        if self.status in {204, 304} and (self.body or self.body_file is not None):
            raise refuse(f"an answer with status {self.status} has no body; leave it out")
        if self.body is not None and any("\ud800" <= char <= "\udfff" for char in self.body):
            raise refuse("the body has half a character (a surrogate), which is no text; leave it out")
        if len((self.body or "").encode()) > BODY_MAX:
            raise refuse(f"the body has over {BODY_MAX} bytes; write a shorter one")
        return self


class Mirror(Model):
    """Where copies of a route's calls go; their answers are thrown away. A bare string is the cluster."""

    short: ClassVar[str] = "cluster"

    cluster: Name = Field(description="The cluster that gets the copies.", examples=["shadow"])
    percent: Percent = Field(default=100.0, description="Of how many calls, drawn for each.", examples=[1.5])
