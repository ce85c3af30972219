"""The live kit against real servers and clients: exactly the deviations that docs/deviations.md tells of, no more, no fewer."""

from __future__ import annotations

import asyncio
import queue
import re
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from harness import processes, thrift
from harness.live import PEERS
from recording.bolt_java import headers

from conformance.bench import Profile
from conformance.golden import FOLDER, load
from conformance.live import NAMES, Patience, check_server, play_server
from conformance.live.manners import MANNERS
from conformance.suite import Result, describe
from xproto.registry import load as load_protocols

LOADED = load_protocols()
LIVE = Profile("interop", frames=40, mutants=400, derived=0)
PATIENCE = Patience(answer=1.0, close=1.0, pace=0.01)
MOST = {"finagle": 2}
"""Failures after which a check has shown all that is known of it, where that is not one: each costs the patience."""
DIES = {"finagle"}
"""Servers that do not outlive the checks."""
LEDGER = Path(__file__).resolve().parents[2] / "docs" / "deviations.md"

_SILENT = "the server neither answers nor closes within # s"
_GARBAGE = f"{_SILENT}: bytes that begin no frame"
_GIANT = f"{_SILENT}: it waits for a frame of # bytes, over a limit of #"
_UNANSWERED = "a request is not answered: the server said nothing for # s"
DEVIATIONS: dict[str, set[tuple[str, str]]] = {
    "sofabolt": {("splits", "the server sends bytes that are no frame"), ("forms", _SILENT), ("giants", _GIANT)},
    "sofarpc": {("giants", _GIANT)},
    "sofa-rpc-node": {
        ("oneways", "a oneway is answered"),
        ("names", "no such service is answered with #, where the declaration answers #"),
        ("giants", _GIANT),
    },
    "anthunder": {
        ("unasked", "behind an answer that nobody asked for, a request is not answered"),
        ("garbage", _GARBAGE),
        ("giants", _GIANT),
    },
    "dubbo": {
        ("names", "no such service is answered with #, where the declaration answers #"),
        ("forms", _SILENT),
        ("garbage", _GARBAGE),
        ("giants", _GIANT),
    },
    "dubbothrift": {
        ("coalesced", "# requests in one segment: # are answered, then the server said nothing for # s"),
        ("names", _UNANSWERED),
        ("garbage", _GARBAGE),
    },
    "tars-node": {("garbage", _GARBAGE), ("giants", _GIANT)},
    "tars-go": set(),
    "finagle": {
        ("garbage", _GARBAGE),
        ("giants", _GIANT),
        ("giants", "after these bytes on another connection"),
    },
    "thriftpy2": {("garbage", _GARBAGE), ("giants", _GIANT)},
    "thriftpy2-unframed-compact": set(),
    "apache-thrift-python": set(),
    "apache-thrift-go": set(),
    "apache-thrift-java": set(),
}


def gist(fault: str) -> str:
    """A fault without its numbers; of a server that is dying, without which step of a new connection it fails."""
    return re.sub(r"\d+(\.\d+)?", "#", fault.partition(": ")[0] if fault.startswith("after these bytes") else fault)


@pytest.mark.parametrize("name", list(PEERS))
def test_a_server_has_the_known_deviations(name: str, tmp_path: Path) -> None:
    peer = PEERS[name]
    with peer.running(tmp_path) as (process, port):
        results = list(
            check_server(
                LOADED[peer.protocol], peer.asked(), "127.0.0.1", port, LIVE, patience=PATIENCE, most=MOST.get(name, 1)
            )
        )
        if name in DIES:
            process.process.wait(10)
        assert (process.process.poll() is None) is (name not in DIES)
    assert tuple(result.name for result in results) == NAMES
    found = {(failure.check, gist(failure.fault)) for result in results for failure in result.failures}
    assert found == DEVIATIONS[name], "\n\n".join(describe(failure) for result in results for failure in result.failures)


def test_the_ledger_names_every_peer_and_every_check_that_fails() -> None:
    text = LEDGER.read_text(encoding="utf-8")
    for name, found in DEVIATIONS.items():
        rows = [line for line in text.splitlines() if line.startswith(f"| `{name}`")]
        told = {check for row in rows for check in re.findall(r"--only (\S+)`", row)}
        assert told == {check for check, _ in found}, name


def played(protocol: str, file: str, calls: int, drive: Callable[[str], None]) -> dict[str, Result]:
    """What was seen of a client; `drive` makes it call the address it is given."""
    ports: queue.Queue[int] = queue.Queue()
    found: list[Result] = []

    def play() -> None:
        vectors = load(FOLDER / protocol / f"{file}.yaml")
        found.extend(
            asyncio.run(play_server(LOADED[protocol], vectors, "127.0.0.1", 0, calls=calls, quiet=5.0, listening=ports.put))
        )

    thread = threading.Thread(target=play, daemon=True)
    thread.start()
    drive(f"127.0.0.1:{ports.get(timeout=10)}")
    thread.join(30)
    return {result.name: result for result in found}


def faults(results: dict[str, Result]) -> set[tuple[str, str]]:
    return {(failure.check, gist(failure.fault)) for result in results.values() for failure in result.failures}


SINGLE = sum(manner.holds == 1 for manner in MANNERS) - 1
"""Manners of one answer before the last, which ends the connection."""


def test_sofabolts_client_takes_every_manner(tmp_path: Path) -> None:
    with processes.java("BoltClient", tmp_path / "client.log") as client:

        def drive(target: str) -> None:
            to: dict[str, Any] = {"target": target, "client": "one", "headers": headers("echo"), "text": "hello"}
            to.update(version=2, crc=True)
            for _ in range(SINGLE):
                assert client.do("call", **to)["text"] == "hello"
            client.do("call", **to, count=24, threads=4)

        results = played("bolt", "java", SINGLE + 8, drive)
    assert faults(results) == set()
    assert {name for name, result in results.items() if result.lacks} == set()


def test_nodes_client_does_not_acknowledge_heartbeats(tmp_path: Path) -> None:
    with processes.node("client.js", tmp_path / "client.log") as client:

        def drive(target: str) -> None:
            for _ in range(SINGLE + 3):
                assert client.ok("call", target=target, client="one", method="echo", text="é😀")["value"] == "é😀"

        results = played("bolt", "node", SINGLE + 3, drive)
    assert faults(results) == {("acknowledgements", "a heartbeat of the server's is not acknowledged within # s")}
    assert results["answers closing"].cases == 1


def test_dubbos_consumer_takes_every_manner_of_one_answer(tmp_path: Path) -> None:
    with processes.java("DubboConsumer", tmp_path / "consumer.log") as consumer:

        def drive(target: str) -> None:
            for _ in range(SINGLE):
                assert consumer.ok("call", target=target, method="add", a=20, b=22)["value"] == 42

        results = played("dubbo", "java", SINGLE, drive)
    assert faults(results) == set()
    assert results["acknowledgements"].cases == 1


def test_thriftpy2s_client_takes_an_answer_in_pieces(tmp_path: Path) -> None:
    with thrift.STARTERS["thriftpy2"][1](tmp_path / "client.log") as client:
        to = {"client": "one", "form": "thrift", "service": "thriftpy2_thrift", "method": "echo", "text": "héllo"}

        def drive(target: str) -> None:
            for _ in range(4):
                assert client.ok("call", target=target, **to)["value"] == "héllo"

        results = played("thrift", "thriftpy2", 4, drive)
    assert faults(results) == set()
    assert {results[f"answers {name}"].cases for name in ("whole", "split", "bytewise", "closing")} == {1}
