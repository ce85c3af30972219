"""httpx, the library websockets, wrk, and nginx and HAProxy that encrypt anew: who else is before the proxy."""

from __future__ import annotations

import getpass
import json
import socket
from typing import TYPE_CHECKING

import pytest
from harness.pki import SPIFFE
from harness.processes import ANTHUNDER_PYTHON, PYTHON, Peer
from harness.programs import Program, run
from harness.secure import Secure
from harness.wire_http import Wire, ask

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MEGABYTE = 1 << 20
NGINX = """\
daemon off; user {user}; pid {folder}/nginx.pid; error_log stderr notice;
events {{ worker_connections 512; }}
http {{
  access_log off; client_max_body_size 0; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  upstream back {{ server {back}; {keep} }}
  server {{
    listen 127.0.0.1:{port};
    location / {{
      proxy_pass https://back; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host a.test;
      proxy_ssl_certificate {certificate}; proxy_ssl_certificate_key {key}; proxy_ssl_protocols {version};
      proxy_ssl_trusted_certificate {ca}; proxy_ssl_verify on; proxy_ssl_name a.test; proxy_ssl_server_name on;
      proxy_request_buffering off; proxy_buffering off;
    }}
  }}
}}
"""
HAPROXY = """\
defaults
  mode http
  timeout connect 5s
  timeout client 30s
  timeout server 30s
frontend front
  bind fd@{fd}
  default_backend back
backend back
  server s {back} ssl verify required ca-file {ca} crt {bundle} sni str(a.test) verifyhost a.test ssl-max-ver {version}
"""


@pytest.fixture(scope="module")
def python(secure: Secure, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Peer]:
    """The Python clients, that take the authority for the system's."""
    argv = [str(ANTHUNDER_PYTHON), str(PYTHON / "http_client.py")]
    log = tmp_path_factory.mktemp("clients") / "python.log"
    with Peer("python over tls", argv, log, {"SSL_CERT_FILE": str(secure.pki.ca)}) as peer:
        yield peer


def test_httpx(secure: Secure, python: Peer, via: str) -> None:
    url = f"https://{secure.at(via)}"
    said = python.ok("get", url=f"{url}/echo", headers={"Cookie": "a=1; b=2"})
    assert dict(json.loads(said["body"])["headers"])["cookie"] == "a=1; b=2"
    both = python.ok("both", url=f"{url}/mirror", count=32)
    assert (both["status"], both["same"]) == (200, True)
    assert python.ok("burst", url=f"{url}/echo", count=100, connections=10)["right"] == 100


def test_web_sockets(secure: Secure, python: Peer, via: str) -> None:
    script = ["text", "é😀", 256, MEGABYTE, "ping", "x" * MEGABYTE, "", 65_536, "last"]
    said = python.ok("sockets", url=f"wss://{secure.at(via)}/socket", script=script, code=3000)
    assert said["answers"] == [4, 2, 256, MEGABYTE, "pong", MEGABYTE, 0, 65_536, 4]
    assert said["code"] == 3000


def test_wrk(secure: Secure) -> None:
    said = run(["wrk", "-t1", "-c64", "-d2s", f"https://{secure.proxy.address}/status?code=200"]).stdout.decode()
    assert "Socket errors" not in said, said
    assert "Non-2xx" not in said, said
    assert int(said.split(" requests in")[0].split()[-1]) > 500, said


def test_wrk_with_a_handshake_for_each_request(secure: Secure) -> None:
    """Whoever asks to close gets a new handshake for the next one."""
    close = ("-H", "Connection: close")
    said = run(["wrk", "-t1", "-c16", "-d2s", *close, f"https://{secure.proxy.address}/status?code=200"]).stdout.decode()
    assert "Non-2xx" not in said, said
    assert int(said.split(" requests in")[0].split()[-1]) > 50, said


@pytest.fixture(params=["nginx", "nginx keeps", "haproxy"])
def balancer(request: pytest.FixtureRequest, secure: Secure, tmp_path: Path, version: str) -> Iterator[str]:
    """Where it is. It shows the proxy a certificate of its own, and believes the proxy's only."""
    back, files = secure.proxy.listeners["demanding"], secure.pki.files["client"]
    with socket.create_server(("127.0.0.1", 0), backlog=512) as listening:
        port, setup = listening.getsockname()[1], tmp_path / "balancer.conf"
        common = {"back": back, "ca": secure.pki.ca}
        if request.param == "haproxy":
            bundle = secure.pki.bundle("client")
            setup.write_text(HAPROXY.format(fd=listening.fileno(), bundle=bundle, version=f"TLSv{version}", **common))
            argv, variables = ["haproxy", "-db", "-f", str(setup)], {}
        else:
            keep = "keepalive 8;" if request.param == "nginx keeps" else ""
            said = {"user": getpass.getuser(), "folder": tmp_path, "port": port, "keep": keep, **files._asdict()}
            setup.write_text(NGINX.format(version=f"TLSv{version}", **said, **common))
            argv = ["nginx", "-e", "stderr", "-p", str(tmp_path), "-c", str(setup)]
            variables = {"NGINX": f"{listening.fileno()};"}
        log, fds = tmp_path / "balancer.log", (listening.fileno(),)
        with Program(request.param, argv, log, variables, pass_fds=fds):
            yield f"127.0.0.1:{port}"


@pytest.fixture(params=["1.2", "1.3"])
def version(request: pytest.FixtureRequest) -> str:
    found: str = request.param
    return found


def test_a_balancer_that_encrypts_anew(balancer: str) -> None:
    """Its connections come and go, or are kept; its sessions are resumed; bodies pass both ways."""
    for number in range(12):
        sent = dict(ask(balancer, f"/echo?{number}").json["headers"])
        assert f"URI={SPIFFE}" in sent["x-forwarded-client-cert"]
    with Wire(balancer) as wire:
        wire.ask("/echo", method="POST", body=bytes(MEGABYTE))
        assert wire.answer().json["length"] == MEGABYTE
        wire.ask("/zeros?size=5000000")
        assert wire.answer().body == bytes(5_000_000)
        wire.ask("/chunks?text=a%20b%20c")
        assert wire.answer().body == b"abc"
