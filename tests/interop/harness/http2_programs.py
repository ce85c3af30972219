"""nginx and nghttpd as servers of HTTP/2, and the reports of nghttp and h2load."""

from __future__ import annotations

import getpass
import re
import socket
import threading
from contextlib import ExitStack
from pathlib import Path

from .pki import Files, Pki
from .processes import START_TIMEOUT
from .programs import Program, run
from .tls_programs import NGINX

NGINX_SERVER = """\
  server {{
    listen 127.0.0.1:{port} {options};
    ssl_certificate {files.certificate}; ssl_certificate_key {files.key};
    client_max_body_size 0; root {root};
    location /put/ {{ alias {folder}/; dav_methods PUT DELETE; }}
    location /zipped/ {{ alias {root}/; gzip on; gzip_types *; gzip_min_length 1; }}
  }}
"""
LOOK_EVERY = 0.02


class NginxHttp2(Program):
    """nginx with the files of a folder; `addresses` by whether it speaks TLS there. What is PUT to /put/ it keeps elsewhere."""

    def __init__(self, folder: Path, root: Path, pki: Pki) -> None:
        folder.mkdir(parents=True)
        self.addresses: dict[bool, str] = {}
        with ExitStack() as stack:
            inherited, servers = [], ""
            for tls in (False, True):
                listening = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=512))
                inherited.append(listening.fileno())
                port = listening.getsockname()[1]
                self.addresses[tls] = f"127.0.0.1:{port}"
                said = {"port": port, "options": "ssl http2" if tls else "http2", "files": pki.files["web"]}
                servers += NGINX_SERVER.format(**said, root=root, folder=folder)
            setup = folder / "nginx.conf"
            setup.write_text(NGINX.format(folder=folder, user=getpass.getuser(), servers=servers), encoding="utf-8")
            argv = ["nginx", "-e", "stderr", "-p", str(folder), "-c", str(setup)]
            variables = {"NGINX": "".join(f"{fd};" for fd in inherited)}
            super().__init__("nginx", argv, folder / "nginx.log", variables, pass_fds=inherited)


class Nghttpd(Program):
    """nghttpd with the files of a folder. It sends a trailer, and sends back what is posted; it takes no listening socket."""

    def __init__(self, log: Path, root: Path, files: Files | None) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.address = f"127.0.0.1:{port}"
        argv = ["nghttpd", "--address=127.0.0.1", f"--htdocs={root}", "--echo-upload", "--trailer=x-end: yes", str(port)]
        super().__init__("nghttpd", argv + ([str(files.key), str(files.certificate)] if files else ["--no-tls"]), log)
        self._wait(port)

    def _wait(self, port: int) -> None:
        tick = threading.Event()
        for _ in range(int(START_TIMEOUT / LOOK_EVERY)):
            try:
                socket.create_connection(("127.0.0.1", port)).close()
            except ConnectionRefusedError:
                tick.wait(LOOK_EVERY)
            else:
                return
        raise self.error("does not listen")


def nghttp(*args: str) -> str:
    """What nghttp prints; certificates are not verified."""
    return run(["nghttp", "--no-verify-peer", "--no-dep", *args]).stdout.decode()


def h2load(url: str, *args: str, requests: int, clients: int, streams: int) -> None:
    """So many requests, of which every one must be answered with a status of 2xx."""
    said = run(["h2load", "-n", str(requests), "-c", str(clients), "-m", str(streams), "-t1", *args, url]).stdout.decode()
    succeeded = re.search(r"(\d+) succeeded, (\d+) failed, (\d+) errored, (\d+) timeout", said)
    statuses = re.search(r"status codes: (\d+) 2xx", said)
    assert succeeded is not None, said
    assert statuses is not None, said
    assert [*map(int, succeeded.groups()), int(statuses[1])] == [requests, 0, 0, 0, requests], said
