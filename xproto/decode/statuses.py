"""What an answer's status means, in the words of each protocol's own specification.

Sources: SOFABolt's ResponseStatus, Dubbo's Response, Tars' TarsCodes, Thrift's message types, RFC 9110.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from xproto.decode.fields import at_path

PLACES = ("status", "head.status", "body.code", "type", "head.type", "code")
"""Where frames say it: the first that an answer has."""
_BOLT = {
    0: "success", 1: "error", 2: "server exception", 3: "unknown", 4: "server thread pool busy", 5: "error in communication",
    6: "no processor", 7: "timeout", 8: "client send error", 9: "codec exception", 16: "connection closed",
    17: "server serialization exception", 18: "server deserialization exception",
}  # fmt: skip
_DUBBO = {
    20: "ok", 25: "serialization error", 30: "client timeout", 31: "server timeout", 35: "channel inactive", 40: "bad request",
    50: "bad response", 60: "service not found", 70: "service error", 80: "server error", 90: "client error",
    100: "server thread pool exhausted",
}  # fmt: skip
_TARS = {
    0: "success", -1: "decode error", -2: "encode error", -3: "no function", -4: "no servant", -5: "reset grid",
    -6: "queue timeout", -7: "invoke timeout", -8: "proxy connect error", -9: "overload", -10: "no endpoint",
    -99: "unknown error",
}  # fmt: skip
MEANINGS: Mapping[str, Mapping[int, str]] = {"bolt": _BOLT, "dubbo": _DUBBO, "tars": _TARS}


def status_of(protocol: str, fields: Any) -> str | None:
    """An answer's status, such as ``0 success``; None where it has none."""
    found = next((value for path in PLACES if (value := at_path(fields, path)) is not None), None)
    if found is None:
        return None
    if not isinstance(found, int) or isinstance(found, str):
        return str(found)
    meaning = MEANINGS.get(protocol, {}).get(int(found))
    return f"{int(found)} {meaning}" if meaning else str(found)
