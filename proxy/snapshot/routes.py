"""Virtual hosts and their routes: which calls they take, and what is done with those."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from proxy.snapshot.edits import Edits
from proxy.snapshot.retries import Retry

MatchKind = Literal["exact", "prefix", "suffix", "contains", "regex", "template", "range", "network", "any_of", "present"]
FaultName = Literal["no_route", "no_host", "connect", "overload", "timeout", "closed", "malformed"]
REDIRECT_STATUS = 301
"""As other proxies send where nothing is said."""


class HeaderMatch(msgspec.Struct, frozen=True):
    """One condition on one key of the routing view (`proxy.routing.keys`). What the kinds mean: `proxy.routing.condition`."""

    key: str
    kind: MatchKind
    value: str = ""
    """Of a range: ``START:END``. Of `any_of` and `present`: none."""
    invert: bool = False
    ignore_case: bool = False
    """Of ASCII letters, in `exact`, `prefix`, `suffix`, `contains`; `value` is in lower case then."""
    choices: tuple[tuple[MatchKind, str], ...] = ()
    """Of `any_of`: one of these must hold, each an `exact`, `prefix`, `suffix` or `network`."""


class WeightedClusters(msgspec.Struct, frozen=True, tag="weighted"):
    """Each call goes to one of them, drawn by weight. Not all weights are 0."""

    clusters: tuple[tuple[str, int], ...]


class ClusterFrom(msgspec.Struct, frozen=True, tag="cluster_from"):
    """The cluster that the key's value names; `default`: of calls whose value names none; None: they have no route."""

    key: str
    default: str | None = None


class Redirect(msgspec.Struct, frozen=True, tag="redirect"):
    """Where a request of HTTP is sent on to; None: as it was. `prefix`: for the first `matched` bytes of the path."""

    status: int = REDIRECT_STATUS
    scheme: str | None = None
    host: str | None = None
    port: int | None = None
    path: str | None = None
    prefix: str | None = None
    matched: int = 0
    strip_query: bool = False


class DirectResponse(msgspec.Struct, frozen=True, tag="direct_response"):
    """What calls are answered with here. `fault`: for protocols without statuses of HTTP."""

    status: int
    body: str
    fault: FaultName
    grpc_status: int


class Mirror(msgspec.Struct, frozen=True):
    """Where copies of calls go; `percent` of them, 0 to 100."""

    cluster: str
    percent: float = 100.0


Action = WeightedClusters | ClusterFrom | Redirect | DirectResponse


class Route(msgspec.Struct, frozen=True):
    """Headers and the expression are ANDed; the first route of its virtual host that matches wins."""

    name: str
    headers: tuple[HeaderMatch, ...]
    cluster: str = ""
    """Empty where there is an `action`."""
    timeout: float | None = None
    """0: no deadline but the call's own."""
    oneway: bool = False
    retry: Retry | None = None
    """None: its calls are not sent again."""
    expression: str = ""
    """In CEL; empty: none."""
    action: Action | None = None
    """None: calls go to `cluster`."""
    mirrors: tuple[Mirror, ...] = ()
    edits: Edits | None = None
    """None: calls and answers go on as they are."""
    filters: dict[str, dict[str, Any] | None] = {}
    """Other settings for filters of the listener, by name; None: it is disabled. What the virtual host and the table say is in
    it, where the route says nothing nearer.
    """
    hash_policy: tuple[str, ...] = ()
    """Keys of the routing view (`proxy.balancing.hashing`): the first that a call has decides which host it goes to."""
    metadata_match: dict[str, str] = {}
    """Only hosts with this metadata; empty: all."""


class VirtualHost(msgspec.Struct, frozen=True):
    """The next `size` routes of a table are for requests to one of these domains (`proxy.routing.domains`)."""

    name: str
    domains: tuple[str, ...]
    size: int
