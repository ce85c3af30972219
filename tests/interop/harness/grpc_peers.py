"""The peers of gRPC by role: `python` and `js` speak test.Echo as `…_client`, `…_server` and `…_tls` (a server); `go` and
`java` are the interop test services of grpc-go and grpc-java, `web` is grpc-go's as gRPC-Web.
"""

from __future__ import annotations

from pathlib import Path

from .mesh import Mesh
from .pki import Pki
from .processes import PEERS, Peer, PeerError, anthunder, java
from .programs import run

GRPC_GO, GRPC_JAVA, GRPC_JS = PEERS / "grpcgo", PEERS / "grpcjava", PEERS / "grpcjs"


def _js(script: str, log: Path, *args: str) -> Peer:
    if not (GRPC_JS / "node_modules").is_dir():
        raise PeerError("the gRPC peers of Node are not installed; run tests/interop/setup.sh")
    return Peer(f"grpc-js {script}", ["node", str(GRPC_JS / script), *args], log)


def _go(log: Path, *args: str) -> Peer:
    return Peer(f"grpc-go {args[0]}", [str(GRPC_GO / "build" / "grpcpeer"), *args], log)


class Grpc(Mesh):
    def __init__(self, folder: Path, pki: Pki) -> None:
        super().__init__(folder)
        self.pki = pki
        files = [str(file) for file in pki.files["web"]]
        self._makers = {
            "python_client": lambda log: anthunder("grpc_client.py", log),
            "python_server": lambda log: anthunder("grpc_server.py", log),
            "python_tls": lambda log: anthunder("grpc_server.py", log, *files),
            "js_client": lambda log: _js("client.js", log),
            "js_server": lambda log: _js("server.js", log),
            "js_tls": lambda log: _js("server.js", log, *files),
            "go": lambda log: _go(log, "server"),
            "go_tls": lambda log: _go(log, "server", *files),
            "java": lambda log: java("GrpcInterop", log, home=GRPC_JAVA),
            "web": lambda log: _go(log, "web", str(GRPC_JS / "page"), str(GRPC_JS / "node_modules" / "grpc-web")),
        }


def go_interop(address: str, case: str, *args: str) -> None:
    """One test case of grpc-go's interop client, which must pass."""
    host, port = address.split(":")
    run([str(GRPC_GO / "build" / "client"), f"--server_host={host}", f"--server_port={port}", f"--test_case={case}", *args])
