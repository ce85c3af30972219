"""Vectors of every Thrift library's client and server, in every form of the wire that it has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness.relay import TO_CLIENT, TO_SERVER
from harness.thrift import SERVED, STARTERS, addresses, service
from harness.thrift_vectors import Tap

if TYPE_CHECKING:
    from pathlib import Path

    from harness.processes import Peer
    from harness.vectors import Vectors

SOURCES = {
    "thriftpy2": "thriftpy2 0.7.1",
    "apache": "thrift 0.25.0 (Apache Thrift for Python)",
    "go": "github.com/apache/thrift 0.22.0",
    "java": "org.apache.thrift:libthrift 0.22.0",
}
SCENARIOS: dict[str, dict[str, Any]] = {
    "echo": {"method": "echo", "text": "héllo"},
    "add": {"method": "add", "a": 3, "b": -5, "multiplexed": True},
    "fail": {"method": "fail"},
    "missing": {"method": "missing", "text": "x"},
    "note": {"method": "note", "text": "x", "multiplexed": True},
}
EVERY: dict[str, dict[str, Any]] = {"every": {"method": "every", "multiplexed": True}}
"""A value of every type, where the peers know it."""
WITH_HEADER: dict[str, dict[str, Any]] = {
    "info": {"method": "echo", "text": "x", "info": {"service": "blue", "ключ": "é", "empty": ""}},
    "zlib": {"method": "echo", "text": "again and " * 20, "zlib": True},
    "zlib-info": {"method": "echo", "text": "again and " * 20, "zlib": True, "info": {"k": "v" * 200}},
}


def record(vectors: Vectors, logs: Path) -> None:
    for library in SERVED:
        start_server, start_client = STARTERS[library]
        with start_server(logs / f"{library}-server.log") as server, start_client(logs / f"{library}-client.log") as client:
            for (_, form), address in addresses(library, server).items():
                scenarios = {**SCENARIOS, **(EVERY if library in {"thriftpy2", "apache"} else {})}
                scenarios.update(WITH_HEADER if form.startswith("thrift-header") else {})
                with Tap(address) as tap:
                    for what, command in scenarios.items():
                        to = {"form": form, "service": service(library, form), "client": what, **command}
                        _record(vectors, f"{form.removeprefix('thrift-')}-{what}", library, tap, server, client, to)


def _record(vectors: Vectors, what: str, library: str, tap: Tap, server: Peer, client: Peer, command: dict[str, Any]) -> None:
    tap.clear()
    server.ok("reset")
    client.do("call", target=tap.address, **command)
    if command["method"] == "note":
        server.ok("wait", method="note", count=1)
    source, form, name = SOURCES[library], command["form"], f"{library}-{what}"
    vectors.add(f"{name}-request", f"{source} client", tap.passed(TO_SERVER), protocol=form)
    if command["method"] != "note":
        vectors.add(f"{name}-response", f"{source} server", tap.passed(TO_CLIENT), protocol=form)
