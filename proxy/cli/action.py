"""What is done with a call that a route takes, as plain data: `explain-route` prints it, as JSON or as text (`action_text`).

What counts is read in the snapshot, as the data path has it. Whose word it is, the route's or that of a level around it, a
snapshot no longer knows: that is read in the models of the file, and so is everything that reads best as it was written.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from proxy.config.edits import RequestHeaders, ResponseHeaders
from proxy.config.routes import Route as WrittenRoute
from proxy.config.schema import Config
from proxy.config.virtual_hosts import Level, VirtualHost, levels_of, nearest
from proxy.snapshot import ClusterFrom, DirectResponse, Redirect, Route, Snapshot, WeightedClusters

Data = dict[str, Any]
Ask = Callable[[Sequence[str]], Mapping[str, bytes | None]]
"""The call's values of keys of the routing view."""
HTTP = ("http1", "http2")
KINDS = ("header", "query", "cookie", "key")
"""Of a key of a hash policy, but for the client's address."""


def action(snapshot: Snapshot, config: Config, listener: str, table: str, at: int, protocol: str, ask: Ask) -> Data:
    """Of the route at this index of the table, whose calls come by this listener, in this protocol."""
    route = snapshot.routes[table][at]
    levels = [levels for _, levels in levels_of(config.routes[table], ()) if isinstance(levels[0], WrittenRoute)][at]
    written = levels[0]
    assert isinstance(written, WrittenRoute)
    goes, clusters = _goes(snapshot, route, protocol, ask)
    filters = list(_filters(snapshot, listener, route, levels))
    if not written.carries:
        return {"action": goes, "filters": filters}
    return {
        "action": goes,
        "timeout": _timeout(snapshot, route, levels, clusters),
        "oneway": route.oneway,
        "retry": _retry(route, levels),
        "rewrite": written.rewrite.model_dump(exclude_none=True) if written.rewrite else {},
        "request_headers": [edit for level in reversed(levels) for edit in _edits(level, level.request_headers)],
        "response_headers": [edit for level in reversed(levels) for edit in _edits(level, level.response_headers)],
        "mirror": [{"cluster": each.cluster, "percent": each.percent} for each in route.mirrors],
        "hash_policy": list(_hash_policy(written, ask)),
        "metadata_match": dict(route.metadata_match),
        "filters": filters,
    }


def _of(level: Level) -> str:
    if isinstance(level, WrittenRoute):
        return "route"
    return "virtual host" if isinstance(level, VirtualHost) else "table"


def _whose(key: str, levels: Sequence[Level]) -> str | None:
    """The level whose word counts; None: no level has one."""
    return next((_of(level) for level in levels if getattr(level, key) is not None), None)


def _goes(snapshot: Snapshot, route: Route, protocol: str, ask: Ask) -> tuple[Data, tuple[str, ...]]:
    """Where the call goes, and the clusters that may get it."""
    match route.action:
        case None:
            return {"kind": "cluster", "cluster": route.cluster}, (route.cluster,)
        case WeightedClusters(clusters):
            total = sum(weight for _, weight in clusters)
            parts = [{"name": name, "weight": weight, "percent": 100 * weight / total} for name, weight in clusters]
            return {"kind": "clusters", "clusters": parts}, tuple(name for name, weight in clusters if weight)
        case ClusterFrom(key, default):
            said = ask((key,))[key]
            named = None if said is None else said.decode(errors="replace")
            found = named if named in snapshot.clusters else default
            told = {"kind": "cluster_from", "key": key, "named": named, "default": default, "cluster": found}
            return told, () if found is None else (found,)
        case Redirect() as redirect:
            if protocol not in HTTP:
                return {"kind": "none", "why": "a redirect is HTTP's alone"}, ()
            names = ("status", "scheme", "host", "port", "path", "prefix", "strip_query")
            return {"kind": "redirect", **{name: getattr(redirect, name) for name in names}}, ()
        case DirectResponse() as answer:
            return {"kind": "direct_response", **_answer(answer, protocol), "body": answer.body}, ()


def _answer(answer: DirectResponse, protocol: str) -> Data:
    """What a caller in this protocol is told."""
    if protocol in HTTP:
        return {"status": answer.status}
    return {"grpc_status": answer.grpc_status} if protocol == "grpc" else {"fault": answer.fault}


def _timeout(snapshot: Snapshot, route: Route, levels: Sequence[Level], clusters: tuple[str, ...]) -> Data:
    """In seconds; 0: none; None: it depends on the cluster that is chosen."""
    if route.timeout is not None:
        return {"seconds": route.timeout, "of": _whose("timeout", levels)}
    found = {snapshot.clusters[name].timeout for name in clusters}
    return {"seconds": found.pop() if len(found) == 1 else None, "of": "cluster"}


def _retry(route: Route, levels: Sequence[Level]) -> Data | None:
    """None: no level has a policy; without `on` and `retriable_headers`: it is off."""
    of, retry = _whose("retry", levels), route.retry
    if of is None:
        return None
    if retry is None:
        assert nearest("retry", levels) is False
        return {"on": [], "retriable_headers": [], "of": of}
    return {
        "on": [*retry.on, *retry.statuses],
        "retriable_headers": list(retry.headers),
        "attempts": retry.attempts,
        "per_try_timeout": retry.per_try_timeout,
        "back_off": {"base": retry.back_off_base, "max": retry.back_off_max},
        "idempotent": list(retry.methods) if retry.methods else retry.idempotent,
        "same_host": retry.same_host,
        "buffer": retry.buffer,
        "of": of,
    }


def _edits(level: Level, given: RequestHeaders | ResponseHeaders | None) -> Iterator[Data]:
    """In the order in which they are made."""
    if given is None:
        return
    yield from ({"op": "remove", "name": name, "value": None, "of": _of(level)} for name in given.remove)
    for op in ("set", "add", "append"):
        yield from ({"op": op, "name": name, "value": value, "of": _of(level)} for name, value in getattr(given, op).items())


def _hash_policy(written: WrittenRoute, ask: Ask) -> Iterator[Data]:
    """`value`: the call's; the first key whose value is neither absent nor empty counts."""
    for key in written.hash_policy or ():
        name = "source_address" if key.source_address else next(
            f"{kind} {said}" for kind in KINDS if (said := getattr(key, kind)) is not None
        )  # fmt: skip
        value = ask((key.routing_key,))[key.routing_key]
        yield {"key": name, "value": None if value is None else value.decode(errors="replace")}


def _filters(snapshot: Snapshot, listener: str, route: Route, levels: Sequence[Level]) -> Iterator[Data]:
    """The listener's, in the order in which they are asked, with the settings that count."""
    for each in snapshot.listeners[listener].filters:
        settings = route.filters.get(each.name, each.settings)
        yield {
            "name": each.name,
            "asked": settings is not None,
            "settings": settings,
            "of": next((_of(level) for level in levels if each.name in level.filters), "listener"),
        }
