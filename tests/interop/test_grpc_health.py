"""The health service of grpc-go as the proxy checks it, and servers that have none, in plaintext and by TLS."""

from __future__ import annotations

import json
import threading
import time
import urllib.request
from typing import TYPE_CHECKING, Any

import pytest
from harness.proxy import Proxy
from harness.secure import secrets

if TYPE_CHECKING:
    from pathlib import Path

    from harness.grpc_peers import Grpc

PATIENCE, LOOK_EVERY = 10.0, 0.02


def config(address: str, grpc: Grpc, *, check: str, tls: bool) -> str:
    said = secrets(grpc.pki, "web") if tls else ""
    theirs = ", tls: {ca: mesh-ca, server_name: a.test}" if tls else ""
    said += 'listeners:\n  - {name: mesh, address: "127.0.0.1:0", protocols: auto, routes: main}\n'
    said += "routes:\n  main: [{cluster: server}]\n"
    checks = f"health_check: {{grpc: {{{check}}}, interval: 100ms}}"
    return said + f'clusters:\n  server: {{hosts: ["{address}"], http: http2, {checks}{theirs}}}\nadmin: 127.0.0.1:0\n'


def checked(proxy: Proxy) -> dict[str, Any]:
    """What the first check has made of the host."""
    tick, end = threading.Event(), time.monotonic() + PATIENCE
    while time.monotonic() < end:
        with urllib.request.urlopen(f"http://{proxy.admin}/clusters", timeout=PATIENCE) as answer:
            (clusters,) = json.load(answer)["workers"]
        health: dict[str, Any] = clusters["server"]["hosts"][0]["health"]
        if health["state"] != "unknown":
            return health
        tick.wait(LOOK_EVERY)
    raise AssertionError("no check has ended")


@pytest.fixture(params=["plaintext", "tls"])
def tls(request: pytest.FixtureRequest) -> bool:
    return bool(request.param == "tls")


@pytest.mark.parametrize(
    ("check", "state", "reason"),
    [("", "healthy", ""), ("service: nobody", "unhealthy", "NOT_FOUND: it does not know the service that is asked for")],
    ids=["the server", "a service that there is not"],
)
def test_grpc_go(grpc: Grpc, tmp_path: Path, tls: bool, check: str, state: str, reason: str) -> None:
    peer = grpc.peer("go_tls" if tls else "go")
    proxy = Proxy(config(peer.address, grpc, check=check, tls=tls), tmp_path)
    try:
        health = checked(proxy)
        assert (health["state"], health["reason"]) == (state, reason)
    finally:
        assert proxy.stop() == 0


@pytest.mark.parametrize("role", ["python", "js"])
def test_servers_without_a_health_service(grpc: Grpc, tmp_path: Path, tls: bool, role: str) -> None:
    peer = grpc.peer(f"{role}_tls" if tls else f"{role}_server")
    proxy = Proxy(config(peer.address, grpc, check="", tls=tls), tmp_path)
    try:
        assert checked(proxy)["reason"] == "UNIMPLEMENTED: it has no service grpc.health.v1.Health"
    finally:
        assert proxy.stop() == 0
