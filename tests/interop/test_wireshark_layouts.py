"""Dissectors of layouts that nobody speaks: odd ones, one with everything little-endian, and some drawn at random.

Frames are drawn from each layout; all of them are in one capture, each layout on a port of its own.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from harness.pcap import CLIENT, Capture
from harness.shown import differing, expected
from harness.wireshark import Message, Tshark, decode_as, filter_name
from hypothesis.errors import Unsatisfiable

from conformance.generate.examples import collect, strategy
from tests.conformance.layouts import LAYOUTS
from tests.conformance.random_layouts import LayoutMaker
from xproto.errors import SpecError
from xproto.exports.wireshark_fields import fields_of
from xproto.registry import Registered, find, register

BEACON = find(str(Path(__file__).resolve().parents[1] / "protocols" / "beacon.py"))
FRAMES = 20
RANDOM = 60
FIRST_PORT = 20_000


def drawn() -> Iterator[Registered]:
    """Layouts drawn at random, of those that are accepted."""
    for number in range(RANDOM):
        try:
            yield register(replace(LayoutMaker(random.Random(number)).protocol(), name=f"random-{number}"))
        except SpecError:
            continue


def frames() -> Iterator[tuple[Registered, list[bytes]]]:
    """Each layout with frames of it; one drawn at random may have conditions that hardly any frame meets."""
    for registered in (*map(register, LAYOUTS), BEACON, *drawn()):
        with suppress(Unsatisfiable):
            yield registered, collect(strategy(registered.lowered), FRAMES)


SENT = {registered.protocol.name: (registered, found) for registered, found in frames()}


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Message]]:
    folder, capture = tmp_path_factory.mktemp("layouts"), Capture()
    for port, (_, found) in enumerate(SENT.values(), start=FIRST_PORT):
        for index, data in enumerate(found):
            connection = capture.connect(30_000 + index, port)
            connection.send(CLIENT, data[: len(data) // 2], data[len(data) // 2 :])
            connection.close()
    ports = [decode_as(name, port) for port, name in enumerate(SENT, start=FIRST_PORT)]
    protocols = [registered for registered, _ in SENT.values()]
    messages = Tshark(folder, *protocols).messages(capture.write(folder / "x.pcap"), *ports)
    return {name: [m for m in messages if m.protocol == filter_name(name)] for name in SENT}


@pytest.mark.parametrize("name", SENT)
def test_every_frame_is_shown_as_construct_decodes_it(name: str, shown: dict[str, list[Message]]) -> None:
    registered, sent = SENT[name]
    assert len(shown[name]) == len(sent) > 0
    mixed = {path for path, field in fields_of(registered.lowered).by_path.items() if field.mixed}
    for message, data in zip(shown[name], sent, strict=True):
        for path, (seen, wanted) in differing(message.fields, expected(registered, data, CLIENT)).items():
            assert path in mixed, (path, seen, wanted, data.hex())
            assert seen is not None


def test_enough_was_drawn() -> None:
    assert len(SENT) > len(LAYOUTS) + RANDOM // 2
