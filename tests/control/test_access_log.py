"""Access logs of a running proxy: lines for calls, files that are moved away, changes of the configuration."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import ssl
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from proxy.control.validator import InvalidError, validate
from tests.control.proxy_process import ID, NO_ROUTE, PATIENCE, REQUEST, RESPONSE, connect, receive, running
from tests.control.test_admin import get
from tests.control.test_reload import Host, answer, ask, refused, reloaded, rewrite
from tests.tls.authority import Authority

CONFIGURATION = """\
listeners:
  - {{name: mesh, address: 127.0.0.1:0, protocols: [bolt, http1], routes: main, access_log: access.log}}
  - name: secret
    address: 127.0.0.1:0
    protocols: [bolt, http1]
    routes: main
    access_log: {{path: {folder}/secret.log, format: text}}
    tls: {{certificates: web, client: {{verify: required, ca: ca}}}}
routes:
  main:
    - {{match: {{headers: {{sofa_head_target_service: "com.test.EchoService:1.0"}}}}, cluster: echo}}
    - {{match: {{path: {{prefix: /web}}}}, cluster: web}}
clusters:
  echo: {{hosts: ['{echo}']}}
  web: {{hosts: ['{web}']}}
secrets:
  web: {{certificate: web.crt, private_key: web.key}}
  ca: {{ca: ca.crt}}
admin: 127.0.0.1:0
"""
CA = Authority("test")
CLIENT = CA.issue("client", uris=["spiffe://test/ns/a/sa/b"], server=False)
PAGE = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@pytest.fixture
def echo() -> Iterator[Host]:
    made = Host()
    yield made
    made.close()


@pytest.fixture
def web() -> Iterator[Host]:
    made = Host()
    yield made
    made.close()


def configure(folder: Path, echo: Host, web: Host, more: str = "") -> Path:
    CA.issue("web.test", dns=["web.test"]).write(folder, "web")
    CLIENT.write(folder, "client")
    (folder / "ca.crt").write_text(CA.certificate)
    file = folder / "proxy.yaml"
    file.write_text(CONFIGURATION.format(folder=folder, echo=echo.address, web=web.address) + more)
    return file


def wait_for(path: Path, count: int) -> list[str]:
    """So many whole lines, and no more."""
    end = time.monotonic() + PATIENCE
    while not path.exists() or path.read_bytes().count(b"\n") < count:
        assert time.monotonic() < end, path.read_text() if path.exists() else "there is no file"
        time.sleep(0.01)
    lines = path.read_text().splitlines()
    assert len(lines) == count
    return lines


def parsed(path: Path, count: int) -> list[dict[str, Any]]:
    return [json.loads(line) for line in wait_for(path, count)]


def first_call(client: socket.socket, echo: Host) -> socket.socket:
    client.sendall(REQUEST)
    upstream = echo.accept()
    answer(upstream)
    receive(client, len(RESPONSE))
    return upstream


def fetch(client: socket.socket, web: Host, path: str = "/web/x?token=secret") -> None:
    client.sendall(f"GET {path} HTTP/1.1\r\nHost: web.test\r\n\r\n".encode())
    upstream = web.accept()
    upstream.recv(65536)
    upstream.sendall(PAGE)
    assert receive(client, 12) == b"HTTP/1.1 200"


def secure(address: str, folder: Path) -> ssl.SSLSocket:
    context = ssl.create_default_context(cadata=CA.certificate)
    context.load_cert_chain(folder / "client.crt", folder / "client.key")
    return context.wrap_socket(connect(address), server_hostname="web.test")


def test_lines_for_bolt_and_http(tmp_path: Path, echo: Host, web: Host) -> None:
    with running(configure(tmp_path, echo, web)) as proxy:
        address = proxy.wait_ready()["mesh"]
        with connect(address) as client, connect(address) as browser:
            first_call(client, echo)
            client.sendall(REQUEST.replace(b"EchoService", b"NoneService"))
            assert int.from_bytes(receive(client, 20)[10:12], "big") == NO_ROUTE
            fetch(browser, web)
            names = [f"127.0.0.1:{each.getsockname()[1]}" for each in (client, client, browser)]
        lines = parsed(tmp_path / "access.log", 3)
    assert [line["client"] for line in lines] == names
    assert [(line["protocol"], line["flags"], line.get("cluster"), line.get("host")) for line in lines] == [
        ("bolt", "-", "echo", echo.address), ("bolt", "NR", None, None), ("http1", "-", "web", web.address),
    ]  # fmt: skip
    assert (lines[2]["method"], lines[2]["path"], lines[2]["authority"]) == ("GET", "/web/x", "web.test")
    assert (lines[0]["table"], lines[0]["route"]) == ("main", "0")
    assert "secret" not in (tmp_path / "access.log").read_text()
    assert stat.S_IMODE((tmp_path / "access.log").stat().st_mode) & 0o137 == 0


def test_a_client_with_a_certificate_as_text(tmp_path: Path, echo: Host, web: Host) -> None:
    with running(configure(tmp_path, echo, web)) as proxy:
        address = proxy.wait_ready()["secret"]
        with secure(address, tmp_path) as client, secure(address, tmp_path) as browser:
            first_call(client, echo)
            fetch(browser, web)
            version, cipher = client.version(), client.cipher()[0]
        lines = wait_for(tmp_path / "secret.log", 2)
    digest = CLIENT.x509.fingerprint(CLIENT.x509.signature_hash_algorithm).hex()
    for line, protocol in zip(lines, ("bolt", "http1"), strict=True):
        assert line.split()[1:3] == ['"secret"', f'"{protocol}"']
        assert line.endswith(f'"{version}" "{cipher}" "web.test" "spiffe://test/ns/a/sa/b" "{digest}" -')


def test_usr1_goes_on_with_a_new_file(tmp_path: Path, echo: Host, web: Host) -> None:
    file = configure(tmp_path, echo, web, "workers: 2\n")
    log, old = tmp_path / "access.log", tmp_path / "access.log.1"
    with running(file) as proxy:
        address = proxy.wait_ready()["mesh"]
        with connect(address) as client:
            upstream = first_call(client, echo)
            wait_for(log, 1)
            log.rename(old)
            ask(client, upstream)
            wait_for(old, 2)
            proxy.signal(signal.SIGUSR1)
            wait_for(log, 0)
            end = time.monotonic() + PATIENCE
            while inode(old) in open_files(proxy.workers()):
                assert time.monotonic() < end
                time.sleep(0.01)
            ask(client, upstream)
            wait_for(log, 1)
        assert len(wait_for(old, 2)) == 2
        assert "opened again" in proxy.log.until("access logs")
        proxy.signal(signal.SIGTERM)
        assert proxy.wait() == 0


def inode(path: Path) -> int:
    return path.stat().st_ino


def open_files(pids: list[int]) -> list[int]:
    found = [each for pid in pids for each in Path(f"/proc/{pid}/fd").iterdir() if "access" in str(each.readlink())]
    return [each.stat().st_ino for each in found]


def test_a_worker_that_gets_the_signal_too_stays(tmp_path: Path, echo: Host, web: Host) -> None:
    with running(configure(tmp_path, echo, web)) as proxy:
        address = proxy.wait_ready()["mesh"]
        [worker] = proxy.workers()
        os.kill(worker, signal.SIGUSR1)
        with connect(address) as client:
            first_call(client, echo)
        assert proxy.workers() == [worker]


def deafness(status: Path | str) -> set[signal.Signals]:
    """Which of the two signals do nothing to a process of this status."""
    lines = Path(status).read_text().splitlines()
    found = [int(line.split()[1], 16) for line in lines if line.startswith(("SigIgn:", "SigBlk:"))]
    return {each for each in (signal.SIGHUP, signal.SIGUSR1) if any(bits >> each - 1 & 1 for bits in found)}


BOTH = {signal.SIGHUP, signal.SIGUSR1}


def test_signals_that_come_too_early_do_nothing(tmp_path: Path, echo: Host, web: Host) -> None:
    with running(configure(tmp_path, echo, web)) as proxy:
        end = time.monotonic() + PATIENCE
        while deafness(f"/proc/{proxy.pid}/status") != BOTH:
            assert time.monotonic() < end
        while not proxy.workers():
            assert time.monotonic() < end
            for each in BOTH:
                proxy.signal(each)
            time.sleep(0.01)
        address = proxy.wait_ready()["mesh"]
        with connect(address) as client:
            first_call(client, echo)
        proxy.log.until("opened again")
        assert deafness(f"/proc/{proxy.pid}/status") == set(), "it handles them"
        assert deafness(f"/proc/{proxy.workers()[0]}/status") == BOTH


def test_whoever_reads_the_file_again_is_deaf_from_the_start(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(f"import shutil\nshutil.copyfile('/proc/self/status', {str(tmp_path / 'status')!r})\n")
    (tmp_path / "proxy.yaml").write_text("protocol_specs: [mine.py]\n")
    with pytest.raises(InvalidError):
        asyncio.run(validate(str(tmp_path / "proxy.yaml")))
    assert deafness(tmp_path / "status") == BOTH
    assert deafness("/proc/self/status") == set()


def test_what_waits_is_written_at_the_end(tmp_path: Path, echo: Host, web: Host) -> None:
    with running(configure(tmp_path, echo, web)) as proxy, connect(proxy.wait_ready()["mesh"]) as client:
        upstream = first_call(client, echo)
        client.sendall(REQUEST)
        receive(upstream, len(REQUEST))
        proxy.signal(signal.SIGINT)
        assert proxy.wait() == 0
    assert [line["flags"] for line in parsed(tmp_path / "access.log", 2)] == ["-", "DC"]


def test_a_drain_writes_what_it_waited_for(tmp_path: Path, echo: Host, web: Host) -> None:
    with running(configure(tmp_path, echo, web)) as proxy, connect(proxy.wait_ready()["mesh"]) as client:
        client.sendall(REQUEST)
        upstream = echo.accept()
        request = receive(upstream, len(REQUEST))
        proxy.signal(signal.SIGTERM)
        proxy.log.until("draining")
        upstream.sendall(RESPONSE[:5] + request[ID] + RESPONSE[9:])
        assert proxy.wait() == 0
    assert [line["flags"] for line in parsed(tmp_path / "access.log", 1)] == ["-"]


def test_a_path_that_cannot_be_opened_ends_the_start(tmp_path: Path, echo: Host, web: Host) -> None:
    file = configure(tmp_path, echo, web)
    rewrite(file, "access_log: access.log", "access_log: missing/access.log")
    with running(file) as proxy:
        assert proxy.wait() == 1
        last = proxy.rest_of_log()[-1]
    assert f"listener mesh: access log {tmp_path}/missing/access.log cannot be opened: No such file or directory" in last


def test_a_pipe_ends_the_start(tmp_path: Path, echo: Host, web: Host) -> None:
    file = configure(tmp_path, echo, web)
    os.mkfifo(tmp_path / "access.log")
    with running(file) as proxy:
        assert proxy.wait() == 1
        assert f"listener mesh: access log {tmp_path}/access.log: is not a file; name a file" in proxy.rest_of_log()[-1]


def test_a_path_that_cannot_be_opened_any_more_keeps_no_worker_from_coming_back(tmp_path: Path, echo: Host, web: Host) -> None:
    file, folder = configure(tmp_path, echo, web), tmp_path / "logs"
    rewrite(file, "access_log: access.log", "access_log: logs/access.log")
    folder.mkdir()
    with running(file) as proxy:
        addresses = proxy.wait_ready()
        [worker] = proxy.workers()
        folder.rename(tmp_path / "gone")
        os.kill(worker, signal.SIGKILL)
        said = proxy.log.until("access.log cannot be opened")
        assert "listener mesh" in said
        assert "its lines are dropped" in said
        with connect(addresses["mesh"]) as client:
            upstream = first_call(client, echo)
            wait_for_figure(addresses["admin"], 'xproto_access_log_dropped_total{listener="mesh"} 1\n')
            folder.mkdir()
            proxy.signal(signal.SIGUSR1)
            wait_for(folder / "access.log", 0)
            ask(client, upstream)
            wait_for(folder / "access.log", 1)
        assert "can be written again" in proxy.log.until("access.log: can")


def wait_for_figure(admin: str, line: str) -> None:
    end = time.monotonic() + PATIENCE
    while line not in get(admin, "/metrics")[1]:
        assert time.monotonic() < end
        time.sleep(0.01)


def test_a_reload_changes_the_log_or_nothing(tmp_path: Path, echo: Host, web: Host) -> None:
    file = configure(tmp_path, echo, web)
    with running(file) as proxy:
        addresses = proxy.wait_ready()
        admin = addresses["admin"]
        with connect(addresses["mesh"]) as client:
            upstream = first_call(client, echo)
            rewrite(file, "access_log: access.log", "access_log: missing/access.log")
            assert "missing/access.log cannot be opened" in refused(admin)[0]
            ask(client, upstream)
            wait_for(tmp_path / "access.log", 2)
            rewrite(file, "access_log: missing/access.log", "access_log: other.log")
            reloaded(admin)
            ask(client, upstream)
            wait_for(tmp_path / "other.log", 1)
            rewrite(file, ", access_log: other.log", "")
            reloaded(admin)
            ask(client, upstream)
            figures = get(admin, "/metrics")[1]
        proxy.signal(signal.SIGTERM)
        assert proxy.wait() == 0
    assert 'xproto_access_log_lines_total{listener="mesh"} 3\n' in figures
    assert len(wait_for(tmp_path / "access.log", 2)) == 2
    assert len(wait_for(tmp_path / "other.log", 1)) == 1
