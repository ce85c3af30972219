"""The parts of a reload: what differs, who takes over which socket, one at a time, and workers that do not follow."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path
from typing import Any

import pytest

from proxy.control.changes import compare, need_restart
from proxy.control.reload import Reloader
from proxy.control.sockets import BindError, Bound
from proxy.control.state import Step, close_all, digests, first, match, step
from proxy.control.supervisor import NotPreparedError, Supervisor
from proxy.control.validator import InvalidError, validate
from proxy.observe.log import Log
from proxy.snapshot import Cluster, Listener, Route, Snapshot, VirtualHost
from proxy.tls.settings import Secret
from proxy.tls.store import Secrets
from proxy.worker.assemble import make_parts


def listener(name: str, address: str = "127.0.0.1:0") -> Listener:
    return Listener(name, address, ("bolt", "dubbo"), "main")


def snapshot(*listeners: Listener, hosts: tuple[str, ...] = ("10.0.0.1:1",), **other: Any) -> Snapshot:
    routes = {"main": (Route("all", (), "echo"),)}
    return Snapshot({each.name: each for each in listeners}, routes, {"echo": Cluster("echo", hosts)}, **other)


def quiet() -> Log:
    return Log("test", lambda _: None)


def test_differences_by_name() -> None:
    old = snapshot(listener("a"), listener("b"))
    new = snapshot(listener("b", "127.0.0.1:1"), listener("c"), hosts=("10.0.0.2:1",), drain_timeout=1.0)
    found = compare(old, new, {"/x.py": "1"}, {"/x.py": "2"})
    assert str(found) == "listeners +1 ~1 -1, clusters +0 ~1 -0, protocol_specs +0 ~1 -0, drain_timeout"
    assert found.as_data()["listeners"] == {"added": ("c",), "changed": ("b",), "removed": ("a",)}
    moved = compare(snapshot(secrets={"a": Secret("a")}), snapshot(secrets={"a": Secret("a", "vault")}), {}, {})
    assert str(moved) == "secrets +0 ~1 -0"
    hosts = {"main": (VirtualHost("all", ("*",), 1),)}
    assert str(compare(snapshot(), snapshot(virtual_hosts=hosts), {}, {})) == "routes +0 ~1 -0"
    assert not compare(old, old, {}, {})
    assert str(compare(old, old, {}, {})) == "nothing changed"


def test_what_needs_a_restart() -> None:
    assert need_restart(snapshot(), snapshot(drain_timeout=1.0)) == []
    [workers, admin] = need_restart(snapshot(), snapshot(workers=2, admin="127.0.0.1:1"))
    assert workers.startswith("workers: cannot change from 1 to 2")
    assert admin.startswith("admin: cannot change from none to 127.0.0.1:1")


@pytest.mark.parametrize(
    ("wanted", "taken"),
    [
        ([("a", "127.0.0.1:0")], {"a": "a"}),
        ([("a", "127.0.0.1:7")], {"a": "a"}),
        ([("x", "127.0.0.1:7")], {"x": "a"}),
        ([("x", "127.0.0.1:0")], {}),
        ([("a", "127.0.0.1:8"), ("b", "127.0.0.1:7")], {"a": "b", "b": "a"}),
        ([("a", "127.0.0.1:0"), ("x", "127.0.0.1:7")], {"a": "a"}),
    ],
)
def test_who_takes_over_which_sockets(wanted: list[tuple[str, str]], taken: dict[str, str]) -> None:
    bound = [Bound("a", "127.0.0.1:7", "127.0.0.1:0", []), Bound("b", "127.0.0.1:8", "127.0.0.1:8", [])]
    found = match([listener(name, address) for name, address in wanted], bound)
    assert {name: each.name for name, each in found.items()} == taken


def test_a_step_that_cannot_bind_binds_nothing(tmp_path: Path) -> None:
    state = first(snapshot(listener("a")), {})
    (tmp_path / "file").touch()
    wrong = snapshot(listener("b", f"unix:{tmp_path}/new"), listener("c", f"unix:{tmp_path}/file"))
    with pytest.raises(BindError):
        step(state, wrong, {}, {})
    assert not (tmp_path / "new").exists()
    close_all(state.bound)


def test_series_keep_their_slots_and_workers_count_where_control_reads() -> None:
    state = first(snapshot(listener("a")), {})
    made = step(state, snapshot(listener("b"), listener("a"), hosts=("10.0.0.2:1", "10.0.0.1:1")), {}, {})
    labels = {"cluster": "echo", "host": "10.0.0.1:1"}
    name = "xproto_upstream_calls_total"
    assert made.state.layout.slot(name, **labels) == state.layout.slot(name, **labels)
    parts = make_parts(made.state.encoded, made.state.slots, {})
    assert parts.layout.counters == made.state.layout.counters
    assert make_parts(state.encoded, state.slots, {}).layout.counters == state.layout.counters
    close_all((*made.state.bound,))


def test_what_did_not_change_is_the_same_object(tmp_path: Path) -> None:
    spec = tmp_path / "mine.py"
    spec.write_text("import dataclasses\nfrom xproto.codecs.bolt import BOLT\nMINE = dataclasses.replace(BOLT, name='mine')\n")
    mine = Listener("mine", "127.0.0.1:0", ("mine", "dubbo"), "main")
    old = snapshot(listener("a"), mine, protocol_specs=(str(spec),))
    state = first(old, {})
    before = make_parts(state.encoded, b"", {})
    again = make_parts(state.encoded, b"", {}, before)
    assert again.codecs == before.codecs
    assert again.detectors == before.detectors
    assert again.tables == before.tables
    digest = digests(old)
    spec.write_text(spec.read_text().replace("'mine'", '"mine"'))  # same length, same second
    assert digests(old) != digest
    after = make_parts(state.encoded, b"", {}, before)
    assert after.codecs["mine"] is not before.codecs["mine"]
    assert after.codecs["bolt"] is before.codecs["bolt"]
    assert after.detectors["mine"] is not before.detectors["mine"]
    assert after.detectors["a"] is before.detectors["a"]
    options = snapshot(listener("a"), protocol_options={"bolt": {"goaway": True}})
    configured = first(options, {})
    changed = make_parts(configured.encoded, b"", {}, before)
    assert changed.codecs["bolt"] is not before.codecs["bolt"]
    assert changed.codecs["dubbo"] is before.codecs["dubbo"]
    close_all((*state.bound, *configured.bound))


class Fake:
    """A worker that answers what it is told to."""

    def __init__(self, index: int, why: str | None = None, *, commits: bool = True) -> None:
        self.index, self.pid, self.why, self.commits = index, 0, why, commits
        self.ended: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self.told: list[str] = []

    async def prepare(self, _: Step) -> str | None:
        self.told.append("prepare")
        return self.why

    async def commit(self) -> bool:
        self.told.append("commit")
        return self.commits

    def abort_nowait(self) -> None:
        self.told.append("abort")

    def kill_nowait(self) -> None:
        self.told.append("kill")


async def told(*workers: Fake, late: Fake | None = None) -> list[list[str]]:
    """What a change of configuration says to workers; `late` is started in the middle of it."""
    state = first(snapshot(listener("a"), workers=len(workers)), {})
    supervisor = Supervisor(state, quiet())
    supervisor._children[:] = workers  # type: ignore[assignment]
    made = step(state, snapshot(listener("a"), hosts=("10.0.0.9:1",), workers=len(workers)), {}, {})
    with contextlib.suppress(NotPreparedError):
        prepared = await supervisor.prepare(made)
        if late is not None:
            supervisor._children[late.index] = late  # type: ignore[assignment, call-overload]
        await supervisor.commit(made, prepared, {})
    committed = any("commit" in each.told for each in workers)
    assert supervisor.state.encoded is (made.state if committed else state).encoded
    close_all(state.bound)
    supervisor.close()
    return [each.told for each in (*workers, *([late] if late else []))]


def test_all_workers_or_none() -> None:
    async def scenario() -> None:
        assert await told(Fake(0), Fake(1)) == [["prepare", "commit"]] * 2
        assert await told(Fake(0), Fake(1, "why")) == [["prepare", "abort"]] * 2

    asyncio.run(scenario())


def test_who_does_not_confirm_is_replaced_and_who_started_meanwhile_too() -> None:
    async def scenario() -> None:
        assert await told(Fake(0, commits=False), Fake(1)) == [["prepare", "commit", "kill"], ["prepare", "commit"]]
        assert await told(Fake(0), late=Fake(0)) == [["prepare", "commit"], ["kill"]]

    asyncio.run(scenario())


def test_one_at_a_time_and_the_latest_file_counts() -> None:
    async def scenario() -> list[str]:
        read: list[str] = []
        reading, gate = asyncio.Event(), asyncio.Event()

        async def validating(file: str) -> Snapshot:
            read.append(file)
            reading.set()
            await gate.wait()
            raise InvalidError("no")

        supervisor = Supervisor(first(snapshot(), {}), quiet())
        reloader = Reloader("file", supervisor, Secrets(quiet()), quiet(), validating)
        running = reloader.ask()
        await reading.wait()
        waiting = [reloader.ask() for _ in range(9)]
        gate.set()
        reports = await asyncio.gather(running, *waiting)
        assert {report.problems for report in reports} == {("no",)}
        assert reloader.refused == 2
        await reloader.stop()
        assert (await reloader.ask()).problems == ("the proxy is draining",)
        supervisor.close()
        return read

    assert asyncio.run(scenario()) == ["file", "file"]


@pytest.mark.parametrize(
    ("text", "within", "said"),
    [
        ("import time; time.sleep(60)", 1.0, "was not read after 1 s"),
        ("import os; os.kill(os.getpid(), 9)", 20.0, "ended with signal 9"),
        ("raise SystemExit", 20.0, "ended early"),
        ("import os; os._exit(3)", 20.0, "ended with exit code 3"),
    ],
)
def test_a_file_that_cannot_be_read_to_the_end(tmp_path: Path, text: str, within: float, said: str) -> None:
    (tmp_path / "bad.py").write_text(text)
    file = tmp_path / "proxy.yaml"
    file.write_text("protocol_specs: [bad.py]\nlisteners: []\nroutes: {}\nclusters: {}\n")
    with pytest.raises(InvalidError, match=said):
        asyncio.run(validate(str(file), within))
