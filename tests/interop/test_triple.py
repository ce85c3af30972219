"""Apache Dubbo 3 over Triple: its own consumer and provider, with the service that they have in Dubbo's own protocol."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from harness.mesh import ECHO

if TYPE_CHECKING:
    from harness.mesh import Mesh
    from harness.roads import Route

FIVE_MB = 5 * 1024 * 1024
STREAMS = "com.test.StreamService"


class Triple:
    """The consumer, and where it finds the provider."""

    def __init__(self, mesh: Mesh, route: Route) -> None:
        self.consumer, self.provider = mesh.peer("triple_consumer"), mesh.peer("triple_provider")
        self.target = route(self.provider.address)

    def call(self, method: str, **args: Any) -> dict[str, Any]:
        return self.consumer.do("call", target=self.target, method=method, **args)

    def stream(self, method: str, text: str) -> dict[str, Any]:
        return self.call(method, text=text, interface=STREAMS, version="1.0.0")


@pytest.fixture
def triple(mesh: Mesh, route: Route) -> Triple:
    return Triple(mesh, route)


@pytest.mark.parametrize("text", ["hello", "", "a😀é漢", "a" * 32_767 + "😀" + "b" * 40_000])
def test_strings(triple: Triple, text: str) -> None:
    result = triple.call("echo", text=text)
    assert result.get("same"), result


@pytest.mark.parametrize("size", [0, 1024, FIVE_MB])
def test_byte_arrays(triple: Triple, size: int) -> None:
    result = triple.call("echoBytes", size=size, timeout=20_000)
    assert (result.get("same"), result.get("length")) == (True, size), result


@pytest.mark.parametrize("method", ["scalars", "person", "list", "map", "people", "nothing"])
def test_values(triple: Triple, method: str) -> None:
    result = triple.call(method)
    assert result.get("same"), result


def test_version_and_group_choose_the_service(triple: Triple) -> None:
    for expected, chosen in (
        (ECHO, {}),
        (f"{ECHO}:1.0.0", {"version": "1.0.0"}),
        (f"blue/{ECHO}:1.0.0", {"version": "1.0.0", "group": "blue"}),
        (f"{ECHO}:2.0.0", {"version": "2.0.0"}),
    ):
        assert triple.call("whoami", **chosen).get("value") == expected


def test_a_service_that_there_is_not(triple: Triple) -> None:
    """Of a version that there is not Dubbo takes another one."""
    result = triple.call("echo", text="x", interface="com.test.NoService", generic=True)
    assert result["error"] == "RpcException", result
    assert triple.call("whoami", version="1.0.0")["ok"]


def test_generic_calls(triple: Triple) -> None:
    generic: dict[str, Any] = {"generic": True, "version": "1.0.0"}
    assert triple.call("echo", text="gen", **generic)["value"] == "gen"
    assert triple.call("add", a=40, b=2, **generic)["value"] == 42


def test_exceptions_reach_the_caller(triple: Triple) -> None:
    declared = triple.call("fail", text="declared 😀")
    assert (declared["error"], declared["message"]) == ("EchoException", "declared 😀")
    runtime = triple.call("failRuntime", text="runtime")
    assert "runtime" in runtime["message"], runtime


def test_attachments_arrive(triple: Triple) -> None:
    """As fields: Dubbo 3.2 writes what is beyond ASCII as question marks."""
    attachments = {"tag": "gray", "long": "v" * 500, "text": "a, b; c=d"}
    seen = triple.call("attachments", attachments=attachments)["value"]
    assert {key: seen.get(key) for key in attachments} == attachments


def test_a_timeout_leaves_the_connection_usable(triple: Triple) -> None:
    late = triple.call("sleep", ms=400, timeout=100)
    assert (late["error"], late["code"]) == ("RpcException", 2), late
    assert triple.call("sleep", ms=500, timeout=3000).get("value") == "slept 500"


def test_many_calls_at_once(triple: Triple) -> None:
    result = triple.call("echo", text="call", count=1000, threads=24, timeout=20_000)
    assert result["ok"], result


@pytest.mark.parametrize("method", ["split", "join", "chat"])
def test_streams(triple: Triple, method: str) -> None:
    for words in ("one", "one two three", " ".join(f"word{index}" for index in range(500)), f"large {'x' * 100_000} é😀"):
        result = triple.stream(method, words)
        assert result.get("same"), result


def test_a_stream_that_fails(triple: Triple) -> None:
    result = triple.stream("chat", "one two fail")
    assert result["ok"] is False, result
    assert "told to fail" in str(result), result
    assert triple.stream("chat", "one two")["same"]
