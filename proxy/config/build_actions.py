"""Routes' actions: from validated models to the snapshot. Whatever a caller may get is decided here, once, at load."""

from __future__ import annotations

from pathlib import Path

from proxy import snapshot
from proxy.config.actions import BODY_MAX, DirectResponse
from proxy.config.routes import Route
from proxy.config.values import WrongValueError

_GRPC = {400: 13, 401: 16, 403: 7, 404: 12, 429: 14, 502: 14, 503: 14, 504: 14}
"""gRPC's own mapping of HTTP's statuses (its document "HTTP to gRPC Status Code Mapping"); all others are unknown, 2."""
_FAULTS: dict[int, snapshot.FaultName] = {
    404: "no_route", 408: "timeout", 429: "overload", 502: "closed", 503: "overload", 504: "timeout",
}  # fmt: skip
_BAD_REQUEST, _SERVER_ERROR = 400, 500


def action(given: Route, folder: Path) -> snapshot.Action | None:
    """What is done with its calls; None: they go to its cluster. `folder` is what files are relative to."""
    if given.clusters is not None:
        return snapshot.WeightedClusters(tuple((each.name, each.weight) for each in given.clusters))
    if given.cluster_from is not None:
        return snapshot.ClusterFrom(given.cluster_from.routing_key, given.cluster_from.default)
    if given.redirect is not None:
        return _redirect(given)
    return None if given.direct_response is None else _direct(given.direct_response, folder)


def mirrors(given: Route) -> tuple[snapshot.Mirror, ...]:
    """Where copies of its calls go."""
    return tuple(snapshot.Mirror(each.cluster, each.percent) for each in given.mirror)


def read_body(path: Path) -> str:
    """The text of a direct response; raises `WrongValueError`."""
    try:
        with path.open("rb") as stream:
            body = stream.read(BODY_MAX + 1)
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise WrongValueError(f"{path.name} cannot be read ({why}); write a path relative to this file") from None
    if len(body) > BODY_MAX:
        raise WrongValueError(f"{path.name} has over {BODY_MAX} bytes; write a shorter one")
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        raise WrongValueError(f"{path.name} is not UTF-8 (byte {error.start}); write text") from None


def nearest_fault(status: int) -> snapshot.FaultName:
    """The proxy's own error that says most of what a status of HTTP does. There is none that says that all went well."""
    if status >= _SERVER_ERROR:
        return _FAULTS.get(status, "closed")
    return _FAULTS.get(status, "malformed" if status >= _BAD_REQUEST else "no_route")


def _redirect(given: Route) -> snapshot.Redirect:
    asked = given.redirect
    assert asked is not None
    matched = given.match.path.prefix if given.match.path is not None else None
    return snapshot.Redirect(
        asked.status, asked.scheme, asked.host, asked.port, asked.path, asked.prefix,
        len((matched or "").encode()) if asked.prefix is not None else 0, asked.strip_query,
    )  # fmt: skip


def _direct(given: DirectResponse, folder: Path) -> snapshot.DirectResponse:
    body = given.body or "" if given.body_file is None else read_body(folder / given.body_file)
    grpc = _GRPC.get(given.status, 2) if given.grpc_status is None else given.grpc_status
    return snapshot.DirectResponse(given.status, body, given.fault or nearest_fault(given.status), grpc)
