"""What a route matches: conditions on keys, and shorter ways to write those on the keys of HTTP.

A route table knows nothing but conditions on keys that are ANDed. So `path`, `host`, `http_method` and `query` are only
other ways to write `headers`: each becomes one condition on the key of its name, a list of names a regex of them all.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from proxy.config.model import Model
from proxy.config.names import Hosts, Methods, Parameter, check_path
from proxy.config.types import Flag, Text, checked, refuse
from proxy.config.values import WrongValueError
from proxy.tls.settings import ROUTING_KEYS
from xproto.errors import suggest

MatchKind = Literal["exact", "prefix", "suffix", "regex", "present"]
PATH_KINDS: tuple[MatchKind, ...] = ("exact", "prefix", "suffix", "regex")
MATCH_KINDS: tuple[MatchKind, ...] = ("exact", "prefix", "suffix", "regex", "present")


class HeaderMatch(Model):
    """A condition on one key. A bare string is an exact match."""

    short = "exact"

    exact: Text | None = Field(default=None, description="The value is this, byte for byte.", examples=["gray"])
    prefix: Text | None = Field(default=None, description="The value starts with this.", examples=["com.test."])
    suffix: Text | None = Field(default=None, description="The value ends with this.", examples=[":1.0"])
    regex: Text | None = Field(
        default=None,
        description="The whole value matches this regular expression (RE2's syntax).",
        examples=["v[0-9]+"],
    )
    present: Flag | None = Field(default=None, description="true: the key is there; false: it is not.", examples=[True])
    invert: Flag = Field(
        default=False,
        description="The condition holds where it otherwise would not. A call without the key still meets no "
        "condition on its value; write present: false for such calls.",
        examples=[True],
    )

    @model_validator(mode="after")
    def _one_kind(self) -> HeaderMatch:
        given = [kind for kind in MATCH_KINDS if getattr(self, kind) is not None]
        if len(given) != 1:
            what = f"{' and '.join(given)} together" if given else "no condition"
            raise refuse(f"{what}; write one of exact, prefix, suffix, regex, present")
        if given[0] in ("prefix", "suffix") and getattr(self, given[0]) == "":
            raise refuse(f"an empty {given[0]} matches every value; write present: true")
        if self.regex is not None:
            _compile(self.regex)
        return self


def _compile(pattern: str) -> None:
    from proxy.routing.condition import compile_regex

    try:
        compile_regex(pattern)
    except ValueError as error:
        raise refuse(f"RE2 refuses the {error}; write RE2's syntax") from None


class PathMatch(Model):
    """A condition on a request's path: what is before the `?`. A bare string is an exact match.

    Of percent signs only those are decoded that stand for letters, digits and `-._~`: they mean the same. No `//` is resolved;
    paths with segments of dots are refused before they get here.
    """

    short = "exact"

    exact: Text | None = Field(default=None, description="The path is this.", examples=["/healthz"])
    prefix: Text | None = Field(
        default=None,
        description="The path starts with this: `/api/` with all below it, `/api` with /apis too.",
        examples=["/api/"],
    )
    suffix: Text | None = Field(default=None, description="The path ends with this.", examples=[".png"])
    regex: Text | None = Field(
        default=None,
        description="The whole path matches this regular expression (RE2's syntax).",
        examples=["/users/[0-9]+"],
    )

    @model_validator(mode="after")
    def _one_kind(self) -> PathMatch:
        given = [kind for kind in PATH_KINDS if getattr(self, kind) is not None]
        if len(given) != 1:
            what = f"{' and '.join(given)} together" if given else "no condition"
            raise refuse(f"{what}; write one of {', '.join(PATH_KINDS)}")
        if self.regex is not None:
            _compile(self.regex)
        else:
            checked(check_path)((given[0], getattr(self, given[0])))
        return self


def _key(value: Any) -> Any:
    if isinstance(value, str) and value.startswith("tls.") and value not in ROUTING_KEYS:
        raise WrongValueError(f"{value!r} is nothing that is known of TLS; {suggest(value, ROUTING_KEYS)}")
    return value


Key = Annotated[str, BeforeValidator(checked(_key))]


class Match(Model):
    """Which calls a route takes. Conditions are ANDed; none at all matches every call.

    Calls that are not HTTP have no path, host, HTTP method or query, so a route that asks for one takes them only if they
    carry a header of that very name.
    """

    headers: dict[Key, HeaderMatch] = Field(
        default_factory=dict,
        description="Conditions by key. A key is one of the protocol's headers, or `service` or `method`, which every "
        "protocol of calls has and which win over a header of the same name. On a connection of TLS, `tls.sni` is the server "
        "name that the client asked for, and `tls.san` the name that its certificate proves: the first URI of it, or else the "
        "first DNS name. No header can pose as these.",
        examples=[{"service": "com.test.EchoService:1.0", "env": {"prefix": "gray"}}],
    )
    path: PathMatch | None = Field(
        default=None,
        description="The path of a request of HTTP; other calls have none.",
        examples=[{"prefix": "/api/"}],
    )
    host: Hosts | None = Field(
        default=None,
        description="The host of a request of HTTP, whatever its case and without its port: a name, `*.example.com` for every "
        "name below one (itself not), or a list of them. Other calls have none.",
        examples=[["shop.example.com", "*.shop.example.com"]],
    )
    http_method: Methods | None = Field(
        default=None,
        description="The method of a request of HTTP, or a list of them. Other calls have none.",
        examples=[["GET", "HEAD"]],
    )
    query: dict[Parameter, HeaderMatch] = Field(
        default_factory=dict,
        description="Conditions by a parameter's name, on the query of a request of HTTP: the first of that name counts, as it "
        "was sent, its percent signs not decoded. Other calls have none.",
        examples=[{"version": "2"}],
    )
