"""Upstreams that are slow, refuse, drain or die: each caller gets exactly one answer, in its own protocol.

Every upstream here is a fake whose bytes the test writes (`Script`); none is a server of its protocol.
"""

from __future__ import annotations

import pytest

from tests.hostile.fakes import Script
from tests.hostile.peers import HEARTBEATS, Client
from tests.hostile.process import Proxy, Watch, within
from tests.hostile.speech import BOLT, DUBBO, SPEECHES, Speech
from tests.hostile.upstreams.steps import all_closed, goes_on, under_way
from tests.hostile.wire import READONLY, bolt, bolt_answer, bolt_heartbeat, dubbo, dubbo_answer, read_answer
from tests.protocols import beacon_peer

# -- time -------------------------------------------------------------------------------------------------------------------


def test_never_answered(client: Client, host: Script, speech: Speech, watch: Watch) -> None:
    client.send(speech.timed(5, 100))
    peer = host.accept()
    frame = peer.receive()
    answer = within(5, client.answer)
    assert (answer.id, answer.status, answer.protocol) == (5, speech.timeout, speech.name)
    peer.send(speech.answer(frame, b"late"))
    client.send(speech.call(6))
    peer.send(speech.answer(peer.receive(), b"in time"))
    assert client.answer().body == b"in time", "the late answer is not taken for this one's"
    assert client.silent()
    assert watch.grew("upstream_dropped_answers_total", reason="late") == 1
    assert watch.grew("local_replies_total", fault="timeout") == 1


def test_answered_byte_by_byte(client: Client, host: Script, speech: Speech) -> None:
    peer, frames = under_way(client, host, speech)
    data = b"".join(speech.answer(frame, b"slow") for frame in frames)
    for at in range(len(data)):
        peer.send(data[at : at + 1])
    assert [client.answer().body for _ in frames] == [b"slow"] * 3


def test_a_call_that_waits_holds_up_nobody(client: Client, host: Script, speech: Speech) -> None:
    client.send(speech.timed(5, 100))
    host.accept()
    client.send(speech.service(b"nowhere"))
    assert client.answer().status == speech.no_host
    assert client.answer().status == speech.timeout


# -- connecting ---------------------------------------------------------------------------------------------------------------


def test_refused(client: Client, speech: Speech, watch: Watch) -> None:
    answer = client.call(speech.service(b"refused"))
    assert (answer.id, answer.status, answer.protocol) == (1, speech.connect, speech.name)
    assert client.call(speech.service(b"refused")).status == speech.connect, "and again while it is left alone"
    assert watch.grew("local_replies_total", protocol=speech.name, fault="connect") == 2


def test_no_host(client: Client, speech: Speech) -> None:
    assert client.call(speech.service(b"nowhere")).status == speech.no_host


def test_accepts_reads_and_resets(client: Client, host: Script, speech: Speech) -> None:
    peer, _ = under_way(client, host, speech)
    peer.reset()
    all_closed(client, speech, range(1, 4))
    goes_on(client, host, speech)


def test_accepts_and_resets_at_once(client: Client, host: Script, speech: Speech) -> None:
    """Whether that still counts as connecting is a matter of microseconds."""
    client.send(b"".join(speech.call(id) for id in (1, 2, 3)))
    host.accept().reset()
    answers = [client.answer() for _ in range(3)]
    assert sorted(answer.id for answer in answers) == [1, 2, 3]
    assert {answer.status for answer in answers} <= {speech.closed, speech.connect}


# -- control frames -----------------------------------------------------------------------------------------------------------


def test_heartbeats_from_upstream_are_answered_there(client: Client, host: Script, speech: Speech, watch: Watch) -> None:
    peer, frames = under_way(client, host, speech)
    for id in (1, 0, 0xFFFF):
        peer.send(HEARTBEATS[speech.name](id))
        ack = read_answer(peer.receive())
        assert (ack.kind, ack.id) == ("ack", id)
    peer.send(b"".join(speech.answer(frame, b"fine") for frame in frames))
    assert [client.answer().id for _ in frames] == [1, 2, 3]
    assert watch.grew("upstream_heartbeats_answered_total") == 3


def test_a_flood_of_heartbeats_from_upstream(client: Client, host: Script, speech: Speech) -> None:
    peer, frames = under_way(client, host, speech, 1)
    peer.send(HEARTBEATS[speech.name](7) * 3000 + speech.answer(frames[0], b"fine"))
    assert client.answer().body == b"fine"
    assert [read_answer(peer.receive()).id for _ in range(3000)] == [7] * 3000


def test_acks_that_nobody_asked_for(client: Client, host: Script, speech: Speech) -> None:
    peer, frames = under_way(client, host, speech, 1)
    acks = {
        "bolt": bolt_answer(bolt_heartbeat(9), b"", command=0),
        "dubbo": dubbo(9, flags=0x22, status=20, body=b"N"),
        "beacon": beacon_peer.Frame(beacon_peer.ACK, 9).encode(),
    }
    peer.send(acks[speech.name] * 10 + speech.answer(frames[0], b"fine"))
    assert client.answer().body == b"fine"


@pytest.mark.parametrize("protocol", ["dubbo", "beacon"])
def test_draining_in_mid_call(client: Client, host: Script, watch: Watch, protocol: str) -> None:
    """READONLY: calls in flight are still answered there, new ones go elsewhere, then the connection is closed."""
    speech = SPEECHES[protocol]
    peer, frames = under_way(client, host, speech, 2)
    leave = dubbo(0, flags=0xA2, body=READONLY) if protocol == "dubbo" else beacon_peer.Frame(beacon_peer.GOAWAY).encode()
    peer.send(speech.answer(frames[0], b"one") + leave)
    assert client.answer().id == 1
    client.send(speech.call(3))
    other = host.accept()
    other.send(speech.answer(other.receive(), b"three"))
    assert client.answer().body == b"three"
    assert peer.silent()
    peer.send(speech.answer(frames[1], b"two"))
    assert client.answer().body == b"two"
    assert peer.ended()
    assert watch.grew("upstream_goaways_total") == 1


def test_a_dubbo_event_that_is_no_heartbeat_does_not_end_a_shared_connection(client: Client, host: Script) -> None:
    peer, frames = under_way(client, host, DUBBO)
    peer.send(dubbo(0, flags=0xA2, body=b"\x01W") + b"".join(dubbo_answer(frame, b"fine") for frame in frames))
    assert [client.answer().body for _ in frames] == [b"fine"] * 3


def test_a_bolt_goaway_is_off_by_default(client: Client, host: Script, watch: Watch) -> None:
    peer, _ = under_way(client, host, BOLT)
    peer.send(bolt(1, service=None, command=100))
    all_closed(client, BOLT, range(1, 4))
    assert watch.grew("upstream_malformed_total") == 1


# -- the death of a connection that many share -----------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["close", "reset", "garbage"])
def test_many_callers_when_their_upstream_dies(mesh: Proxy, host: Script, speech: Speech, watch: Watch, how: str) -> None:
    """12 connections with 50 calls each; a third is answered before the end. Exactly one answer each."""
    clients = [Client(mesh.address) for _ in range(12)]
    ids = range(1, 51)
    for number, client in enumerate(clients):
        client.send(b"".join(speech.call(id, b"%d/%d" % (number, id)) for id in ids))
    peer = host.accept()
    frames = [peer.receive() for _ in range(600)]
    answered = frames[::3]
    if how == "garbage":
        peer.send(b"".join(speech.answer(frame, b"ok") for frame in answered) + b"\xff" * 32)
    else:
        peer.send(b"".join(speech.answer(frame, b"ok") for frame in answered))
        watch.eventually(200, "upstream_replies_total")
        peer.reset() if how == "reset" else peer.close()
    good = bad = 0
    for client in clients:
        answers = [client.answer() for _ in ids]
        assert sorted(answer.id for answer in answers) == list(ids), "each id once"
        good += sum(answer.body == b"ok" for answer in answers)
        bad += sum(answer.status == speech.closed for answer in answers)
        assert client.silent()
        client.finish()
        assert client.ended(), "not one more"
        client.close()
    assert (good, bad) == (200, 400)
    assert watch.grew("local_replies_total", fault="closed") == 400


def test_the_worker_is_the_same(mesh: Proxy) -> None:
    mesh.sound()
