"""`xproto run`, from outside: what it prints, answers, survives, and how it ends."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.control.proxy_process import (
    ID,
    NO_ROUTE,
    REQUEST,
    RESPONSE,
    ProxyProcess,
    beats,
    connect,
    ended,
    receive,
    running,
    write,
)


@pytest.fixture
def host() -> Iterator[socket.socket]:
    """A host of the cluster, played by the test."""
    with socket.create_server(("127.0.0.1", 0)) as made:
        made.settimeout(20)
        yield made


def call_in_flight(proxy: ProxyProcess, folder: Path, host: socket.socket) -> tuple[socket.socket, socket.socket, bytes]:
    """A client's connection, the host's, and the request as it arrived there."""
    client = connect(proxy.wait_ready()["mesh"])
    client.sendall(REQUEST)
    upstream, _ = host.accept()
    upstream.settimeout(20)
    return client, upstream, receive(upstream, len(REQUEST))


def with_host(folder: Path, host: socket.socket, text: str = "") -> Path:
    return write(folder, text, host=f"127.0.0.1:{host.getsockname()[1]}")


def test_it_says_where_it_listens_then_ready_and_works(tmp_path: Path) -> None:
    with running(write(tmp_path)) as proxy:
        name, address = proxy.out.next().split()[1:]
        assert name == "mesh"
        assert not address.endswith(":0")
        assert proxy.out.next() == "ready"
        with connect(address) as client:
            assert beats(client)


def test_a_call_goes_through_and_keeps_its_id(tmp_path: Path, host: socket.socket) -> None:
    with running(with_host(tmp_path, host)) as proxy:
        client, upstream, request = call_in_flight(proxy, tmp_path, host)
        with client, upstream:
            assert request[:5] + request[9:] == REQUEST[:5] + REQUEST[9:]
            upstream.sendall(RESPONSE[:5] + request[ID] + RESPONSE[9:])
            assert receive(client, len(RESPONSE)) == RESPONSE[:5] + REQUEST[ID] + RESPONSE[9:]


def test_a_call_without_a_route_is_answered(tmp_path: Path) -> None:
    file = write(tmp_path)
    file.write_text(file.read_text().replace("EchoService:1.0", "OtherService"))
    with running(file) as proxy, connect(proxy.wait_ready()["mesh"]) as client:
        client.sendall(REQUEST)
        answer = receive(client, 20)
        assert answer[ID] == REQUEST[ID]
        assert int.from_bytes(answer[10:12], "big") == NO_ROUTE


def test_term_lets_calls_finish_and_takes_no_new_ones(tmp_path: Path, host: socket.socket) -> None:
    with running(with_host(tmp_path, host, "drain_timeout: 1h\n")) as proxy:
        client, upstream, request = call_in_flight(proxy, tmp_path, host)
        with client, upstream:
            proxy.signal(signal.SIGTERM)
            assert "draining for at most 3600 s" in proxy.log.next()
            wait_refused(proxy.out.seen[0].split()[-1])
            upstream.sendall(RESPONSE[:5] + request[ID] + RESPONSE[9:])
            assert receive(client, len(RESPONSE)) == RESPONSE[:5] + REQUEST[ID] + RESPONSE[9:]
            assert client.recv(1) == b""
        assert proxy.wait() == 0


def wait_refused(address: str) -> None:
    """The signal travels to the worker; until it is there, connections are still taken."""
    while True:
        try:
            connect(address).close()
        except ConnectionResetError:
            continue
        except ConnectionRefusedError:
            return


def test_the_drain_has_a_deadline(tmp_path: Path, host: socket.socket) -> None:
    with running(with_host(tmp_path, host, "drain_timeout: 50ms\n")) as proxy:
        client, upstream, _ = call_in_flight(proxy, tmp_path, host)
        with client, upstream:
            proxy.signal(signal.SIGTERM)
            assert proxy.wait() == 0
        assert "1 calls were still in flight at the end" in proxy.rest_of_log()[1]


@pytest.mark.parametrize("signals", [[signal.SIGINT], [signal.SIGTERM, signal.SIGTERM], [signal.SIGTERM, signal.SIGINT]])
def test_int_or_a_second_term_is_fast(tmp_path: Path, host: socket.socket, signals: list[signal.Signals]) -> None:
    with running(with_host(tmp_path, host, "drain_timeout: 1h\n")) as proxy:
        client, upstream, _ = call_in_flight(proxy, tmp_path, host)
        with client, upstream:
            for each in signals:
                proxy.signal(each)
                assert proxy.log.next()
            assert proxy.wait() == 0


def test_signals_to_the_whole_group_are_controls_to_handle(tmp_path: Path, host: socket.socket) -> None:
    with running(with_host(tmp_path, host, "drain_timeout: 1h\n")) as proxy:
        client, upstream, request = call_in_flight(proxy, tmp_path, host)
        with client, upstream:
            for worker in proxy.workers():
                os.kill(worker, signal.SIGTERM)
                os.kill(worker, signal.SIGINT)
            upstream.sendall(RESPONSE[:5] + request[ID] + RESPONSE[9:])
            assert receive(client, len(RESPONSE))


def test_hup_is_survived(tmp_path: Path) -> None:
    with running(write(tmp_path)) as proxy:
        address = proxy.wait_ready()["mesh"]
        proxy.signal(signal.SIGHUP)
        assert proxy.log.next().endswith("proxy.yaml: nothing changed")
        with connect(address) as client:
            assert beats(client)


def test_a_worker_that_dies_is_replaced_and_no_connection_refused(tmp_path: Path) -> None:
    with running(write(tmp_path)) as proxy:
        address = proxy.wait_ready()["mesh"]
        [before] = proxy.workers()
        with connect(address) as client:
            assert beats(client)
            os.kill(before, signal.SIGKILL)
            assert client.recv(1) == b""
        with connect(address) as client:
            assert beats(client)
        assert f"worker 0 (pid {before}) died (signal 9); again in 0.05 s" in proxy.log.next()
        [after] = proxy.workers()
        assert after != before


def test_a_worker_does_not_outlive_control(tmp_path: Path) -> None:
    with running(write(tmp_path)) as proxy:
        proxy.wait_ready()
        [worker] = proxy.workers()
        proxy.process.kill()
        ended(worker)


def test_two_workers_share_the_port(tmp_path: Path) -> None:
    with running(write(tmp_path, "workers: 2\n")) as proxy:
        address = proxy.wait_ready()["mesh"]
        assert len(proxy.workers()) == 2
        clients = [connect(address) for _ in range(20)]
        assert all(beats(client) for client in clients)
        proxy.signal(signal.SIGTERM)
        assert proxy.wait() == 0
        for client in clients:
            assert client.recv(1) == b""
            client.close()


def test_a_unix_listener_and_a_unix_host(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as host:
        host.bind(str(tmp_path / "host.sock"))
        host.listen()
        host.settimeout(20)
        file = write(tmp_path, address=f"unix:{tmp_path}/mesh.sock", host=f"unix:{tmp_path}/host.sock")
        with running(file) as proxy:
            client, upstream, request = call_in_flight(proxy, tmp_path, host)
            with client, upstream:
                upstream.sendall(RESPONSE[:5] + request[ID] + RESPONSE[9:])
                assert receive(client, len(RESPONSE))
            proxy.signal(signal.SIGTERM)
            assert proxy.wait() == 0
        assert not (tmp_path / "mesh.sock").exists()


def test_a_stale_unix_path_of_a_killed_proxy_is_taken_over(tmp_path: Path) -> None:
    file = write(tmp_path, address=f"unix:{tmp_path}/mesh.sock")
    with running(file) as proxy:
        proxy.wait_ready()
        [worker] = proxy.workers()
        proxy.process.kill()
        ended(worker)
    with running(file) as proxy, connect(proxy.wait_ready()["mesh"]) as client:
        assert beats(client)


def test_an_address_in_use_is_said_and_ends_with_1(tmp_path: Path, host: socket.socket) -> None:
    port = host.getsockname()[1]
    with running(write(tmp_path, address=f"127.0.0.1:{port}")) as proxy:
        assert proxy.wait() == 1
        assert proxy.rest_of_log()[-1].endswith(f"mesh: cannot listen on 127.0.0.1:{port}: Address already in use")


def test_a_working_directory_with_a_folder_named_proxy_does_no_harm(tmp_path: Path) -> None:
    """Children must run this package, not what lies where the proxy happens to be started."""
    (tmp_path / "proxy").mkdir()
    (tmp_path / "proxy" / "__init__.py").write_text("raise SystemExit('the wrong package')")
    from proxy.control.spawn import ROOT

    starter = tmp_path / "start.py"
    starter.write_text(
        f"import sys; sys.path.insert(0, {ROOT!r}); from proxy.cli import main; main(['run', {str(write(tmp_path))!r}])"
    )
    import subprocess
    import sys

    from tests.control.proxy_process import Lines

    process = subprocess.Popen([sys.executable, str(starter)], stdout=subprocess.PIPE, cwd=tmp_path)
    try:
        Lines(process.stdout).until("ready")
        process.terminate()
        assert process.wait(20) == 0
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def test_the_worker_imports_nothing_that_only_control_needs(tmp_path: Path) -> None:
    """Import contracts see the source; this sees the process."""
    spec = tmp_path / "look.py"
    spec.write_text(
        "import sys, os, re\n"
        "heavy = {'pydantic', 'yaml', 'click', 'aiohttp', 'grpc', 'rich', 'thriftpy2', 'cryptography'} & set(sys.modules)\n"
        f"if 'proxy.worker' in sys.modules: open({str(tmp_path / 'seen')!r}, 'w').write(repr(heavy))\n"
        "from xproto.codecs.bolt import BOLT\nimport dataclasses\nMINE = dataclasses.replace(BOLT, name='mine')\n"
    )
    file = write(tmp_path, "protocol_specs: [look.py]\n")
    file.write_text(file.read_text().replace("protocols: auto", "protocols: [bolt]"))
    with running(file) as proxy:
        proxy.wait_ready()
        assert (tmp_path / "seen").read_text() == "set()"
