"""The example of routes' actions, as a user starts it: what its comments say is what happens."""

from __future__ import annotations

import contextlib
import http.client
import socket
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.control.proxy_process import PATIENCE, running

EXAMPLE = Path("examples/policy/actions.yaml")


class Host:
    """A server of HTTP that says its name; it counts what it is asked."""

    def __init__(self, name: str) -> None:
        self.name, self.asked = name, threading.Semaphore(0)
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self.listening.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.listening.accept()
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError), connection:
            data = b""
            while more := connection.recv(65536):
                data += more
                while b"\r\n\r\n" in data:
                    data = data.partition(b"\r\n\r\n")[2]
                    self.asked.release()
                    connection.sendall(f"HTTP/1.1 200 OK\r\nContent-Length: {len(self.name)}\r\n\r\n{self.name}".encode())

    def close(self) -> None:
        self.listening.shutdown(socket.SHUT_RDWR)
        self.listening.close()


@pytest.fixture(scope="module")
def hosts() -> Iterator[dict[str, Host]]:
    made = {name: Host(name) for name in ("stable", "canary", "shadow")}
    yield made
    for each in made.values():
        each.close()


@pytest.fixture(scope="module")
def proxy(hosts: dict[str, Host]) -> Iterator[str]:
    given = {name.upper(): host.address for name, host in hosts.items()}
    with running(EXAMPLE, XPROTO_LISTEN="127.0.0.1:0", **given) as started:
        yield started.wait_ready()["mesh"]


@pytest.fixture
def client(proxy: str) -> Iterator[http.client.HTTPConnection]:
    made = http.client.HTTPConnection(proxy, timeout=PATIENCE)
    yield made
    made.close()


def ask(client: http.client.HTTPConnection, path: str = "/", **fields: str) -> tuple[int, str, str | None]:
    client.request("GET", path, headers={name.replace("_", "-"): value for name, value in fields.items()})
    answer = client.getresponse()
    return answer.status, answer.read().decode(), answer.getheader("location")


def test_what_moved(client: http.client.HTTPConnection, proxy: str) -> None:
    assert ask(client, "/v1/a?b=c") == (308, "", f"http://{proxy}/v2/a?b=c")


def test_what_is_down(client: http.client.HTTPConnection) -> None:
    assert ask(client, env="down") == (503, "closed for maintenance\n", None)


def test_who_names_a_cluster(client: http.client.HTTPConnection) -> None:
    assert ask(client, x_cluster="canary")[1] == "canary"
    assert ask(client, x_cluster="no-such")[1] == "stable"


def test_one_in_ten_and_a_copy_of_each(client: http.client.HTTPConnection, hosts: dict[str, Host]) -> None:
    found = Counter(ask(client)[1] for _ in range(200))
    assert found["stable"] + found["canary"] == 200
    assert 3 <= found["canary"] <= 50
    for _ in range(200):
        assert hosts["shadow"].asked.acquire(timeout=PATIENCE)
