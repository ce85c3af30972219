"""docs/configuration.md and the JSON Schema, made from the models, so that neither can say what the models do not.

`python -m proxy.config.reference` prints the page; a test holds the file in docs equal to it.
"""

from __future__ import annotations

import json
import sys
import types
from collections.abc import Iterable, Iterator
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic.fields import FieldInfo

from proxy.config import (
    access_log,
    actions,
    balancing,
    chains,
    clusters,
    edits,
    filter_models,
    filters,
    health,
    http,
    key_match,
    listeners,
    match,
    retries,
    routes,
    sans,
    schema,
    secrets,
    tls,
    virtual_hosts,
)
from proxy.config.introduction import INTRODUCTION
from proxy.config.model import Model
from proxy.config.protocols import AUTO
from proxy.config.schema import Config
from proxy.config.types import Whole, Written
from proxy.config.values import UNITS_OF_SIZE


def markdown() -> str:
    """The whole page."""
    sections = [section for model, place in _all_sections() for section in _section(model, place)]
    return "\n".join([INTRODUCTION, *sections])


def json_schema() -> str:
    """The JSON Schema of the file."""
    made = Config.model_json_schema()
    made["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    made["title"] = "xproto configuration"
    return json.dumps(made, indent=2) + "\n"


def sections_in_order() -> Iterator[tuple[type[Model], str]]:
    """The models in the order of the file, each with the path where it is written."""
    yield Config, ""
    yield listeners.Listener, "listeners[]"
    yield tls.ServerTls, "listeners[].tls"
    yield tls.Client, "listeners[].tls.client"
    yield sans.San, "listeners[].tls.client.san[]"
    yield tls.Verifier, "listeners[].tls.client.verifiers[]"
    yield chains.FilterChain, "listeners[].filter_chains[]"
    yield chains.ChainMatch, "listeners[].filter_chains[].match"
    yield listeners.Detect, "listeners[].detect"
    yield listeners.ProxyProtocol, "listeners[].proxy_protocol"
    yield listeners.Fallback, "listeners[].fallback"
    yield http.Http, "listeners[].http"
    yield access_log.AccessLog, "listeners[].access_log"
    yield filters.Filter, "listeners[].filters[]"
    yield routes.Route, "routes.NAME[]"
    yield edits.RequestHeaders, "routes.NAME[].request_headers"
    yield edits.ResponseHeaders, "routes.NAME[].response_headers"
    yield edits.Rewrite, "routes.NAME[].rewrite"
    yield match.Match, "routes.NAME[].match"
    yield key_match.HeaderMatch, "routes.NAME[].match.headers.KEY"
    yield key_match.Range, "routes.NAME[].match.headers.KEY.range"
    yield key_match.PathMatch, "routes.NAME[].match.path"
    yield virtual_hosts.HostedTable, "routes.NAME"
    yield virtual_hosts.VirtualHost, "routes.NAME.virtual_hosts[]"
    yield retries.Retry, "routes.NAME[].retry"
    yield retries.RetryBackOff, "routes.NAME[].retry.back_off"
    yield actions.WeightedCluster, "routes.NAME[].clusters[]"
    yield actions.ClusterFrom, "routes.NAME[].cluster_from"
    yield actions.Redirect, "routes.NAME[].redirect"
    yield actions.DirectResponse, "routes.NAME[].direct_response"
    yield actions.Mirror, "routes.NAME[].mirror[]"
    yield balancing.HashKey, "routes.NAME[].hash_policy[]"
    yield clusters.Cluster, "clusters.NAME"
    yield clusters.Host, "clusters.NAME.hosts[]"
    yield balancing.Subsets, "clusters.NAME.subsets"
    yield tls.ClientTls, "clusters.NAME.tls"
    yield tls.TlsMatch, "clusters.NAME.tls_matches[]"
    yield clusters.Keepalive, "clusters.NAME.keepalive"
    yield clusters.Backoff, "clusters.NAME.backoff"
    yield retries.RetryBudget, "clusters.NAME.retry_budget"
    yield health.HealthCheck, "clusters.NAME.health_check"
    yield health.GrpcCheck, "clusters.NAME.health_check.grpc"
    yield secrets.Secret, "secrets.NAME"
    yield schema.Admin, "admin"


def sections_of_filters() -> Iterator[tuple[type[Model], str]]:
    """The settings of built-in filters: what else may be written beside the keys of `listeners[].filters[]`."""
    yield filter_models.FaultInjection, "listeners[].filters[] fault"
    yield filter_models.Delay, "listeners[].filters[] fault.delay"
    yield filter_models.Abort, "listeners[].filters[] fault.abort"
    yield filter_models.RateLimit, "listeners[].filters[] rate_limit"
    yield filter_models.Buffer, "listeners[].filters[] buffer"
    yield filter_models.HeaderRules, "listeners[].filters[] header_rules"
    yield filter_models.HeaderRule, "listeners[].filters[] header_rules.rules[]"
    yield filter_models.Edits, "listeners[].filters[] header_rules.rules[].request"
    yield filter_models.HeaderToMetadata, "listeners[].filters[] header_to_metadata"
    yield filter_models.MetadataRule, "listeners[].filters[] header_to_metadata.rules[]"


def _all_sections() -> Iterator[tuple[type[Model], str]]:
    yield from sections_in_order()
    yield from sections_of_filters()


def _section(model: type[Model], place: str) -> Iterator[str]:
    yield f"## `{place}`\n" if place else "## The file\n"
    yield f"{' '.join((model.__doc__ or '').split())}\n"
    yield "| key | value | default | meaning |\n|---|---|---|---|"
    for name, field in model.model_fields.items():
        cells = (f"`{name}`", written(field), _default(field), field.description or "")
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"
    yield ""


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.default
    if field.default_factory is not None or value in (None, (), ""):
        return ""
    if value == (AUTO,):
        return f"`{AUTO}`"
    kind = written(field)
    if isinstance(value, tuple):
        return f"`[{', '.join(value)}]`"
    if kind == "duration":
        return f"`{render_duration(value)}`"
    if kind == "size":
        return f"`{render_size(value)}`"
    return f"`{json.dumps(value) if isinstance(value, bool) else value}`"


def render_duration(seconds: float) -> str:
    """As a person would write it."""
    return f"{seconds:g}s" if seconds >= 1 or seconds == 0 else f"{seconds * 1000:g}ms"


def render_size(size: int) -> str:
    """As a person would write it."""
    for unit in ("GiB", "MiB", "KiB"):
        if size % UNITS_OF_SIZE[unit] == 0:
            return f"{size // UNITS_OF_SIZE[unit]}{unit}"
    return str(size)


def written(field: FieldInfo) -> str:
    """How a field's value is written, for the table."""
    return _named(field.metadata) or _of_type(field.annotation)


def _named(metadata: Iterable[Any]) -> str:
    for part in metadata:
        if isinstance(part, Written):
            return part.text
        if isinstance(part, Whole):
            return f"{part.least} to {part.most}"
    return ""


def _of_type(annotation: Any) -> str:
    origin, args = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _named(args[1:]) or _of_type(args[0])
    if origin in (Union, types.UnionType):
        return _of_type(next(arg for arg in args if arg is not type(None)))
    if origin is tuple:
        return f"list of {_of_type(args[0])}"
    if origin is dict:
        return f"mapping to {_of_type(args[1])}"
    if origin is Literal:
        return " or ".join(f"`{arg}`" for arg in args)
    for model, place in _all_sections():
        if annotation is model:
            return f"`{place}`"
    raise AssertionError(annotation)


if __name__ == "__main__":
    sys.stdout.write(markdown())
