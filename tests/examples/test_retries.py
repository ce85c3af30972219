"""examples/retries.yaml, run: one of its two hosts closes every connection at the first call, and nobody notices."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.control.proxy_process import PATIENCE, connect, running
from tests.datapath import frames
from tests.examples.servers import Server
from xproto.registry import load

FILE = "examples/retries.yaml"
CALLS = 20


class Quitter:
    """A server that ends a connection when something comes by it."""

    def __init__(self) -> None:
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self.listening.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.listening.accept()
                with connection:
                    connection.recv(65536)

    def close(self) -> None:
        self.listening.shutdown(socket.SHUT_RDWR)
        self.listening.close()


@pytest.fixture(scope="module")
def proxy() -> Iterator[str]:
    good, bad = Server(load()["bolt"], frames.response(1, content=b"here")), Quitter()
    settings = {"XPROTO_LISTEN": "127.0.0.1:0", "XPROTO_ADMIN": "127.0.0.1:0", "ECHO_1": good.address, "ECHO_2": bad.address}
    with running(Path(FILE), **settings) as proxy:
        yield proxy.wait_ready()["mesh"]
    good.close()
    bad.close()


def call(connection: socket.socket, number: int, method: str) -> bytes:
    text = b"".join(len(part).to_bytes(4, "big") + part for part in (
        b"service", b"com.test.EchoService", b"sofa_head_method_name", method.encode()))  # fmt: skip
    connection.sendall(frames.request(number, headers=text))
    data = b""
    while (size := frames.size_of(data)) is None or len(data) < size:
        more = connection.recv(65536)
        assert more, "the connection ended"
        data += more
    return data


def test_what_may_be_processed_twice_is_answered_whoever_goes(proxy: str) -> None:
    with contextlib.closing(connect(proxy)) as connection:
        connection.settimeout(PATIENCE)
        answers = [call(connection, number, "echo") for number in range(CALLS)]
    assert [(frames.id_of(each), frames.content_of(each)) for each in answers] == [(n, b"here") for n in range(CALLS)]


def test_what_may_not_fails_where_its_host_went(proxy: str) -> None:
    with contextlib.closing(connect(proxy)) as connection:
        connection.settimeout(PATIENCE)
        answers = [frames.status_of(call(connection, number, "write")) for number in range(CALLS)]
    assert 0 < answers.count(16) < CALLS
    assert answers.count(0) == CALLS - answers.count(16)
