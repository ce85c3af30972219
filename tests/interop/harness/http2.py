"""The peers of HTTP/2 by role: `node`, `nginx` and `nghttpd` are servers, each in the clear and over TLS."""

from __future__ import annotations

from pathlib import Path

from .http2_programs import Nghttpd, NginxHttp2
from .mesh import Mesh
from .pki import Pki
from .processes import Peer, PeerError, anthunder
from .web import HTTP

SERVERS = ("node", "nginx", "nghttpd")
FILES = {"index.html": 1000, "small.txt": 4096, "empty.txt": 0, "large.bin": 5_000_000}
"""What nginx and nghttpd have."""
PATHS = {"node": f"/zeros?size={FILES['small.txt']}", "nginx": "/small.txt", "nghttpd": "/small.txt"}
"""Where each server has so many bytes."""


def _node(script: str, log: Path, *args: str) -> Peer:
    if not (HTTP / "node_modules").is_dir():
        raise PeerError("the HTTP peers are not installed; run tests/interop/setup.sh")
    return Peer(f"node {script}", ["node", str(HTTP / script), *args], log)


class Http2(Mesh):
    """Besides the servers: `client`, which is Node's, and `python`, which is httpx."""

    def __init__(self, folder: Path, pki: Pki) -> None:
        super().__init__(folder)
        self.pki = pki
        trust = {"SSL_CERT_FILE": str(pki.ca)}
        self._makers = {
            "node": lambda log: _node("server2.js", log),
            "node_tls": lambda log: _node("server2.js", log, *(str(file) for file in pki.files["web"])),
            "client": lambda log: _node("client2.js", log),
            "python": lambda log: anthunder("http_client.py", log, env=trust),
        }
        self._files = folder / "files"
        self._files.mkdir(parents=True)
        for name, size in FILES.items():
            with (self._files / name).open("wb") as file:
                file.write(b"a file of a server of HTTP/2\n"[:size])
                file.truncate(size)

    @property
    def nginx(self) -> NginxHttp2:
        if "nginx" not in self._started:
            self._started["nginx"] = NginxHttp2(self.folder / "nginx", self._files, self.pki)
        nginx = self._started["nginx"]
        assert isinstance(nginx, NginxHttp2)
        return nginx

    def nghttpd(self, *, tls: bool) -> Nghttpd:
        name = "nghttpd_tls" if tls else "nghttpd"
        if name not in self._started:
            self._started[name] = Nghttpd(self.folder / f"{name}.log", self._files, self.pki.files["web"] if tls else None)
        nghttpd = self._started[name]
        assert isinstance(nghttpd, Nghttpd)
        return nghttpd

    def at(self, server: str, *, tls: bool = False) -> str:
        """Where that server listens."""
        if server == "nginx":
            return self.nginx.addresses[tls]
        return self.nghttpd(tls=tls).address if server == "nghttpd" else self.peer("node_tls" if tls else "node").address
