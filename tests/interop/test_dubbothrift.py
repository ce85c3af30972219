"""Dubbo's own consumer and provider of dubbothrift, straight and through the proxy, and what the proxy answers itself."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from harness.dubbothrift import AT_ONCE, DEADLINE_MS, DubboThriftMesh, dubbothrift_config, provider
from harness.proxy import Proxy

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CALLS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"method": "echo", "text": "hello é漢"}, {"ok": True, "value": "hello é漢"}),
    ({"method": "echo", "text": ""}, {"ok": True, "value": ""}),
    ({"method": "echo", "text": "x" * 300_000}, {"ok": True, "value": "x" * 300_000}),
    ({"method": "add", "a": 2**31 - 1, "b": -7}, {"ok": True, "value": 2**31 - 8}),
    ({"method": "fail", "text": "no"}, {"ok": False, "error": "Refused", "message": "no", "code": 7}),
    ({"method": "slow", "ms": 1}, {"ok": True, "value": 1}),
]
UNKNOWN = 0
"""RpcException's code: what the consumer makes of every TApplicationException, whatever its type."""


@pytest.fixture(scope="module")
def dubbothrift(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DubboThriftMesh]:
    with DubboThriftMesh(tmp_path_factory.mktemp("dubbothrift")) as mesh:
        yield mesh


def refusal(text: str) -> dict[str, Any]:
    return {"ok": False, "error": "RpcException", "message": f"xproto: {text}", "code": UNKNOWN}


def test_calls(dubbothrift: DubboThriftMesh, via: str) -> None:
    target = dubbothrift.address(via, "provider")
    consumer = dubbothrift.peer("consumer")
    assert [consumer.do("call", target=target, **asked) for asked, _ in CALLS] == [answer for _, answer in CALLS]


def test_concurrent_calls_on_one_connection(dubbothrift: DubboThriftMesh, via: str) -> None:
    """Each call asks for something else, so that an answer to another call is seen."""
    target, server = dubbothrift.address(via, "provider"), dubbothrift.server(via)
    server.ok("reset")
    for method in ({"method": "echo", "text": "x"}, {"method": "add", "a": 1000, "b": 1}):
        result = dubbothrift.peer("consumer").do("call", target=target, count=500, threads=AT_ONCE, **method)
        assert result["ok"], result
    stats = server.ok("stats")
    assert (stats["calls"], stats["connections"]) == ({"echo": 500, "add": 500}, 1)


def test_answers_out_of_order(dubbothrift: DubboThriftMesh, via: str) -> None:
    """The slower call came first and is answered last; the id says whose each answer is."""
    target = dubbothrift.address(via, "provider")
    result = dubbothrift.peer("consumer").do("call", target=target, method="mixed", ms=50, count=40, threads=AT_ONCE)
    assert result["ok"], result


@pytest.mark.parametrize("protocols", ["auto", "[dubbothrift]", "[thrift, dubbo, dubbothrift]"])
def test_a_connection_is_taken_for_what_it_is(dubbothrift: DubboThriftMesh, tmp_path: Path, protocols: str) -> None:
    consumer = dubbothrift.peer("consumer")
    with provider(tmp_path / "provider.log") as server, Proxy(dubbothrift_config(server.address, protocols), tmp_path) as proxy:
        assert consumer.do("call", target=proxy.address, method="echo", text="x") == {"ok": True, "value": "x"}
        found = {labels: count for labels, count in proxy.metrics("detected_total").items() if count}
        assert found == {'{listener="mesh",result="dubbothrift"}': 1}
        assert set(proxy.metrics("malformed_total").values()) == {0}
        assert set(proxy.metrics("upstream_malformed_total").values()) == {0}


def test_a_call_without_a_route(dubbothrift: DubboThriftMesh, tmp_path: Path) -> None:
    with Proxy(dubbothrift_config("127.0.0.1:1", service="nobody"), tmp_path) as proxy:
        result = dubbothrift.peer("consumer").do("call", target=proxy.address, method="echo", text="x")
    assert result == refusal("no route matches this call")


def test_a_call_over_its_deadline(dubbothrift: DubboThriftMesh) -> None:
    """The caller is told, and the connection serves on; the late answer is nobody's."""
    target, consumer = dubbothrift.proxy.address, dubbothrift.peer("consumer")
    late = consumer.do("call", target=target, method="slow", ms=4 * DEADLINE_MS)
    assert late == refusal("the server did not answer in time")
    assert consumer.ok("call", target=target, method="add", a=1, b=2)["value"] == 3


def test_a_provider_that_dies_in_the_middle_of_a_call(dubbothrift: DubboThriftMesh, tmp_path: Path) -> None:
    consumer = dubbothrift.peer("consumer")
    with provider(tmp_path / "provider.log") as server:
        config = dubbothrift_config(server.address, deadline_ms=20_000)
        with Proxy(config, tmp_path) as proxy, ThreadPoolExecutor(1) as pool:
            pending = pool.submit(consumer.do, "call", target=proxy.address, method="slow", ms=20_000, timeout=20_000)
            assert server.ok("wait", method="slow", count=1)["count"] == 1
            server.process.kill()
            assert pending.result() == refusal("the server's connection closed before it answered")
            gone = consumer.do("call", target=proxy.address, method="echo", text="x")
            assert gone == refusal("no host of the cluster can be reached")


def test_connections_have_ids_of_their_own(dubbothrift: DubboThriftMesh, tmp_path: Path) -> None:
    """The provider remembers an id's method beyond its connection: another proxy must not come with the same ids."""
    consumer = dubbothrift.peer("consumer")
    with provider(tmp_path / "provider.log") as server:
        for asked, answer in (CALLS[0], CALLS[3], CALLS[5]):
            with Proxy(dubbothrift_config(server.address), tmp_path) as proxy:
                for _ in range(3):
                    assert consumer.do("call", target=proxy.address, **asked) == answer
