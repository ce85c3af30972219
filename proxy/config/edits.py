"""What a route changes in its calls: their headers, those of their answers, and where a call says that it goes.

Here is what can be seen in one value; whether the protocols of a table's listeners have such things is `check_edits`' matter
(`references_edits`). A header may be named once in all of set, add, append and remove: so their order means nothing.
"""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator

from proxy.config.model import Model
from proxy.config.templates import OF_REQUESTS, AnswerValue, HostValue, PathValue, RequestValue, RoleValue, pieces
from proxy.config.types import Text, Written, checked, refuse
from proxy.config.values import WrongValueError, describe
from proxy.snapshot import RoleName
from proxy.snapshot.edits import MAX_EDITS

MAX_NAME = 1024
"""Bytes of a header's name; the kernel writes no longer one."""
MAX_ASKED = 16
"""Different texts of a request that one level's values are made of: each is looked up for each call."""
PATH_KINDS = ("path", "prefix", "regex")
ROLES: tuple[RoleName, ...] = ("path", "host", "service", "method", "version")

OF_HOPS = (
    "connection", "content-length", "expect", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade",
)  # fmt: skip
"""Fields of HTTP that say how a message or a connection ends, or what becomes of it."""


def check_header_name(value: Any, where: str = "") -> str:
    """A header that may be edited. `where`: said of a rewrite that is to be written instead."""
    if not isinstance(value, str):
        raise WrongValueError(f"must be a header's name, not {describe(value)}; write it in quotes")
    if not value or re.search(r"\s", value) or not value.isprintable() or len(value.encode()) > MAX_NAME:
        raise WrongValueError(f"{value!r} is no header's name; write one without spaces, such as x-env")
    lower = value.lower()
    if lower in ("host", ":authority"):
        raise WrongValueError(f"{value} is whom a request is for; write rewrite: {{host: ...}}{where}")
    if lower in (":path", ":method", ":scheme", ":status", ":protocol"):
        instead = f"rewrite: {{path: ...}}{where}" if lower == ":path" else "another header, or leave it out"
        raise WrongValueError(f"{value} is no header; write {instead}")
    if lower in OF_HOPS:
        raise WrongValueError(f"{value} is between this proxy and its peers; write another header, or leave it out")
    return value


HeaderName = Annotated[str, Written("name"), BeforeValidator(checked(check_header_name)), WithJsonSchema({"type": "string"})]


def _check_headers(given: RequestHeaders | ResponseHeaders) -> None:
    seen: dict[str, str] = {}
    named: dict[str, list[str]] = {key: list(getattr(given, key)) for key in ("set", "add", "append", "remove")}
    if not any(named.values()):
        raise refuse("changes nothing; write set, add, append or remove")
    if sum(map(len, named.values())) > MAX_EDITS:
        raise refuse(f"edits {sum(map(len, named.values()))} headers; write at most {MAX_EDITS}")
    for key, names in named.items():
        for name in names:
            before = seen.get(name.lower())
            if before is not None:
                twice = f"twice in {key}" if before == key else f"both in {before} and in {key}"
                raise refuse(f"{name} is {twice}; write it once")
            seen[name.lower()] = key


def count(given: RequestHeaders | ResponseHeaders | None) -> int:
    """How many headers it edits."""
    return 0 if given is None else len(given.set) + len(given.add) + len(given.append) + len(given.remove)


_SET = "The header has this value and no other, whether the {what} had it or not."
_ADD = "The header gets this value where the {what} has none of this name."
_APPEND = (
    "One more value of the header: another line in HTTP. In protocols where a name can be there once, it goes behind the value "
    "that there is, with a comma; where there is none, this is it."
)
_REMOVE = "The {what} goes on without these."


class RequestHeaders(Model):
    """Edits of requests' headers. Values may have variables: `%route%`, `%request_header(x-env)%`; `%%` is a percent sign."""

    set: dict[HeaderName, RequestValue] = Field(
        default_factory=dict, description=_SET.format(what="request"), examples=[{"x-env": "gray"}]
    )
    add: dict[HeaderName, RequestValue] = Field(
        default_factory=dict, description=_ADD.format(what="request"), examples=[{"x-client": "%downstream_address%"}]
    )
    append: dict[HeaderName, RequestValue] = Field(default_factory=dict, description=_APPEND, examples=[{"x-hops": "mesh"}])
    remove: tuple[HeaderName, ...] = Field(default=(), description=_REMOVE.format(what="request"), examples=[["x-debug"]])

    @model_validator(mode="after")
    def _checked(self) -> RequestHeaders:
        _check_headers(self)
        return self


class ResponseHeaders(Model):
    """Edits of answers' headers. Values may have variables as those of requests; what a request says is as it came."""

    set: dict[HeaderName, AnswerValue] = Field(
        default_factory=dict, description=_SET.format(what="answer"), examples=[{"x-served-by": "%upstream_host%"}]
    )
    add: dict[HeaderName, AnswerValue] = Field(
        default_factory=dict, description=_ADD.format(what="answer"), examples=[{"cache-control": "no-store"}]
    )
    append: dict[HeaderName, AnswerValue] = Field(default_factory=dict, description=_APPEND, examples=[{"x-hops": "mesh"}])
    remove: tuple[HeaderName, ...] = Field(default=(), description=_REMOVE.format(what="answer"), examples=[["server"]])

    @model_validator(mode="after")
    def _checked(self) -> ResponseHeaders:
        _check_headers(self)
        return self


class Rewrite(Model):
    """Where a call says that it goes, from here on. What its protocol does not have is not rewritten.

    A value that comes out empty rewrites nothing. Routes are chosen by what the call said before.
    """

    path: PathValue | None = Field(
        default=None,
        description="The whole path of a request of HTTP; its query stays. Other protocols have none.",
        examples=["/healthz"],
    )
    prefix: PathValue | None = Field(
        default=None,
        description="Instead of what match.path.prefix matched; the rest of the path stays, and the query.",
        examples=["/v2/"],
    )
    regex: Text | None = Field(
        default=None,
        description="The first part of the path that matches this regular expression (RE2's syntax) becomes `substitution`.",
        examples=["^/users/([0-9]+)/"],
    )
    substitution: Text | None = Field(
        default=None,
        description="What `regex` matched becomes this; `\\1` is what its first group matched, `\\\\` a backslash.",
        examples=["/people/\\1/"],
    )
    host: HostValue | None = Field(
        default=None, description="The host of a request of HTTP, perhaps with a port.", examples=["shop.internal"]
    )
    service: RoleValue | None = Field(
        default=None,
        description="The service, wherever the protocol says it; in all places, where there are several.",
        examples=["com.test.EchoService:2.0"],
    )
    method: RoleValue | None = Field(
        default=None,
        description="The method. Callers of protocols whose answers repeat it get it as they wrote it.",
        examples=["echo2"],
    )
    version: RoleValue | None = Field(
        default=None,
        description="The service's version, where that is apart from its name: in Dubbo and Triple.",
        examples=["2.0"],
    )

    @model_validator(mode="after")
    def _of_one_kind(self) -> Rewrite:
        kinds = [kind for kind in PATH_KINDS if getattr(self, kind) is not None]
        if len(kinds) > 1:
            raise refuse(f"{' and '.join(kinds)} together; write one of {', '.join(PATH_KINDS)}")
        if (self.regex is None) != (self.substitution is None):
            there, lacks = ("regex", "substitution") if self.substitution is None else ("substitution", "regex")
            raise refuse(f"{there} without {lacks}; write both")
        if not kinds and not any(getattr(self, role) is not None for role in ROLES):
            raise refuse(f"rewrites nothing; write one of {', '.join((*ROLES, 'prefix', 'regex'))}")
        if self.regex is not None and self.substitution is not None:
            _check_substitution(self.regex, self.substitution)
        return self


def asked_of_requests(
    request: RequestHeaders | None, response: ResponseHeaders | None, rewrite: Rewrite | None
) -> set[tuple[str, str]]:
    """The variables, with their arguments, that are looked up in each request."""
    written = [each for given in (request, response) if given for each in (given.set, given.add, given.append)]
    values = [value for each in written for value in each.values()]
    values += [value for role in (*ROLES, "prefix") if rewrite and (value := getattr(rewrite, role)) is not None]
    found = {(piece.variable, piece.text) for value in values for piece in pieces(value)}
    return {each for each in found if each[0] in OF_REQUESTS}


def _check_substitution(regex: str, substitution: str) -> None:
    from proxy.routing.condition import compile_regex

    try:
        groups = int(compile_regex(regex).groups)
    except ValueError as error:
        raise refuse(f"RE2 refuses the {error}; write RE2's syntax") from None
    if re.search(r"[^!-~]|[?#]", substitution):
        raise refuse(f"substitution {substitution!r} is never sent in a path; write it percent-encoded, without a query")
    for escape in re.finditer(r"\\(.?)", substitution):
        if escape[1] != "\\" and not escape[1].isdigit():
            raise refuse(f"substitution: {escape[0]!r} stands for nothing; write \\\\ for a backslash, \\1 for a group")
        if escape[1].isdigit() and int(escape[1]) > groups:
            raise refuse(f"substitution: the regex has no group {escape[1]}, it has {groups}; write \\0 to \\{groups}")
