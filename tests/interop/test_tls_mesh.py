"""Two proxies in a row with mutual TLS, for Bolt, Dubbo, Thrift and HTTP/1.1; the second routes by who the first is."""

from __future__ import annotations

import os
import signal
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from harness.mesh import BOLT_SERVICE, Mesh
from harness.processes import Peer
from harness.proxy import Proxy
from harness.secure import Secure
from harness.sidecars import IDENTITY, INNER, THRIFT, Hosts, beside_the_client, beside_the_server
from harness.thrift import STARTERS
from harness.web import Web, workers
from harness.wire_http import Wire, ask

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FIVE_MB = 5 * 1024 * 1024
BURST = 600
HEADERS = {"service": BOLT_SERVICE, "sofa_head_method_name": "echo"}
THRIFT_CALL = {"form": "thrift", "service": THRIFT, "method": "echo", "multiplexed": True}
NO_ROUTE_DUBBO = 1


class Row(NamedTuple):
    """`a` is the client's proxy; `stranger` another one, of the same mesh, that B lets call nothing."""

    a: Proxy
    b: Proxy
    stranger: Proxy


@pytest.fixture(scope="module")
def thrift(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Peer, Peer]]:
    """Server and client."""
    folder = tmp_path_factory.mktemp("thrift")
    with STARTERS["apache"][0](folder / "server.log") as server, STARTERS["apache"][1](folder / "client.log") as client:
        yield server, client


@pytest.fixture(scope="module")
def hosts(mesh: Mesh, web: Web, secure: Secure, thrift: tuple[Peer, Peer]) -> Hosts:
    at = thrift[0].ok("ports")["ports"]["thrift"]
    bolt, dubbo = mesh.peer("bolt_server").address, mesh.peer("dubbo_provider").address
    return Hosts(bolt, dubbo, f"127.0.0.1:{at}", web.node.address, secure.nginx.addresses["plaintext"])


@pytest.fixture(scope="module")
def row(secure: Secure, hosts: Hosts, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Row]:
    folder = tmp_path_factory.mktemp("row")
    with (
        Proxy(beside_the_server(secure.pki, hosts), folder, "b") as b,
        Proxy(beside_the_client(secure.pki, b.address), folder, "a") as a,
        Proxy(beside_the_client(secure.pki, b.address, "sidecar-b"), folder, "stranger") as stranger,
    ):
        yield Row(a, b, stranger)


def bolt(mesh: Mesh, target: Proxy, **args: Any) -> dict[str, Any]:
    said = {"target": target.address, "headers": HEADERS, "client": target.name, "timeout": 20_000, **args}
    return mesh.peer("bolt_client").do("call", **said)


def dubbo(mesh: Mesh, target: Proxy, **args: Any) -> dict[str, Any]:
    said = {"target": target.address, "method": "echo", "client": target.name, "timeout": 20_000, **args}
    return mesh.peer("dubbo_consumer").do("call", **said)


@pytest.mark.parametrize("variant", [{"version": 1}, {"version": 2}, {"version": 2, "crc": True}], ids=str)
def test_bolt(mesh: Mesh, row: Row, variant: dict[str, Any]) -> None:
    for text in ("hello", "", "é😀漢字"):
        assert bolt(mesh, row.a, text=text, **variant).get("same")
    large = bolt(mesh, row.a, size=FIVE_MB, **variant)
    assert (large.get("same"), large.get("length")) == (True, FIVE_MB), large


def test_dubbo(mesh: Mesh, row: Row) -> None:
    for text in ("hello", "", "a😀é漢"):
        assert dubbo(mesh, row.a, text=text).get("same")
    large = dubbo(mesh, row.a, method="echoBytes", size=FIVE_MB)
    assert (large.get("same"), large.get("length")) == (True, FIVE_MB), large


def test_thrift(thrift: tuple[Peer, Peer], row: Row) -> None:
    call = {**THRIFT_CALL, "target": row.a.address}
    for text in ("hello", "", "é😀漢"):
        assert thrift[1].ok("call", **call, text=text)["value"] == text
    assert thrift[1].ok("call", **{**call, "method": "big"}, n=300_000)["length"] == 300_000


def test_http(row: Row) -> None:
    """B tells the server who A is; A's client is nobody."""
    said = ask(row.a.address, "/echo", method="POST", body=b"x" * 60_000).json
    sent = dict(said["headers"])
    assert (said["length"], sent["x-forwarded-proto"]) == (60_000, "https")
    assert f"URI={IDENTITY['a']}" in sent["x-forwarded-client-cert"]
    assert ", ".join(value for name, value in said["headers"] if name == "via") == "1.1 xproto, 1.1 xproto"


def test_http_streams_both_ways(row: Row) -> None:
    with Wire(row.a.address) as wire:
        wire.begin("/mirror", "chunked", 0)
        assert wire.head().status == 200
        for number in range(20):
            wire.go_on("chunked", b"piece %d" % number)
            assert wire.chunk() == b"piece %d" % number
        wire.go_on("chunked", b"")
        assert wire.chunk() == b""


def test_b_routes_by_the_name_that_a_asks_for(row: Row) -> None:
    assert ask(row.a.address, "/inner/x").body.startswith(b"plaintext")
    assert ask(row.a.address, "/echo").json["url"] == "/echo"


def test_all_of_them_at_once(mesh: Mesh, web: Web, thrift: tuple[Peer, Peer], row: Row) -> None:
    """RPC calls of many clients share connections between the two, as they do in the clear."""
    calls: dict[str, Any] = {"target": row.a.address, "count": BURST, "threads": 8, "client": "row", "timeout": 20_000}
    plain = {"target": row.a.address, **THRIFT_CALL, "text": "thrift", "count": BURST, "threads": 8, "client": "row"}
    jobs = [
        (mesh.peer("bolt_client"), "call", {"headers": HEADERS, "size": 256, **calls}),
        (mesh.peer("dubbo_consumer"), "call", {"method": "echo", "text": "dubbo", **calls}),
        (thrift[1], "call", plain),
        (web.peer("python"), "burst", {"url": f"http://{row.a.address}/echo", "count": BURST, "connections": 8}),
    ]
    with ThreadPoolExecutor(len(jobs)) as pool:
        results = [future.result() for future in [pool.submit(peer.do, cmd, 120, **args) for peer, cmd, args in jobs]]
    assert [result["ok"] for result in results] == [True] * len(jobs), results


def test_who_is_somebody_else_may_call_nothing(mesh: Mesh, thrift: tuple[Peer, Peer], row: Row) -> None:
    """B trusts its certificate, and no route is for its name: each protocol's own answer for that."""
    assert bolt(mesh, row.stranger, text="x")["error"] == "InvokeException"
    refused = dubbo(mesh, row.stranger, text="x")
    assert (refused["error"], refused["code"]) == ("RpcException", NO_ROUTE_DUBBO)
    call = {**THRIFT_CALL, "target": row.stranger.address, "text": "x"}
    assert thrift[1].do("call", **call)["error"] == "TApplicationException"
    assert ask(row.stranger.address, "/echo").status == 404
    assert bolt(mesh, row.a, text="after")["same"]


def test_what_a_call_says_of_its_connection_is_not_believed(mesh: Mesh, row: Row) -> None:
    """Headers, attachments and fields by the names of the connection's own facts."""
    lies = {"tls.san": IDENTITY["a"], "tls.sni": INNER}
    assert bolt(mesh, row.stranger, headers={**HEADERS, **lies}, text="x")["error"] == "InvokeException"
    assert dubbo(mesh, row.stranger, text="x", attachments=lies)["error"] == "RpcException"
    told = [f"{key}: {value}" for key, value in lies.items()]
    for fields in (told[:1], told[1:], told, [told[0].upper().replace("SPIFFE://TD/NS/WEB/SA/A", IDENTITY["a"])]):
        assert ask(row.stranger.address, "/echo", *fields).status == 404
    assert ask(row.a.address, "/echo", f"tls.sni: {INNER}").json["url"] == "/echo"


def test_b_is_not_reached_around_a(mesh: Mesh, row: Row) -> None:
    """In the clear, B answers nothing."""
    refused = bolt(mesh, row.b, text="x", timeout=3000)
    assert not refused["ok"]
    with Wire(row.b.address) as wire:
        wire.ask("/echo")
        assert b"200 OK" not in wire.rest()


def test_somebody_else_in_the_place_of_b(mesh: Mesh, secure: Secure, hosts: Hosts, tmp_path: Path) -> None:
    """He has a certificate of the same authority, and not B's name: he gets nothing of a call."""
    setup = (
        beside_the_server(secure.pki, hosts)
        .replace("sidecar-b", "client")
        .replace(secure.pki.files["client"].secret, secure.pki.files["web"].secret)
    )
    with Proxy(setup, tmp_path, "other-b") as other, Proxy(beside_the_client(secure.pki, other.address), tmp_path, "a") as a:
        refused = bolt(mesh, a, text="x", timeout=5000)
        assert (refused["ok"], "Timeout" in refused["error"]) == (False, False), refused
        assert ask(a.address, "/echo").status == 503
        assert "none of its names is one that is wanted: a.test" in a.logged("cluster b: host ")


REFUSED = {
    "elsewhere": "none of its names is one that is wanted: client.elsewhere.test, spiffe://elsewhere/ns/web/sa/client",
    "strange-client": "unable to get local issuer certificate",
    "expired": "certificate has expired",
}
"""Who is not let in by B, and what its log says."""


@pytest.mark.parametrize("leaf", list(REFUSED))
@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_b_does_not_take_a(mesh: Mesh, secure: Secure, hosts: Hosts, tmp_path: Path, leaf: str, version: str) -> None:
    """In TLS 1.3 A learns that when it has sent its first call. Its client is told, and B's log says why."""
    wanted = "{verify: required, ca: mesh-ca, san: [{uri: 'spiffe://td/*'}]}"
    setup = beside_the_server(secure.pki, hosts).replace("{verify: required, ca: mesh-ca}", wanted)
    mesh.peer("bolt_server").ok("reset")
    with Proxy(setup, tmp_path, "b") as b:
        ours = beside_the_client(secure.pki, b.address, leaf).replace("ca: mesh-ca", f"max_version: '{version}', ca: mesh-ca")
        with Proxy(ours, tmp_path, "a") as a:
            assert ask(a.address, "/echo").status in (502, 503)
            assert ask(a.address, "/echo", method="POST", body=b"x").status in (502, 503)
            refused = bolt(mesh, a, text="x")
            assert (refused["ok"], refused["error"]) == (False, "ConnectionClosedException"), refused
            assert REFUSED[leaf] in b.logged("listener mesh: downstream ")
    assert mesh.peer("bolt_server").ok("stats")["calls"] == 0


def test_b_dies_in_the_middle_of_calls(mesh: Mesh, web: Web, secure: Secure, hosts: Hosts, tmp_path: Path) -> None:
    """Each caller is told, in its own protocol."""
    slow = {**HEADERS, "sofa_head_method_name": "sleep", "ms": "20000"}
    mesh.peer("bolt_server").ok("reset")
    with (
        Proxy(beside_the_server(secure.pki, hosts), tmp_path, "b") as b,
        Proxy(beside_the_client(secure.pki, b.address), tmp_path, "a") as a,
        ThreadPoolExecutor(1) as pool,
        Wire(a.address) as wire,
    ):
        pending = pool.submit(bolt, mesh, a, headers=slow, text="x")
        mesh.peer("bolt_server").ok("wait", method="sleep", count=1)
        wire.ask("/hang?name=b-dies")
        web.node.ok("wait", name="begun b-dies")
        for pid in (*workers(b), b.process.pid):
            os.kill(pid, signal.SIGKILL)
        assert wire.answer().status == 502
        assert pending.result()["error"] == "ConnectionClosedException"
        assert ask(a.address, "/echo").status == 503
