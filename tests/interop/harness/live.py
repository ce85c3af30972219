"""The servers that the live kit is run against: how each is started, and which vectors ask what it serves."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from conformance.golden import FOLDER, Vector, load

from . import dubbothrift, finagle, tars, thrift
from .processes import Peer, anthunder, java, node

BOLT_SERVICE = "com.test.EchoService:1.0"


@dataclass(frozen=True)
class LivePeer:
    """A server. version: of the software under test. vectors: the files, without their suffix, of frames that it serves."""

    protocol: str
    version: str
    vectors: str
    start: Callable[[Path], Peer]
    form: str = ""

    @property
    def file(self) -> Path:
        return FOLDER / self.protocol / f"{self.vectors}.yaml"

    def asked(self) -> list[Vector]:
        return load(self.file)

    @contextmanager
    def running(self, folder: Path) -> Iterator[tuple[Peer, int]]:
        """The server's process and port."""
        with self.start(folder / "peer.log") as peer:
            yield peer, peer.ok("ports")["ports"][self.form] if self.form else peer.port


def _thrift(library: str, form: str) -> LivePeer:
    return LivePeer(form, THRIFT[library], library, thrift.STARTERS[library][0], form)


THRIFT = {
    "thriftpy2": "thriftpy2 0.7.1, TThreadedServer",
    "apache": "thrift 0.25.0 (Apache Thrift for Python), TThreadedServer",
    "go": "github.com/apache/thrift 0.22.0, TSimpleServer",
    "java": "libthrift 0.22.0, TThreadPoolServer and THsHaServer",
}
PEERS: dict[str, LivePeer] = {
    "sofabolt": LivePeer("bolt", "com.alipay.sofa:bolt 1.6.11", "java", lambda log: java("BoltServer", log, "0")),
    "sofarpc": LivePeer("bolt", "com.alipay.sofa:sofa-rpc-all 5.12.0", "sofarpc", lambda log: java("SofaServer", log, "0")),
    "sofa-rpc-node": LivePeer(
        "bolt", "sofa-rpc-node 2.10.0 with sofa-bolt-node 2.0.1", "node", lambda log: node("server.js", log, "0")
    ),
    "anthunder": LivePeer("bolt", "anthunder 0.8.1", "anthunder", lambda log: anthunder("server.py", log, "0", BOLT_SERVICE)),
    "dubbo": LivePeer("dubbo", "org.apache.dubbo:dubbo 3.2.16", "java", lambda log: java("DubboProvider", log, "0")),
    "dubbothrift": LivePeer("dubbothrift", "com.alibaba:dubbo 2.6.12", "java", dubbothrift.provider),
    "tars-node": LivePeer("tars", "@tars/rpc 2.0.15", "node", lambda log: tars.server("node", log.parent)),
    "tars-go": LivePeer("tars", "TarsGo 1.4.5", "go", lambda log: tars.server("go", log.parent)),
    "finagle": LivePeer("thrift-twitter", "com.twitter:finagle-thrift_2.12 24.2.0", "finagle", finagle.server),
    "thriftpy2": _thrift("thriftpy2", "thrift"),
    "thriftpy2-unframed-compact": _thrift("thriftpy2", "thrift-unframed-compact"),
    "apache-thrift-python": _thrift("apache", "thrift-header"),
    "apache-thrift-go": _thrift("go", "thrift"),
    "apache-thrift-java": _thrift("java", "thrift-compact"),
}
