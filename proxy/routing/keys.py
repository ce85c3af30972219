"""The names of what routes look at: who says it, a frame or the proxy itself.

A plain key is a header of the protocol's, or one of its roles (`service`, `method`). A key behind a colon is what a request
of HTTP has, and calls of other protocols have not, whatever their headers are called. What the proxy itself knows of a
connection or a call (`VARIABLES`, and metadata) is never looked for in a frame, so no header can pose as it.
"""

from __future__ import annotations

from proxy.tls.settings import SAN, SNI

__all__ = ["AUTHORITY", "HOST", "HTTP_METHOD", "METADATA", "PATH", "PROTOCOL", "QUERY", "SAN", "SNI", "SOURCE", "VARIABLES"]

PATH, HOST, AUTHORITY, HTTP_METHOD = ":path", ":host", ":authority", ":http_method"
QUERY = ":query."
"""In front of a parameter's name."""

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


def is_frames(key: str, http: bool) -> bool:
    """Whether frames are asked for it; `http`: whether they are messages of HTTP."""
    return not is_own(key) and (http or not key.startswith(":"))
