"""`xproto decode` on what tcpdump captured of real peers: the calls that come out are those that were made."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from harness import tars
from harness.mesh import BOLT_SERVICE, ECHO, Mesh
from harness.tcpdump import Tcpdump
from harness.thrift import ThriftMesh

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from harness.web import Web

TEXTS = ("hello", "é😀漢", "x" * 100_000, "")


@pytest.fixture(scope="module")
def thrift(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ThriftMesh]:
    with ThriftMesh(tmp_path_factory.mktemp("thrift")) as mesh:
        yield mesh


def decoded(file: Path, *options: str) -> list[dict[str, Any]]:
    """The lines of JSON; everything could be read."""
    command = [sys.executable, "-m", "proxy.cli", "decode", str(file), "--json", *options]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout[-2000:] + result.stderr
    found = [json.loads(line) for line in result.stdout.splitlines()]
    assert all(each["took_ms"] >= 0 for each in found if "response" in each)
    return found


def port(address: str) -> int:
    return int(address.rpartition(":")[2])


@pytest.mark.parametrize("version", [1, 2])
def test_bolt(mesh: Mesh, tmp_path: Path, version: int) -> None:
    server, client = mesh.peer("bolt_server"), mesh.peer("bolt_client")
    given = {"service": BOLT_SERVICE, "sofa_head_method_name": "echo", "ключ": "значение"}
    with Tcpdump(tmp_path / "bolt.pcap", [server.port]) as tcpdump:
        for text in TEXTS:
            to = {"target": server.address, "headers": given, "version": version, "crc": version == 2}
            assert client.ok("call", text=text, timeout=4_000, **to)["same"]
        server.ok("reset")
        told = {**given, "sofa_head_method_name": "told"}
        client.ok("call", target=server.address, headers=told, text="told", mode="oneway", version=version)
        server.ok("wait", method="told", count=1)
        found = [each for each in decoded(tcpdump.finish()) if each["kind"] != "heartbeat"]
    assert [each["request"]["body"]["text"] for each in found] == [*TEXTS, "told"]
    assert [each.get("response", {}).get("body") for each in found] == [*({"text": text} for text in TEXTS), None]
    for each in found[:-1]:
        assert (each["protocol"], each["service"], each["method"]) == ("bolt", BOLT_SERVICE, "echo")
        assert (each["timeout_ms"], each["status"], dict(each["request"]["headers"])) == (4_000, "0 success", given)
        assert port(each["server"]) == server.port
    assert found[-1]["kind"] == "oneway"


def test_dubbo(mesh: Mesh, tmp_path: Path) -> None:
    provider, consumer = mesh.peer("dubbo_provider"), mesh.peer("dubbo_consumer")
    with Tcpdump(tmp_path / "dubbo.pcap", [provider.port]) as tcpdump:
        to = {"target": provider.address, "timeout": 9_000}
        for text in TEXTS:
            assert consumer.ok("call", method="echo", text=text, attachments={"tag": "gray"}, **to)["same"]
        assert consumer.ok("call", method="add", a=40, b=2, **to)["value"] == 42
        person = consumer.ok("call", method="any", shape="person", **to)
        failed = consumer.do("call", method="fail", text="boo", **to)
        found = [each for each in decoded(tcpdump.finish(), "--hessian") if each["kind"] == "request"]
    assert person["ok"]
    assert failed["message"] == "boo"
    by_method: dict[str, list[dict[str, Any]]] = {}
    for each in found:
        assert (each["protocol"], each["service"], each["timeout_ms"]) == ("dubbo", ECHO, 9_000)
        by_method.setdefault(each["method"], []).append(each)
    echoed = [(each["request"]["values"]["arguments"], each["response"]["values"]["result"]) for each in by_method["echo"]]
    assert echoed == [([text], text) for text in TEXTS]
    assert {each["request"]["values"]["attachments"]["tag"] for each in by_method["echo"]} == {"gray"}
    (added,) = by_method["add"]
    assert (added["request"]["values"]["arguments"], added["response"]["values"]["result"]) == ([40, 2], 42)
    (thrown,) = by_method["fail"]
    assert thrown["response"]["values"]["exception"]["class"] == "com.test.EchoException"
    (shown,) = by_method["any"]
    assert shown["request"]["values"]["arguments"][0]["class"] == "com.test.Person"


@pytest.mark.parametrize("form", ["thrift", "thrift-compact", "thrift-unframed", "thrift-old", "thrift-header"])
def test_thrift(thrift: ThriftMesh, tmp_path: Path, form: str) -> None:
    idl = tmp_path / "echo.thrift"
    idl.write_text(
        "exception Refused { 1: string why, 2: i32 code }\n"
        "service Echo { string echo(1: string text), i32 add(1: i32 a, 2: i32 b), string fail() throws (1: Refused refused) }\n"
    )
    library = "apache" if form == "thrift-header" else "thriftpy2"
    to = thrift.to("direct", library, form, multiplexed=True)
    client = thrift.peer(f"{library}_client")
    options = {"zlib": True} if form == "thrift-header" else {}
    with Tcpdump(tmp_path / "thrift.pcap", [port(to["target"])]) as tcpdump:
        for text in TEXTS:
            assert client.ok("call", **to, **options, method="echo", text=text)
        assert client.ok("call", **to, **options, method="add", a=40, b=2)["value"] == 42
        assert client.do("call", **to, **options, method="fail")["error"] == "Refused"
        found = decoded(tcpdump.finish(), "--idl", str(idl))
    assert {each["protocol"] for each in found} == {form}
    assert {each["service"] for each in found} == {to["service"]}
    seen = [(each["method"], each["request"]["values"], each["response"]["values"]) for each in found]
    assert seen == [
        *(("echo", {"text": text}, {"result": text}) for text in TEXTS),
        ("add", {"a": 40, "b": 2}, {"result": 42}),
        ("fail", {}, {"exception": {"refused": {"why": "no", "code": 7}}}),
    ]


def test_tars(tmp_path: Path) -> None:
    with (
        tars.server("node", tmp_path) as server,
        tars.client("node", tmp_path) as client,
        Tcpdump(tmp_path / "tars.pcap", [server.port]) as tcpdump,
    ):
        for text in TEXTS:
            client.ok("call", servant=tars.SERVANTS["node"], target=server.address, name="echo", text=text)
        found = [each for each in decoded(tcpdump.finish()) if each["kind"] == "request"]
    assert [(each["protocol"], each["service"], each["method"], each["status"]) for each in found] == [
        ("tars", tars.SERVANTS["node"], "echo", "0 success")
    ] * len(TEXTS)
    for each, text in zip(found, TEXTS, strict=True):
        assert text.encode() in body(each["request"])
        assert text.encode() in body(each["response"])


def body(message: dict[str, Any]) -> bytes:
    found = message["body"]
    return bytes.fromhex(found["hex"]) if "hex" in found else found["text"].encode()


def test_http1(web: Web, tmp_path: Path) -> None:
    """curl and Node: a body that is counted, one that is chunked, one that there is none of, on one connection."""
    url = f"http://{web.node.address}"
    with Tcpdump(tmp_path / "http.pcap", [web.node.port], "-s", "0") as tcpdump:
        curl = ["curl", "-sS", "-o", "/dev/null", "-A", "decode", "--data-binary", "tea", f"{url}/echo?n=1"]
        curl += ["--next", "-sS", "-o", "/dev/null", "-H", "Transfer-Encoding: chunked"]
        curl += ["--data-binary", "more tea", f"{url}/echo"]
        curl += ["--next", "-sS", "-o", "/dev/null", "-I", f"{url}/echo"]
        subprocess.run(curl, check=True)
        found = decoded(tcpdump.finish())
    assert [each["request"]["line"] for each in found] == [
        "POST /echo?n=1 HTTP/1.1", "POST /echo HTTP/1.1", "HEAD /echo HTTP/1.1",
    ]  # fmt: skip
    assert [each["request"].get("body", {}).get("text") for each in found] == ["tea", "more tea", ""]
    assert [each["status"] for each in found] == ["200"] * 3
    assert [json.loads(each["response"]["body"]["text"])["body"] for each in found[:2]] == ["tea", "more tea"]
    assert dict(found[0]["request"]["headers"])["User-Agent"] == "decode"
    assert len({each["client"] for each in found}) == 1


def test_packets_that_were_cut_are_said(mesh: Mesh, tmp_path: Path) -> None:
    server, client = mesh.peer("bolt_server"), mesh.peer("bolt_client")
    given = {"service": BOLT_SERVICE, "sofa_head_method_name": "echo"}
    with Tcpdump(tmp_path / "cut.pcap", [server.port], "-s", "200") as tcpdump:
        for text in ("short", "x" * 1_000, "short"):
            assert client.ok("call", target=server.address, headers=given, text=text)["same"]
        file = tcpdump.finish()
    result = subprocess.run(
        [sys.executable, "-m", "proxy.cli", "decode", str(file), "--json", "--protocol", "bolt"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert result.returncode == 1
    found = [json.loads(line) for line in result.stdout.splitlines()]
    assert any("are not in the capture" in each.get("why", "") for each in found if each["type"] == "problem")
