"""Three protocols on one port at once, one of them loaded by `protocol_specs`, in every cut and mixture."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from tests.hostile.peers import Client
from tests.hostile.process import Proxy, Watch
from tests.hostile.speech import SPEECHES, Speech
from tests.hostile.wire import OTHER

pytestmark = pytest.mark.usefixtures("unharmed")


@pytest.fixture
def barrier(mesh: Proxy) -> Iterator[Client]:
    """Its answer shows that the worker has read what was sent before."""
    with Client(mesh.address) as made:
        yield made


def passed(barrier: Client) -> None:
    assert barrier.call(SPEECHES["bolt"].call(1)).who == b"a"


def test_cut_at_every_byte(mesh: Proxy, barrier: Client, speech: Speech) -> None:
    """Each call in two reads, cut one byte later each time; the first of them a connection's very first bytes."""
    frame = speech.call(1, b"!cut")
    with Client(mesh.address) as client:
        for cut in range(1, len(frame)):
            frame = speech.call(cut, b"!cut")
            client.send(frame[:cut])
            passed(barrier)
            assert client.silent()
            client.send(frame[cut:])
            answer = client.answer()
            assert (answer.id, answer.who) == (cut, b"a")
            assert b"!cut" in answer.told


def test_first_bytes_cut_anywhere(mesh: Proxy, barrier: Client, speech: Speech, watch: Watch) -> None:
    """However the first bytes come, the same protocol is found."""
    frame = speech.call(7)
    for cut in range(1, 26):
        with Client(mesh.address) as client:
            client.send(frame[:cut])
            passed(barrier)
            client.send(frame[cut:])
            assert client.answer().id == 7
    assert watch.grew("detected_total", result=speech.name) == 25 + (speech.name == "bolt")


def test_byte_by_byte(client: Client, speech: Speech) -> None:
    data = b"".join(speech.call(id, b"slow") for id in range(3))
    for at in range(len(data)):
        client.send(data[at : at + 1])
    assert [client.answer().id for _ in range(3)] == [0, 1, 2]


def test_many_calls_in_one_write(client: Client, speech: Speech) -> None:
    client.send(b"".join(speech.call(id, b"%d" % id) for id in range(1000)))
    answers = [client.answer() for _ in range(1000)]
    assert sorted(answer.id for answer in answers) == list(range(1000))
    assert all(b"%d" % answer.id in answer.told for answer in answers)


def test_a_frame_and_a_half_in_every_write(client: Client, speech: Speech) -> None:
    frames = [speech.call(id, b"x" * (id % 7 * 11)) for id in range(200)]
    data, size = b"".join(frames), len(frames[0]) * 3 // 2
    for at in range(0, len(data), size):
        client.send(data[at : at + size])
    assert sorted(client.answer().id for _ in frames) == list(range(200))


def test_big_frames_among_small_ones(mesh: Proxy) -> None:
    """A slow sender's big frame holds nobody up on the upstream connection that both share."""
    bolt = SPEECHES["bolt"]
    with Client(mesh.address) as slow, Client(mesh.address) as quick:
        frame = bolt.call(1, bytes(3 << 20))
        for at in range(0, len(frame), 256 << 10):
            slow.send(frame[at : at + (256 << 10)])
            assert quick.call(bolt.call(at & 0xFFFF)).id == at & 0xFFFF
        answer = slow.answer()
        assert (answer.id, len(answer.told)) == (1, 3 << 20)


def test_all_protocols_interleaved_from_many_connections(mesh: Proxy) -> None:
    """18 connections, 3 protocols, 2 services, pieces of random size in random order: every answer right."""
    dice = random.Random(20)
    lines: list[tuple[Client, Speech, bytes, int]] = []
    for number in range(18):
        speech = list(SPEECHES.values())[number % 3]
        data = b"".join(speech.call(id, b"%d.%d" % (number, id)) for id in range(60))
        lines.append((Client(mesh.address), speech, data, number))
    waiting = list(lines)
    sent = dict.fromkeys(range(18), 0)
    while waiting:
        client, _, data, number = dice.choice(waiting)
        size = dice.choice((1, 2, 7, 30, 100, 1000, 5000))
        client.send(data[sent[number] : sent[number] + size])
        sent[number] += size
        waiting = [line for line in waiting if sent[line[3]] < len(line[2])]
    for client, speech, _, number in lines:
        with client:
            answers = [client.answer() for _ in range(60)]
            assert sorted(answer.id for answer in answers) == list(range(60))
            assert {(answer.protocol, answer.who) for answer in answers} == {(speech.name, b"a")}
            assert all(b"%d.%d" % (number, answer.id) in answer.told for answer in answers)
            assert client.silent()


def test_protocols_do_not_leak_into_each_other(mesh: Proxy, watch: Watch) -> None:
    """The same service in each protocol goes by that protocol's own upstream connection."""
    for speech in SPEECHES.values():
        with Client(mesh.address) as client:
            assert client.call(speech.service(OTHER)).who == b"b"
            other = next(each for each in SPEECHES.values() if each is not speech)
            client.send(other.call(1))
            assert client.ended()
    for name in SPEECHES:
        assert watch.grew("malformed_total", protocol=name) == 1


def test_the_worker_is_the_same(mesh: Proxy) -> None:
    mesh.sound()
