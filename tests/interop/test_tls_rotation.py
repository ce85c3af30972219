"""Certificates, roots and revocation lists that change under a running proxy, while connections are used.

New handshakes see what is new. Connections that are open go on. What is half written, or wrong, changes nothing.
"""

from __future__ import annotations

import shutil
import ssl
import threading
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509
from harness.mesh import BOLT_SERVICE
from harness.pki import SPIFFE, WEB, Pki
from harness.processes import java
from harness.proxy import Proxy
from harness.secure import Secure, bolt_tls
from harness.tls import TlsWire, client_context, refusal
from harness.wire_http import PATIENCE, ask

from tests.tls.authority import Authority

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

LOOK_EVERY = 0.1
"""Seconds between looks at whether a change has come: the proxy itself looks once a second."""
HEADERS = {"service": BOLT_SERVICE, "sofa_head_method_name": "echo"}


@pytest.fixture
def pki(tmp_path: Path) -> Pki:
    """Of its own: other tests need theirs as they are."""
    return Pki(tmp_path / "pki")


@pytest.fixture
def proxy(pki: Pki, secure: Secure, tmp_path: Path) -> Iterator[Proxy]:
    (pki.folder / "ca.crl").write_text(pki.authority.crl())
    setup = f"""\
secrets:
  web: {pki.files["web"].secret}
  mesh-ca: {{ca: "{pki.ca}", crl: "{pki.folder}/ca.crl"}}
listeners:
  - name: mesh
    address: 127.0.0.1:0
    routes: main
    protocols: auto
    tls: {{certificates: [web]}}
  - name: demanding
    address: 127.0.0.1:0
    routes: main
    protocols: auto
    tls: {{certificates: [web], client: {{verify: required, ca: mesh-ca}}}}
    http: {{client_certificate: true}}
routes:
  main:
    - {{match: {{headers: {{service: "{BOLT_SERVICE}"}}}}, cluster: bolt}}
    - {{match: {{path: {{prefix: /}}}}, cluster: node}}
clusters:
  bolt: {{hosts: ["{secure.plain["bolt"]}"]}}
  node: {{hosts: ["{secure.plain["node"]}"]}}
"""
    with Proxy(setup, tmp_path) as started:
        yield started


def until(what: Callable[[], bool], patience: float = PATIENCE) -> None:
    """Until it is so; looks again and again, as the change has to come by itself."""
    tick = threading.Event()
    for _ in range(int(patience / LOOK_EVERY)):
        if what():
            return
        tick.wait(LOOK_EVERY)
    raise AssertionError("it did not come")


def serial(address: str, pki: Pki, leaf: str = "") -> int:
    """Of the certificate that a new handshake is shown."""
    with TlsWire(address, client_context(pki, leaf), "a.test") as wire:
        shown = wire.tls.getpeercert(binary_form=True)
    assert shown is not None
    return x509.load_der_x509_certificate(shown).serial_number


def test_a_certificate_is_renewed(proxy: Proxy, pki: Pki) -> None:
    """While requests are on their way, on old connections and on new ones: none fails."""
    old = pki.issued["web"].serial
    stop = threading.Event()

    def visit() -> int:
        count = 0
        while not stop.is_set():
            with TlsWire(proxy.address, client_context(pki), "a.test") as wire:
                wire.ask("/echo")
                assert wire.answer().status == 200
            count += 1
        return count

    with TlsWire(proxy.address, client_context(pki), "a.test") as kept, ThreadPoolExecutor(2) as pool:
        assert serial(proxy.address, pki) == old
        visitors = [pool.submit(visit) for _ in range(2)]
        try:
            for _ in range(2):
                new = pki.authority.issue("web", **WEB)
                pki.keep("web", new)
                until(lambda new=new: serial(proxy.address, pki) == new.serial)  # type: ignore[misc]
                kept.ask("/echo")
                assert kept.answer().status == 200
        finally:
            stop.set()
        assert all(visitor.result() > 0 for visitor in visitors)
        assert kept.tls.getpeercert()["serialNumber"].lower() == f"{old:x}".zfill(len(pki.serial("web")))  # type: ignore[index]


def test_a_pair_in_two_steps(proxy: Proxy, pki: Pki) -> None:
    """First the certificate, then its key: between the two they do not fit, and the old pair is shown."""
    old, new = pki.issued["web"], pki.authority.issue("web", **WEB)
    pki.files["web"].certificate.write_text(new.certificate)
    proxy.logged("secret web")
    assert serial(proxy.address, pki) == old.serial
    pki.files["web"].key.write_text(new.key)
    until(lambda: serial(proxy.address, pki) == new.serial)


@pytest.mark.parametrize("damage", ["empty", "cut", "gone", "nonsense"])
def test_what_cannot_be_read_changes_nothing(proxy: Proxy, pki: Pki, damage: str) -> None:
    """The log says so; when the file is right again, it is taken."""
    old, file = pki.issued["web"], pki.files["web"].certificate
    if damage == "gone":
        file.unlink()
    else:
        file.write_text({"empty": "", "cut": old.certificate[:300], "nonsense": "nonsense\n" * 100}[damage])
    proxy.logged("secret web")
    assert serial(proxy.address, pki) == old.serial
    new = pki.keep("web", pki.authority.issue("web", **WEB))
    assert new.certificate.exists()
    until(lambda: serial(proxy.address, pki) == pki.issued["web"].serial)


def test_as_kubernetes_does_it(pki: Pki, secure: Secure, tmp_path: Path) -> None:
    """Links to a link to a folder, which is swapped: all files of a secret change at one moment."""
    volume = tmp_path / "volume"
    first, second = volume / "..first", volume / "..second"
    pki.issued["web"].write(first, "tls")
    (volume / "..data").symlink_to(first.name)
    for name in ("tls.crt", "tls.key"):
        (volume / name).symlink_to(f"..data/{name}")
    setup = f"""\
secrets: {{web: {{certificate: "{volume}/tls.crt", private_key: "{volume}/tls.key"}}}}
listeners: [{{name: mesh, address: "127.0.0.1:0", routes: main, protocols: auto, tls: {{certificates: [web]}}}}]
routes: {{main: [{{cluster: node}}]}}
clusters: {{node: {{hosts: ["{secure.plain["node"]}"]}}}}
"""
    with Proxy(setup, tmp_path, "volume") as proxy:
        assert serial(proxy.address, pki) == pki.issued["web"].serial
        new = pki.authority.issue("web", **WEB)
        new.write(second, "tls")
        (volume / "..new").symlink_to(second.name)
        (volume / "..new").replace(volume / "..data")
        shutil.rmtree(first)
        until(lambda: serial(proxy.address, pki) == new.serial)


def test_a_java_client_calls_on_through_it(proxy: Proxy, pki: Pki, tmp_path: Path) -> None:
    """SOFABolt keeps one connection, and never notices."""
    target = proxy.listeners["demanding"]
    call: dict[str, Any] = {"target": target, "headers": HEADERS, "client": "kept", "timeout": 20_000}
    with java("BoltClient", tmp_path / "client.log", properties=bolt_tls(pki, "client", "client")) as client:
        assert client.ok("call", text="before", **call)["same"]
        with ThreadPoolExecutor(1) as pool:
            pending = pool.submit(client.do, "call", 120, size=256, count=20_000, threads=4, clients=1, **call)
            new = pki.authority.issue("web", **WEB)
            pki.keep("web", new)
            until(lambda: serial(target, pki, "client") == new.serial)
            result = pending.result()
        assert result["ok"], result
        assert client.ok("call", text="after", **call)["same"]


def test_a_client_is_revoked(proxy: Proxy, pki: Pki) -> None:
    """It has no new connection, not even with the session of an old one; others do. What is open goes on."""
    target = proxy.listeners["demanding"]
    contexts = {version: client_context(pki, "client", version=version) for version in ("1.2", "1.3")}
    sessions = {version: _session(target, context) for version, context in contexts.items()}
    assert "served" in _outcome(target, contexts["1.3"])
    with TlsWire(target, contexts["1.3"], "a.test") as kept:
        (pki.folder / "ca.crl").write_text(pki.authority.crl(revoked=[pki.issued["client"]]))
        until(lambda: "served" not in _outcome(target, contexts["1.3"]))
        for version, context in contexts.items():
            assert "served" not in _outcome(target, context), version
            assert "served" not in _outcome(target, context, sessions[version]), f"a session of {version} was resumed"
        assert "served" in _outcome(target, client_context(pki, "sidecar-a"))
        kept.ask("/echo")
        assert kept.answer().status == 200
    (pki.folder / "ca.crl").write_text(pki.authority.crl())
    until(lambda: "served" in _outcome(target, contexts["1.3"]))


def test_roots_change(proxy: Proxy, pki: Pki) -> None:
    """First both, then the new one alone: as authorities are replaced. A session of who was trusted is not trusted for ever."""
    target, next_one = proxy.listeners["demanding"], Authority("next")
    pki.keep("next", next_one.issue("next", uris=[SPIFFE]))
    before, after = (client_context(pki, leaf, version="1.3") for leaf in ("client", "next"))
    assert "served" not in _outcome(target, after)
    (pki.folder / "ca.crl").write_text(pki.authority.crl() + next_one.crl())
    pki.ca.write_text(pki.authority.certificate + next_one.certificate)
    until(lambda: "served" in _outcome(target, after))
    session = _session(target, before)
    pki.ca.write_text(next_one.certificate)
    (pki.folder / "ca.crl").write_text(next_one.crl())
    until(lambda: "served" not in _outcome(target, before))
    assert "served" not in _outcome(target, before, session), "a session was resumed whose root is gone"
    assert "served" in _outcome(target, after)


def _session(address: str, context: ssl.SSLContext) -> ssl.SSLSession:
    with TlsWire(address, context, "a.test") as wire:
        wire.ask("/echo")
        assert wire.answer().status == 200
        session = wire.tls.session
    assert session is not None
    with TlsWire(address, context, "a.test", session) as wire:
        assert wire.tls.session_reused
    return session


def _outcome(address: str, context: ssl.SSLContext, session: ssl.SSLSession | None = None) -> str:
    try:
        return refusal(address, context, "a.test", session=session)
    except AssertionError as served:
        return str(served)


def test_the_certificate_that_a_server_is_shown(secure: Secure, tmp_path: Path) -> None:
    """nginx says its serial number: of the new one where the proxy connects anew, and the old connections are used on."""
    pki = Pki(tmp_path / "pki")
    pki.keep("client", secure.pki.authority.issue("first", uris=[SPIFFE]))
    setup = f"""\
secrets: {{client: {pki.files["client"].secret}, ca: {{ca: "{secure.pki.ca}"}}}}
listeners: [{{name: mesh, address: "127.0.0.1:0", routes: main, protocols: auto}}]
routes: {{main: [{{cluster: nginx}}]}}
clusters:
  nginx:
    hosts: ["{secure.nginx.addresses["demanding"]}"]
    idle_timeout: 1s
    tls: {{ca: ca, server_name: a.test, certificate: client}}
"""
    with Proxy(setup, tmp_path, "upstream") as proxy:
        assert f"[{pki.serial('client')}]" in ask(proxy.address, "/").body.decode()
        pki.keep("client", secure.pki.authority.issue("second", uris=[SPIFFE]))
        until(lambda: f"[{pki.serial('client')}]" in _after_a_rest(proxy))


def _after_a_rest(proxy: Proxy) -> str:
    """Asks when the connection before has been idle for too long."""
    threading.Event().wait(1.5)
    return ask(proxy.address, "/").body.decode()


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_a_reload_that_demands_certificates(pki: Pki, secure: Secure, tmp_path: Path, version: str) -> None:
    """No session from before opens what now needs a certificate; a reload back lets everybody in again."""
    setup = f"""\
admin: 127.0.0.1:0
secrets: {{web: {pki.files["web"].secret}, mesh-ca: {{ca: "{pki.ca}"}}}}
listeners:
  - name: mesh
    address: 127.0.0.1:0
    routes: main
    protocols: auto
    tls: {{certificates: [web]}}
routes: {{main: [{{cluster: node}}]}}
clusters: {{node: {{hosts: ["{secure.plain["node"]}"]}}}}
"""
    demanding = setup.replace("certificates: [web]", "certificates: [web], client: {verify: required, ca: mesh-ca}")
    nobody, known = (client_context(pki, leaf, version=version) for leaf in ("", "client"))
    with Proxy(setup, tmp_path) as proxy:
        session = _session(proxy.address, nobody)
        _reload(proxy, tmp_path, demanding)
        assert "served" not in _outcome(proxy.address, nobody, session), "a session was resumed that has no certificate"
        assert "served" not in _outcome(proxy.address, nobody)
        assert "served" in _outcome(proxy.address, known)
        _reload(proxy, tmp_path, setup)
        assert "served" in _outcome(proxy.address, nobody, session)


def _reload(proxy: Proxy, folder: Path, setup: str) -> None:
    (folder / "proxy.yaml").write_text(setup, encoding="utf-8")
    with urllib.request.urlopen(urllib.request.Request(f"http://{proxy.admin}/reload", method="POST"), timeout=30) as answer:
        assert answer.status == 200
