"""A bounded storm of seeded mutations of golden frames, while good clients call over the same upstream connections.

The golden frames are what real implementations sent (conformance/vectors). XPROTO_SOAK_SEED chooses another storm.
"""

from __future__ import annotations

import contextlib
import os
import random
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.golden import RECORDED
from tests.hostile.fakes import Echo
from tests.hostile.peers import BEACON, HEARTBEATS, Client
from tests.hostile.process import Proxy, Watch
from tests.hostile.speech import SPEECHES, Speech

SEED = int(os.environ.get("XPROTO_SOAK_SEED", "7"))
SECONDS = 8.0
UPSTREAM_SECONDS = 4.0
ATTACKERS = 4

CONFIG = """
listeners:
  - {{name: mesh, address: "127.0.0.1:0", protocols: auto, routes: main, detect: {{timeout: 200ms}}, idle_timeout: 5s}}
routes:
  main:
    - {{match: {{headers: {{service: {{regex: ".*[.]nobody"}}, method: x, group: y, version: "9"}}}}, cluster: a}}
    - {{cluster: a}}
clusters:
  a: {{hosts: ["{host}"], timeout: 2s}}
protocol_specs: ["{beacon}"]
admin: 127.0.0.1:0
"""


@pytest.fixture
def mesh(tmp_path: Path) -> Iterator[Proxy]:
    """Every call goes to one fake: what mutated frames do to a shared upstream connection is everybody's trouble."""
    with Echo(b"a", keep=False) as echo, Proxy(CONFIG.format(host=echo.address, beacon=BEACON), tmp_path) as proxy:
        yield proxy


def golden() -> list[bytes]:
    recorded = sorted((v for v in RECORDED if v.protocol in {"bolt", "dubbo"}), key=lambda v: (v.protocol, v.name))
    frames = [vector.data for vector in recorded if len(vector.data) < 4096]
    beacon = SPEECHES["beacon"]
    frames += [beacon.call(1, b"x"), beacon.call(2, b"x" * 1000), beacon.timed(3, 50), beacon.oneway(4)]
    return frames + [make(9) for make in HEARTBEATS.values()]


def mutate(frame: bytes, dice: random.Random) -> bytes:
    data = bytearray(frame)
    for _ in range(dice.choice((0, 1, 1, 1, 2, 3))):
        at = dice.randrange(len(data)) if dice.random() < 0.5 else dice.randrange(min(len(data), 28))
        match dice.randrange(8):
            case 0:
                data[at] ^= 1 << dice.randrange(8)
            case 1:
                data[at] = dice.choice((0, 1, 0x7F, 0x80, 0xFF))
            case 2:
                data[at : at + 4] = dice.choice((0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)).to_bytes(4, "big")
            case 3:
                del data[at : at + dice.randrange(1, 9)]
            case 4:
                data[at:at] = dice.randbytes(dice.randrange(1, 9))
            case 5:
                data[at:at] = data[: dice.randrange(len(data))]
            case 6:
                del data[at:]
            case _:
                number = int.from_bytes(data[at : at + 2], "big") + dice.choice((-1, 1))
                data[at : at + 2] = (number % 65536).to_bytes(2, "big")
        if not data:
            return b""
    return bytes(data)


class Attacker(threading.Thread):
    """Connects, sends a few mutated frames in pieces, reads or does not, and leaves in one of several ways."""

    def __init__(self, address: tuple[str, int], seed: int, until: float) -> None:
        super().__init__(daemon=True)
        self._address, self._until = address, until
        self._dice, self._frames = random.Random(seed), golden()
        self.connections = self.frames = 0

    def run(self) -> None:
        while time.monotonic() < self._until:
            self.connections += 1
            with contextlib.suppress(OSError), Client(self._address) as client:
                client.socket.settimeout(0.02)
                self._attack(client)

    def _attack(self, client: Client) -> None:
        dice = self._dice
        family = dice.choice((b"\x01", b"\x02", b"\xda", b"\xac"))
        frames = [frame for frame in self._frames if frame[:1] == family]
        for _ in range(dice.randrange(1, 8)):
            self.frames += 1
            data = mutate(dice.choice(frames), dice)
            cut = dice.randrange(len(data) + 1)
            client.send(data[:cut])
            client.send(data[cut:])
        match dice.randrange(4):
            case 0:
                client.reset()
            case 1:
                client.finish()
                client.socket.recv(4096)
            case 2:
                client.socket.recv(4096)


class Good(threading.Thread):
    """Calls all the time on one connection; the first thing that is not as it should be is kept."""

    def __init__(self, address: tuple[str, int], speech: Speech, until: float) -> None:
        super().__init__(daemon=True)
        self._client, self._speech, self._until = Client(address), speech, until
        self.calls = 0
        self.fault = ""

    def run(self) -> None:
        try:
            with self._client:
                while time.monotonic() < self._until:
                    self._round()
        except Exception as error:  # noqa: BLE001
            self.fault = repr(error)

    def _round(self) -> None:
        ids = [(self.calls + number) & 0xFFFF for number in range(4)]
        self._client.send(b"".join(self._speech.call(id, b"good %d" % id) for id in ids))
        for id in sorted(ids):
            answer = self._client.answer()
            assert (answer.protocol, answer.who) == (self._speech.name, b"a"), answer
            assert b"good %d" % answer.id in answer.told
            assert answer.id in ids, (id, answer)
        self.calls += 4


def test_good_clients_notice_nothing(mesh: Proxy) -> None:
    watch, before = Watch(mesh), mesh.memory()
    until = time.monotonic() + SECONDS
    good = [Good(mesh.address, speech, until) for speech in SPEECHES.values()]
    bad = [Attacker(mesh.address, SEED * 1000 + number, until) for number in range(ATTACKERS)]
    for thread in (*good, *bad):
        thread.start()
    for thread in (*good, *bad):
        thread.join(SECONDS + 20)
        assert not thread.is_alive()
    assert [each.fault for each in good] == [""] * len(good), f"seed {SEED}"
    assert min(each.calls for each in good) > 500
    assert sum(each.frames for each in bad) > 1000
    assert watch.grew("malformed_total") > 100, "the storm was one"
    assert watch.grew("upstream_malformed_total") == 0
    assert watch.grew("upstream_connect_failures_total") == 0
    assert mesh.memory() - before < 32 << 20
    mesh.eventually(0, "downstream_connections_active")
    mesh.sound()


class Liar(Echo):
    """A fake that mutates every tenth of its answers."""

    def __init__(self) -> None:
        self._dice = random.Random(SEED)
        super().__init__(b"a", keep=False)

    def answer(self, frame: bytes) -> bytes:
        honest = super().answer(frame)
        return mutate(honest, self._dice) if honest and self._dice.random() < 0.1 else honest


class Counting(threading.Thread):
    """Sends 20 calls at a time and counts what comes back by id; what it says is the upstream's business."""

    def __init__(self, address: tuple[str, int], speech: Speech, until: float) -> None:
        super().__init__(daemon=True)
        self._client, self._speech, self._until = Client(address), speech, until
        self.rounds = 0
        self.fault = ""

    def run(self) -> None:
        try:
            with self._client:
                while time.monotonic() < self._until:
                    self._round()
                self._client.finish()
                assert self._client.ended(), "an answer too many"
        except Exception as error:  # noqa: BLE001
            self.fault = repr(error)

    def _round(self) -> None:
        ids = [(self.rounds * 20 + number) & 0xFFFF for number in range(20)]
        self._client.send(b"".join(self._speech.call(id, b"counted") for id in ids))
        assert sorted(id_of(self._client.receive()) for _ in ids) == sorted(ids)
        self.rounds += 1


def id_of(frame: bytes) -> int:
    if frame[0] == 0xDA:
        return int.from_bytes(frame[4:12], "big")
    return int.from_bytes(frame[4:6], "little") if frame[0] == 0xAC else int.from_bytes(frame[5:9], "big")


LYING = """
listeners: [{{name: mesh, address: "127.0.0.1:0", protocols: auto, routes: main}}]
routes: {{main: [{{cluster: a}}]}}
clusters: {{a: {{hosts: ["{host}"], timeout: 100ms}}}}
protocol_specs: ["{beacon}"]
admin: 127.0.0.1:0
"""


def test_one_answer_each_from_an_upstream_that_lies(tmp_path: Path) -> None:
    """Ids, lengths, kinds, anything: the shared connection dies again and again, and no call is answered twice or never."""
    with Liar() as liar, Proxy(LYING.format(host=liar.address, beacon=BEACON), tmp_path) as mesh:
        watch, until = Watch(mesh), time.monotonic() + UPSTREAM_SECONDS
        threads = [Counting(mesh.address, speech, until) for speech in SPEECHES.values() for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(UPSTREAM_SECONDS + 20)
            assert not thread.is_alive()
        assert [each.fault for each in threads] == [""] * len(threads), f"seed {SEED}"
        assert min(each.rounds for each in threads) > 5
        assert watch.grew("upstream_malformed_total") >= 3
        assert watch.grew("local_replies_total", fault="closed") > 10
        assert watch.grew("upstream_dropped_answers_total") > 0
        mesh.eventually(0, "downstream_connections_active")
        mesh.sound()
