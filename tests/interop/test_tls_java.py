"""SOFABolt's, Apache Dubbo's and the JDK's clients over TLS with certificates of their own, straight and through one port.

What they are found to do, and to leave out:

- SOFABolt (1.6.11) takes its certificate and whom it trusts from one key store, so it cannot trust a server without one of its
  own. It sends no server name and compares none with the server's certificate: any certificate of the authority will do.
- Apache Dubbo (3.2.16) speaks TLS as a consumer only with a certificate, sends no server name and compares none.
- The JDK's HttpClient sends a server name if it has a dot in it and is no address; it checks the server's names.
"""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from harness.mesh import BOLT_SERVICE, ECHO, Mesh
from harness.pki import SPIFFE
from harness.processes import java
from harness.proxy import Proxy, config
from harness.secure import Secure, bolt_tls, secrets
from harness.tls_between import Listening

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ONE_MB = 1 << 20
BURST = 600
HEADERS = {"service": BOLT_SERVICE, "sofa_head_method_name": "echo"}
VARIANTS: list[dict[str, Any]] = [{"version": 1}, {"version": 2}, {"version": 2, "crc": True}]


def port(secure: Secure, via: str, server: str) -> str:
    """The same port of the proxy for all of them; it demands a certificate, and so do the servers."""
    return secure.at(via, server, "demanding")


def bolt(secure: Secure, via: str, leaf: str = "client", **args: Any) -> dict[str, Any]:
    target = port(secure, via, "bolt_server")
    said = {"target": target, "headers": HEADERS, "client": via, "timeout": 20_000, **args}
    return secure.peer(f"bolt_{leaf}").do("call", **said)


def dubbo(secure: Secure, via: str, leaf: str = "client", **args: Any) -> dict[str, Any]:
    target = port(secure, via, "dubbo_provider")
    said = {"target": target, "method": "echo", "client": via, "timeout": 20_000, **args}
    return secure.peer(f"dubbo_{leaf}").do("call", **said)


def http(secure: Secure, via: str, leaf: str = "client", name: str = "a.test", **args: Any) -> dict[str, Any]:
    at = port(secure, via, "node_demanding").rpartition(":")[2]
    said = {"url": f"https://{name}:{at}/echo", "method": "GET", **args}
    return secure.peer(f"http_{leaf}").do("call", **said)


@pytest.mark.parametrize("variant", VARIANTS, ids=str)
def test_bolt(secure: Secure, via: str, variant: dict[str, Any]) -> None:
    for text in ("hello", "", "é😀漢字", "x" * 40_000):
        assert bolt(secure, via, text=text, **variant).get("same")
    large = bolt(secure, via, size=ONE_MB, **variant)
    assert (large.get("same"), large.get("length")) == (True, ONE_MB), large


def test_bolt_many_at_once(secure: Secure, via: str) -> None:
    result = bolt(secure, via, size=20_000, count=BURST, threads=8, clients=4)
    assert result["ok"], result


def test_bolt_with_tls_of_jdk_rests_and_goes_on(secure: Secure, via: str) -> None:
    """Its heartbeats, every 300 ms here, are answered over TLS: three that were not would end the connection."""
    assert bolt(secure, via, text="before")["same"]
    slow = bolt(secure, via, headers={**HEADERS, "sofa_head_method_name": "sleep", "ms": "1500"}, text="slow")
    assert (slow["ok"], slow["text"]) == (True, "slow")


def test_dubbo(secure: Secure, via: str) -> None:
    for text in ("hello", "", "é😀漢字", "x" * 40_000):
        assert dubbo(secure, via, text=text).get("same")
    large = dubbo(secure, via, method="echoBytes", size=ONE_MB)
    assert (large.get("same"), large.get("length")) == (True, ONE_MB), large


def test_dubbo_many_at_once(secure: Secure, via: str) -> None:
    result = dubbo(secure, via, text="call", count=BURST, threads=8, clients=4)
    assert result["ok"], result


@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
def test_http(secure: Secure, via: str, chunked: bool) -> None:
    said = http(secure, via, method="POST", size=300_000, chunked=chunked)
    echoed = json.loads(said["body"])
    assert (said["status"], echoed["length"]) == (200, 300_000)
    if via == "proxy":
        assert f"URI={SPIFFE}" in dict(echoed["headers"])["x-forwarded-client-cert"]


def test_http_many_at_once(secure: Secure, via: str) -> None:
    at = port(secure, via, "node_demanding").rpartition(":")[2]
    burst = {"method": "POST", "size": 5000, "count": 100, "threads": 100}
    assert secure.peer("http_client").ok("burst", url=f"https://a.test:{at}/echo", **burst)["right"] == 100


def test_http_offers_http_2(secure: Secure) -> None:
    """By ALPN, beside http/1.1, which is what it gets."""
    at = secure.proxy.address.rpartition(":")[2]
    said = secure.peer("http_client").do("call", url=f"https://a.test:{at}/echo", method="GET", offer=True)
    assert (said["status"], said["version"]) == (200, "HTTP_1_1"), said


def test_all_of_them_at_once_on_one_port(secure: Secure) -> None:
    at = secure.proxy.listeners["demanding"]
    calls: dict[str, Any] = {"target": at, "count": BURST, "threads": 8, "client": "mixed", "timeout": 20_000}
    posts = {"method": "POST", "size": 3000, "chunked": True, "count": BURST, "threads": 8}
    jobs = [
        (secure.peer("bolt_client"), "call", {"headers": HEADERS, "size": 256, **calls}),
        (secure.peer("dubbo_client"), "call", {"method": "echo", "text": "dubbo", **calls}),
        (secure.peer("http_client"), "burst", {"url": f"https://a.test:{at.rpartition(':')[2]}/echo", **posts}),
    ]
    with ThreadPoolExecutor(len(jobs)) as pool:
        results = [future.result() for future in [pool.submit(peer.do, cmd, 120, **args) for peer, cmd, args in jobs]]
    assert [(result["ok"], result["right"]) for result in results] == [(True, BURST)] * len(jobs), results


@pytest.mark.parametrize("leaf", ["strange-client", "expired"])
def test_clients_that_are_not_trusted(secure: Secure, via: str, leaf: str) -> None:
    """Nobody waits for the end of the call's time: the connection ends, and with it the call."""
    _all_refused(secure, via, leaf)


def test_clients_of_another_mesh(secure: Secure) -> None:
    """The servers themselves look at no names."""
    _all_refused(secure, "proxy", "elsewhere")


def _all_refused(secure: Secure, via: str, leaf: str) -> None:
    for call in (bolt, dubbo, http):
        result = call(secure, via, leaf, text="x", size=0)
        assert not result["ok"], (call, result)
        assert "Timeout" not in result["error"], (call, result)
        assert call(secure, via, text="x").get("ok"), call


def test_a_client_without_a_certificate(secure: Secure, via: str) -> None:
    """Of the three, only the JDK's can do without."""
    result = http(secure, via, "nobody")
    assert not result["ok"], result
    assert result["error"] in {"SSLHandshakeException", "SSLException", "IOException"}, result


def test_the_jdk_checks_names_and_the_others_do_not(secure: Secure, via: str) -> None:
    refused = http(secure, via, name="b.test")
    assert "No subject alternative DNS name matching b.test" in refused["message"], refused
    for call in (bolt, dubbo):
        assert call(secure, via, text="any name")["same"]


@pytest.fixture(scope="module")
def back(secure: Secure) -> Iterator[Proxy]:
    """Speaks TLS to SOFABolt's and Dubbo's servers, with the certificate that they demand, and heartbeats on top."""
    section = "tls: {ca: mesh-ca, server_name: a.test, certificate: client}"
    beats = "keepalive: {interval: 200ms, timeout: 200ms, misses: 20}"
    setup = f"""\
{secrets(secure.pki, "client")}
listeners: [{{name: mesh, address: "127.0.0.1:0", protocols: auto, routes: main}}]
routes:
  main:
    - {{match: {{headers: {{service: "{BOLT_SERVICE}"}}}}, cluster: bolt}}
    - {{match: {{headers: {{service: {ECHO}}}}}, cluster: dubbo}}
clusters:
  bolt: {{hosts: ["{secure.peer("bolt_server").address}"], {section}, {beats}}}
  dubbo: {{hosts: ["{secure.peer("dubbo_provider").address}"], {section}, {beats}}}
"""
    with Proxy(setup, secure.folder, "java-back") as started:
        yield started


def test_java_servers_behind_tls(mesh: Mesh, secure: Secure, back: Proxy) -> None:
    """Clients know nothing of it, share one connection to each server, and heartbeats keep it."""
    calls: dict[str, Any] = {"target": back.address, "client": "tls back", "timeout": 20_000}
    for server in ("bolt_server", "dubbo_provider"):
        secure.peer(server).ok("reset")
    jobs = [("bolt_client", {"headers": HEADERS, "size": 20_000}), ("dubbo_consumer", {"method": "echo", "text": "dubbo"})]
    for _ in range(2):
        for role, said in jobs:
            result = mesh.peer(role).do("call", 120, **calls, **said, count=BURST, threads=8, clients=4)
            assert result["ok"], result
        slow = {**HEADERS, "sofa_head_method_name": "sleep", "ms": "1000"}
        assert mesh.peer("bolt_client").ok("call", headers=slow, text="slow", **calls)["text"] == "slow"
    assert [secure.peer(server).ok("stats")["connections"] for server in ("bolt_server", "dubbo_provider")] == [1, 1]
    assert "cannot connect" not in back.tail()


def test_a_java_server_is_restarted_behind_tls(mesh: Mesh, secure: Secure, tmp_path: Path) -> None:
    """With another certificate meanwhile that is not believed: its callers are told, and those of the right one are served."""
    properties = {leaf: bolt_tls(secure.pki, leaf, "server") for leaf in ("web", "wrong-name")}
    with java("BoltServer", tmp_path / "first.log", "0", properties=properties["web"]) as first:
        port, section = first.port, ", tls: {ca: mesh-ca, server_name: a.test, certificate: client}"
        setup = config({"bolt": first.address}, [({"service": BOLT_SERVICE}, "bolt")], section)
        setup = secrets(secure.pki, "client") + setup
        with Proxy(setup, tmp_path) as proxy:
            call: dict[str, Any] = {"target": proxy.address, "headers": HEADERS, "client": str(port), "timeout": 5000}
            client = mesh.peer("bolt_client")
            assert client.ok("call", text="first", **call)["same"]
            first.stop()
            with java("BoltServer", tmp_path / "wrong.log", str(port), properties=properties["wrong-name"]):
                refused = client.do("call", text="wrong", **call)
                assert (refused["ok"], refused["error"]) == (False, "ConnectionClosedException"), refused
                assert "Hostname mismatch" in proxy.logged("cluster bolt: host ")
            with java("BoltServer", tmp_path / "again.log", str(port), properties=properties["web"]):
                assert any(client.do("call", text="again", **call).get("same") for _ in range(50))


@pytest.mark.parametrize(("kind", "name"), [("bolt", ""), ("dubbo", ""), ("http", "a.test")])
def test_which_of_them_send_a_server_name(secure: Secure, kind: str, name: str) -> None:
    """Bolt's and Dubbo's clients get what a listener has for no name."""
    client = secure.peer(f"{kind}_client")
    with Listening() as server, ThreadPoolExecutor(1) as pool:
        said: dict[str, Any] = {
            "bolt": {"headers": HEADERS, "text": "x", "timeout": 1000},
            "dubbo": {"method": "echo", "text": "x", "timeout": 1000},
            "http": {"url": f"https://a.test:{server.address.rpartition(':')[2]}/", "method": "GET"},
        }[kind]
        pending = pool.submit(client.do, "call", target=server.address, **said)
        assert server.name() == name
        server.close()
        assert not pending.result()["ok"]
