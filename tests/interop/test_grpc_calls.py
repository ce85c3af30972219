"""grpcio and grpc-js as clients and servers of each other: what their users do with them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from harness.relay import TO_CLIENT, TO_SERVER, Counted

if TYPE_CHECKING:
    from harness.grpc_peers import Grpc
    from harness.roads import Route

LANGUAGES = ("python", "js")
SIXTEEN_MB = 16 << 20
ZEROS = 1_000_000
AT_ONCE = 500
SOON_NS = 100_000_000
"""A call that was cancelled is, at its server, so long afterwards at most."""
ROUNDED_MS = 5
"""How much more of its deadline a server may see than its client set: clocks that differ, and units that are rounded up."""
DETAILS = "0809" + "12076e6f20726f6f6d" + "1a0f" + "0a08742e746573742f54" + "1203000102"
"""A google.rpc.Status in hex: code 9, a message, one detail. Its length is no multiple of three, so that base64 has a rest."""


class Pair:
    """A client, a server, and how the one finds the other."""

    def __init__(self, grpc: Grpc, route: Route, client: str, server: str) -> None:
        self.client, self.server = grpc.peer(f"{client}_client"), grpc.peer(f"{server}_server")
        self.target = route(self.server.address)

    def do(self, cmd: str, **args: Any) -> dict[str, Any]:
        return self.client.do(cmd, target=self.target, **args)

    def ok(self, cmd: str, **args: Any) -> dict[str, Any]:
        return self.client.ok(cmd, target=self.target, **args)

    def noted(self, name: str) -> Any:
        """What the server noted of that name; it waits until it did."""
        return self.server.ok("wait", name=name)["values"][0]


@pytest.fixture(params=LANGUAGES)
def server(request: pytest.FixtureRequest) -> str:
    language: str = request.param
    return language


@pytest.fixture(params=LANGUAGES)
def client(request: pytest.FixtureRequest) -> str:
    language: str = request.param
    return language


@pytest.fixture
def pair(grpc: Grpc, route: Route, client: str, server: str) -> Pair:
    return Pair(grpc, route, client, server)


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    """One that no other test gives a call."""
    return request.node.name


@pytest.mark.parametrize("size", [0, 1, 16_384, 1_000_000])
def test_unary(pair: Pair, size: int) -> None:
    said = pair.ok("say", size=size)
    assert (said["same"], said["length"]) == (True, size)


def test_sixteen_megabytes(pair: Pair) -> None:
    said = pair.ok("say", size=SIXTEEN_MB)
    assert (said["same"], said["length"]) == (True, SIXTEEN_MB)
    assert pair.ok("split", count=2, size=SIXTEEN_MB)["same"]


@pytest.mark.parametrize(("count", "size"), [(0, 0), (1, 100_000), (1000, 10), (20, 300_000)])
def test_streams(pair: Pair, count: int, size: int) -> None:
    assert pair.ok("split", count=count, size=size)["same"]
    joined = pair.ok("join", count=count, size=size)
    assert (joined["count"], joined["bytes"]) == (count, count * size)


def test_a_stream_each_way_message_by_message(pair: Pair) -> None:
    """Each message is sent when the one before has come back, so that none may wait for more."""
    for count, size in ((0, 0), (200, 10), (5, 300_000)):
        said = pair.ok("chat", count=count, size=size)
        assert (said["same"], said["more"]) == (True, 0)


def test_metadata_each_way(pair: Pair) -> None:
    """Text and binary, at the beginning and at the end. A list that is one field is not split, nor is base64 padded anew."""
    text = {"x-text": "a, b; c=d", "x-long": "v" * 3000, "t-text": "at the end"}
    binary = {"x-bytes-bin": "00ff80", "x-none-bin": "", "t-bytes-bin": "010203fe", "t-long-bin": "ab" * 1000}
    said = pair.ok("say", text="hello", metadata=text, binary=binary)
    for at, start in (("initial", "x-"), ("trailing", "t-")):
        sent = {key: value for key, value in (text | binary).items() if key.startswith(start)}
        assert {key: said[at].get(key) for key in sent} == sent


@pytest.mark.parametrize("kind", ["fail", "fail_late"], ids=["at once", "behind a message"])
@pytest.mark.parametrize("details", ["", DETAILS], ids=["bare", "details"])
def test_failures(pair: Pair, kind: str, details: str) -> None:
    for code, message in (("NOT_FOUND", ""), ("FAILED_PRECONDITION", "100 %, é 😀\nand more"), ("INTERNAL", "m" * 2000)):
        said = pair.do(kind, code=code, message=message, details=details)
        assert (said["ok"], said["code"], said["message"], said["details"]) == (False, code, message, details)


def test_a_method_that_there_is_not(pair: Pair) -> None:
    said = pair.do("missing")
    assert (said["ok"], said["code"]) == (False, "UNIMPLEMENTED")


@pytest.mark.parametrize("method", ["Wait", "Hang"])
def test_a_deadline(pair: Pair, name: str, method: str) -> None:
    """The server is told how long the client waits, the client is told in time, and the server that it waits no more."""
    pair.ok("hold", name=name, method=method, timeout=600)
    said = pair.client.do("end", name=name)
    assert said["code"] == "DEADLINE_EXCEEDED"
    assert said["took"] < 2000
    assert 0 < pair.noted(f"began {name}") <= 600 + ROUNDED_MS
    assert pair.noted(f"gone {name}")


def test_no_deadline(pair: Pair, name: str) -> None:
    """None is made up on the way."""
    pair.ok("say", text="x", timeout=86_400_000)
    pair.ok("hold", name=name, method="Wait", timeout=86_400_000)
    assert pair.noted(f"began {name}") > 80_000_000
    pair.client.ok("cancel", name=name)
    pair.noted(f"gone {name}")


@pytest.mark.parametrize("method", ["Wait", "Hang"])
def test_a_cancelled_call(pair: Pair, name: str, method: str) -> None:
    pair.ok("hold", name=name, method=method)
    pair.noted(f"began {name}")
    at = pair.client.ok("cancel", name=name)["at"]
    assert 0 < pair.noted(f"gone {name}") - at < SOON_NS
    assert pair.client.do("end", name=name)["code"] == "CANCELLED"
    assert pair.ok("say", text="after")["same"]


def test_compression(grpc: Grpc, route: Route, client: str, server: str) -> None:
    """What was compressed stays so on its way. The server of grpc-js cannot compress."""
    speaker, listener = grpc.peer(f"{client}_client"), grpc.peer(f"{server}_server")
    with Counted(route(listener.address)) as counted:
        assert speaker.ok("say", target=counted.address, size=ZEROS, gzip=True)["same"]
        sizes = counted.sizes
    assert sizes[TO_SERVER] < ZEROS // 50, sizes
    assert (sizes[TO_CLIENT] < ZEROS // 50) is (server == "python"), sizes


def test_many_calls_at_once(pair: Pair) -> None:
    """On one connection of the client's, and on few of the server's."""
    pair.server.ok("connections")
    assert pair.ok("burst", count=AT_ONCE)["right"] == AT_ONCE
    assert 1 <= pair.server.ok("connections")["count"] <= 4


def test_over_tls(grpc: Grpc, route: Route, client: str, server: str) -> None:
    target = route(grpc.peer(f"{server}_tls").address, tls=True)
    call = {"target": target, "ca": str(grpc.pki.ca)}
    speaker = grpc.peer(f"{client}_client")
    assert speaker.ok("say", size=1_000_000, **call)["same"]
    assert speaker.ok("split", count=100, size=5000, **call)["same"]
    assert speaker.ok("join", count=100, size=5000, **call)["bytes"] == 500_000
    assert speaker.ok("chat", count=50, size=5000, **call)["same"]
    assert speaker.do("fail", code="ABORTED", message="no", details=DETAILS, **call)["details"] == DETAILS
    assert speaker.ok("burst", count=100, **call)["right"] == 100
