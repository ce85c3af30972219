"""The peers of HTTP/1.1 by role, and one proxy before them all.

`node` and `nginx` are upstreams, `java` and `python` clients. Paths under /files/ are nginx's, all others are Node's.
"""

from __future__ import annotations

import socket
from pathlib import Path

from .mesh import Mesh
from .processes import PEERS, Peer, PeerError, anthunder, java
from .programs import Nginx
from .proxy import Proxy

HTTP = PEERS / "http"
GIGABYTE = 1 << 30
FILES = {"small.txt": 4096, "empty.txt": 0, "large.bin": 5_000_000, "huge.bin": GIGABYTE}
DEADLINE_MS = 300
"""The timeout of the route to /late/."""


def node_server(log: Path) -> Peer:
    if not (HTTP / "node_modules").is_dir():
        raise PeerError("the HTTP peers are not installed; run tests/interop/setup.sh")
    return Peer("node http", ["node", str(HTTP / "server.js")], log)


def web_config(node: str, nginx: str, nobody: str) -> str:
    """Listeners: `mesh` as anyone would write it; `inner`, which believes its clients; `tunnels`, for CONNECT alone."""
    return f"""\
admin: 127.0.0.1:0
listeners:
  - {{name: mesh, address: "127.0.0.1:0", protocols: auto, routes: main}}
  - {{name: inner, address: "127.0.0.1:0", protocols: auto, routes: main, http: {{trusted: [127.0.0.0/8], via: inner}}}}
  - {{name: tunnels, address: "127.0.0.1:0", protocols: [http1], routes: tunnels, http: {{connect: true, upgrades: []}}}}
routes:
  main:
    - {{match: {{path: {{prefix: /files/}}}}, cluster: nginx}}
    - {{match: {{path: {{prefix: /late/}}}}, cluster: node, timeout: {DEADLINE_MS}ms}}
    - {{match: {{host: nobody.test}}, cluster: nobody}}
    - {{match: {{host: "*.files.test"}}, cluster: nginx}}
    - {{match: {{http_method: PUT, query: {{to: nginx}}}}, cluster: nginx}}
    - {{match: {{host: [127.0.0.1, node.test]}}, cluster: node}}
  tunnels:
    - {{match: {{http_method: CONNECT, host: 127.0.0.1}}, cluster: node}}
    - {{cluster: node}}
clusters:
  node: {{hosts: ["{node}"], timeout: 60s}}
  nginx: {{hosts: ["{nginx}"], timeout: 60s}}
  nobody: {{hosts: ["{nobody}"], timeout: 60s}}
"""


class Web(Mesh):
    """Peers by role, `nginx` and `proxy`."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._makers = {
            "node": node_server,
            "java": lambda log: java("HttpCalls", log),
            "python": lambda log: anthunder("http_client.py", log),
        }
        # Bound and not listening: nobody else gets the port, and who connects is refused.
        self._nobody = socket.socket()
        self._nobody.bind(("127.0.0.1", 0))

    @property
    def node(self) -> Peer:
        return self.peer("node")

    @property
    def nginx(self) -> Nginx:
        if "nginx" not in self._started:
            self._started["nginx"] = Nginx(self.folder / "nginx", FILES)
        nginx = self._started["nginx"]
        assert isinstance(nginx, Nginx)
        return nginx

    @property
    def config(self) -> str:
        """The proxy's."""
        nobody = f"127.0.0.1:{self._nobody.getsockname()[1]}"
        return web_config(self.node.address, self.nginx.address, nobody)

    @property
    def proxy(self) -> Proxy:
        if "proxy" not in self._started:
            self._started["proxy"] = Proxy(self.config, self.folder)
        proxy = self._started["proxy"]
        assert isinstance(proxy, Proxy)
        return proxy

    def at(self, via: str, server: str = "node") -> str:
        """Where a client finds that server, directly or by the proxy."""
        if via == "proxy":
            return self.proxy.address
        return self.nginx.address if server == "nginx" else self.node.address

    def __exit__(self, *exc: object) -> None:
        super().__exit__(*exc)
        self._nobody.close()


def workers(proxy: Proxy) -> list[int]:
    """The process ids of its workers."""
    root = proxy.process.pid
    children = Path(f"/proc/{root}/task/{root}/children").read_text(encoding="ascii").split()
    return [int(pid) for pid in children]


class Memory:
    """How much more memory the workers used at most since this was made."""

    def __init__(self, proxy: Proxy) -> None:
        self._pids = workers(proxy)
        for pid in self._pids:
            # 5: the peak begins anew at what is used now.
            Path(f"/proc/{pid}/clear_refs").write_text("5", encoding="ascii")
        self._before = self._peaks()

    def grown(self) -> int:
        """Bytes."""
        return max(now - before for now, before in zip(self._peaks(), self._before, strict=True))

    def _peaks(self) -> list[int]:
        return [_peak(pid) for pid in self._pids]


def _peak(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))
