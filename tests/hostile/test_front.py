"""Before a protocol is known: strangers and where they go, balancers and whom they speak for, and very many who wait."""

from __future__ import annotations

import contextlib
import socket
import struct
from collections.abc import Iterator

import pytest

from tests.hostile.fakes import Echo
from tests.hostile.peers import BEACON, Client
from tests.hostile.process import PATIENCE, Proxy, Watch
from tests.hostile.wire import bolt

CONFIG = """
listeners:
  - name: mesh
    address: "127.0.0.1:0"
    protocols: auto
    routes: main
    detect: {{timeout: 300ms}}
    proxy_protocol: [127.0.0.1]
    fallback: {{cluster: tcp}}
  - {{name: patient, address: "127.0.0.1:0", protocols: auto, routes: main, detect: {{timeout: 1h}}}}
routes:
  main: [{{match: {{headers: {{service: com.test.Echo}}}}, cluster: echo}}]
clusters:
  echo: {{hosts: ["{echo}"]}}
  tcp: {{hosts: ["127.0.0.1:{port}"]}}
protocol_specs: ["{beacon}"]
admin: 127.0.0.1:0
"""
STRANGER = "127.0.0.2"
V1 = b"PROXY TCP4 203.0.113.9 10.0.0.1 4711 80\r\n"
V2 = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c" + bytes([203, 0, 113, 9, 10, 0, 0, 1]) + struct.pack(">HH", 4711, 80)
WAITING = 2000
EACH = 4096
"""Bytes of the worker's memory that a connection may cost which has sent one byte."""


@pytest.fixture(scope="module")
def server() -> Iterator[socket.socket]:
    """The listening socket of a server that speaks nothing the proxy knows; its part is the test's."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(PATIENCE)
        yield listening


@pytest.fixture(scope="module")
def mesh(server: socket.socket, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    with Echo(b"a") as echo:
        config = CONFIG.format(echo=echo.address, port=server.getsockname()[1], beacon=BEACON)
        with Proxy(config, tmp_path_factory.mktemp("front")) as proxy:
            yield proxy
            proxy.sound()


@pytest.fixture
def watch(mesh: Proxy) -> Watch:
    return Watch(mesh)


@contextlib.contextmanager
def client_of(mesh: Proxy, source: str = "127.0.0.1") -> Iterator[socket.socket]:
    with socket.create_connection(mesh.address, PATIENCE, source_address=(source, 0)) as made:
        yield made


@contextlib.contextmanager
def accepted(server: socket.socket) -> Iterator[socket.socket]:
    made, _ = server.accept()
    with made:
        made.settimeout(PATIENCE)
        yield made


def receive(connection: socket.socket, size: int) -> bytes:
    return connection.recv(size, socket.MSG_WAITALL)


def test_a_server_that_speaks_first(mesh: Proxy, server: socket.socket, watch: Watch) -> None:
    with client_of(mesh) as client, accepted(server) as host:
        host.sendall(b"220 hello\r\n")
        assert receive(client, 11) == b"220 hello\r\n"
        client.sendall(b"QUIT\r\n")
        assert receive(host, 6) == b"QUIT\r\n"
    watch.eventually(0, "tunnels_active")
    assert watch.grew("detected_total", result="timeout") == watch.grew("tunnels_total") == 1


@pytest.mark.parametrize("first", ["client", "host"])
def test_each_side_ends_by_itself(mesh: Proxy, server: socket.socket, watch: Watch, first: str) -> None:
    with client_of(mesh) as client:
        client.sendall(b"hello, whoever you are")
        with accepted(server) as host:
            assert receive(host, 22) == b"hello, whoever you are"
            one, other = (client, host) if first == "client" else (host, client)
            one.sendall(b"last words")
            one.shutdown(socket.SHUT_WR)
            assert receive(other, 10) == b"last words"
            assert other.recv(1) == b""
            answer = bytes(range(256)) * 40_000
            other.settimeout(None)
            other.setblocking(False)
            assert exchange(other, one, answer) == answer
            other.shutdown(socket.SHUT_WR)
            assert one.recv(1) == b""
    watch.eventually(0, "tunnels_active")
    assert watch.grew("tunnel_bytes_total") == 22 + 10 + len(answer)


def exchange(sender: socket.socket, receiver: socket.socket, data: bytes) -> bytes:
    """All of it, through pipes that hold less."""
    got, at = bytearray(), 0
    while len(got) < len(data):
        if at < len(data):
            with contextlib.suppress(BlockingIOError):
                at += sender.send(data[at:])
        got += receiver.recv(1 << 20)
    return bytes(got)


@pytest.mark.parametrize("header", [V1, V2], ids=["v1", "v2"])
def test_a_header_from_whom_it_may_come(mesh: Proxy, watch: Watch, header: bytes) -> None:
    with Client(mesh.address) as client:
        client.send(header)
        assert client.call(bolt(5)).id == 5
        assert '"203.0.113.9:4711"' in mesh.get("/listeners")
    assert watch.grew("proxy_headers_total", outcome="accepted") == 1


@pytest.mark.parametrize("header", [V1, V2], ids=["v1", "v2"])
def test_a_header_from_whom_it_may_not(mesh: Proxy, server: socket.socket, watch: Watch, header: bytes) -> None:
    with client_of(mesh, STRANGER) as client:
        client.sendall(header + bolt(5))
        with accepted(server) as host:
            assert receive(host, len(header)) == header
            assert '"203.0.113.9:4711"' not in mesh.get("/listeners")
    assert watch.grew("proxy_headers_total", outcome="untrusted") == 1
    assert watch.grew("calls_total") == 0


def test_a_header_that_is_malformed(mesh: Proxy, watch: Watch) -> None:
    with client_of(mesh) as client:
        client.sendall(b"PROXY TCP4 nobody\r\n")
        assert client.recv(1) == b""
    watch.logged("malformed header: PROXY")
    assert watch.grew("proxy_headers_total", outcome="malformed") == 1
    assert watch.grew("tunnels_total") == 0


def test_many_that_have_sent_one_byte(mesh: Proxy) -> None:
    """They wait for hours here, as they may until the deadline: a few hundred bytes each, and no work."""
    address = mesh.listeners["patient"]
    with contextlib.ExitStack() as stack:
        for _ in range(50):  # what is allocated once is not theirs
            Client(address).close()
        before = mesh.memory()
        clients = [stack.enter_context(Client(address)) for _ in range(WAITING)]
        for client in clients:
            client.send(b"\x02")
        mesh.eventually(WAITING, "downstream_rx_bytes_total", listener="patient")
        each = (mesh.memory() - before) / WAITING
        used = mesh.processor_seconds()
        for client in clients:
            client.send(b"\x01")  # not enough to say more: the kernel keeps it to itself
        assert mesh.count("downstream_rx_bytes_total", listener="patient") == WAITING, "it was woken for nothing"
        used = mesh.processor_seconds() - used
        assert each < EACH, f"{each:.0f} bytes for each; {used:.2f} s of processor time for a byte more of each"
    mesh.eventually(0, "downstream_connections_active", listener="patient")
