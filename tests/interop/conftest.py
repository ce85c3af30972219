"""Fixtures of the interop tests: every real peer once for the whole session, and the proxy between them.

`via` runs a test twice: straight from client to server, which proves the peers, and through the proxy. A peer that
is missing is an error, never a skip. The log of every process that a failed test used is attached to its report.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

from harness.grpc_peers import Grpc
from harness.http2 import Http2
from harness.mesh import Mesh
from harness.processes import Child
from harness.roads import ROADS, Roads, Route
from harness.secure import Secure
from harness.web import Web

if TYPE_CHECKING:
    from collections.abc import Iterator


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker("interop")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Any:
    report = yield
    if report.failed:
        for value in getattr(item, "funcargs", {}).values():
            for child in value.children() if isinstance(value, Mesh | Route) else [value]:
                if isinstance(child, Child):
                    report.sections.append((f"log of {child.name}", child.tail()))
    return report


@pytest.fixture(scope="session")
def mesh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mesh]:
    """Every peer and the proxy between them, each started when it is first asked for."""
    with Mesh(tmp_path_factory.mktemp("interop")) as started:
        yield started


@pytest.fixture(scope="session")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    """The peers of HTTP/1.1 and the proxy between them, each started when it is first asked for."""
    with Web(tmp_path_factory.mktemp("web")) as started:
        yield started


@pytest.fixture(scope="session")
def secure(tmp_path_factory: pytest.TempPathFactory, mesh: Mesh, web: Web) -> Iterator[Secure]:
    """The peers of TLS and the proxy between them, each started when it is first asked for."""
    with Secure(tmp_path_factory.mktemp("secure"), mesh, web) as started:
        yield started


@pytest.fixture(params=["direct", "proxy"])
def via(request: pytest.FixtureRequest) -> str:
    """How a client reaches its server: "direct" or through the "proxy"."""
    path: str = request.param
    return path


@pytest.fixture(scope="session")
def http2(tmp_path_factory: pytest.TempPathFactory, secure: Secure) -> Iterator[Http2]:
    """The peers of HTTP/2, each started when it is first asked for."""
    with Http2(tmp_path_factory.mktemp("http2"), secure.pki) as started:
        yield started


@pytest.fixture(scope="session")
def grpc(tmp_path_factory: pytest.TempPathFactory, secure: Secure) -> Iterator[Grpc]:
    """The peers of gRPC, each started when it is first asked for."""
    with Grpc(tmp_path_factory.mktemp("grpc"), secure.pki) as started:
        yield started


@pytest.fixture(scope="session")
def roads(tmp_path_factory: pytest.TempPathFactory, secure: Secure, http2: Http2, grpc: Grpc, mesh: Mesh) -> Iterator[Roads]:
    """The proxies before servers of HTTP/2; they stop before the servers do."""
    with Roads(tmp_path_factory.mktemp("roads"), secure.pki) as started:
        yield started


@pytest.fixture(params=ROADS)
def route(request: pytest.FixtureRequest, roads: Roads) -> Route:
    """How a client of HTTP/2 reaches its server: `route(server.address)` is what it dials."""
    return Route(request.param, roads)
