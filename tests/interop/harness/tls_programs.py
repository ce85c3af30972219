"""nginx and HAProxy as servers of TLS, and HAProxy as a balancer that passes it on.

Each is given sockets that listen already, so that the kernel picks the ports and clients need not wait.
"""

from __future__ import annotations

import getpass
import socket
from contextlib import ExitStack
from pathlib import Path

from .pki import Pki
from .programs import Program

NGINX = """\
daemon off; user {user}; pid {folder}/nginx.pid; error_log stderr notice;
events {{ worker_connections 512; }}
http {{
  access_log off; default_type text/plain;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi; keepalive_requests 1000000;
{servers}}}
"""
NGINX_SERVER = """\
  server {{
    listen 127.0.0.1:{port}{ssl};
    location / {{
      return 200 "{name} $ssl_protocol [$ssl_server_name] $ssl_client_verify [$ssl_client_serial] $connection"; }}
  }}
"""
NGINX_TLS = """ ssl;
    ssl_certificate {certificate}; ssl_certificate_key {key}; ssl_protocols TLSv1.2 TLSv1.3;
    ssl_session_cache builtin; ssl_client_certificate {ca}; ssl_verify_client {verify}"""
HAPROXY = """\
defaults
  mode http
  timeout connect 5s
  timeout client 30s
  timeout server 30s
frontend tls
  bind fd@{fd} ssl crt {bundle} ca-file {ca} verify required
  http-request return status 200 content-type text/plain lf-string "{says}"
"""
HAPROXY_SAYS = "haproxy %[ssl_fc_protocol] [%[ssl_fc_sni]] %[ssl_c_s_dn(cn)]"
WRONG = ("wrong-name", "expired", "not-yet-valid", "self-signed", "strange", "client-only")
"""Certificates that no client may believe."""
SERVERS = {"nginx": "web", "nginx-rsa": "web-rsa", "demanding": "web", "sidecar": "sidecar-b", "plaintext": ""}
SERVERS |= {name: name for name in WRONG}
"""nginx's servers, and what each presents."""
BALANCER = """\
defaults
  mode tcp
  timeout connect 5s
  timeout client 30s
  timeout server 30s
frontend front
  bind fd@{fd}
  default_backend back
backend back
  server s {address} {options}
"""


class NginxTls(Program):
    """nginx with a server for each of SERVERS, which says how it was reached. `demanding` wants a client certificate."""

    def __init__(self, folder: Path, pki: Pki) -> None:
        folder.mkdir(parents=True)
        self.addresses: dict[str, str] = {}
        with ExitStack() as stack:
            inherited, servers = [], ""
            for name, leaf in SERVERS.items():
                listening = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=512))
                inherited.append(listening.fileno())
                port = listening.getsockname()[1]
                self.addresses[name] = f"127.0.0.1:{port}"
                servers += NGINX_SERVER.format(name=name, port=port, ssl=self._tls(pki, name, leaf) if leaf else "")
            setup = folder / "nginx.conf"
            setup.write_text(NGINX.format(folder=folder, user=getpass.getuser(), servers=servers), encoding="utf-8")
            argv = ["nginx", "-e", "stderr", "-p", str(folder), "-c", str(setup)]
            variables = {"NGINX": "".join(f"{fd};" for fd in inherited)}
            super().__init__("nginx", argv, folder / "nginx.log", variables, pass_fds=inherited)

    @staticmethod
    def _tls(pki: Pki, name: str, leaf: str) -> str:
        verify = "on" if name == "demanding" else "off"
        return NGINX_TLS.format(**pki.files[leaf]._asdict(), ca=pki.ca, verify=verify)


class HaproxyTls(Program):
    """HAProxy that answers whoever has a certificate of the authority."""

    def __init__(self, folder: Path, pki: Pki) -> None:
        folder.mkdir(parents=True)
        with socket.create_server(("127.0.0.1", 0), backlog=512) as listening:
            self.address = f"127.0.0.1:{listening.getsockname()[1]}"
            setup = folder / "haproxy.cfg"
            said = {"fd": listening.fileno(), "bundle": pki.bundle("web"), "ca": pki.ca, "says": HAPROXY_SAYS}
            setup.write_text(HAPROXY.format(**said), encoding="utf-8")
            argv = ["haproxy", "-db", "-f", str(setup)]
            super().__init__("haproxy", argv, folder / "haproxy.log", pass_fds=(listening.fileno(),))


class Balancer(Program):
    """HAProxy that passes TLS on unread, with a PROXY header in front: `options` is send-proxy or send-proxy-v2."""

    def __init__(self, folder: Path, address: str, options: str) -> None:
        folder.mkdir(parents=True)
        with socket.create_server(("127.0.0.1", 0), backlog=512) as listening:
            self.address = f"127.0.0.1:{listening.getsockname()[1]}"
            setup = folder / "haproxy.cfg"
            setup.write_text(BALANCER.format(fd=listening.fileno(), address=address, options=options), encoding="utf-8")
            argv = ["haproxy", "-db", "-f", str(setup)]
            super().__init__("balancer", argv, folder / "haproxy.log", pass_fds=(listening.fileno(),))
