"""What a peer announces costs nothing; what it sends costs about as much as it sent, up to a limit."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator

import pytest

from tests.hostile.fakes import Echo
from tests.hostile.peers import BEACON, CALLS, Bystander, Client
from tests.hostile.process import Proxy, Watch
from tests.hostile.speech import BOLT
from tests.hostile.wire import SUCCESS, Answer, bolt, dubbo
from tests.protocols import beacon_peer

KIB = 1 << 10
MIB = 1 << 20
NOISE = 3 * MIB
"""What the worker's memory may differ by for reasons of its own."""

CONFIG = """
listeners:
  - {{name: mesh, address: "127.0.0.1:0", protocols: auto, routes: main, idle_timeout: 60s}}
  - {{name: bolt, address: "127.0.0.1:0", protocols: bolt, routes: main, idle_timeout: 60s}}
routes:
  main:
    - {{match: {{headers: {{service: com.test.Echo}}}}, cluster: a}}
clusters:
  a: {{hosts: ["{host}"]}}
protocol_specs: ["{beacon}"]
protocol_options: {{bolt: {{frame_limit: 2147483647}}, beacon: {{frame_limit: 2147483647}}}}
admin: 127.0.0.1:0
"""


@pytest.fixture(scope="module")
def mesh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    """Frames of up to 2 GiB are configured, so that only the handling of memory stands against announced lengths."""
    with Echo(b"a", keep=False) as echo:
        config = CONFIG.format(host=echo.address, beacon=BEACON)
        with Proxy(config, tmp_path_factory.mktemp("mesh")) as proxy:
            for make in CALLS.values():  # what is made once is there before anything is measured
                with Client(proxy.address) as client:
                    client.call(make(1, b"x" * 1000))
            yield proxy
            proxy.sound()


@pytest.fixture(scope="module")
def bystanders(mesh: Proxy) -> Iterator[list[Bystander]]:
    made = [Bystander(mesh.address, make) for make in CALLS.values()]
    yield made
    for each in made:
        each.close()


def buffered(mesh: Proxy) -> int:
    """Bytes of incomplete frames that the worker keeps."""
    workers = json.loads(mesh.get("/listeners"))["workers"]
    return sum(each["buffered"] for worker in workers for port in worker.values() for each in port["connections"])


@contextlib.contextmanager
def crowd(mesh: Proxy, size: int, listener: str = "mesh") -> Iterator[list[Client]]:
    before = mesh.count("downstream_connections_active", listener=listener)
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(Client(mesh.listeners[listener])) for _ in range(size)]
        mesh.eventually(before + size, "downstream_connections_active", listener=listener)
        yield clients
    mesh.eventually(before, "downstream_connections_active", listener=listener)


GIGABYTE = 10**9

ANNOUNCED = {
    "bolt content": bolt(content_len=GIGABYTE),
    "bolt v2 content": bolt(proto=2, ver1=2, switch=1, content_len=GIGABYTE)[:-4],
    "bolt, all three lengths": bolt(headers=b"", name=b"", class_len=0x7FFF, header_len=0x7FFF, content_len=GIGABYTE),
    "dubbo body of 8 MiB": dubbo(length=8 * MIB),
}


@pytest.mark.usefixtures("unharmed")
@pytest.mark.parametrize("case", ANNOUNCED)
def test_two_hundred_connections_that_announce_a_gigabyte(mesh: Proxy, case: str) -> None:
    before, frame = mesh.memory(), ANNOUNCED[case]
    with crowd(mesh, 200) as clients:
        for client in clients:
            client.send(frame)
        for client in clients:
            client.send(b"x")
        while buffered(mesh) < 200 * (len(frame) + 1):
            pass
        assert buffered(mesh) == 200 * (len(frame) + 1)
        assert mesh.memory() - before < NOISE


@pytest.mark.usefixtures("unharmed")
def test_trickled_bytes_cost_what_was_sent(mesh: Proxy) -> None:
    """A megabyte of an announced gigabyte, in a thousand pieces: at most twice a megabyte is kept."""
    before, watch = mesh.memory(), Watch(mesh)
    with crowd(mesh, 1, "bolt") as (client,):
        client.send(bolt(content_len=GIGABYTE))
        for _ in range(1024):
            client.send(bytes(1024))
        while buffered(mesh) < MIB:
            pass
        assert watch.grew("downstream_rx_bytes_total", listener="bolt") == buffered(mesh)
        assert mesh.memory() - before < 2 * MIB + NOISE
    assert buffered(mesh) == 0


@pytest.mark.usefixtures("unharmed")
def test_frames_of_32_mib_go_through_and_their_memory_is_used_again(mesh: Proxy) -> None:
    """Big blocks are mappings of their own: they go back to the system when the frame has gone on."""
    content = bytes(range(256)) * (32 * MIB // 256)
    before = mesh.memory()
    for _ in range(4):
        with crowd(mesh, 1, "bolt") as (client,):
            answer = client.call(bolt(5, content=content))
            assert answer.status == SUCCESS
            assert answer.told == content
        assert mesh.memory() - before < NOISE


@pytest.mark.usefixtures("unharmed")
def test_many_different_routing_keys(mesh: Proxy) -> None:
    """The cache of decisions has a bound."""
    before = 0
    with crowd(mesh, 1) as (client,):
        for round in range(40):
            before = mesh.memory() if round == 10 else before
            ids = range(round * 1000, round * 1000 + 1000)
            client.send(b"".join(bolt(id, service=b"nobody-%d-" % id + b"x" * 200) for id in ids))
            assert [client.answer().id for _ in ids] == list(ids)
        assert mesh.memory() - before < NOISE


@pytest.mark.usefixtures("unharmed")
def test_a_body_of_very_many_chunks(mesh: Proxy) -> None:
    """Where every chunk names what comes next, a read full of chunks must not cost a walk over all for each of them."""
    frame = beacon_peer.request(b"com.test.Echo", chunk=1, body=b"x" * 300_000, id=5).encode()  # goes on in pieces
    watch, before = Watch(mesh), mesh.processor_seconds()
    with crowd(mesh, 1) as (client,):
        client.send(frame[:-1])
        watch.eventually(len(frame) - 1, "downstream_rx_bytes_total", listener="mesh")
        assert mesh.processor_seconds() - before < 1.0


@pytest.mark.usefixtures("unharmed")
def test_connections_that_come_and_go(mesh: Proxy) -> None:
    after = []
    for _ in range(3):
        with crowd(mesh, 300) as clients:
            for client in clients:
                client.send(bolt(1, service=b"nobody"))
            for client in clients:
                assert client.answer().id == 1
        after.append(mesh.memory())
    assert after[-1] - after[0] < NOISE


@pytest.mark.usefixtures("unharmed")
def test_what_all_connections_hold_together_is_bounded(mesh: Proxy) -> None:
    """Whole frames are buffered before they go upstream: 60 clients with 10 MiB each of a frame that never ends."""
    before, piece = mesh.memory(), bytes(MIB)
    with crowd(mesh, 60, "bolt") as clients:
        for client in clients:
            client.send(bolt(content_len=GIGABYTE))
        for _ in range(10):
            for client in clients:
                with contextlib.suppress(ConnectionError):
                    client.send(piece)
        assert mesh.memory() - before < 300 * MIB


def last_words(client: Client) -> Answer | None:
    """What it was told before the end; a reset may overtake that, since its bytes are still coming."""
    with contextlib.suppress(ConnectionError, AssertionError):
        return client.answer()
    return None


@pytest.mark.usefixtures("unharmed")
def test_when_the_budget_is_nearly_used_up_the_biggest_go(mesh: Proxy) -> None:
    """Who owns little is served as ever; who owns most is ended, one after another, until there is room again."""
    watch, announced = Watch(mesh), bolt(content_len=GIGABYTE)
    with crowd(mesh, 20, "bolt") as modest, crowd(mesh, 40, "bolt") as greedy:
        for client in modest:
            client.send(announced + bytes(KIB * 32))
        for size, client in enumerate(greedy):
            with contextlib.suppress(ConnectionError):
                client.send(announced + bytes(8 * MIB + size * KIB))
        watch.logged("it owns the most of buffers that are nearly used up")
        for make in CALLS.values():
            with Client(mesh.address) as newcomer:
                newcomer.send(b"".join(make(id, b"x" * 900) for id in range(50)))
                assert {newcomer.answer().who for _ in range(50)} == {b"a"}
        assert all(client.silent() for client in modest), "nobody who owns little was told to go"
        gone = watch.grew("downstream_cut_total", listener="bolt")
        assert 10 <= gone < 40, "40 of 8 MiB are 128 MiB too many"
        told = [answer for client in greedy if not client.silent() and (answer := last_words(client))]
        assert told
        assert {(answer.id, answer.status) for answer in told} == {(1, BOLT.overload)}


def test_the_worker_is_the_same(mesh: Proxy) -> None:
    mesh.sound()
