"""Upstreams that answer wrongly: each caller gets exactly one answer, its own, in its own protocol.

Every upstream here is a fake whose bytes the test writes (`Script`); none is a server of its protocol.
"""

from __future__ import annotations

import zlib

import pytest

from tests.hostile.fakes import Script
from tests.hostile.peers import CALLS, Client
from tests.hostile.process import Proxy, Watch
from tests.hostile.speech import BOLT, SPEECHES, Speech
from tests.hostile.upstreams.steps import all_closed, goes_on, under_way
from tests.hostile.wire import bolt, bolt_answer, dubbo

# -- answers that should not be ------------------------------------------------------------------------------------------


def test_answered_twice(client: Client, host: Script, speech: Speech, watch: Watch) -> None:
    peer, frames = under_way(client, host, speech)
    peer.send(speech.answer(frames[0], b"one") * 2 + speech.answer(frames[1], b"two") + speech.answer(frames[0], b"again"))
    peer.send(speech.answer(frames[2], b"three"))
    assert [(client.answer().id, client.answer().id, client.answer().id)] == [(1, 2, 3)]
    assert client.silent()
    assert watch.grew("upstream_dropped_answers_total", reason="unknown") == 2
    assert watch.grew("upstream_replies_total") == 3


def test_an_unknown_id(client: Client, host: Script, speech: Speech, watch: Watch) -> None:
    peer, frames = under_way(client, host, speech, 1)
    peer.send(speech.foreign(frames[0]) + speech.answer(frames[0], b"one"))
    assert client.answer().body == b"one"
    assert client.silent()
    assert watch.grew("upstream_dropped_answers_total", reason="unknown") == 1


def test_a_flood_of_answers_to_nothing(client: Client, host: Script, speech: Speech, watch: Watch) -> None:
    peer, frames = under_way(client, host, speech, 1)
    peer.send(speech.foreign(frames[0]) * 20_000 + speech.answer(frames[0], b"one"))
    assert client.answer().body == b"one"
    assert watch.grew("upstream_dropped_answers_total", reason="unknown") == 20_000


def test_answers_in_any_order_find_their_callers(client: Client, host: Script, speech: Speech) -> None:
    peer, frames = under_way(client, host, speech, 20)
    for number in (*range(1, 20, 2), *range(18, -1, -2)):
        peer.send(speech.answer(frames[number], b"to %d" % (number + 1)))
    answers = [client.answer() for _ in range(20)]
    assert sorted(answer.id for answer in answers) == list(range(1, 21))
    assert all(answer.body == b"to %d" % answer.id for answer in answers)


def test_an_answer_to_a_oneway_is_dropped(client: Client, host: Script, speech: Speech, watch: Watch) -> None:
    client.send(speech.oneway(5) + speech.call(6))
    peer = host.accept()
    oneway, call = peer.receive(), peer.receive()
    forged = speech.answer(call[:2] + oneway[2:] if speech.name == "beacon" else oneway, b"unasked")
    peer.send(forged + speech.answer(call, b"six"))
    answer = client.answer()
    assert (answer.id, answer.body) == (6, b"six")
    assert client.silent()
    assert watch.grew("upstream_dropped_answers_total", reason="unknown") == 1


# -- bytes that are no answer ---------------------------------------------------------------------------------------------

GARBAGE = {
    "zeros": lambda _: bytes(64),
    "ones": lambda _: b"\xff" * 64,
    "HTTP": lambda _: b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n",
    "another protocol": lambda speech: CALLS["dubbo" if speech.name != "dubbo" else "bolt"](1, b"x"),
}


@pytest.mark.parametrize("case", GARBAGE)
def test_garbage(client: Client, host: Script, speech: Speech, watch: Watch, case: str) -> None:
    peer, _ = under_way(client, host, speech)
    peer.send(GARBAGE[case](speech))
    all_closed(client, speech, range(1, 4))
    watch.logged(rf"host {host.address}: {speech.name} upstream: malformed, closed: ")
    assert watch.grew("upstream_malformed_total") == 1
    assert watch.grew("local_replies_total", protocol=speech.name, fault="closed") == 3
    goes_on(client, host, speech)


def test_garbage_behind_an_answer(client: Client, host: Script, speech: Speech) -> None:
    peer, frames = under_way(client, host, speech)
    peer.send(speech.answer(frames[1], b"two") + b"\xff" * 64)
    assert client.answer().body == b"two"
    assert sorted((client.answer().id, client.answer().id)) == [1, 3]
    goes_on(client, host, speech)


def test_a_request_from_upstream(client: Client, host: Script, speech: Speech, watch: Watch) -> None:
    peer, frames = under_way(client, host, speech)
    peer.send(frames[0])
    all_closed(client, speech, range(1, 4))
    watch.logged("malformed, closed: .*from upstream")
    goes_on(client, host, speech)


@pytest.mark.parametrize("how", ["close", "reset"])
def test_half_an_answer_and_the_end(client: Client, host: Script, speech: Speech, how: str) -> None:
    peer, frames = under_way(client, host, speech)
    whole = speech.answer(frames[0], b"x" * 100)
    peer.send(speech.answer(frames[1], b"two") + whole[: len(whole) // 2])
    peer.reset() if how == "reset" else peer.close()
    answers = [client.answer() for _ in range(3)]
    assert sorted(answer.id for answer in answers) == [1, 2, 3]
    assert all(answer.status == speech.closed or (answer.id, answer.body) == (2, b"two") for answer in answers)
    goes_on(client, host, speech)


TOO_MUCH = {
    "bolt": lambda frame: bolt_answer(frame, b"", content_len=16 << 20),
    "dubbo": lambda frame: dubbo(int.from_bytes(frame[4:12], "big"), flags=2, length=(8 << 20) + 1),
}


@pytest.mark.parametrize("protocol", TOO_MUCH)
def test_an_answer_that_announces_too_much(client: Client, host: Script, watch: Watch, protocol: str) -> None:
    speech = SPEECHES[protocol]
    peer, frames = under_way(client, host, speech)
    peer.send(TOO_MUCH[protocol](frames[0]))
    all_closed(client, speech, range(1, 4))
    assert watch.grew("upstream_malformed_total") == 1
    goes_on(client, host, speech)


def test_an_answer_in_another_version_of_bolt(client: Client, host: Script, watch: Watch) -> None:
    """A server answers in the version of the connection's first frame; what does not is nobody's answer."""
    bolt_speech = BOLT
    peer, frames = under_way(client, host, bolt_speech)
    id = int.from_bytes(frames[0][5:9], "big")
    peer.send(bolt_answer(bolt(id, proto=2, ver1=2), b"v2"))
    all_closed(client, bolt_speech, range(1, 4))
    assert watch.grew("upstream_malformed_total") == 1
    goes_on(client, host, bolt_speech)


def test_a_wrong_crc_from_upstream_is_passed_on_still_wrong(client: Client, host: Script) -> None:
    client.send(bolt(5, proto=2, ver1=2, switch=1))
    peer = host.accept()
    peer.send(bolt_answer(peer.receive(), b"corrupt", crc_error=0x1234))
    frame = client.receive()
    assert zlib.crc32(frame[:-4]) ^ int.from_bytes(frame[-4:], "big") == 0x1234
    assert int.from_bytes(frame[6:10], "big") == 5


def test_the_worker_is_the_same(mesh: Proxy) -> None:
    mesh.sound()
