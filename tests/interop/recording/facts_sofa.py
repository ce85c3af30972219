"""What SOFARPC's server invokes when a request's header map names another service or method than its content."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

from harness.relay import Relay
from harness.rpc_facts import bolt_facts
from harness.wire import ask

from .dialogue import exchange
from .facts_bolt import pairs

if TYPE_CHECKING:
    from harness.processes import Peer

SERVICE = "com.test.SofaService:1.0"
NOBODY = "com.test.NobodyIsIt:1.0"
HEADERS: dict[str, dict[str, str]] = {
    "as the client sends it": {},
    "service names nobody": {"service": NOBODY},
    "sofa_head_target_service names nobody": {"sofa_head_target_service": NOBODY},
    "both name nobody": {"service": NOBODY, "sofa_head_target_service": NOBODY},
    "sofa_head_method_name is another method": {"sofa_head_method_name": "tell"},
}


def with_headers(frame: bytes, headers: dict[str, str]) -> bytes:
    """A Bolt v1 request with another header map."""
    class_length, header_length, content_length = struct.unpack_from(">HHI", frame, 14)
    block = b"".join(pairs(key, value) for key, value in headers.items())
    start, end = 22 + class_length, 22 + class_length + header_length
    return frame[:14] + struct.pack(">HHI", class_length, len(block), content_length) + frame[22:start] + block + frame[end:]


def disagreements(server: Peer, client: Peer) -> list[dict[str, Any]]:
    """Which method really ran for each, or "refused"."""
    with Relay(server.address) as relay:
        request, _ = exchange(relay, client, method="echo", text="x", client="facts")
    given = bolt_facts(request)["headers"]
    results: list[dict[str, Any]] = []
    for name, changed in HEADERS.items():
        server.ok("reset")
        ask(server.address, with_headers(request, {**given, **changed}))
        ran = list(server.ok("stats")["methods"])
        results.append({"name": name, "headers": {**given, **changed}, "invoked": ran[0] if ran else "refused"})
    return results
