"""examples/balancing.yaml, run as it is: users stay with their hosts, testers with the new version."""

from __future__ import annotations

import contextlib
import socket
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.control.proxy_process import PATIENCE, connect, receive, running
from tests.datapath import frames
from tests.examples.servers import Server
from xproto.registry import load

FILE = Path("examples/balancing.yaml")
HOSTS = ("OLD_1", "OLD_2", "NEW_1", "NEW_2")
ANSWER = frames.response(0)


class Example:
    def __init__(self, address: str, hosts: dict[str, Server]) -> None:
        self.address, self.hosts = address, hosts

    @contextlib.contextmanager
    def client(self) -> Iterator[socket.socket]:
        with contextlib.closing(connect(self.address)) as made:
            made.settimeout(PATIENCE)
            yield made

    def call(self, client: socket.socket, **headers: str) -> str:
        """Which host got it."""
        before = {name: len(host.requests) for name, host in self.hosts.items()}
        texts = [text.encode() for pair in headers.items() for text in pair]
        block = b"".join(struct.pack(">i", len(text)) + text for text in texts)
        client.sendall(frames.request(1, headers=block))
        receive(client, len(ANSWER))
        [name] = [name for name, host in self.hosts.items() if len(host.requests) > before[name]]
        return name


@pytest.fixture(scope="module")
def example() -> Iterator[Example]:
    bolt = load()["bolt"]
    hosts = {name: Server(bolt, ANSWER) for name in HOSTS}
    addresses = {name: host.address for name, host in hosts.items()}
    with running(FILE, XPROTO_LISTEN="127.0.0.1:0", **addresses) as proxy:
        yield Example(proxy.wait_ready()["mesh"], hosts)
    for host in hosts.values():
        host.close()


def test_a_users_calls_go_to_one_host(example: Example) -> None:
    users = [f"user-{n}" for n in range(30)]
    with example.client() as one, example.client() as other:
        homes = [example.call(one, **{"x-user": user}) for user in users]
        assert homes == [example.call(other, **{"x-user": user}) for user in users]
    assert set(homes) == set(HOSTS)


def test_a_client_without_a_name_stays_too(example: Example) -> None:
    with example.client() as one, example.client() as other:
        assert len({example.call(client, other="x") for client in (one, other) for _ in range(4)}) == 1


def test_testers_get_the_new_version(example: Example) -> None:
    with example.client() as client:
        homes = {example.call(client, env="gray", **{"x-user": f"user-{n}"}) for n in range(20)}
    assert homes == {"NEW_1", "NEW_2"}
