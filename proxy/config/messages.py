"""pydantic's errors as problems: what is wrong; what to write instead.

Validators of ours speak for themselves (type ``refused``). The few errors that pydantic raises on its own are
translated by a table, with the keys of the model in question at hand for a suggestion. Keys that readers of other
proxies' configurations will try have a hint of their own: what it is called here, or that it is not there.
"""

from __future__ import annotations

import json
import types
import typing
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from proxy.config.actions import Redirect
from proxy.config.clusters import Cluster
from proxy.config.health import GrpcCheck, HealthCheck
from proxy.config.match import Match
from proxy.config.model import Model
from proxy.config.problems import Path
from proxy.config.routes import Route
from proxy.config.schema import Config
from proxy.config.source import Source
from proxy.config.tls import ServerTls
from proxy.config.values import describe
from proxy.config.virtual_hosts import VirtualHost
from xproto.errors import suggest

HINTS: dict[tuple[type[BaseModel], str], str] = {
    (Match, "prefix"): "belongs under path; write path: {prefix: ...}",
    (Match, "domains"): "belong to a virtual host; write host here",
    (Match, "sources"): "may be several under source; write source: [...]",
    (Match, "hosts"): "may be several under host; write host: [...]",
    (Route, "weighted_clusters"): "are called clusters here; write clusters: [{name: ..., weight: ...}]",
    (Route, "request_mirror_policies"): "is called mirror here; write mirror: [{cluster: ..., percent: ...}]",
    (Redirect, "response_code"): "is called status here; write status: 302",
    (Route, "retry_policy"): "is called retry here; write retry: {on: [...]}",
    (VirtualHost, "retry_policy"): "is called retry here; write retry: {on: [...]}",
    (Route, "request_headers_to_add"): "is Envoy's; write request_headers: {append: {name: value}}",
    (Route, "response_headers_to_add"): "is Envoy's; write response_headers: {append: {name: value}}",
    (Route, "request_headers_to_remove"): "is Envoy's; write request_headers: {remove: [name]}",
    (Route, "response_headers_to_remove"): "is Envoy's; write response_headers: {remove: [name]}",
    (Route, "prefix_rewrite"): "is Envoy's; write rewrite: {prefix: ...}",
    (Route, "host_rewrite"): "is Envoy's; write rewrite: {host: ...}",
    (ServerTls, "private_key"): "belongs to a secret; write it there, and the secret's name in certificates",
    (ServerTls, "verify"): "is wanted of clients; write client: {verify: ...}",
    (ServerTls, "ca"): "is for clients; write client: {ca: ...}",
    (ServerTls, "san"): "is wanted of clients; write client: {san: ...}",
    (Cluster, "health_checks"): "is one in number; write health_check: {grpc: {}}",
    (HealthCheck, "tcp"): "checks by connecting are not there yet; write grpc, for hosts that speak it",
    (HealthCheck, "http"): "checks by HTTP are not there yet; write grpc, for hosts that speak it",
    (HealthCheck, "heartbeat"): "checks by heartbeats are not there yet; those of keepalive close connections",
    (HealthCheck, "grpc_health_check"): "this is Envoy's; write grpc: {service: ..., authority: ...}",
    (GrpcCheck, "service_name"): "is Envoy's; write service",
    (Config, "static_resources"): "this is Envoy's configuration; write listeners, routes and clusters",
    (Config, "servers"): "this is MOSN's configuration; write listeners, routes and clusters",
}


def report_errors(source: Source, error: ValidationError, at: Path = (), root: Any = Config) -> None:
    """Adds every error of a validation to the source's problems, but where reading already found one.

    `root`: the model of what is at the path `at`.
    """
    broken = {problem.path for problem in source.problems}
    fresh = Source(source.data, source.marks)
    for item in error.errors(include_url=False):
        path, message = _translate(item["type"], tuple(item["loc"]), item["msg"], item["input"], root)
        path = (*at, *path)
        around = source.marks.get(path[:-1])
        # The field that a short form stands for is not in the file.
        fresh.report(path[:-1] if path not in source.marks and around and around.text is not None else path, message)
    source.problems += [problem for problem in fresh.problems if problem.path not in broken]


def _translate(kind: str, path: Path, message: str, value: Any, root: Any) -> tuple[Path, str]:
    if path and path[-1] == "[key]":
        path = path[:-1]
    last = str(path[-1]) if path else ""
    if kind == "missing":
        example = _example(path, root)
        return path, f"is missing; write {last}: {example}" if example else f"is missing; write {last}"
    if kind == "extra_forbidden":
        model = model_at(path[:-1], root)
        if model is not None and (reason := HINTS.get((model, last))):
            return path, reason
        return path, f"there is no such key; {suggest(last, model.model_fields if model else ())}"
    if kind in ("model_type", "dict_type"):
        model = model_at(path, root)
        if model is not None and issubclass(model, Model) and model.short and not isinstance(value, list):
            return path, f"must be text, not {describe(value)}; write text, in quotes if it looks like anything else"
        keys = f" with {', '.join(model.model_fields)}" if model else " of names to values"
        return path, f"must be a mapping, not {describe(value)}; write a mapping{keys}"
    if kind in ("tuple_type", "list_type"):
        return path, f"must be a list, not {describe(value)}; write one item a line, each after a dash"
    if kind == "literal_error":
        choices = _choices(path, root)
        return path, f"{describe(value)} is none of the choices; {suggest(str(value), choices)}"
    return path, message


def model_at(path: Path, root: Any = Config) -> type[BaseModel] | None:
    """The model whose section is at a path, None where there is none."""
    found = _bare(_type_at(path, root))
    return found if isinstance(found, type) and issubclass(found, BaseModel) else None


def _type_at(path: Path, root: Any) -> Any:
    current: Any = root
    for part in path:
        current = _bare(current, listed=isinstance(part, int))
        if isinstance(current, type) and issubclass(current, BaseModel):
            field = current.model_fields.get(str(part))
            current = field.annotation if field else None
        elif get_origin(current) is tuple:
            current = get_args(current)[0]
        elif get_origin(current) is dict:
            current = get_args(current)[1]
        else:
            return None
    return current


def _bare(annotation: Any, *, listed: bool = False) -> Any:
    """The type inside Annotated and Optional; `listed`: where it may be a list or else, is it the list?"""
    while True:
        if get_origin(annotation) is Annotated:
            annotation = get_args(annotation)[0]
        elif get_origin(annotation) in (Union, types.UnionType):
            found = [arg for arg in get_args(annotation) if arg is not type(None)]
            annotation = found[0] if listed or len(found) == 1 else found[-1]
        else:
            return annotation


def _choices(path: Path, root: Any) -> tuple[str, ...]:
    found = _bare(_type_at(path, root))
    return tuple(map(str, get_args(found))) if get_origin(found) is typing.get_origin(Literal["a"]) else ()


def _example(path: Path, root: Any) -> str:
    parent = model_at(path[:-1], root)
    field = parent.model_fields.get(str(path[-1])) if parent else None
    if field is None or not field.examples:
        return ""
    example = field.examples[0]
    return example if isinstance(example, str) else json.dumps(example)
