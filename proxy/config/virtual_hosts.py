"""Virtual hosts: routes for some domains only. Which of them a request is for is `proxy.routing.domains`' matter.

What always holds: a domain comes out in lower case, an asterisk at one of its ends or nowhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, TypeAdapter, WithJsonSchema, WrapValidator, model_validator

from proxy.config.edits import RequestHeaders, ResponseHeaders, count
from proxy.config.filters import Override
from proxy.config.model import Model
from proxy.config.names import LABELS, parse_host
from proxy.config.problems import Path
from proxy.config.retries import RetryOrOff
from proxy.config.routes import Route
from proxy.config.types import DurationOrZero, Name, Written, checked, refuse
from proxy.config.values import WrongValueError, describe
from proxy.routing.domains import split
from proxy.snapshot.edits import MAX_EDITS

_PART = re.compile(r"[a-z0-9_.-]+")
"""What an asterisk may stand beside: ``.example.com``, ``-eu.example.com``, ``shop.``."""


def parse_domain(value: Any) -> str:
    """``Shop.example.com:8080``, ``*.example.com``, ``shop.*``, ``*`` or ``[::1]:80``, in lower case."""
    if not isinstance(value, str):
        raise WrongValueError(f"must be a domain, not {describe(value)}; {_INSTEAD}")
    if "://" in value or (value.count(":") > 1 and not value.startswith("[")) or (value.startswith("[") and "]" not in value):
        return parse_host(value)  # which says what is wrong
    name, port = (part.decode() for part in split(value.lower().encode()))
    if port and (not port.isdecimal() or not 0 < int(port) < 1 << 16):
        raise WrongValueError(f"{value!r} has no port behind its colon; write 1 to 65535 there")
    if name != "*":
        name = _name(name, value)
    return f"{name}:{port}" if port else name


_INSTEAD = "write a name (shop.example.com), *.example.com, shop.* or *, each with a port or without"


def _name(name: str, value: str) -> str:
    if "*" not in name:
        return parse_host(name)
    rest = name[1:] if name.startswith("*") else name[:-1]
    if not name.startswith("*") and not name.endswith("*"):
        raise WrongValueError(f"{value!r} has an asterisk in its midst; write it at the beginning or at the end")
    if "*" in rest:
        raise WrongValueError(f"{value!r} has two asterisks; write one, at the beginning or at the end")
    if not _PART.fullmatch(rest) or not LABELS.fullmatch(rest.strip(".-")):
        raise WrongValueError(f"{value!r} is no domain; {_INSTEAD}")
    if name.startswith("*") and rest.endswith("."):
        raise WrongValueError(f"{value!r} ends with a dot; write {name.rstrip('.')}")
    return name


def _host_name(value: Any) -> Any:
    if isinstance(value, str) and "/" in value:
        raise WrongValueError(f"{value!r} has a /, behind which metrics have the route's name; write another name")
    return value


def _domains(value: Any) -> Any:
    if isinstance(value, str):
        return (value,)
    if value == []:
        raise WrongValueError("the list is empty; write the domains, or * for every one")
    return value


Domain = Annotated[str, Written("domain"), BeforeValidator(checked(parse_domain)), WithJsonSchema({"type": "string"})]
Domains = Annotated[
    tuple[Domain, ...],
    Written("domain, or list of domains"),
    BeforeValidator(checked(_domains)),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "minItems": 1}]}),
]


class VirtualHost(Model):
    """Routes for some domains. A request is for one virtual host, and where none of its routes matches it has none."""

    name: Annotated[Name, BeforeValidator(checked(_host_name))] = Field(
        description="Its name in logs, and in front of its routes' in metrics: `shop/carts`.", examples=["shop"]
    )
    domains: Domains = Field(
        description="The hosts of requests that are for it, whatever their case: a name, `*.example.com` for every name that "
        "ends so, `shop.*` for every one that begins so, `*` for all others and for calls that name no host, as those of "
        "Bolt, Dubbo and Thrift; or a list of them. With a port, only requests whose host is written with it. An exact domain "
        "wins over the longest suffix, that over the longest prefix, that over `*`; of two that are equal but for a port, the "
        "one with it.",
        examples=[["shop.example.com", "*.shop.example.com"]],
    )
    routes: tuple[Route, ...] = Field(
        default=(), description="Its routes, in order; the first that matches wins.", examples=[[{"cluster": "echo"}]]
    )
    request_headers: RequestHeaders | None = Field(
        default=None,
        description="What the headers of all its calls become, before its routes have their say.",
        examples=[{"set": {"x-shop": "eu"}}],
    )
    response_headers: ResponseHeaders | None = Field(
        default=None,
        description="What the headers of all its answers become, likewise.",
        examples=[{"remove": ["server"]}],
    )
    timeout: DurationOrZero | None = Field(
        default=None,
        description="The deadline of calls whose route gives none, instead of the table's or the cluster's; 0: none.",
        examples=["2s"],
    )
    retry: RetryOrOff = Field(
        default=None,
        description="When calls are sent again whose route does not say so itself, instead of what the table says, all of it; "
        "false: never.",
        examples=[{"on": ["connect_failure", "refused"]}],
    )
    filters: dict[Name, Override] = Field(
        default_factory=dict,
        description="Other settings for filters of the listener, for calls of all its routes that do not say otherwise "
        "themselves. false: the filter is not asked.",
        examples=[{"rate_limit": {"rate": 100}}],
    )


def _hosts(value: Any) -> Any:
    if value == []:
        raise WrongValueError("the list is empty; write a virtual host, or a list of routes instead of virtual_hosts")
    return value


class HostedTable(Model):
    """A route table with virtual hosts; a table without is a list of routes."""

    virtual_hosts: Annotated[tuple[VirtualHost, ...], BeforeValidator(checked(_hosts))] = Field(
        description="The virtual hosts, in any order.",
        examples=[[{"name": "all", "domains": ["*"], "routes": [{"cluster": "echo"}]}]],
    )
    request_headers: RequestHeaders | None = Field(
        default=None,
        description="What the headers of all calls become, before their virtual hosts and routes have their say.",
        examples=[{"set": {"x-mesh": "blue"}}],
    )
    response_headers: ResponseHeaders | None = Field(
        default=None,
        description="What the headers of all answers become, likewise.",
        examples=[{"remove": ["server"]}],
    )
    timeout: DurationOrZero | None = Field(
        default=None,
        description="The deadline of calls whose route and virtual host give none, instead of the cluster's; 0: none.",
        examples=["5s"],
    )
    retry: RetryOrOff = Field(
        default=None,
        description="When calls are sent again whose route and virtual host do not say so themselves; never if not given.",
        examples=[{"on": ["connect_failure", "refused"]}],
    )
    filters: dict[Name, Override] = Field(
        default_factory=dict,
        description="Other settings for filters of the listener, for all calls whose virtual host and route do not say "
        "otherwise. false: the filter is not asked.",
        examples=[{"audit": False}],
    )

    @model_validator(mode="after")
    def _few_enough(self) -> HostedTable:
        for host in self.virtual_hosts:
            for route in host.routes:
                for key in ("request_headers", "response_headers"):
                    number = sum(count(getattr(each, key)) for each in (self, host, route))
                    if number > MAX_EDITS:
                        raise refuse(
                            f"a route of virtual host {host.name!r} has {number} edits of {key}, those of its virtual host and "
                            f"table included; write at most {MAX_EDITS}"
                        )
        return self


def _table(value: Any, _handler: Any) -> Any:
    """One of the two by what was written, so that each problem is one line, at its place."""
    return HostedTable.model_validate(value) if isinstance(value, dict) else _LISTED.validate_python(value)


_LISTED: TypeAdapter[tuple[Route, ...]] = TypeAdapter(tuple[Route, ...])
Table = Annotated[tuple[Route, ...] | HostedTable, Written("list of `routes.NAME[]`, or `routes.NAME`"), WrapValidator(_table)]


Level = Route | VirtualHost | HostedTable
"""What may say of calls: a route, and around it its virtual host and that one's table."""


def levels_of(table: tuple[Route, ...] | HostedTable, path: Path) -> Iterator[tuple[Path, tuple[Level, ...]]]:
    """Each level of a table, with its place and, the nearest first, itself and the levels around it."""
    if not isinstance(table, HostedTable):
        yield from (((*path, index), (route,)) for index, route in enumerate(table))
        return
    yield path, (table,)
    for at, host in enumerate(table.virtual_hosts):
        where = (*path, "virtual_hosts", at)
        yield where, (host, table)
        yield from (((*where, "routes", index), (route, host, table)) for index, route in enumerate(host.routes))


def nearest(key: str, levels: Sequence[Level]) -> Any:
    """What the nearest of these levels says that says anything, whole: nothing is put together of several."""
    return next((found for level in levels if (found := getattr(level, key)) is not None), None)
