"""Node's client of HTTP/2, and httpx, against each server."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import pytest
from harness.http2 import FILES, PATHS, SERVERS

if TYPE_CHECKING:
    from harness.http2 import Http2
    from harness.roads import Route

BURST = 200
RESETS = {"INTERNAL_ERROR": 2, "REFUSED_STREAM": 7, "CANCEL": 8, "ENHANCE_YOUR_CALM": 11, "HTTP_1_1_REQUIRED": 13}
SOON_NS = 100_000_000
"""A stream that was reset is, at its server, so long afterwards at most."""


@pytest.fixture(params=[False, True], ids=["plain", "tls"])
def tls(request: pytest.FixtureRequest) -> bool:
    spoken: bool = request.param
    return spoken


class Node:
    """Node's client, and one server for it."""

    def __init__(self, http2: Http2, route: Route, server: str, tls: bool) -> None:
        self.client = http2.peer("client")
        self.target = route(http2.at(server, tls=tls), tls=tls)
        self._said = {"origin": f"{'https' if tls else 'http'}://{self.target}", **({"ca": str(http2.pki.ca)} if tls else {})}

    def do(self, cmd: str, **args: Any) -> dict[str, Any]:
        return self.client.ok(cmd, **self._said, **args)

    def call(self, path: str, **args: Any) -> dict[str, Any]:
        return self.do("call", path=path, **args)


@pytest.fixture
def node(http2: Http2, route: Route, tls: bool) -> Node:
    return Node(http2, route, "node", tls)


@pytest.mark.parametrize("server", SERVERS)
def test_node_gets(http2: Http2, route: Route, tls: bool, server: str) -> None:
    said = Node(http2, route, server, tls).call(PATHS[server])
    assert (said["status"], said["length"], said["code"]) == (200, FILES["small.txt"], 0)
    assert Node(http2, route, server, tls).do("ping")["ok"]


def test_node_posts(node: Node) -> None:
    said = node.call("/echo", method="POST", size=3_000_000, trailers={"x-sum": "9"}, headers={"x-mine": "1"})
    echoed = json.loads(said["body"])
    assert (echoed["method"], echoed["length"]) == ("POST", 3_000_000)
    assert echoed["sha256"] == hashlib.sha256(b"b" * 3_000_000).hexdigest()
    assert echoed["trailers"] == [["x-sum", "9"]]
    assert "content-length" not in dict(echoed["headers"])


def test_node_sends_trailers_without_a_body(node: Node) -> None:
    echoed = json.loads(node.call("/echo", method="POST", trailers={"x-sum": "0"})["body"])
    assert (echoed["length"], echoed["trailers"]) == (0, [["x-sum", "0"]])


def test_node_is_answered_in_every_form(node: Node) -> None:
    hinted = node.call("/hints")
    assert (hinted["interim"], hinted["status"], hinted["body"]) == ([103, 103], 200, "hinted")
    chunks = node.call("/chunks?text=a%20b%20c")
    assert (chunks["body"], chunks["trailers"]) == ("abc", {"x-count": "3"})
    empty = node.call("/status?code=204")
    assert (empty["status"], empty["length"]) == (204, 0)
    head = node.call("/zeros?size=1000", method="HEAD")
    assert (head["status"], head["length"], head["headers"]["content-length"]) == (200, 0, "1000")
    assert node.call("/push")["body"] == "false"


def test_node_streams_both_ways(node: Node) -> None:
    """Piece by piece: none may wait for more."""
    assert node.do("mirror", path="/mirror", count=50, size=1000)["length"] == 50_000
    assert node.do("mirror", path="/mirror", count=20, size=30_000)["length"] == 600_000


def test_node_sends_many_at_once(node: Node) -> None:
    assert node.do("burst", path="/echo", count=BURST)["right"] == BURST


@pytest.mark.parametrize(("code", "number"), RESETS.items())
def test_a_servers_reset_arrives_with_its_code(node: Node, code: str, number: int) -> None:
    said = node.call(f"/reset?code={code}")
    assert (said["status"], said["code"]) == (0, number)


def test_a_servers_reset_in_the_middle_of_an_answer(node: Node) -> None:
    said = node.call("/break")
    assert (said["status"], said["body"], said["code"]) == (200, "first", RESETS["INTERNAL_ERROR"])


def test_a_clients_reset_arrives_at_once(http2: Http2, node: Node, route: Route, tls: bool) -> None:
    server, name = http2.peer("node_tls" if tls else "node"), f"cancelled-{route.road}"
    at = node.do("cancel", path=f"/feed?name={name}&count=1")["at"]
    gone = server.ok("wait", name=f"gone {name}")["values"][0]
    assert 0 < gone - at < SOON_NS
    assert node.call("/status?code=200")["status"] == 200


def test_a_server_that_leaves(node: Node) -> None:
    for _ in range(5):
        assert node.call("/leave")["body"] == "left"
        assert node.do("burst", path="/echo", count=10)["right"] == 10


def test_httpx(http2: Http2, route: Route, tls: bool) -> None:
    client = http2.peer("python")
    target = route(http2.at("node", tls=tls), tls=tls)
    url = f"https://{target}" if tls else f"http://{target}"
    said = client.ok("get", url=f"{url}/echo", http2=True, headers={"Cookie": "a=1; b=2", "X-Mine": "1"})
    assert (said["version"], said["status"]) == ("HTTP/2", 200)
    sent = json.loads(said["body"])["headers"]
    assert dict(sent)["x-mine"] == "1"
    assert "; ".join(value for name, value in sent if name == "cookie") == "a=1; b=2"
    posted = client.ok("post", url=f"{url}/echo", http2=True, json={"text": "é😀"})
    assert json.loads(json.loads(posted["body"])["body"].encode("latin-1")) == {"text": "é😀"}
    # It reads nothing while it sends, so that more than the windows would stay where it is.
    assert client.ok("both", url=f"{url}/mirror", http2=True, count=6)["same"]
    assert client.ok("burst", url=f"{url}/echo", http2=True, count=BURST, connections=2)["right"] == BURST
    assert client.ok("get", url=f"{url}/large?size=30000", http2=True)["status"] == 200
