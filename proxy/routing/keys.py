"""The names of what routes look at: who says it, a frame or the proxy itself.

A plain key is a header of the protocol's, or one of its roles (`service`, `method`), which wins over a header of its name. A
key behind a colon is a role and nothing else: a service and a method, which HTTP has not, or what only HTTP has, whatever
the headers of a call are called. What the proxy itself knows of a connection or a call (`VARIABLES`, and metadata) is never
looked for in a frame. So no header can pose as the latter two.
"""

from __future__ import annotations

from proxy.tls.settings import SAN, SNI
from xproto.spec import Protocol

__all__ = [
    "AUTHORITY", "COOKIE", "HOST", "HTTP_METHOD", "METADATA", "METHOD", "PATH", "PROTOCOL", "QUERY", "SAN", "SERVICE", "SNI",
    "SOURCE", "VARIABLES",
]  # fmt: skip

SERVICE, METHOD = ":service", ":method"
PATH, HOST, AUTHORITY, HTTP_METHOD = ":path", ":host", ":authority", ":http_method"
QUERY, COOKIE = ":query.", ":cookie."
"""In front of a parameter's, or a cookie's, name."""

SOURCE, PROTOCOL = "source.address", ":protocol"
"""The client's address in its shortest form, without a port, or `unix`; and what a call's frames are of."""
VARIABLES = {"source.address": SOURCE, "protocol": PROTOCOL, "tls.sni": SNI, "tls.san": SAN}
"""By the names that users write."""
METADATA = "metadata."
"""In front of the name of what a filter has set."""


_OWN = frozenset(VARIABLES.values())


def is_own(key: str) -> bool:
    """Whether the proxy says it, of the connection or the call."""
    return key in _OWN or key.startswith(METADATA)


def asked_of(key: str, protocol: Protocol, http: bool) -> str | None:
    """What frames of a protocol are asked for where a route looks at `key`; None: nothing, they have no such thing.

    `http`: whether they are messages of HTTP.
    """
    if is_own(key):
        return None
    if key == SERVICE:
        return None if protocol.service is None else "service"
    if key == METHOD:
        return None if protocol.method is None else "method"
    return key if http or not key.startswith(":") else None
