"""Servers of gRPC that say how they are, by the health service of gRPC's own package, and where calls go because of it."""

from __future__ import annotations

import contextlib
import json
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from tests.control.proxy_process import running
from tests.grpc.conftest import Proxy
from tests.grpc.health_server import NOT_SERVING, SERVING, Checked
from tests.grpc.server import PATIENCE
from tests.tls.authority import Authority, Issued

CALLS = 6
CHECK = "health_check: {{grpc: {{{grpc}}}, interval: 50ms, timeout: 2s, unhealthy_threshold: 2, healthy_threshold: 2{more}}}"
CONFIGURATION = """\
listeners:
  - {{name: mesh, address: '127.0.0.1:0', protocols: auto, routes: main, access_log: {folder}/access.log}}
routes:
  main: [{{cluster: main}}]
clusters:
  main:
    hosts: {hosts}
    http: http2
    {check}
    {tls}
{secrets}
admin: 127.0.0.1:0
"""


class Checking(Proxy):
    """A proxy before servers that it checks."""

    def hosts(self) -> dict[str, Any]:
        """What it says of their health, by address."""
        with urllib.request.urlopen(f"http://{self.admin}/clusters", timeout=PATIENCE) as answer:
            (clusters,) = json.load(answer)["workers"]
        return {host["address"]: host["health"] for host in clusters["main"]["hosts"]}

    def wait(self, server: Checked, state: str) -> str:
        """Until the host is held for that; the reason that is given."""
        end = time.monotonic() + PATIENCE
        while (told := self.hosts()[server.address])["state"] != state:
            assert time.monotonic() < end, f"never {state}: {told}"
            time.sleep(0.02)
        reason: str = told["reason"]
        return reason

    def answered(self) -> list[str]:
        """Who answers calls, one after the other."""
        return sorted(self.unary("/test.Echo/Say")(b"", timeout=PATIENCE).decode() for _ in range(CALLS))


HALVES = ["one"] * (CALLS // 2) + ["two"] * (CALLS // 2)


@contextlib.contextmanager
def checking(
    folder: Path, *servers: Checked, grpc: str = "", more: str = "", tls: str = "", secrets: str = ""
) -> Iterator[Checking]:
    file = folder / "proxy.yaml"
    hosts = json.dumps([server.address for server in servers])
    check = CHECK.format(grpc=grpc, more=more)
    file.write_text(CONFIGURATION.format(folder=folder, hosts=hosts, check=check, tls=tls, secrets=secrets))
    with running(file) as process:
        made = Checking(folder, process.wait_ready())
        made.process = process
        yield made
        made.channel.close()


@pytest.fixture
def servers() -> Iterator[tuple[Checked, Checked]]:
    made = Checked("one"), Checked("two")
    yield made
    for each in made:
        each.stop()


def test_calls_go_where_it_is_serving(tmp_path: Path, servers: tuple[Checked, Checked]) -> None:
    one, two = servers
    with checking(tmp_path, one, two) as proxy:
        for each in servers:
            assert proxy.wait(each, "healthy") == ""
        assert proxy.answered() == HALVES
        one.set(NOT_SERVING)
        assert proxy.wait(one, "unhealthy") == "NOT_SERVING"
        assert proxy.answered() == ["two"] * CALLS
        assert proxy.count("upstream_unhealthy", host=one.address) == 1
        assert proxy.count("upstream_unhealthy", host=two.address) == 0
        one.set(SERVING)
        assert proxy.wait(one, "healthy") == ""
        assert proxy.answered() == HALVES
        assert proxy.count("upstream_health_checks_total", host=one.address, outcome="unhealthy") >= 2
        assert proxy.count("upstream_health_checks_total", host=two.address, outcome="unhealthy") == 0
        assert proxy.count("upstream_connections_total", host=one.address) == 1
        label = f"cluster main: host {one.address}"
        assert f"{label}: unhealthy: NOT_SERVING" in proxy.process.log.until("unhealthy")
        assert proxy.process.log.until(label).endswith(f"{label}: healthy again")


def test_a_server_that_dies_and_comes_back(tmp_path: Path, servers: tuple[Checked, Checked]) -> None:
    one, two = servers
    with checking(tmp_path, one, two) as proxy:
        proxy.wait(one, "healthy")
        one.stop()
        assert proxy.wait(one, "unhealthy") == "Connection refused"
        assert proxy.answered() == ["two"] * CALLS
        one.start()
        proxy.wait(one, "healthy")
        assert proxy.answered() == HALVES


def test_the_service_that_is_asked_for(tmp_path: Path, servers: tuple[Checked, Checked]) -> None:
    """The servers as a whole are well; of one the service is not, and the other does not know it until later."""
    one, two = servers
    one.set(NOT_SERVING, "test.Echo")
    with checking(tmp_path, one, two, grpc="service: test.Echo", more=", panic_threshold: 0") as proxy:
        assert proxy.wait(one, "unhealthy") == "NOT_SERVING"
        assert proxy.wait(two, "unhealthy") == "NOT_FOUND: it does not know the service that is asked for"
        with pytest.raises(grpc.RpcError) as caught:
            proxy.answered()
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
        (line,) = proxy.lines(method="Say")
        assert line["flags"] == "UH"
        assert "host" not in line
        two.set(SERVING, "test.Echo")
        proxy.wait(two, "healthy")
        assert proxy.answered() == ["two"] * CALLS


def test_servers_without_a_health_service_are_all_used(tmp_path: Path) -> None:
    bare = Checked("bare", healthy=False)
    try:
        with checking(tmp_path, bare) as proxy:
            assert proxy.wait(bare, "unhealthy") == "UNIMPLEMENTED: it has no service grpc.health.v1.Health"
            assert proxy.answered() == ["bare"] * CALLS
    finally:
        bare.stop()


def secured(folder: Path, ca: Authority, issued: Issued) -> tuple[Checked, Checked, str]:
    ca.write(folder, "ca")
    return Checked("one", issued), Checked("two", issued), f"secrets: {{ca: {{ca: {folder}/ca.crt}}}}"


def test_by_tls(tmp_path: Path) -> None:
    ca = Authority("mesh")
    one, two, secrets = secured(tmp_path, ca, ca.issue("echo.test", dns=["echo.test"]))
    try:
        with checking(tmp_path, one, two, tls="tls: {ca: ca, server_name: echo.test}", secrets=secrets) as proxy:
            for each in (one, two):
                proxy.wait(each, "healthy")
            assert proxy.answered() == HALVES
            two.set(NOT_SERVING)
            assert proxy.wait(two, "unhealthy") == "NOT_SERVING"
            assert proxy.answered() == ["one"] * CALLS
            assert proxy.count("upstream_tls_handshakes_total", host=one.address) == 1
    finally:
        one.stop()
        two.stop()


def test_a_certificate_that_is_not_accepted(tmp_path: Path) -> None:
    one, two, secrets = secured(tmp_path, Authority("mesh"), Authority("other").issue("echo.test", dns=["echo.test"]))
    try:
        with checking(tmp_path, one, two, tls="tls: {ca: ca, server_name: echo.test}", secrets=secrets) as proxy:
            assert proxy.wait(one, "unhealthy").startswith("TLS: ")
            assert proxy.count("upstream_health_checks_total", host=one.address, outcome="connect") >= 1
    finally:
        one.stop()
        two.stop()
