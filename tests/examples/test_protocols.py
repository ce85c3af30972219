"""The protocols in examples/protocols: each agrees with its vectors and with construct, and a running proxy carries it."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from conformance import Profile, judge
from conformance.checks.agreement import check_verify
from conformance.golden import load as load_vectors
from conformance.outcome import Complete
from conformance.subject import Subject
from tests.control.proxy_process import PATIENCE, connect, receive, running
from tests.examples.servers import Server
from xproto.autodetect import prove
from xproto.explain import explain
from xproto.registry import load
from xproto.spec import Fault, Kind

FOLDER = Path("examples/protocols")
FILES = sorted(FOLDER.glob("*.py"))
NAMES = [path.stem for path in FILES]
KNOWN = load([str(path) for path in FILES])
VECTORS = {name: {vector.name: vector for vector in load_vectors(FOLDER / "vectors" / name)} for name in NAMES}
MOST_LINES = 60


def test_there_is_one_of_each() -> None:
    assert NAMES == ["lines", "packed", "sealed", "tagged", "varied"]
    assert [path.stem for path in FILES if len(path.read_text().splitlines()) > MOST_LINES] == []


def test_they_can_share_a_listener_with_everything_built_in() -> None:
    assert prove(list(KNOWN.values()), 64) == []


FEW = Profile("few", 60, 800, 400)


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_conformance(path: Path) -> None:
    report = judge(str(path), profile=FEW)
    report.raise_for_failures()
    tried = {result.name: result.cases for result in report.results if not result.lacks}
    assert tried.pop("golden") >= len(VECTORS[path.stem])
    assert {"splits", "prefixes", "replies", "heartbeats", "limits", "detection", "generated"} <= tried.keys()
    assert all(tried.values()), tried


@pytest.mark.parametrize("name", NAMES)
def test_vectors_of_either_side_and_of_what_is_refused(name: str) -> None:
    kinds = {(each.direction, each.kind) for each in VECTORS[name].values()}
    assert {(0, "request"), (1, "response"), (0, "heartbeat"), (1, "heartbeat_ack"), (0, "refused")} <= kinds


@pytest.mark.parametrize("name", NAMES)
def test_only_the_tagged_one_is_interpreted(name: str) -> None:
    told = explain(KNOWN[name]).partition("Interpreted by construct: ")[2]
    if name == "tagged":
        where = "headers is read in the data path, for each call that is routed by its headers"
        assert told.splitlines() == ["headers: JsonObject", f"  {where}"]
    else:
        assert told == "nothing\n"


@pytest.fixture(scope="module")
def servers() -> Iterator[dict[str, Server]]:
    made = {name: Server(KNOWN[name], VECTORS[name]["answer"].data) for name in NAMES}
    yield made
    for server in made.values():
        server.close()


@pytest.fixture(scope="module")
def addresses(servers: dict[str, Server], tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """A proxy that knows all of them, with a listener for each, which finds out what is spoken."""
    configuration = {
        "protocol_specs": [str(path.resolve()) for path in FILES],
        "listeners": [{"name": name, "address": "127.0.0.1:0", "protocols": "auto", "routes": name} for name in NAMES],
        "routes": {name: [{"match": {"headers": {"service": "shop.Cart"}}, "cluster": name}] for name in NAMES},
        "clusters": {name: {"hosts": [server.address]} for name, server in servers.items()},
    }
    file = tmp_path_factory.mktemp("examples") / "proxy.yaml"
    file.write_text(yaml.safe_dump(configuration))
    with running(file) as proxy:
        yield proxy.wait_ready()


@contextlib.contextmanager
def client(address: str) -> Iterator[socket.socket]:
    with contextlib.closing(connect(address)) as made:
        made.settimeout(PATIENCE)
        yield made


def exchange(connection: socket.socket, frame: bytes, size: int) -> bytes:
    connection.sendall(frame)
    return receive(connection, size)


@pytest.mark.parametrize("name", NAMES)
def test_a_running_proxy_carries_it(name: str, servers: dict[str, Server], addresses: dict[str, str]) -> None:
    call, answer = VECTORS[name]["call"], VECTORS[name]["answer"]
    before = len(servers[name].requests)
    with client(addresses[name]) as connection:
        for _ in range(3):
            assert exchange(connection, call.data, len(answer.data)) == answer.data, "under the caller's own id"
        connection.sendall(call.data * 2)
        assert receive(connection, 2 * len(answer.data)) == answer.data * 2, "two calls in one piece"
        for byte in call.data:
            connection.sendall(bytes((byte,)))
        assert receive(connection, len(answer.data)) == answer.data, "a call byte by byte"
    seen = servers[name].requests[before:]
    assert len(seen) == 6
    for request in seen:
        assert isinstance(check_verify(Subject.of(KNOWN[name]), request), Complete), "what the server gets is a good frame"
        assert (request if call.id is None else KNOWN[name].codec.with_id(request, call.id)) == call.data


@pytest.mark.parametrize("name", NAMES)
def test_heartbeats_and_calls_for_nobody_are_answered_by_the_proxy(name: str, addresses: dict[str, str]) -> None:
    ping, pong, call = (VECTORS[name][which] for which in ("ping", "pong", "call"))
    codec = KNOWN[name].codec
    scanned = codec.scan_bytes(call.data)
    refusal = codec.reply(Fault.NO_ROUTE, scanned.variant, scanned.echo, call.id or 0)
    with client(addresses[name]) as connection:
        assert exchange(connection, ping.data, len(pong.data)) == pong.data
        assert exchange(connection, call.data.replace(b"shop.Cart", b"shop.Cash"), len(refusal)) == refusal


BAD_JSON = [b'{"service":"shop', b'["service"]', b"\xff", b"[" * 4096, b"5", b'{"service":' + b"9" * 4000]


@pytest.mark.parametrize("headers", BAD_JSON)
def test_headers_that_only_construct_could_read_and_cannot(headers: bytes, addresses: dict[str, str]) -> None:
    """They are malformed, whatever json raises: answered, and the connection closed; the worker goes on."""
    found = KNOWN["tagged"]
    frame = found.protocol.frame.parse(VECTORS["tagged"]["call"].data)
    bad = b"\xf9T\0" + (9).to_bytes(4, "big") + bytes(2) + len(headers).to_bytes(2, "big") + headers + bytes(4)
    malformed = found.codec.reply(Fault.MALFORMED, 0, 0, 9)
    assert frame.headers == {"service": "shop.Cart", "method": "add"}
    assert found.codec.scan_bytes(bad).kind is Kind.REQUEST
    call, answer = VECTORS["tagged"]["call"].data, VECTORS["tagged"]["answer"].data
    with client(addresses["tagged"]) as connection:
        assert exchange(connection, bad, len(malformed) + 1) == malformed
    with client(addresses["tagged"]) as connection:
        assert exchange(connection, call, len(answer)) == answer
