"""Live calls between real clients and real servers of every RPC protocol, captured on loopback and dissected."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from harness import tars
from harness.dubbothrift import DubboThriftMesh
from harness.finagle import FinagleMesh
from harness.mesh import ECHO, NODE_INTERFACE, NODE_SERVICE, Mesh
from harness.thrift import HEADER, OLD, PLAIN, ThriftMesh
from harness.wireshark import Tshark, decode_as, record

from xproto.registry import load

LOADED = load()
TEXT = "h\u00e9llo \U0001f600 " * 2_000
"""Long enough for several segments."""


Talk = tuple[str, Callable[[], dict[str, Any]], tuple[str, str | None]]
"""A server's address, one call of it, and the service and the method that its headers name."""


class Peers:
    """Every mesh of peers, each started when it is first asked for."""

    def __init__(self, mesh: Mesh, folder: Path, stack: ExitStack) -> None:
        self.mesh, self.folder, self.stack = mesh, folder, stack
        self.started: dict[str, Any] = {}

    def of(self, name: str, make: Callable[[], Any]) -> Any:
        if name not in self.started:
            self.started[name] = self.stack.enter_context(make())
        return self.started[name]

    def bolt(self, _: str) -> Talk:
        target, client = self.mesh.address("direct", "node_server"), self.mesh.peer("node_client")
        asked = {"target": target, "interface": NODE_INTERFACE, "text": TEXT, "version": 2, "crc": True}
        return target, lambda: client.do("call", **asked), (NODE_SERVICE, None)

    def dubbo(self, _: str) -> Talk:
        target, client = self.mesh.address("direct", "dubbo_provider"), self.mesh.peer("dubbo_consumer")
        return target, lambda: client.do("call", target=target, method="echo", text=TEXT), (ECHO, "echo")

    def thrift(self, form: str) -> Talk:
        mesh = self.of("thrift", lambda: ThriftMesh(self.folder))
        to, client = mesh.to("direct", "apache", form, multiplexed=True), mesh.peer("apache_client")
        return to["target"], lambda: client.do("call", **to, method="echo", text=TEXT), (to["service"], "echo")

    def dubbothrift(self, _: str) -> Talk:
        mesh = self.of("dubbothrift", lambda: DubboThriftMesh(self.folder))
        target, client = mesh.address("direct", "provider"), mesh.peer("consumer")
        return target, lambda: client.do("call", target=target, method="echo", text=TEXT), ("com.test.ThriftEcho$Iface", "echo")

    def twitter(self, _: str) -> Talk:
        mesh = self.of("finagle", lambda: FinagleMesh(self.folder))
        to, client = mesh.to("direct", upgrade=True, multiplexed=True), mesh.peer("finagle_client")
        return to["target"], lambda: client.do("call", **to, method="echo", text=TEXT), (to["service"], "echo")

    def tars(self, _: str) -> Talk:
        server = self.of("tars server", lambda: tars.server("go", self.folder))
        client = self.of("tars client", lambda: tars.client("node", self.folder))
        asked = {"target": server.address, "servant": tars.SERVANTS["go"], "name": "echo", "text": TEXT}
        return server.address, lambda: client.ok("call", **asked), (tars.SERVANTS["go"], "echo")


TALKS = {
    "bolt": Peers.bolt,
    "dubbo": Peers.dubbo,
    "tars": Peers.tars,
    "dubbothrift": Peers.dubbothrift,
    "thrift-twitter": Peers.twitter,
    **dict.fromkeys((*PLAIN, *OLD, *HEADER), Peers.thrift),
}


@pytest.fixture(scope="module")
def peers(mesh: Mesh, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Peers]:
    with ExitStack() as stack:
        yield Peers(mesh, tmp_path_factory.mktemp("live"), stack)


def test_every_rpc_protocol_is_spoken() -> None:
    assert {*TALKS, "http1", "http2"} == {name for name, registered in LOADED.items() if registered.source == "built-in"}


@pytest.mark.parametrize("name", TALKS)
def test_live_calls(name: str, peers: Peers, tmp_path: Path) -> None:
    target, talk, (service, method) = TALKS[name](peers, name)
    port = int(target.rpartition(":")[2])

    def calls() -> None:
        for _ in range(3):
            result = talk()
            assert result.get("ok", result.get("same")), result

    capture = record(tmp_path / "live.pcap", port, calls)
    tshark = Tshark(tmp_path, LOADED[name])
    messages = tshark.messages(capture, decode_as(name, port))
    requests, responses = ([m for m in messages if m.one("role.kind") == kind] for kind in ("request", "response"))
    assert len(requests) == len(responses) >= 3
    assert [m.one("role.id") for m in requests] == [m.one("role.id") for m in responses]
    own = [m for m in requests if m.one("role.method") == method]
    assert [m.one("role.service") for m in own[-3:]] == [service] * 3
    infos = tshark.infos(capture, decode_as(name, port))
    assert not [info for info in infos.values() if "malformed" in info]
