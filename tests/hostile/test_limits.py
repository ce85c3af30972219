"""The proxy's own limits, each set low: what happens at it, who is told, what is counted, and who does not notice."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest

from tests.hostile.fakes import Echo, Script
from tests.hostile.peers import BEACON, Bystander, Client
from tests.hostile.process import Proxy, Watch, within
from tests.hostile.speech import Speech
from tests.hostile.wire import OTHER, bolt, bolt_answer, dubbo

KIB = 1024
MIB = 1024 * KIB

CONFIG = """
listeners:
  - {{name: mesh, address: "127.0.0.1:0", protocols: auto, routes: main}}
  - {{name: narrow, address: "127.0.0.1:0", protocols: auto, routes: scripted, max_in_flight: 8}}
  - {{name: tight, address: "127.0.0.1:0", protocols: auto, routes: tight}}
  - {{name: wide, address: "127.0.0.1:0", protocols: auto, routes: scripted}}
  - {{name: unread, address: "127.0.0.1:0", protocols: auto, routes: scripted, out_buffer_limit: 65536}}
  - {{name: brief, address: "127.0.0.1:0", protocols: auto, routes: main, idle_timeout: 500ms}}
  - {{name: beating, address: "127.0.0.1:0", protocols: auto, routes: beating}}
routes:
  main:
    - {{name: stuck, match: {{headers: {{service: com.test.Other}}}}, cluster: stuck}}
    - {{match: {{headers: {{service: com.test.Echo}}}}, cluster: a}}
  scripted: [{{cluster: scripted}}]
  tight: [{{cluster: tight}}]
  beating: [{{cluster: beating}}]
clusters:
  a: {{hosts: ["{a}"]}}
  scripted: {{hosts: ["{host}"]}}
  tight: {{hosts: ["{host}"], max_in_flight: 4}}
  stuck: {{hosts: ["{lazy}"], out_buffer_limit: 65536}}
  beating: {{hosts: ["{host}"], keepalive: {{interval: 100ms, timeout: 400ms, misses: 3}}}}
protocol_specs: ["{beacon}"]
admin: 127.0.0.1:0
"""


@pytest.fixture(scope="module")
def host() -> Iterator[Script]:
    with Script() as made:
        yield made


@pytest.fixture(scope="module")
def lazy() -> Iterator[Script]:
    """What it does not read piles up at the proxy soon."""
    with Script(small=True) as made:
        yield made


@pytest.fixture(scope="module")
def mesh(host: Script, lazy: Script, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    with Echo(b"a", keep=False) as echo:
        config = CONFIG.format(a=echo.address, host=host.address, lazy=lazy.address, beacon=BEACON)
        with Proxy(config, tmp_path_factory.mktemp("mesh")) as proxy:
            yield proxy
            proxy.sound()


@pytest.fixture(autouse=True)
def fresh(mesh: Proxy, host: Script, unharmed: None, bystanders: list[Bystander]) -> Iterator[None]:
    yield
    host.hang_up()
    mesh.eventually(len(bystanders), "upstream_connections_active")


def at(mesh: Proxy, listener: str) -> Client:
    return Client(mesh.listeners[listener])


def test_calls_in_flight_of_one_connection(mesh: Proxy, host: Script, speech: Speech) -> None:
    """At the limit the connection is not read; nobody else waits, and every call is answered in the end."""
    with at(mesh, "narrow") as greedy, at(mesh, "wide") as other:
        greedy.send(b"".join(speech.call(id) for id in range(1, 31)))
        peer = host.accept()
        waiting = [peer.receive() for _ in range(8)]
        other.send(speech.call(77, b"!other"))
        theirs = peer.receive()
        assert b"!other" in theirs, "the ninth frame is another connection's"
        peer.send(speech.answer(theirs, b"yours"))
        assert other.answer().body == b"yours"
        for _ in range(22):
            peer.send(speech.answer(waiting.pop(0), b"fine"))
            waiting.append(peer.receive())
        assert peer.silent()
        peer.send(b"".join(speech.answer(frame, b"fine") for frame in waiting))
        answers = [greedy.answer() for _ in range(30)]
        assert sorted(answer.id for answer in answers) == list(range(1, 31))
        assert {answer.body for answer in answers} == {b"fine"}


def test_overload(mesh: Proxy, host: Script, speech: Speech, watch: Watch) -> None:
    with at(mesh, "tight") as client:
        client.send(b"".join(speech.call(id) for id in range(1, 11)))
        peer = host.accept()
        taken = [peer.receive() for _ in range(4)]
        refused = [client.answer() for _ in range(6)]
        assert {(answer.status, answer.protocol) for answer in refused} == {(speech.overload, speech.name)}
        assert sorted(answer.id for answer in refused) == list(range(5, 11))
        peer.send(b"".join(speech.answer(frame, b"fine") for frame in taken))
        assert sorted(client.answer().id for _ in taken) == [1, 2, 3, 4]
        client.send(speech.call(11))
        peer.send(speech.answer(peer.receive(), b"fine"))
        assert client.answer().body == b"fine", "and there is room again"
    assert watch.grew("local_replies_total", protocol=speech.name, fault="overload") == 6


def test_a_client_that_does_not_read_is_cut(mesh: Proxy, host: Script, watch: Watch) -> None:
    before = mesh.memory()
    with Client(mesh.listeners["unread"], small=True) as lazy, at(mesh, "wide") as other:
        lazy.send(b"".join(bolt(id) for id in range(400)))
        peer = host.accept()
        frames = [peer.receive() for _ in range(400)]
        for frame in frames:
            peer.send(bolt_answer(frame, bytes(64 * KIB)))
        line = watch.logged("cut: [0-9]+ bytes of answers that it does not read")
        assert f":{lazy.socket.getsockname()[1]}: cut" in line
        other.send(bolt(7))
        peer.send(bolt_answer(peer.receive(), b"fine"))
        assert other.answer().body == b"fine", "the upstream that both share goes on"
    assert watch.grew("downstream_cut_total", listener="unread") == 1
    assert watch.grew("upstream_dropped_answers_total", reason="late") > 100
    assert mesh.memory() - before < 8 * MIB


def test_local_answers_count_too(mesh: Proxy, watch: Watch) -> None:
    """A client that asks for errors and acknowledgements and never reads one."""
    with Client(mesh.listeners["unread"], small=True) as lazy:
        lazy.socket.settimeout(20)
        flood = b"".join(bolt(id, service=None, name=b"", command=0, timeout=-1) for id in range(10_000))
        with contextlib.suppress(ConnectionError):
            for _ in range(100):
                lazy.send(flood)
        watch.logged("cut: [0-9]+ bytes of answers that it does not read")
    assert watch.grew("downstream_cut_total", listener="unread") == 1


def test_an_upstream_that_stops_reading(mesh: Proxy, lazy: Script, watch: Watch) -> None:
    """Its host counts as busy; calls to it are refused, calls elsewhere go on, and memory stays."""
    before, total = mesh.memory(), 250
    with at(mesh, "mesh") as client, at(mesh, "mesh") as other:
        client.send(b"".join(bolt(id, service=OTHER, content=bytes(64 * KIB)) for id in range(total)))
        lazy.accept()
        answer = client.answer()
        assert answer.status == 4, "overload"
        assert other.call(bolt(7)).who == b"a"
        watch.eventually(total, "route_calls_total", route="stuck")
        assert mesh.memory() - before < 8 * MIB
        lazy.hang_up()
        answers = [answer] + [client.answer() for _ in range(total - 1)]
        assert sorted(each.id for each in answers) == list(range(total)), "one answer each"
        assert {each.status for each in answers} == {4, 16}
    assert watch.grew("local_replies_total") == total


def test_heartbeats_that_nobody_answers_close_the_connection(mesh: Proxy, host: Script, speech: Speech, watch: Watch) -> None:
    with at(mesh, "beating") as client:
        client.send(speech.call(5))
        peer = host.accept()
        peer.receive()
        answer = within(6, client.answer)
        assert (answer.id, answer.status) == (5, speech.closed)
        beats = 0
        while peer.receive():
            beats += 1
        assert beats == 3
        watch.logged(f"{speech.name} upstream: closed: 3 heartbeats without an answer")
    assert watch.grew("upstream_heartbeats_missed_total") == 3


def test_heartbeats_that_are_answered_keep_a_silent_call_alive(mesh: Proxy, host: Script, speech: Speech) -> None:
    with at(mesh, "beating") as client:
        client.send(speech.call(5))
        peer = host.accept()
        call = peer.receive()
        for _ in range(5):
            peer.send(speech.ack(peer.receive()))
        assert client.silent()
        peer.send(speech.answer(call, b"at last"))
        assert client.answer().body == b"at last"


def test_an_idle_connection_is_closed(mesh: Proxy, speech: Speech) -> None:
    with at(mesh, "brief") as silent, at(mesh, "brief") as used:
        assert used.call(speech.call(1)).who == b"a"
        assert within(6, silent.ended)
        assert within(6, used.ended)


def test_a_call_in_flight_is_not_idle(mesh: Proxy, speech: Speech) -> None:
    with at(mesh, "brief") as client, at(mesh, "brief") as idle, at(mesh, "mesh") as other:
        client.send(speech.call(1, b"!hold"))
        assert idle.ended(), "longer than the idle timeout"
        assert other.call(speech.call(2, b"!release")).id == 2
        assert client.answer().id == 1


def test_only_hessian2_is_allowed_by_default(mesh: Proxy, watch: Watch) -> None:
    for number in (n for n in range(32) if n != 2):
        with at(mesh, "mesh") as client:
            client.send(dubbo(1, flags=0xC0 | number, body=b"x"))
            assert client.ended()
    assert watch.grew("malformed_total", protocol="dubbo") == 31


def test_the_log_is_rationed(mesh: Proxy, watch: Watch) -> None:
    """A peer can cause a line with each connection; the metric counts what the log leaves out."""
    for _ in range(600):
        with at(mesh, "mesh") as client:
            client.send(b"SSH-2.0-OpenSSH_9.2\r\n")
            assert client.gone()
    assert watch.grew("detected_total", result="none") == 600
    assert len(watch.lines()) < 400


def test_the_worker_is_the_same(mesh: Proxy) -> None:
    mesh.sound()
