"""How a dissector gets a connection: by its first bytes, by the ports of its preference, and which side is the server."""

from __future__ import annotations

from pathlib import Path

import pytest
from harness.golden import recorded
from harness.pcap import CLIENT, SERVER, Capture
from harness.shown import differing, expected
from harness.wireshark import Tshark, decode_as, filter_name

from conformance.golden import Vector
from xproto.registry import BUILT_IN, load

PORT = 15_001
LOADED = load()
VECTORS = {vector.name: vector for vector in recorded() if vector.protocol != "http1"}
CALLS = [
    (vector, VECTORS[answer])
    for vector in VECTORS.values()
    if vector.direction == 0 and (answer := vector.name.removesuffix("request") + "response") in VECTORS
]
(UPGRADE,) = (call for call in CALLS if call[0].name == "finagle-upgrade-request")
FORMS = sorted({vector.protocol for vector, _ in CALLS})


def play(calls: list[tuple[Vector, Vector]]) -> Capture:
    """Each call in a connection of its own, which begins as its protocol's connections do."""
    capture = Capture()
    for index, call in enumerate(calls):
        connection = capture.connect(30_000 + index, PORT)
        upgraded = call[0].protocol == "thrift-twitter" and call is not UPGRADE
        for request, response in [UPGRADE, call] if upgraded else [call]:
            connection.send(CLIENT, request.data)
            connection.send(SERVER, response.data)
        connection.close()
    return capture


@pytest.mark.parametrize("name", FORMS)
def test_by_its_first_bytes(name: str, tmp_path: Path) -> None:
    calls = [call for call in CALLS if call[0].protocol == name][:20]
    messages = Tshark(tmp_path, LOADED[name]).messages(play(calls).write(tmp_path / "x.pcap"))
    for index, call in enumerate(calls):
        shown = [message for message in messages if message.stream == index][-2:]
        for message, vector in zip(shown, call, strict=True):
            wanted = expected(LOADED[name], vector.data, vector.direction)
            assert differing(message.fields, wanted) == {}, vector.name


def test_each_protocol_among_all_of_them(tmp_path: Path) -> None:
    """Wireshark asks the dissectors in any order: whose first bytes could be another's knows who goes before it."""
    calls = [call for name in FORMS for call in [each for each in CALLS if each[0].protocol == name][:12]]
    messages = Tshark(tmp_path, *LOADED.values()).messages(play(calls).write(tmp_path / "x.pcap"))
    told = {(message.stream, message.protocol) for message in messages}
    assert told == {(index, filter_name(request.protocol)) for index, (request, _) in enumerate(calls)}
    assert len(messages) >= 2 * len(calls)


@pytest.mark.parametrize("name", ["bolt", "tars", "thrift"])
def test_by_the_ports_of_its_preference(name: str, tmp_path: Path) -> None:
    """An answer is known for one although nothing else of its connection was captured."""
    _, response = next(call for call in CALLS if call[0].protocol == name)
    capture = Capture()
    for index, port in enumerate((PORT, PORT + 7, PORT + 9)):
        capture.connect(30_000 + index, port).send(SERVER, response.data[:3], response.data[3:])
    tshark = Tshark(tmp_path, LOADED[name])
    path = capture.write(tmp_path / "x.pcap")
    messages = tshark.messages(path, f"-o{filter_name(name)}.ports:{PORT},{PORT + 5}-{PORT + 7}")
    assert [message.stream for message in messages] == [0, 1]
    for message in messages:
        assert differing(message.fields, expected(LOADED[name], response.data, SERVER)) == {}


def test_who_speaks_first_is_the_client(tmp_path: Path) -> None:
    """Even on a port whose number is the greater one, and where a second connection has the same numbers."""
    request, response = next(call for call in CALLS if call[0].protocol == "tars")
    capture = Capture()
    for _ in range(2):
        connection = capture.connect(700, 40_000)
        connection.send(CLIENT, request.data)
        connection.send(SERVER, response.data)
        connection.close()
    messages = Tshark(tmp_path, LOADED["tars"]).messages(capture.write(tmp_path / "x.pcap"))
    assert [message.one("role.kind") for message in messages] == ["request", "response"] * 2


def test_bytes_of_nobody_stay_with_tcp(tmp_path: Path) -> None:
    capture = Capture()
    for index, data in enumerate((b"SSH-2.0-x\r\n", bytes(64), b"\xff" * 64, b"EHLO there\r\n", b"\x01")):
        capture.connect(30_000 + index, PORT).send(CLIENT, data)
    tshark = Tshark(tmp_path, *LOADED.values())
    assert tshark.messages(capture.write(tmp_path / "x.pcap")) == []


def test_names_of_dissectors_are_names_to_wireshark() -> None:
    names = [filter_name(protocol.name) for protocol in BUILT_IN]
    assert len(set(names)) == len(names)
    assert decode_as("thrift-header", 7) == "-dtcp.port==7,xproto_thrift_header"
