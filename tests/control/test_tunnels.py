"""Tunnels outlive a change of what they came by, and are waited for at the end."""

from __future__ import annotations

import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.control.proxy_process import ProxyProcess, connect, receive, running
from tests.control.test_reload import Host, host, reloaded, rewrite, second

__all__ = ["host", "second"]

CONFIGURATION = """\
listeners:
  - {{name: mesh, address: '127.0.0.1:0', protocols: auto, routes: main, fallback: {{cluster: tcp}}}}
routes: {{main: [{{direct_response: {{status: 404}}}}]}}
clusters:
  tcp: {{hosts: ['{host}']}}
admin: 127.0.0.1:0
"""
GREETING = b"SSH-2.0-x\r\n"


@pytest.fixture
def proxy(tmp_path: Path, host: Host) -> Iterator[ProxyProcess]:
    (tmp_path / "proxy.yaml").write_text(CONFIGURATION.format(host=host.address))
    with running(tmp_path / "proxy.yaml") as made:
        yield made


def joined(address: str, host: Host) -> tuple[socket.socket, socket.socket]:
    client = connect(address)
    client.sendall(GREETING)
    server = host.accept()
    assert receive(server, len(GREETING)) == GREETING
    return client, server


def goes_on(client: socket.socket, server: socket.socket) -> None:
    client.sendall(b"still")
    assert receive(server, 5) == b"still"
    server.sendall(b"here")
    assert receive(client, 4) == b"here"


def test_a_reload_leaves_tunnels_alone(proxy: ProxyProcess, tmp_path: Path, host: Host, second: Host) -> None:
    """Its host leaves, then its fallback and cluster, then its listener: it goes on, and those that come go elsewhere."""
    file, addresses = tmp_path / "proxy.yaml", proxy.wait_ready()
    client, server = joined(addresses["mesh"], host)
    rewrite(file, f"'{host.address}'", f"'{second.address}'")
    reloaded(addresses["admin"])
    goes_on(client, server)
    other = joined(addresses["mesh"], second)
    rewrite(file, ", fallback: {cluster: tcp}", "")
    rewrite(file, "  tcp: {", "  other: {")
    reloaded(addresses["admin"])
    goes_on(client, server)
    with connect(addresses["mesh"]) as stranger:
        stranger.sendall(GREETING)
        assert receive(stranger, 1) == b""
    rewrite(file, "name: mesh, address: '127.0.0.1:0'", "name: new, address: '127.0.0.1:0'")
    reloaded(addresses["admin"])
    goes_on(client, server)
    goes_on(*other)
    client.shutdown(socket.SHUT_WR)
    assert receive(server, 1) == b""
    server.sendall(b"bye")
    server.close()
    assert receive(client, 4) == b"bye"
    for each in (client, *other):
        each.close()


def test_a_drain_waits_for_tunnels(proxy: ProxyProcess, host: Host) -> None:
    client, server = joined(proxy.wait_ready()["mesh"], host)
    proxy.signal(signal.SIGTERM)
    proxy.log.until("drain")
    goes_on(client, server)
    client.close()
    assert receive(server, 1) == b""
    server.close()
    assert proxy.wait() == 0
    assert not any("still" in line for line in proxy.rest_of_log())


def test_a_drain_does_not_wait_for_ever(proxy: ProxyProcess, tmp_path: Path, host: Host) -> None:
    file = tmp_path / "proxy.yaml"
    file.write_text(file.read_text() + "drain_timeout: 100ms\n")
    addresses = proxy.wait_ready()
    reloaded(addresses["admin"])
    client, server = joined(addresses["mesh"], host)
    proxy.signal(signal.SIGTERM)
    assert proxy.wait() == 0
    assert any("1 calls were still in flight at the end, tunnels included" in line for line in proxy.rest_of_log())
    assert receive(client, 1) == receive(server, 1) == b""
    client.close()
