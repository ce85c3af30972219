"""Two Tars frameworks, Node's and Go's, each the other's client: directly, and through a port that finds Tars out."""

from __future__ import annotations

import socket
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest
from harness import tars
from harness.proxy import Proxy, config
from harness.relay import TO_CLIENT, TO_SERVER

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from harness.processes import Peer

FAILED, FUNC_NOT_FOUND, INVOKE_TIMEOUT, NO_SERVANT, UNREACHABLE = -99, -3, -7, -4, -8
KEEPALIVE = ", timeout: 1s, keepalive: {interval: 100ms, timeout: 1s, misses: 3}"
"""Heartbeats come quickly, so that `tars_ping` is seen."""
IDS = (1, 127, 128, 255, 32_767, 32_768, 65_535, 65_536, 2**31 - 2, -1, -128, -129, -32_769, -(2**31) + 1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tars")


@pytest.fixture(scope="module")
def servers(folder: Path) -> Iterator[dict[str, Peer]]:
    with ExitStack() as stack:
        yield {language: stack.enter_context(tars.server(language, folder)) for language in tars.LANGUAGES}


@pytest.fixture(scope="module")
def clients(folder: Path) -> Iterator[dict[str, Peer]]:
    with ExitStack() as stack:
        yield {language: stack.enter_context(tars.client(language, folder)) for language in tars.LANGUAGES}


@pytest.fixture(scope="module")
def proxy(servers: dict[str, Peer], folder: Path) -> Iterator[Proxy]:
    routes = [({"service": servant}, language) for language, servant in tars.SERVANTS.items()]
    addresses = {language: server.address for language, server in servers.items()}
    with Proxy(config(addresses, routes, KEEPALIVE), folder) as started:
        yield started


@pytest.fixture(params=tars.LANGUAGES)
def client(request: pytest.FixtureRequest, clients: dict[str, Peer]) -> Peer:
    return clients[request.param]


@pytest.fixture(params=tars.LANGUAGES)
def language(request: pytest.FixtureRequest) -> str:
    """Of the server."""
    found: str = request.param
    return found


@pytest.fixture
def server(language: str, servers: dict[str, Peer]) -> Peer:
    return servers[language]


@pytest.fixture(params=["direct", "proxy"])
def target(request: pytest.FixtureRequest, server: Peer, proxy: Proxy) -> str:
    return server.address if request.param == "direct" else proxy.address


def call(client: Peer, target: str, language: str, name: str, text: str = "", **more: Any) -> dict[str, Any]:
    servant = more.pop("servant", tars.SERVANTS[language])
    return client.ok("call", servant=servant, target=target, name=name, text=text, **more)


def test_a_function_answers(client: Peer, target: str, language: str) -> None:
    for text in ("hi", "", "x" * 200_000, "中😀"):
        assert call(client, target, language, "echo", text)["result"] == text
    assert call(client, target, language, "add", "17 25")["result"] == "42"
    assert call(client, target, language, "big", "5000000")["result"] == "x" * 5_000_000


@pytest.mark.parametrize("through", ["direct", "proxy"])
def test_a_function_answers_in_tup(clients: dict[str, Peer], servers: dict[str, Peer], proxy: Proxy, through: str) -> None:
    """In Node alone: Go's client reads every answer in the layout of TARS."""
    address = servers["node"].address if through == "direct" else proxy.address
    for text in ("hi", "", "x" * 200_000, "中😀"):
        assert call(clients["node"], address, "node", "echo", text, tup=True)["result"] == text


def test_a_context_arrives(client: Peer, target: str, language: str) -> None:
    said = call(client, target, language, "context", "who", context={"who": "me", "empty": ""})
    assert said["result"] == "me"


def test_what_a_server_says_is_wrong_arrives(client: Peer, target: str, language: str) -> None:
    failed = call(client, target, language, "fail")
    assert (failed["code"], failed["message"]) == (FAILED, "it fails")
    assert call(client, target, language, "missing")["code"] == FUNC_NOT_FOUND


def test_a_oneway_arrives(client: Peer, server: Peer, target: str, language: str) -> None:
    word = f"{client.name}{target}".replace(" ", "")
    call(client, target, language, "note", word, oneway=True)
    server.ok("wait", name=f"note {word}", count=1)
    assert call(client, target, language, "echo", "after")["result"] == "after"


def test_ids_of_every_width(clients: dict[str, Peer], proxy: Proxy, language: str) -> None:
    for number in IDS:
        said = call(clients["go"], proxy.address, language, "echo", str(number), id=number)
        assert (said["result"], said["id"]) == (str(number), number)


def test_a_context_routes(client: Peer, servers: dict[str, Peer], tmp_path: Path) -> None:
    """Both servers have the servant; the call's context says which it is for."""
    servant = tars.SERVANTS["node"]
    with tars.server("go", tmp_path, servant) as blue:
        addresses = {"green": servers["node"].address, "blue": blue.address}
        routes = [({"service": servant, "colour": "blue", "method": "echo"}, "blue"), ({"service": servant}, "green")]
        with Proxy(config(addresses, routes), tmp_path) as proxy:
            for colour, method in (("blue", "echo"), ("green", "echo"), ("blue", "add")):
                assert call(client, proxy.address, "node", method, "1 2", context={"colour": colour})["result"] in {"3", "1 2"}
        assert blue.ok("stats")["calls"] == {"echo": 1}


def test_heartbeats_keep_the_connection_to_the_server(client: Peer, proxy: Proxy, servers: dict[str, Peer]) -> None:
    assert call(client, proxy.address, "node", "echo", "before")["result"] == "before"
    servers["node"].ok("wait", name="ping", count=3)
    assert call(client, proxy.address, "node", "echo", "after")["result"] == "after"


def test_the_proxy_answers_tars_ping_itself(proxy: Proxy) -> None:
    """By hand, since the frameworks send it on their own clock: servant and id are nobody's."""
    body = bytes.fromhex("1001 2c 3c 4077 5606") + b"No.One" + b"\x66\x09tars_ping" + bytes.fromhex("7d00 0c 8c 980c a80c")
    ping = (len(body) + 4).to_bytes(4, "big") + body
    host, port = proxy.address.split(":")
    with socket.create_connection((host, int(port)), 10) as sock:
        sock.sendall(ping)
        size = int.from_bytes(sock.recv(4, socket.MSG_WAITALL), "big")
        answer = size.to_bytes(4, "big") + sock.recv(size - 4, socket.MSG_WAITALL)
    said = tars.facts(answer, "response")
    assert (said["kind"], said["id"], said["code"]) == ("response", 0x77, 0)


def test_what_the_proxy_answers_itself(client: Peer, proxy: Proxy, language: str) -> None:
    late = call(client, proxy.address, language, "slow", "1300")
    assert (late["code"], late["message"]) == (INVOKE_TIMEOUT, "xproto: the server did not answer in time")
    nowhere = call(client, proxy.address, language, "echo", "x", servant="Test.Nobody.EchoObj")
    assert (nowhere["code"], nowhere["message"]) == (NO_SERVANT, "xproto: no route matches this call")
    assert call(client, proxy.address, language, "echo", "still")["result"] == "still"


def test_a_server_that_goes(client: Peer, language: str, tmp_path: Path) -> None:
    routes = [({"service": tars.SERVANTS[language]}, "one")]
    with (
        tars.server(language, tmp_path) as server,
        Proxy(config({"one": server.address}, routes), tmp_path) as proxy,
        ThreadPoolExecutor(1) as pool,
    ):
        pending = pool.submit(call, client, proxy.address, language, "slow", "10000")
        server.ok("wait", name="slow", count=1)
        server.process.kill()
        assert pending.result()["code"] == UNREACHABLE
        assert call(client, proxy.address, language, "echo", "x")["code"] == UNREACHABLE


def test_a_leaving_server_gets_no_new_call_on_that_connection(clients: dict[str, Peer], tmp_path: Path) -> None:
    """TarsGo says `_reconnect_`: no call follows on that connection, and the one that it had begun is answered.

    Where later calls go, and whether somebody answers them, is not looked at here.
    """
    servant, client = tars.SERVANTS["go"], clients["go"]
    with (
        tars.server("go", tmp_path, servant) as leaving,
        tars.TarsRelay(leaving.address) as relay,
        ThreadPoolExecutor(1) as pool,
        Proxy(config({"one": relay.address}, [({"service": servant}, "one")], ", timeout: 3s"), tmp_path) as proxy,
    ):
        slow = pool.submit(call, client, proxy.address, "go", "slow", "1500")
        leaving.ok("wait", name="slow", count=1)
        leaving.ok("leave")
        said = relay.wait(lambda frame: frame.direction == TO_CLIENT and tars.facts(frame.data, "response")["kind"] == "goaway")
        assert slow.result()["result"] == "slow"
        call(client, proxy.address, "go", "echo", "after", timeout=1000)
        sent = [frame for frame in relay.frames(TO_SERVER) if frame.connection == said[0].connection]
        assert [tars.facts(frame.data, "request")["method"] for frame in sent] == ["slow"]


def test_many_clients_at_once(clients: dict[str, Peer], proxy: Proxy, tmp_path: Path) -> None:
    """Every client to every server, a thousand calls each, all at the same time on the same ids."""
    with ExitStack() as stack, ThreadPoolExecutor(4) as pool:
        pairs = [(client, server) for client in tars.LANGUAGES for server in tars.LANGUAGES]
        peers = [clients[client] if client == server else _another(stack, client, tmp_path) for client, server in pairs]
        burst: dict[str, Any] = {"target": proxy.address, "count": 50, "rounds": 20}
        jobs = [
            pool.submit(peer.ok, "burst", servant=tars.SERVANTS[server], label=f"{client}-{server}", **burst)
            for peer, (client, server) in zip(peers, pairs, strict=True)
        ]
        assert [job.result()["wrong"] for job in jobs] == [[], [], [], []]


def _another(stack: ExitStack, language: str, folder: Path) -> Peer:
    return stack.enter_context(tars.client(language, folder))
