"""Dissectors made from declarations, in the real tshark: recorded frames of every protocol, cut and joined in many ways.

Each frame is shown exactly as construct decodes it: every field, the pairs of its headers, its id and its kind.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import pytest
from harness.golden import golden, recorded
from harness.pcap import CLIENT, SERVER, Capture
from harness.shown import differing, expected
from harness.wireshark import Message, Tshark, decode_as, filter_name

from conformance.golden import Vector
from conformance.golden import load as load_golden
from xproto.registry import BUILT_IN, Registered, load

PORT = 9100
EXAMPLES = {name: Path(f"examples/protocols/{name}.py") for name in ("lines", "packed", "sealed")}
"""Those of which construct decodes all that a dissector shows."""
LOADED = load([str(path) for path in EXAMPLES.values()])
BY_PROTOCOL = {protocol.name: [v for v in recorded() if v.protocol == protocol.name] for protocol in BUILT_IN}
for example, source in EXAMPLES.items():
    BY_PROTOCOL[example] = [each for each in load_golden(source.with_name("vectors") / example) if each.kind != "refused"]


def cuts(data: bytes) -> Sequence[Sequence[bytes]]:
    """A frame in its segments: whole; its first bytes alone and its last; in three; of small ones each byte."""
    middle = len(data) // 2
    places = sorted({0, 1, 3, 7, len(data) - 1, len(data)} & {*range(len(data) + 1)})
    ways = [
        [data],
        [data[start:end] for start, end in pairwise(places)],
        [data[: middle - 1], data[middle - 1 : middle + 2], data[middle + 2 :]],
    ]
    return [*ways, [data[at : at + 1] for at in range(len(data))]] if len(data) < 64 else ways


@dataclass
class Shown:
    """A capture of recorded frames and what tshark makes of it. carried: what each connection carries."""

    registered: Registered
    tshark: Tshark
    capture: Path
    carried: list[list[Vector]]
    messages: list[Message]

    def of(self, stream: int) -> list[Message]:
        return [message for message in self.messages if message.stream == stream]


def play(vectors: Sequence[Vector]) -> tuple[Capture, list[list[Vector]]]:
    """Each vector in each cut in a connection of its own, then all of one side in one."""
    capture = Capture()
    carried: list[list[Vector]] = []

    def carry(own: list[Vector], side: int, *segments: bytes) -> None:
        connection = capture.connect(10_000 + len(carried), PORT)
        connection.send(side, *filter(None, segments))
        connection.close()
        carried.append(own)

    for vector in vectors:
        for segments in cuts(vector.data):
            carry([vector], vector.direction, *segments)
    for side in (CLIENT, SERVER):
        own = [vector for vector in vectors if vector.direction == side]
        carry(own, side, b"".join(vector.data for vector in own))
    return capture, carried


@pytest.fixture(scope="module", params=BY_PROTOCOL)
def shown(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Shown:
    folder = tmp_path_factory.mktemp(request.param)
    played, carried = play(BY_PROTOCOL[request.param])
    capture = played.write(folder / "played.pcap")
    tshark = Tshark(folder, LOADED[request.param])
    return Shown(LOADED[request.param], tshark, capture, carried, tshark.messages(capture, decode_as(request.param, PORT)))


def test_every_recorded_frame_is_shown_as_construct_decodes_it(shown: Shown) -> None:
    for stream, vectors in enumerate(shown.carried):
        found = shown.of(stream)
        assert len(found) == len(vectors), [vector.name for vector in vectors]
        for message, vector in zip(found, vectors, strict=True):
            wanted = expected(shown.registered, vector.data, vector.direction)
            assert differing(message.fields, wanted) == {}, vector.name


def test_the_info_column_says_kind_id_service_and_method(shown: Shown) -> None:
    infos = shown.tshark.infos(shown.capture, decode_as(shown.registered.protocol.name, PORT))
    alone = [message for message in shown.messages if len(shown.carried[message.stream]) == 1]
    for message in alone:
        number = message.one("role.id")
        parts = [message.one("role.kind"), number and f"id={number}", message.one("role.service"), message.one("role.method")]
        parts.append(message.one("head.line"))
        assert infos[message.packet] == " ".join(part for part in parts if part)
    joined = [infos[message.packet] for message in shown.messages if len(shown.carried[message.stream]) > 1]
    assert any("; " in info for info in joined), "several frames in one segment"


def test_kinds_are_what_was_recorded(shown: Shown) -> None:
    told = {"wrapped", "handshake", "handshake_ack"}  # of these a recording says what is inside
    for message in shown.messages:
        vectors = shown.carried[message.stream]
        assert len(vectors) > 1 or message.one("role.kind") in {vectors[0].kind, *told}, vectors[0].name


def test_display_filters_find_what_they_ask_for(shown: Shown) -> None:
    name = filter_name(shown.registered.protocol.name)
    for message in shown.messages[:3]:
        asked = f'{name}.role.kind == "{message.one("role.kind")}" and tcp.stream == {message.stream}'
        found = shown.tshark.infos(shown.capture, decode_as(shown.registered.protocol.name, PORT), f"-Y{asked}")
        assert set(found) == {message.packet}


LENIENT = "http1"
"""The dissector looks for where its messages end, not for all that makes the proxy refuse one."""
REFUSED = [vector for vector in golden() if vector.kind == "refused" and vector.protocol != LENIENT]


@pytest.mark.parametrize("name", sorted({vector.protocol for vector in REFUSED}))
def test_what_construct_refuses_is_malformed(name: str, tmp_path: Path) -> None:
    """Or a bad checksum, which has a note of its own; what is compressed is shown as it is."""
    vectors = [vector for vector in REFUSED if vector.protocol == name]
    capture = Capture()
    for index, vector in enumerate(vectors):
        connection = capture.connect(30_000 + index, PORT)
        connection.send(vector.direction, vector.data)
        connection.close()
    messages = Tshark(tmp_path, LOADED[name]).messages(capture.write(tmp_path / "x.pcap"), decode_as(name, PORT))
    told = [m for m in messages if m.one("role.kind") not in {None, "wrapped"} and m.one("crc.status") != "0"]
    assert [vectors[message.stream].name for message in told] == []
