"""nginx, HAProxy and Node as upstreams over TLS, believed or not; and servers that speak before the handshake is over.

Whoever is not believed gets not one byte of a request: the client is told 503, the log says why.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import ssl
import urllib.request
from typing import TYPE_CHECKING

import pytest
from harness.pki import Pki
from harness.programs import curl
from harness.proxy import Proxy
from harness.secure import Secure, back_config, to
from harness.tls_between import EARLY, Early, Interposed
from harness.tls_programs import WRONG
from harness.web import Web
from harness.wire_http import Answer, Wire, ask

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from harness.http2 import Http2

OURS = "{ca: mesh-ca, server_name: a.test}"
OURS_WITH = "{ca: mesh-ca, server_name: a.test, certificate: client}"
GOOD = {
    "nginx": OURS,
    "nginx-rsa": OURS,
    "demanding": OURS_WITH,
    "haproxy": OURS_WITH,
    "node": OURS,
    "node-demanding": OURS_WITH,
    "old": "{ca: mesh-ca, server_name: a.test, max_version: '1.2'}",
    "exact": "{ca: mesh-ca, server_name: other.test, san: [{exact: b.test}, {exact: A.Test}]}",
    "address": "{ca: mesh-ca, san: [{exact: 127.0.0.1}]}",
    "suffix": "{ca: mesh-ca, server_name: other.test, san: [{suffix: .mesh.test}]}",
    "uri": "{ca: mesh-ca, san: [{uri: 'spiffe://td/ns/web/*'}]}",
    "whole-uri": "{ca: mesh-ca, san: [{uri: 'spiffe://td/ns/web/sa/b'}]}",
    "unjudged": "{verify: false, server_name: a.test}",
}
"""Clusters that work, by name: what their `tls` says."""
AT = {"old": "nginx", "exact": "nginx", "address": "nginx", "suffix": "sidecar", "uri": "sidecar", "whole-uri": "sidecar",
      "unjudged": "strange"}  # fmt: skip
"""Whose servers they have, where the name does not say it."""
BAD = {
    **dict.fromkeys(WRONG, OURS),
    "plaintext": OURS,
    "no-certificate": OURS,
    "foreign-certificate": "{ca: mesh-ca, server_name: b.test, certificate: client}",
    "another-name": "{ca: mesh-ca, server_name: a.test, san: [{exact: c.test}]}",
    "another-uri": "{ca: mesh-ca, server_name: a.test, san: [{uri: 'spiffe://td/ns/web/sa/bb'}]}",
    "half-a-uri": "{ca: mesh-ca, server_name: a.test, san: [{uri: 'spiffe://td/ns/web/sa'}]}",
    "half-a-name": "{ca: mesh-ca, server_name: a.test, san: [{suffix: .esh.test}]}",
    "system-roots": "{server_name: a.test}",
}
BAD_AT = {"no-certificate": "demanding", "foreign-certificate": "demanding", "another-name": "nginx", "another-uri": "sidecar",
          "half-a-uri": "sidecar", "half-a-name": "sidecar", "system-roots": "nginx"}  # fmt: skip
WHY = {
    "wrong-name": "a.test",
    "expired": "expired",
    "not-yet-valid": "not yet valid",
    "self-signed": "self-signed",
    "strange": "issuer",
    "client-only": "purpose",
    "plaintext": "wrong version number",
    "foreign-certificate": "b.test",
    "another-name": "none of its names is one that is wanted: a.test, *.a.test",
    "another-uri": "spiffe://td/ns/web/sa/b",
    "half-a-uri": "spiffe://td/ns/web/sa/b",
    "half-a-name": "sidecar-b.mesh.test",
    "system-roots": "issuer",
}
"""What the log says of it, beside the cluster and the host. Where names are not those that are wanted: those that it has."""
CURL = dict.fromkeys(WRONG, 60) | {"plaintext": 35}


@pytest.fixture(scope="module")
def proxy(secure: Secure) -> Iterator[Proxy]:
    """Every cluster, good or bad."""
    nginx = secure.nginx.addresses
    others = {"haproxy": secure.haproxy.address, "node": secure.peer("node").address,
              "node-demanding": secure.peer("node_demanding").address}  # fmt: skip
    hosts = {name: others.get(name) or nginx[(AT | BAD_AT).get(name, name)] for name in GOOD | BAD}
    setup = back_config(secure.pki, hosts, GOOD | BAD).replace("host: node.test", "host: [node.test, 127.0.0.1]")
    with Proxy(setup, secure.folder, "back") as started:
        yield started


def visit(proxy: Proxy, name: str, target: str = "/") -> Answer:
    return ask(proxy.address, target, host=f"{name}.test")


@pytest.mark.parametrize("name", [name for name in GOOD if not name.startswith("node")])
def test_servers_that_are_believed(proxy: Proxy, name: str) -> None:
    answer = visit(proxy, name)
    assert answer.status == 200, (answer, proxy.tail())
    server, version, asked, *rest = answer.body.decode().split()
    assert server == AT.get(name, name)
    assert version == ("TLSv1.2" if name == "old" else "TLSv1.3")
    expected = {"exact": "[other.test]", "suffix": "[other.test]", "address": "[]", "uri": "[]", "whole-uri": "[]"}
    assert asked == expected.get(name, "[a.test]")
    if name in {"demanding", "haproxy"}:
        assert rest[0] == {"demanding": "SUCCESS", "haproxy": "client"}[name]


@pytest.mark.parametrize("name", ["node", "node-demanding"])
def test_node(proxy: Proxy, name: str, tmp_path: Path) -> None:
    said = visit(proxy, name, "/tls").json
    assert (said["version"], said["server_name"]) == ("TLSv1.3", "a.test")
    assert said["client"] == ("client" if name == "node-demanding" else None)
    file = tmp_path / "upload"
    file.write_bytes(bytes(index * 31 % 256 for index in range(3_000_000)))
    front = ["-H", f"Host: {name}.test"]
    for form in ([], ["-H", "Transfer-Encoding: chunked"]):
        echoed = json.loads(curl(*front, "-T", str(file), *form, f"http://{proxy.address}/echo").stdout)
        assert echoed["sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()
    assert curl(*front, f"http://{proxy.address}/zeros?size=30000000").stdout == bytes(30_000_000)


def test_web_sockets(web: Web, proxy: Proxy) -> None:
    """A client's are in the clear, its server's are in TLS."""
    script = ["text", "é😀", 256, 1 << 20, "ping", "x" * (1 << 20), "", "last"]
    said = web.peer("python").ok("sockets", url=f"ws://{proxy.address}/socket", script=script, code=3000)
    assert (said["answers"], said["code"]) == ([4, 2, 256, 1 << 20, "pong", 1 << 20, 0, 4], 3000)


def test_a_conversation_in_one_request(proxy: Proxy) -> None:
    """Each piece comes back before the next is sent: nothing waits for a record to be full."""
    pieces = [b"piece %d" % number for number in range(20)]
    with Wire(proxy.address) as wire:
        wire.ask("/mirror", "Transfer-Encoding: chunked", method="POST", host="node.test")
        assert wire.head().status == 200
        for piece in pieces:
            wire.go_on("chunked", piece)
            assert wire.chunk() == piece
        wire.go_on("chunked", b"")
        assert wire.chunk() == b""


def test_connections_are_kept(proxy: Proxy) -> None:
    """Whoever the client is: each asks on a connection of its own."""
    for name in ("nginx", "demanding"):
        assert len({visit(proxy, name).body.split()[-1] for _ in range(20)}) == 1


def test_sessions_are_resumed(proxy: Proxy) -> None:
    """When a server closed and is connected to again."""
    for _ in range(3):
        assert visit(proxy, "node", "/close").body == b"closed"
    assert visit(proxy, "node", "/tls").json["resumed"] is True


def test_a_server_that_closes(proxy: Proxy) -> None:
    """Its answer is whole, whether it said that it closes or not."""
    for _ in range(10):
        assert visit(proxy, "node", "/leave").body == b"left"
        assert visit(proxy, "node", "/echo").status == 200
    assert visit(proxy, "node", "/until-close?size=100000").body == b"x" * 100_000


def test_a_server_that_dies_in_the_middle(proxy: Proxy) -> None:
    """A body that ends with its connection, and the connection without close_notify: who knows whether that was all?"""
    assert visit(proxy, "node", "/die/before-head").status == 502
    assert visit(proxy, "node", "/die/in-head").status == 502
    with Wire(proxy.address) as wire:
        wire.ask("/die/in-body?length", host="node.test")
        with pytest.raises(ConnectionError):
            wire.answer()
    assert visit(proxy, "node", "/echo").status == 200


@pytest.mark.parametrize("name", list(WHY))
def test_servers_that_are_not_believed(proxy: Proxy, name: str) -> None:
    before = proxy.log.stat().st_size
    with Wire(proxy.address) as wire:
        wire.ask("/", host=f"{name}.test")
        answer = wire.answer()
        assert (answer.status, answer.get("retry-after") != "") == (503, True), answer
        wire.ask("/", host="nginx.test")
        assert wire.answer().status == 200
    line = proxy.logged(f"cluster {name}: host ", before)
    assert WHY[name] in line, line


def test_a_server_that_wants_a_certificate_and_gets_none(proxy: Proxy) -> None:
    """nginx says so itself, over TLS."""
    answer = visit(proxy, "no-certificate")
    assert (answer.status, b"No required SSL certificate" in answer.body) == (400, True)


@pytest.mark.parametrize("name", CURL)
def test_what_curl_thinks_of_them(secure: Secure, name: str) -> None:
    """The servers are as wrong as they are meant to be."""
    ca = ["--cacert", str(secure.pki.ca)]
    assert curl(*ca, *to(secure.nginx.addresses[name]), "https://a.test/", ok=False).returncode == CURL[name]
    assert curl(*ca, *to(secure.nginx.addresses["nginx"]), "https://a.test/").stdout.startswith(b"nginx TLSv1.3")


@pytest.mark.parametrize("moment", list(EARLY))
def test_a_server_that_speaks_before_the_handshake(secure: Secure, proxy: Proxy, tmp_path: Path, moment: str) -> None:
    """A whole answer in the clear, at once or after the hello, with or without a real handshake behind it: CVE-2026-1642.

    Nobody gets it, neither then nor later.
    """
    with Early(moment, *secure.pki.files["web"]) as server:
        _nothing_of_it(secure.pki, server.address, tmp_path)
        direct = curl("--cacert", str(secure.pki.ca), *to(server.address), "https://a.test/", ok=False)
        assert (direct.returncode, direct.stdout) == (35, b"")


def test_somebody_on_the_way_who_speaks_first(secure: Secure, tmp_path: Path) -> None:
    """The server is the right one; what he puts in front of its handshake is no part of it."""
    with Interposed(secure.nginx.addresses["nginx"], EARLY["at once"]) as relay:
        _nothing_of_it(secure.pki, relay.address, tmp_path)


def _nothing_of_it(pki: Pki, address: str, folder: Path) -> None:
    setup = back_config(pki, {"early": address}, {"early": OURS})
    with Proxy(setup, folder, "early") as proxy:
        for _ in range(3):
            answer = visit(proxy, "early")
            assert (answer.status, b"injected" in answer.body) == (503, False), answer
        proxy.logged("cluster early: host ")


def test_hosts_that_still_speak_in_the_clear(secure: Secure, tmp_path: Path) -> None:
    """An exception by a host's metadata."""
    hosts = secure.nginx.addresses
    legacy = f'{{address: "{hosts["plaintext"]}", metadata: {{tls: legacy}}}}'
    setup = back_config(secure.pki, {"both": hosts["nginx"]}, {"both": OURS}).replace(
        f'hosts: ["{hosts["nginx"]}"]',
        f'lb: round_robin, tls_matches: [{{metadata: {{tls: legacy}}, tls: plaintext}}], hosts: ["{hosts["nginx"]}", {legacy}]',
    )
    with Proxy(setup, tmp_path, "both") as proxy:
        seen = {visit(proxy, "both").body.split(b" [")[0].strip() for _ in range(8)}
    assert seen == {b"nginx TLSv1.3", b"plaintext"}


def test_each_host_by_the_version_that_it_agrees_on(secure: Secure, http2: Http2, tmp_path: Path) -> None:
    """`http: auto`: nginx and Node that speak HTTP/2, and nginx that does not."""
    hosts = {"new": http2.at("nginx", tls=True), "node": http2.at("node", tls=True), "old": secure.nginx.addresses["nginx"]}
    setup = back_config(secure.pki, hosts, dict.fromkeys(hosts, OURS)).replace("timeout: 60s", "timeout: 60s, http: auto")
    with Proxy(setup, tmp_path, "auto") as proxy:
        for _ in range(3):
            assert visit(proxy, "new", "/small.txt").status == visit(proxy, "node", "/push").status == 200
            assert visit(proxy, "old").body.startswith(b"nginx TLSv1.3")
        found = urllib.request.urlopen(f"http://{proxy.admin}/clusters", timeout=10).read()
        (worker,) = json.loads(found)["workers"]
        assert {name: worker[name]["hosts"][0]["http"] for name in hosts} == {"new": "http2", "node": "http2", "old": "http1"}


def test_a_server_never_sees_a_request_of_who_does_not_believe_it(secure: Secure, tmp_path: Path) -> None:
    """A server with a certificate of nobody's records every byte that is decrypted for it: there are none."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*secure.pki.files["strange"])
    with Early("never", *secure.pki.files["strange"]) as server:
        setup = back_config(secure.pki, {"strange": server.address}, {"strange": OURS})
        with Proxy(setup, tmp_path, "strange") as proxy, contextlib.suppress(ConnectionError):
            for version in range(3):
                assert visit(proxy, "strange", f"/secret?{version}").status == 503
        assert server.connections > 0
        assert server.read == b""
