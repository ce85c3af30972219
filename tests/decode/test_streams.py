"""Segments in any order and any number become each byte once, and what is missing is said."""

from __future__ import annotations

import io
import random
from collections.abc import Callable

import pytest
from tape import ACK, FIN, RST, SYN, Talk, Tape

from xproto.autodetect.proxy_protocol import Endpoint
from xproto.decode import streams as streams_module
from xproto.decode.capture import packets
from xproto.decode.packets import Segment, segment
from xproto.decode.streams import Streams

DATA = bytes(range(256)) * 20


class Heard:
    """What one connection was told, as bytes and gaps of either direction."""

    def __init__(self, source: Endpoint, destination: Endpoint, certain: bool) -> None:
        self.ends, self.certain = (source, destination), certain
        self.sides: tuple[list[bytes | int], list[bytes | int]] = ([], [])
        self.ended: str | None = None

    def data(self, direction: int, _time: int | None, data: bytes) -> None:
        said = self.sides[direction]
        if said and isinstance(said[-1], bytes):
            said[-1] += data
        else:
            said.append(data)

    def gap(self, direction: int, _time: int | None, size: int) -> None:
        self.sides[direction].append(size)

    def end(self, reason: str) -> None:
        self.ended = reason


def heard(tape: Tape) -> list[Heard]:
    found: list[Heard] = []

    def begin(source: Endpoint, destination: Endpoint, certain: bool) -> Heard:
        found.append(Heard(source, destination, certain))
        return found[-1]

    streams = Streams(begin)
    for packet in packets(io.BytesIO(tape.pcap())):
        each = segment(packet)
        assert isinstance(each, Segment)
        streams.feed(each)
    streams.finish()
    return found


def shuffled(tape: Tape) -> None:
    """Packets of data change places with others up to three places away."""
    drawn = random.Random(7)
    keyed = [(at + drawn.uniform(0, 3), each) for at, each in enumerate(tape.packets[3:-2])]
    tape.packets[3:-2] = [each for _, each in sorted(keyed, key=lambda pair: pair[0])]


def twice(tape: Tape) -> None:
    tape.packets[3:-2] = [each for pair in zip(tape.packets[3:-2], tape.packets[3:-2], strict=True) for each in pair]


@pytest.mark.parametrize("change", [lambda _tape: None, shuffled, twice], ids=["as sent", "out of order", "twice"])
def test_each_byte_once(change: Callable[[Tape], None]) -> None:
    """The server's sequence numbers wrap on the way."""
    tape = Tape()
    Talk(tape).open().send(0, DATA, most=100).send(1, DATA[::-1], most=77).close()
    change(tape)
    (found,) = heard(tape)
    assert (found.sides, found.certain, found.ended) == (([DATA], [DATA[::-1]]), True, "closed")


def test_retransmissions_that_overlap() -> None:
    tape = Tape()
    talk = Talk(tape).open()
    talk.packet(0, b"abcdef")
    talk.packet(0, b"XdefXX", seq=talk.seqs[0] - 4)
    talk.packet(0, b"ijkl", seq=talk.seqs[0] + 2)
    talk.packet(0, b"ghijk", seq=talk.seqs[0])
    (found,) = heard(tape)
    assert found.sides[0] == [b"abcdefXXijkl"]


def test_bytes_that_the_capture_lacks() -> None:
    tape = Tape()
    talk = Talk(tape).open().send(0, b"before")
    talk.seqs[0] += 1000
    talk.send(0, b"behind").close()
    (found,) = heard(tape)
    assert found.sides[0] == [b"before", 1000, b"behind"]


def test_a_gap_is_told_when_the_other_side_has_acknowledged_it() -> None:
    tape = Tape()
    talk = Talk(tape).open().send(0, b"before")
    talk.seqs[0] += 10
    talk.send(0, b"abc", most=1)
    talk.packet(1, b"answer")
    (found,) = heard(tape)
    assert found.sides == ([b"before", 10, b"abc"], [b"answer"])


def test_packets_that_were_cut_leave_gaps() -> None:
    tape = Tape()
    talk = Talk(tape).open()
    talk.packet(0, b"0123456789", cut=4)
    talk.send(0, b"more")
    (found,) = heard(tape)
    assert found.sides[0] == [b"012345", 4, b"more"]


def test_a_capture_that_began_later() -> None:
    tape = Tape()
    Talk(tape).send(1, b"answer").send(0, b"request")
    (found,) = heard(tape)
    assert (found.certain, found.sides) == (False, ([b"answer"], [b"request"]))


def test_the_same_ports_again() -> None:
    tape = Tape()
    Talk(tape).open().send(0, b"one").close()
    Talk(tape, seqs=[5_000, 6_000]).open().send(0, b"two")
    Talk(tape, seqs=[7_000, 8_000]).open().send(0, b"three")
    assert [(each.sides[0], each.ended) for each in heard(tape)] == [
        ([b"one"], "closed"), ([b"two"], "replaced by a new connection between the same ports"), ([b"three"], ""),
    ]  # fmt: skip


def test_a_reset_ends_and_late_copies_begin_nothing() -> None:
    tape = Tape()
    talk = Talk(tape).open().send(0, b"one")
    talk.packet(1, flags=RST | ACK)
    talk.packet(0, b"one", seq=talk.seqs[0] - 3)
    assert [(each.sides[0], each.ended) for each in heard(tape)] == [([b"one"], "reset")]


def test_a_server_that_was_heard_first() -> None:
    tape = Tape()
    talk = Talk(tape)
    talk.packet(1, flags=SYN | ACK)
    (found,) = heard(tape)
    assert (found.ends[0], found.certain) == (Endpoint(*talk.client), True)


def test_no_more_is_held_than_the_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams_module, "MOST_HELD", 5_000)
    tape = Tape()
    talk = Talk(tape).open().send(0, b"x")
    talk.seqs[0] += 1
    talk.send(0, bytes(6_000), most=1_000)
    talk.packet(0, flags=FIN | ACK)
    (found,) = heard(tape)
    assert found.sides[0] == [b"x", 1, bytes(6_000)]


def test_too_many_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams_module, "MOST_CONNECTIONS", 2)
    tape = Tape()
    for number in range(3):
        Talk(tape, client=("10.0.0.1", 1_000 + number)).open().send(0, b"hi")
    assert [each.ended for each in heard(tape)] == ["given up: more than 2 connections are open", "", ""]
