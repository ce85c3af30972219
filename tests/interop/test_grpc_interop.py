"""The interop test cases of gRPC, between the official clients and servers of grpc-go and grpc-java.

Left out are those that need somebody else's infrastructure, and those that a server must have been taught.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from harness.grpc_peers import go_interop

if TYPE_CHECKING:
    from harness.grpc_peers import Grpc
    from harness.roads import Route

CASES = (
    "empty_unary",
    "large_unary",
    "client_streaming",
    "server_streaming",
    "ping_pong",
    "empty_stream",
    "custom_metadata",
    "status_code_and_message",
    "special_status_message",
    "unimplemented_method",
    "unimplemented_service",
    "cancel_after_begin",
    "cancel_after_first_response",
    "timeout_on_sleeping_server",
    "rpc_soak",
    "channel_soak",
)
COMPRESSED = (
    "client_compressed_unary_noprobe",
    "server_compressed_unary",
    "client_compressed_streaming_noprobe",
    "server_compressed_streaming",
)
"""grpc-go's client has none of these, nor the last one."""


@pytest.fixture(params=["go", "java"])
def server(request: pytest.FixtureRequest, grpc: Grpc) -> str:
    """Its address."""
    return grpc.peer(request.param).address


@pytest.mark.parametrize("case", CASES)
def test_go(server: str, route: Route, case: str) -> None:
    go_interop(route(server), case)


@pytest.mark.parametrize("case", CASES)
def test_go_over_tls(grpc: Grpc, route: Route, case: str) -> None:
    trust = ["--use_tls", "--use_test_ca", f"--ca_file={grpc.pki.ca}", "--server_host_override=a.test"]
    go_interop(route(grpc.peer("go_tls").address, tls=True), case, *trust)


@pytest.mark.parametrize("case", [*CASES, *COMPRESSED, "very_large_request"])
def test_java(grpc: Grpc, server: str, route: Route, case: str) -> None:
    grpc.peer("java").ok("run", target=route(server), case=case)
