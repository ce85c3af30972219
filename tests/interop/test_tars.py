"""The Tars framework's own client and server, in Node: directly, and through a port that finds the protocol out."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from harness.processes import Peer, tars
from harness.proxy import Proxy, config

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SERVANT = "Test.EchoServer.EchoObj"
TIMEOUT = 1000
"""Milliseconds of the cluster."""
FUNC_NOT_FOUND, INVOKE_TIMEOUT, NO_SERVANT, UNREACHABLE = -3, -7, -4, -8


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Peer]:
    with tars("server.js", tmp_path_factory.mktemp("tars") / "server.log", "0", SERVANT) as started:
        yield started


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Peer]:
    with tars("client.js", tmp_path_factory.mktemp("tars") / "client.log") as started:
        yield started


@pytest.fixture(scope="module")
def proxy(server: Peer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    # Heartbeats come quickly, so that `tars_ping` is seen.
    extra = ", timeout: 1s, keepalive: {interval: 100ms, timeout: 1s, misses: 3}"
    routes = [({"service": SERVANT}, "one")]
    with Proxy(config({"one": server.address}, routes, extra), tmp_path_factory.mktemp("tars")) as started:
        yield started


@pytest.fixture(params=["direct", "proxy"])
def target(request: pytest.FixtureRequest, server: Peer, proxy: Proxy) -> str:
    return server.address if request.param == "direct" else proxy.address


def call(client: Peer, target: str, name: str, text: str, **more: Any) -> dict[str, Any]:
    return client.ok("call", servant=more.pop("servant", SERVANT), target=target, name=name, text=text, **more)


@pytest.mark.parametrize("tup", [False, True])
def test_a_function_answers(client: Peer, target: str, tup: bool) -> None:
    for text in ("hi", "", "x" * 200_000, "中😀"):
        assert call(client, target, "echo", text, tup=tup)["result"] == text


def test_a_context_arrives(client: Peer, target: str) -> None:
    assert call(client, target, "context", "who", context={"who": "me", "empty": ""})["result"] == "me"


def test_what_a_server_says_is_wrong_arrives(client: Peer, target: str) -> None:
    failed = call(client, target, "fail", "")
    assert (failed["code"], failed["message"]) == (-99, "it fails")
    assert call(client, target, "missing", "")["code"] == FUNC_NOT_FOUND


def test_a_oneway_arrives(client: Peer, server: Peer, target: str) -> None:
    call(client, target, "note", target, oneway=True)
    server.ok("wait", name=f"note {target}", count=1)


def test_ids_of_every_width(client: Peer, proxy: Proxy) -> None:
    """The client counts from 1: the first calls have ids of one byte, then two; the server gets five each time."""
    found = client.ok("burst", servant=SERVANT, target=proxy.address, label="ids", count=100, rounds=20)
    assert found["wrong"] == []


def test_heartbeats_keep_the_connection_to_the_server(client: Peer, server: Peer, proxy: Proxy) -> None:
    assert call(client, proxy.address, "echo", "before")["result"] == "before"
    server.ok("wait", name="ping", count=3)
    assert call(client, proxy.address, "echo", "after")["result"] == "after"


def test_what_the_proxy_answers_itself(client: Peer, proxy: Proxy) -> None:
    late = call(client, proxy.address, "slow", "1500")
    assert (late["code"], late["message"]) == (INVOKE_TIMEOUT, "xproto: the server did not answer in time")
    nowhere = call(client, proxy.address, "echo", "x", servant="Test.Nobody.EchoObj")
    assert (nowhere["code"], nowhere["message"]) == (NO_SERVANT, "xproto: no route matches this call")
    assert call(client, proxy.address, "echo", "on the same connection")["result"] == "on the same connection"


def test_a_server_that_goes(client: Peer, tmp_path: Path) -> None:
    routes = [({"service": SERVANT}, "one")]
    with (
        tars("server.js", tmp_path / "server.log", "0", SERVANT) as server,
        Proxy(config({"one": server.address}, routes), tmp_path) as proxy,
        ThreadPoolExecutor(1) as pool,
    ):
        pending = pool.submit(call, client, proxy.address, "slow", "10000")
        server.ok("wait", name="slow", count=1)
        server.process.kill()
        assert pending.result()["code"] == UNREACHABLE
        assert call(client, proxy.address, "echo", "x")["code"] == UNREACHABLE


def test_many_clients_at_once(proxy: Proxy, tmp_path: Path) -> None:
    def run(number: int) -> Any:
        with tars("client.js", tmp_path / f"client {number}.log") as client:
            return client.ok("burst", servant=SERVANT, target=proxy.address, label=f"c{number}", count=50, rounds=10)["wrong"]

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(run, range(4))) == [[], [], [], []]
