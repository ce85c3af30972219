"""Steps that these tests share."""

from __future__ import annotations

from tests.hostile.fakes import Script
from tests.hostile.peers import Client, Stream
from tests.hostile.speech import Speech


def under_way(client: Client, host: Script, speech: Speech, calls: int = 3) -> tuple[Stream, list[bytes]]:
    """Calls 1, 2, ... in flight: the upstream's end, and the frames that it got."""
    client.send(b"".join(speech.call(id, b"c%d" % id) for id in range(1, calls + 1)))
    peer = host.accept()
    return peer, [peer.receive() for _ in range(calls)]


def all_closed(client: Client, speech: Speech, ids: range) -> None:
    """Each of these is answered once, as the death of its upstream."""
    answers = [client.answer() for _ in ids]
    assert sorted(answer.id for answer in answers) == list(ids)
    assert {answer.status for answer in answers} == {speech.closed}
    assert {answer.protocol for answer in answers} == {speech.name}


def goes_on(client: Client, host: Script, speech: Speech) -> None:
    """The client's connection is as good as ever, and the next call gets a new upstream connection."""
    client.send(speech.call(99))
    peer = host.accept()
    peer.send(speech.answer(peer.receive(), b"fine"))
    answer = client.answer()
    assert (answer.id, answer.body) == (99, b"fine")
    assert client.silent()
