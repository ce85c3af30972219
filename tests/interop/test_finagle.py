"""Finagle's Thrift, upgraded to TTwitter and not, straight and through a listener for it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from harness.finagle import SERVICE, FinagleMesh, finagle_config, server
from harness.processes import java
from harness.proxy import Proxy
from harness.thrift import DEADLINE_MS
from harness.thrift import service as service_of
from harness.thrift_calls import CALLS, INTERNAL_ERROR, UNKNOWN_METHOD, refusal

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NAMED = pytest.mark.parametrize("multiplexed", [False, True], ids=["plain", "multiplexed"])
UPGRADE = pytest.mark.parametrize("upgrade", [True, False], ids=["upgraded", "as it is"])
TRACE = "00000000deadbeef"
NOTHING_CAME = {"client": None, "dtab": "", "context": None}


@pytest.fixture(scope="module")
def finagle(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FinagleMesh]:
    with FinagleMesh(tmp_path_factory.mktemp("finagle")) as mesh:
        yield mesh


@UPGRADE
@NAMED
def test_calls(finagle: FinagleMesh, via: str, multiplexed: bool, upgrade: bool) -> None:
    to = finagle.to(via, upgrade=upgrade, multiplexed=multiplexed)
    peer = finagle.peer("finagle_client")
    assert [peer.do("call", **to, **asked) for asked, _ in CALLS] == [answer for _, answer in CALLS]


CAME: list[dict[str, Any]] = [
    {},
    {"dtab": "/s/blue=>/s/green"},
    {"dtab": "/s/blue=>/s/green;/zk=>/$/inet/localhost"},
    {"context": "hello é"},
    {"dtab": "/s/blue=>/s/green", "context": "x" * 10_000},
]


@pytest.mark.parametrize("said", [{}, {"id": "interop"}], ids=["nobody", "interop"])
def test_what_came_with_an_upgraded_call(finagle: FinagleMesh, via: str, said: dict[str, str]) -> None:
    """Only TTwitter's header says who calls, in which trace, with which delegations and contexts."""
    to = finagle.to(via, client=f"came {said}", trace=TRACE, **said)
    peer, at = finagle.peer("finagle_client"), finagle.peer("finagle_server")
    at.ok("reset")
    for call in CAME:
        assert peer.ok("call", **to, **call, method="echo", text="x")["value"] == "x"
    expected = [{**NOTHING_CAME, "client": said.get("id"), "trace": TRACE, **call} for call in CAME]
    assert at.ok("seen")["seen"] == expected


def test_nothing_comes_with_a_call_that_is_not_upgraded(finagle: FinagleMesh, via: str) -> None:
    to = finagle.to(via, client="nothing", trace=TRACE, id="interop", upgrade=False)
    peer, at = finagle.peer("finagle_client"), finagle.peer("finagle_server")
    at.ok("reset")
    assert peer.ok("call", **to, **CAME[-1], method="echo", text="x")["value"] == "x"
    (came,) = at.ok("seen")["seen"]
    assert came.pop("trace") != TRACE
    assert came == NOTHING_CAME


@UPGRADE
@NAMED
def test_oneways_arrive(finagle: FinagleMesh, via: str, multiplexed: bool, upgrade: bool) -> None:
    """Finagle answers them with nothing, not even with an empty frame: the next answer is the next call's."""
    to = finagle.to(via, upgrade=upgrade, multiplexed=multiplexed)
    peer, at = finagle.peer("finagle_client"), finagle.peer("finagle_server")
    at.ok("reset")
    for number in range(2):
        assert peer.ok("call", **to, method="note", text=str(number))["value"] is None
        assert peer.ok("call", **to, method="echo", text=f"after {number}")["value"] == f"after {number}"
    assert at.ok("wait", method="note", count=2)["count"] == 2


@UPGRADE
def test_a_method_that_the_server_does_not_know(finagle: FinagleMesh, via: str, upgrade: bool) -> None:
    result = finagle.peer("finagle_client").do("call", **finagle.to(via, upgrade=upgrade), method="missing", text="x")
    name = f"{SERVICE}__missing"
    assert result == {**refusal(UNKNOWN_METHOD, ""), "message": f"Invalid method name: '{name}'"}


@UPGRADE
def test_many_callers(finagle: FinagleMesh, via: str, upgrade: bool) -> None:
    to = finagle.to(via, upgrade=upgrade, client="many")
    result = finagle.peer("finagle_client").do("call", **to, method="echo", text="row", count=400, threads=8)
    assert result["ok"], result


@UPGRADE
def test_a_hundred_in_a_row_on_one_connection(finagle: FinagleMesh, via: str, upgrade: bool) -> None:
    to = finagle.to(via, upgrade=upgrade, client="row")
    at = finagle.peer("finagle_server")
    at.ok("reset")
    result = finagle.peer("finagle_client").do("call", **to, method="echo", text="row", count=100, threads=1)
    assert result["ok"], result
    assert at.ok("stats")["connections"] <= 1


def test_upgraded_and_not_at_once(finagle: FinagleMesh, via: str) -> None:
    """Both ways to one server: neither gets a connection of the other."""
    calls = [
        finagle.to(via, upgrade=upgrade, client="both", method="echo", text=str(upgrade), count=100, threads=2)
        for upgrade in (True, False)
    ]
    results = finagle.peer("finagle_client").ok("together", calls=calls)["results"]
    assert [result["ok"] for result in results] == [True, True], results


@UPGRADE
def test_a_call_without_a_route(finagle: FinagleMesh, upgrade: bool) -> None:
    to = {**finagle.to("proxy", upgrade=upgrade), "service": "nobody"}
    result = finagle.peer("finagle_client").do("call", **to, method="echo", text="x")
    assert result == refusal(UNKNOWN_METHOD, "no route matches this call")


@UPGRADE
def test_a_call_over_its_deadline(finagle: FinagleMesh, upgrade: bool) -> None:
    """The caller is told, and nobody gets the connection on which the answer is still to come."""
    to, peer = finagle.to("proxy", upgrade=upgrade, client="late"), finagle.peer("finagle_client")
    late = peer.do("call", **to, method="slow", ms=4 * DEADLINE_MS)
    assert late == refusal(INTERNAL_ERROR, "the server did not answer in time")
    for text in ("after", "and after"):
        assert peer.ok("call", **to, method="echo", text=text)["value"] == text


@UPGRADE
def test_a_server_that_dies_in_the_middle_of_a_call(finagle: FinagleMesh, tmp_path: Path, upgrade: bool) -> None:
    peer = finagle.peer("finagle_client")
    with server(tmp_path / "server.log") as dying:
        config = finagle_config(dying.address, deadline_ms=20_000)
        with Proxy(config, tmp_path) as proxy, ThreadPoolExecutor(1) as pool:
            to = {**finagle.to("proxy", upgrade=upgrade), "target": proxy.address}
            pending = pool.submit(peer.do, "call", **to, method="slow", ms=20_000)
            dying.ok("wait", method="slow", count=1)
            dying.process.kill()
            assert pending.result() == refusal(INTERNAL_ERROR, "the server's connection closed before it answered")
            gone = refusal(INTERNAL_ERROR, "no host of the cluster can be reached")
            assert peer.do("call", **to, method="echo", text="x") == gone


def test_a_server_that_knows_no_upgrade(finagle: FinagleMesh, tmp_path: Path) -> None:
    """It answers the upgrade as a method that it does not know, and the client goes on in plain Thrift."""
    with java("ThriftServer", tmp_path / "server.log", "java") as plain:
        to = {"target": plain.address, "form": "thrift", "service": service_of("java", "thrift")}
        peer = finagle.peer("finagle_client")
        assert [peer.do("call", **to, **asked) for asked, _ in CALLS] == [answer for _, answer in CALLS]
        assert plain.ok("stats")["methods"]["__can__finagle__trace__v3__"] == 1


def test_a_client_that_knows_no_upgrade(finagle: FinagleMesh, via: str, tmp_path: Path) -> None:
    with java("ThriftClient", tmp_path / "client.log") as plain:
        to = {**finagle.to(via), "form": "thrift"}
        assert [plain.do("call", **to, **asked) for asked, _ in CALLS] == [answer for _, answer in CALLS]
