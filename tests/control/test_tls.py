"""TLS of a running proxy, from outside: secrets that change under it, several workers, and where keys never show."""

from __future__ import annotations

import base64
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.control.proxy_process import HEARTBEAT, HEARTBEAT_ACK, PATIENCE, ProxyProcess, receive, running
from tests.control.test_admin import get
from tests.tls.authority import Authority, Issued

CONFIGURATION = """\
admin: 127.0.0.1:0
workers: {workers}
secrets:
  web: {{certificate: web.crt, private_key: web.key}}
  roots: {{ca: ca.crt}}
listeners:
  - name: mesh
    address: '127.0.0.1:0'
    routes: main
    tls: {{certificates: web, client: {{verify: {verify}, ca: roots}}}}
routes:
  main: [{{cluster: echo}}]
clusters:
  echo: {{hosts: ['127.0.0.1:1']}}
"""


class Place:
    """A folder with all that a proxy needs, and the clients of its listener."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.authority = Authority("mesh")
        self.authority.write(folder, "ca")
        self.client = self.authority.issue("client", dns=["client.test"])
        self.web = self.present()

    def present(self) -> Issued:
        """A new certificate and key, in place of those that were there."""
        self.web = self.authority.issue("web", dns=["web.test"])
        self.web.write(self.folder, "new")
        for kind in ("crt", "key"):
            (self.folder / f"new.{kind}").rename(self.folder / f"web.{kind}")
        return self.web

    def write(self, workers: int = 1, verify: str = "optional") -> Path:
        file = self.folder / "proxy.yaml"
        file.write_text(CONFIGURATION.format(workers=workers, verify=verify))
        return file

    def connect(self, address: str, known: bool = True, before: ssl.SSLSocket | None = None) -> ssl.SSLSocket:
        """`known`: with a certificate. `before`: a connection, ended or not, whose session is to be resumed."""
        host, _, port = address.rpartition(":")
        plain = socket.create_connection((host, int(port)), PATIENCE)
        if before is None:
            return self.context(known).wrap_socket(plain, server_hostname="web.test")
        return before.context.wrap_socket(plain, server_hostname="web.test", session=before.session)

    def context(self, known: bool) -> ssl.SSLContext:
        made = ssl.create_default_context(cadata=self.authority.certificate)
        if known:
            made.load_cert_chain(*self.client.write(self.folder, "client"))
        return made


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def serial(connection: ssl.SSLSocket) -> int:
    return int((connection.getpeercert() or {})["serialNumber"], 16)


def beats(connection: ssl.SSLSocket) -> bool:
    connection.sendall(HEARTBEAT)
    return receive(connection, len(HEARTBEAT_ACK)) == HEARTBEAT_ACK


def settled(proxy: ProxyProcess, place: Place, address: str, wanted: int) -> None:
    """Handshakes until one sees the certificate: the log says when control has it, the worker follows at once."""
    for _ in range(200):
        with place.connect(address) as connection:
            if serial(connection) == wanted:
                return
    raise AssertionError(proxy.log.seen)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_certificate_is_replaced_under_the_proxy(place: Place, workers: int) -> None:
    with running(place.write(workers)) as proxy:
        mesh = proxy.wait_ready()["mesh"]
        with place.connect(mesh) as old:
            assert serial(old) == place.web.serial
            assert beats(old)
            place.present()
            proxy.log.until("secret web: renewed")
            settled(proxy, place, mesh, place.web.serial)
            assert beats(old), "connections stay"


def test_a_pair_that_does_not_fit_is_not_taken(place: Place) -> None:
    with running(place.write()) as proxy:
        mesh = proxy.wait_ready()["mesh"]
        before = place.web.serial
        (place.folder / "web.key").write_text(place.client.key)
        line = proxy.log.until("secret web: private_key: ")
        assert "is not the certificate's" in line
        with place.connect(mesh) as connection:
            assert serial(connection) == before


def test_a_worker_that_comes_later_has_the_newest_secrets(place: Place) -> None:
    with running(place.write()) as proxy:
        mesh = proxy.wait_ready()["mesh"]
        place.present()
        proxy.log.until("secret web: renewed")
        os.kill(proxy.workers()[0], signal.SIGKILL)
        settled(proxy, place, mesh, place.web.serial)


def test_what_is_asked_of_clients_changes_with_a_reload(place: Place) -> None:
    with running(place.write()) as proxy:
        mesh = proxy.wait_ready()["mesh"]
        with place.connect(mesh, known=False) as before:
            assert beats(before)
            place.write(verify="required")
            proxy.signal(signal.SIGHUP)
            proxy.log.until("reloaded")
            assert before.recv(1) == b"", "it was never asked, so it goes"
        with place.connect(mesh, known=False) as after, pytest.raises(ssl.SSLError, match=r"(?i)certificate.required"):
            after.recv(1)
        with place.connect(mesh) as known:
            assert beats(known)


def test_a_session_is_resumed_by_the_worker_that_began_it(place: Place) -> None:
    with running(place.write()) as proxy:
        mesh = proxy.wait_ready()["mesh"]
        with place.connect(mesh) as first:
            assert beats(first)
            with place.connect(mesh, before=first) as second:
                assert second.session_reused
                assert beats(second)
            place.present()
            proxy.log.until("secret web: renewed")
            settled(proxy, place, mesh, place.web.serial)
            third = place.connect(mesh, before=first)
        with third:
            assert not third.session_reused, "with another secret there are other keys for tickets"


# -- keys -----------------------------------------------------------------------------------------------------------


def pieces(pem: str) -> Iterator[bytes]:
    """What would give a key away: its lines, the same without line ends, and its bytes in the forms that people print."""
    lines = [line for line in pem.encode().splitlines() if line and not line.startswith(b"-----")]
    der = base64.b64decode(b"".join(lines))
    secret = der[-100:-70]
    yield from lines
    yield b"".join(lines)[:40]
    yield b"PRIVATE KEY"
    yield from (secret, secret.hex().encode(), repr(secret).encode()[2:-1])


def test_no_output_has_a_key(place: Place, tmp_path: Path) -> None:
    """Everything that goes well and everything that fails; then all that was said, by every way in which it is said."""
    keys = [place.web.key, place.client.key]
    said: list[bytes] = []
    file = place.write()
    with running(file) as proxy:
        addresses = proxy.wait_ready()
        mesh, admin = addresses["mesh"], addresses["admin"]
        with place.connect(mesh) as connection:
            assert beats(connection)
            said += [get(admin, path)[1].encode() for path in PATHS]
        keys.append(place.present().key)
        proxy.log.until("secret web: renewed")
        (place.folder / "web.key").write_text(place.client.key)
        proxy.log.until("secret web: private_key: ")
        (place.folder / "web.key").write_text(place.web.key.replace("A", "B"))
        proxy.log.until("secret web: private_key: ")
        said.append(subprocess.run(command("validate", file), capture_output=True, timeout=PATIENCE, check=False).stdout)
        wrong = subprocess.run(command("reload", file), capture_output=True, timeout=60, check=False)
        said += [wrong.stdout, wrong.stderr]
        assert wrong.returncode == 1
        (place.folder / "web.key").write_text(place.client.key + "\n" + place.web.certificate)
        bad = subprocess.run(command("validate", file), capture_output=True, timeout=PATIENCE, check=False)
        said += [bad.stdout, bad.stderr]
        assert bad.returncode == 1
        request = urllib.request.Request(f"http://{admin}/reload", method="POST")
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(request, timeout=60)
        said.append(refused.value.read())
        said += [get(admin, path)[1].encode() for path in PATHS]
        os.kill(proxy.workers()[0], signal.SIGABRT)
        proxy.log.until("died")
        proxy.signal(signal.SIGTERM)
        proxy.wait()
        said += ["\n".join(proxy.rest_of_log()).encode(), "\n".join(proxy.out.seen).encode()]
    everything = b"\n".join(said)
    assert b"web" in everything
    assert len(json.loads(get_dump(said))["secrets"]) == 2
    for key in keys:
        for piece in pieces(key):
            assert piece not in everything


PATHS = ("/config_dump", "/certs", "/metrics", "/listeners", "/clusters", "/server_info")


def command(*words: object) -> list[str]:
    return [sys.executable, "-m", "proxy.cli", *map(str, words)]


def get_dump(said: list[bytes]) -> bytes:
    return said[0]
