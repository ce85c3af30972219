"""A new configuration in a running proxy, from outside: what it changes, and all that it leaves alone."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.control.proxy_process import (
    ID,
    NO_ROUTE,
    REQUEST,
    RESPONSE,
    beats,
    connect,
    ended,
    receive,
    running,
    write,
)
from tests.control.test_admin import get, samples

ADMIN = "admin: 127.0.0.1:0\n"
OTHER = "  - {name: other, address: '127.0.0.1:0', protocols: auto, routes: main}\n"


class Host:
    """A host of a cluster, played by the test: answers one call at a time."""

    def __init__(self) -> None:
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.listening.settimeout(20)
        self.address = f"127.0.0.1:{self.listening.getsockname()[1]}"
        self.connections: list[socket.socket] = []

    def accept(self) -> socket.socket:
        made, _ = self.listening.accept()
        made.settimeout(20)
        self.connections.append(made)
        return made

    def close(self) -> None:
        for each in (*self.connections, self.listening):
            each.close()


@pytest.fixture
def host() -> Iterator[Host]:
    made = Host()
    yield made
    made.close()


@pytest.fixture
def second() -> Iterator[Host]:
    made = Host()
    yield made
    made.close()


def rewrite(file: Path, before: str, after: str) -> None:
    text = file.read_text()
    assert before in text
    file.write_text(text.replace(before, after))


def reload(admin: str) -> tuple[int, dict[str, object]]:
    status, body = get(admin, "/reload", "POST")
    return status, json.loads(body)


def reloaded(admin: str) -> dict[str, object]:
    """The changes."""
    status, answer = reload(admin)
    assert (status, answer["result"]) == (200, "ok"), answer
    changes = answer["changes"]
    assert isinstance(changes, dict)
    return changes


def refused(admin: str) -> list[str]:
    """The problems."""
    status, answer = reload(admin)
    assert (status, answer["result"]) == (422, "refused"), answer
    problems = answer["problems"]
    assert isinstance(problems, list)
    return problems


def listening(admin: str) -> dict[str, int]:
    """Connections by listener, of the one worker."""
    [worker] = json.loads(get(admin, "/listeners")[1])["workers"]
    return {name: len(each["connections"]) for name, each in worker.items()}


def ask(client: socket.socket, upstream: socket.socket) -> None:
    """One call there and back."""
    client.sendall(REQUEST)
    answer(upstream)
    assert receive(client, len(RESPONSE)) == RESPONSE[:5] + REQUEST[ID] + RESPONSE[9:]


def answer(upstream: socket.socket) -> None:
    request = receive(upstream, len(REQUEST))
    upstream.sendall(RESPONSE[:5] + request[ID] + RESPONSE[9:])


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as made:
        return int(made.getsockname()[1])


def test_a_route_changes_under_an_open_connection_and_the_rest_stays(tmp_path: Path, host: Host) -> None:
    file = write(tmp_path, ADMIN, host=host.address)
    with running(file) as proxy:
        addresses = proxy.wait_ready()
        admin = addresses["admin"]
        with connect(addresses["mesh"]) as client:
            client.sendall(REQUEST)
            upstream = host.accept()
            answer(upstream)
            receive(client, len(RESPONSE))
            rewrite(file, "EchoService:1.0", "OtherService")
            assert reloaded(admin) == {"routes": {"added": [], "changed": ["main"], "removed": []}}
            client.sendall(REQUEST)
            assert int.from_bytes(receive(client, 20)[10:12], "big") == NO_ROUTE
            rewrite(file, "OtherService", "EchoService:1.0")
            reloaded(admin)
            ask(client, upstream)
            found = samples(admin)
        labels = ("echo", host.address)
        assert found["xproto_upstream_connections_total", labels] == 1
        assert found["xproto_upstream_replies_total", labels] == 2
        assert found["xproto_downstream_connections_total", ("mesh",)] == 1
        assert found["xproto_calls_total", ("mesh", "bolt")] == 3
        assert found["xproto_reloads_total", ("ok",)] == 2
        assert found["xproto_reloads_total", ("refused",)] == 0
        assert (
            json.loads(get(admin, "/config_dump")[1])["routes"]["main"][0]["headers"][0]["value"] == "com.test.EchoService:1.0"
        )


def test_listeners_come_go_and_come_back_with_their_counters(tmp_path: Path) -> None:
    file = write(tmp_path, ADMIN)
    with running(file) as proxy:
        addresses = proxy.wait_ready()
        admin, port = addresses["admin"], free_port()
        with connect(addresses["mesh"]) as client:
            assert beats(client)
            other = OTHER.replace(":0", f":{port}")
            rewrite(file, "routes:\n", f"{other}routes:\n")
            assert reloaded(admin) == {"listeners": {"added": ["other"], "changed": [], "removed": []}}
            with connect(f"127.0.0.1:{port}") as fresh:
                assert beats(fresh)
                assert listening(admin) == {"mesh": 1, "other": 1}
            rewrite(file, other, "")
            reloaded(admin)
            with pytest.raises(ConnectionRefusedError):
                connect(f"127.0.0.1:{port}")
            assert ("xproto_downstream_connections_total", ("other",)) not in samples(admin)
            rewrite(file, "routes:\n", f"{other}routes:\n")
            reloaded(admin)
            assert samples(admin)["xproto_downstream_connections_total", ("other",)] == 1
            assert beats(client)


def test_a_listener_moves_and_its_connections_stay(tmp_path: Path) -> None:
    file = write(tmp_path, ADMIN)
    with running(file) as proxy:
        addresses = proxy.wait_ready()
        port = free_port()
        with connect(addresses["mesh"]) as client:
            assert beats(client)
            rewrite(file, "127.0.0.1:0', protocols", f"127.0.0.1:{port}', protocols")
            reloaded(addresses["admin"])
            with pytest.raises(ConnectionRefusedError):
                connect(addresses["mesh"])
            with connect(f"127.0.0.1:{port}") as fresh:
                assert beats(fresh)
            assert beats(client)


def test_a_listener_renamed_keeps_its_socket(tmp_path: Path) -> None:
    path = tmp_path / "mesh.sock"
    file = write(tmp_path, ADMIN, address=f"unix:{path}")
    with running(file) as proxy:
        admin = proxy.wait_ready()["admin"]
        inode = path.lstat().st_ino
        rewrite(file, "name: mesh", "name: renamed")
        reloaded(admin)
        assert path.lstat().st_ino == inode
        with connect(f"unix:{path}") as client:
            assert beats(client)
            assert listening(admin) == {"renamed": 1}


def test_a_host_that_is_gone_answers_what_it_has(tmp_path: Path, host: Host, second: Host) -> None:
    file = write(tmp_path, ADMIN, host=host.address)
    with running(file) as proxy:
        addresses = proxy.wait_ready()
        with connect(addresses["mesh"]) as client:
            client.sendall(REQUEST)
            leaving = host.accept()
            request = receive(leaving, len(REQUEST))
            rewrite(file, host.address, second.address)
            assert reloaded(addresses["admin"]) == {"clusters": {"added": [], "changed": ["echo"], "removed": []}}
            client.sendall(REQUEST)
            answer(second.accept())
            receive(client, len(RESPONSE))
            leaving.sendall(RESPONSE[:5] + request[ID] + RESPONSE[9:])
            assert receive(client, len(RESPONSE)) == RESPONSE[:5] + REQUEST[ID] + RESPONSE[9:]
            assert leaving.recv(1) == b""


TAKEN = "  - {name: taken, address: 'ADDRESS', protocols: auto, routes: main}\n"


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("cluster: echo", "cluster: ecko", "proxy.yaml:6: routes.main[0].cluster: there is no cluster 'ecko'"),
        ("  echo: {", "  echo: [", "proxy.yaml:8: "),
        ("workers: 1", "workers: 2", "workers: cannot change from 1 to 2 while the proxy runs"),
        ("listeners:\n", f"listeners:\n{TAKEN}", "taken: cannot listen on"),
    ],
)
def test_what_is_refused_changes_nothing(tmp_path: Path, host: Host, before: str, after: str, said: str) -> None:
    file = write(tmp_path, ADMIN + "workers: 1\n")
    with running(file) as proxy:
        addresses = proxy.wait_ready()
        admin = addresses["admin"]
        dump = get(admin, "/config_dump")
        with connect(addresses["mesh"]) as client:
            assert beats(client)
            rewrite(file, before, after.replace("ADDRESS", host.address))
            rewrite(file, "EchoService:1.0", "OtherService")
            problems = refused(admin)
            assert any(said in problem for problem in problems), problems
            assert beats(client)
            assert get(admin, "/config_dump") == dump
            assert listening(admin) == {"mesh": 1}
            found = samples(admin)
        assert found["xproto_reloads_total", ("refused",)] == 1
        assert found["xproto_reloads_total", ("ok",)] == 0
        assert "not reloaded" in proxy.log.until("not reloaded")


def test_two_workers_change_both_and_a_successor_has_the_new_state(tmp_path: Path) -> None:
    path = tmp_path / "new.sock"
    file = write(tmp_path, ADMIN + "workers: 2\n")
    with running(file) as proxy:
        admin = proxy.wait_ready()["admin"]
        rewrite(file, "routes:\n", f"  - {{name: new, address: 'unix:{path}', protocols: auto, routes: main}}\nroutes:\n")
        reloaded(admin)
        told = json.loads(get(admin, "/listeners")[1])["workers"]
        assert [sorted(worker) for worker in told] == [["mesh", "new"]] * 2
        for worker in proxy.workers():
            os.kill(worker, signal.SIGKILL)
            ended(worker)
        with connect(f"unix:{path}") as client:
            assert beats(client)
            assert samples(admin)["xproto_heartbeats_answered_total", ("new",)] == 1


def test_a_protocol_whose_file_changed(tmp_path: Path) -> None:
    """Its connections end, which is how they learn of it; those of other protocols stay."""
    spec = tmp_path / "mine.py"
    spec.write_text("import dataclasses\nfrom xproto.codecs.bolt import BOLT\nMINE = dataclasses.replace(BOLT, name='mine')\n")
    file = write(tmp_path, ADMIN + "protocol_specs: [mine.py]\n")
    rewrite(file, "protocols: auto", "protocols: [bolt]")
    rewrite(file, "routes:\n", "  - {name: own, address: '127.0.0.1:0', protocols: [mine], routes: main}\nroutes:\n")
    with running(file) as proxy:
        addresses = proxy.wait_ready()
        with connect(addresses["mesh"]) as stays, connect(addresses["own"]) as goes:
            assert beats(stays)
            assert beats(goes)
            spec.write_text(spec.read_text() + "# changed\n")
            changes = reloaded(addresses["admin"])
            assert changes == {"protocol_specs": {"added": [], "changed": [str(spec)], "removed": []}}
            assert goes.recv(1) == b""
            assert beats(stays)
            with connect(addresses["own"]) as fresh:
                assert beats(fresh)
            spec.write_text("1 / 0\n")
            assert any("ZeroDivisionError" in problem for problem in refused(addresses["admin"]))
            assert beats(stays)


@pytest.mark.parametrize(
    ("deed", "said"),
    [("1 / 0", "ZeroDivisionError"), ("import os; os.kill(os.getpid(), 9)", "worker 0: it ended meanwhile")],
)
def test_a_worker_that_cannot_take_it_leaves_all_as_it_was(tmp_path: Path, deed: str, said: str) -> None:
    """Reading the file passes, and a worker stumbles: the address that was bound for it is free again."""
    path = tmp_path / "new.sock"
    file = write(tmp_path, ADMIN)
    with running(file) as proxy:
        addresses = proxy.wait_ready()
        (tmp_path / "bad.py").write_text(
            "import sys, dataclasses\nfrom xproto.codecs.bolt import BOLT\nMINE = dataclasses.replace(BOLT, name='mine')\n"
            f"if 'proxy.worker' in sys.modules:\n    {deed}\n"
        )
        file.write_text(file.read_text() + "protocol_specs: [bad.py]\n")
        rewrite(file, "protocols: auto", "protocols: [bolt]")
        rewrite(file, "routes:\n", f"  - {{name: new, address: 'unix:{path}', protocols: [bolt], routes: main}}\nroutes:\n")
        [problem, *_] = refused(addresses["admin"])
        assert said in problem
        assert not path.exists()
        with connect(addresses["mesh"]) as client:
            assert beats(client)
            assert listening(addresses["admin"]) == {"mesh": 1}


def test_the_command_says_what_changed_and_what_is_wrong(tmp_path: Path) -> None:
    port = free_port()
    file = write(tmp_path, f"admin: 127.0.0.1:{port}\n")
    with running(file) as proxy:
        proxy.wait_ready()
        rewrite(file, "EchoService:1.0", "OtherService")
        done = command(file)
        assert (done.returncode, done.stdout, done.stderr) == (0, "routes +0 ~1 -0\n", "")
        rewrite(file, "cluster: echo", "cluster: ecko")
        done = command(file)
        assert (done.returncode, done.stdout) == (1, "")
        assert "there is no cluster 'ecko'" in done.stderr
        elsewhere = tmp_path / "elsewhere.yaml"
        elsewhere.write_text(file.read_text())
        done = command(elsewhere)
        assert done.returncode == 1
        assert f"runs {file}, not {elsewhere}" in done.stderr
        assert samples(f"127.0.0.1:{port}")["xproto_reloads_total", ("refused",)] == 1
    done = command(file)
    assert (done.returncode, done.stderr) == (1, f"no proxy answers at 127.0.0.1:{port}: Connection refused\n")


def command(file: Path) -> subprocess.CompletedProcess[str]:
    arguments = [sys.executable, "-m", "proxy.cli", "reload", str(file)]
    return subprocess.run(arguments, capture_output=True, text=True, timeout=60, check=False)


def test_a_worker_that_is_still_starting_takes_it_too(tmp_path: Path) -> None:
    file = write(tmp_path, ADMIN)
    with running(file) as proxy:
        assert (proxy.out.next() or "").startswith("admin")
        rewrite(file, "routes:\n", f"{OTHER}routes:\n")
        proxy.signal(signal.SIGHUP)
        assert "listeners +1 ~0 -0" in proxy.log.until("reloaded")
        assert listening(proxy.out.seen[0].split()[-1]) == {"mesh": 0, "other": 0}
        proxy.wait_ready()


def test_hup_and_many_of_them(tmp_path: Path) -> None:
    file = write(tmp_path, ADMIN)
    with running(file) as proxy:
        admin = proxy.wait_ready()["admin"]
        rewrite(file, "EchoService:1.0", "OtherService")
        for _ in range(5):
            proxy.signal(signal.SIGHUP)
        assert "routes +0 ~1 -0" in proxy.log.until("reloaded")
        reloaded(admin)
        assert samples(admin)["xproto_reloads_total", ("ok",)] <= 4


def test_a_web_page_cannot_ask_for_it_nor_a_get(tmp_path: Path) -> None:
    with running(write(tmp_path, ADMIN)) as proxy:
        admin = proxy.wait_ready()["admin"]
        assert get(admin, "/reload", "POST", {"Origin": "http://127.0.0.1"})[0] == 403
        assert get(admin, "/reload")[0] == 405
        assert samples(admin)["xproto_reloads_total", ("ok",)] == 0


def test_term_during_a_reload_ends_the_proxy(tmp_path: Path) -> None:
    """The file's protocol never gets done with being read."""
    file = write(tmp_path, "")
    with running(file) as proxy:
        proxy.wait_ready()
        gate = tmp_path / "gate"
        os.mkfifo(gate)
        (tmp_path / "slow.py").write_text(f"open({str(gate)!r}).read()\n")
        file.write_text(file.read_text() + "protocol_specs: [slow.py]\n")
        proxy.signal(signal.SIGHUP)
        with gate.open("w"):  # opens when the other end is being read
            proxy.signal(signal.SIGTERM)
            assert proxy.wait() == 0
