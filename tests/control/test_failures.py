"""Workers that cannot start, that die again and again, and what the whole may weigh."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest

from proxy.control.child import render_code
from proxy.control.memory import CounterMemory
from proxy.control.serve import Signals
from proxy.control.spawn import ROOT, command, environment
from proxy.control.supervisor import BACKOFF_FIRST, BACKOFF_LAST, HEALTHY_AFTER, Backoff
from tests.control.proxy_process import beats, connect, running, write

WEIGHT_LIMIT = 60 * 1024
"""Control and one worker, in KB of PSS."""

BROKEN = """\
import sys, dataclasses
from pathlib import Path
from xproto.codecs.bolt import BOLT
MINE = dataclasses.replace(BOLT, name="mine")
if "proxy.worker" in sys.modules and Path({flag!r}).exists():
    raise RuntimeError("broken on purpose")
"""


def broken_in_workers(folder: Path) -> tuple[Path, Path]:
    """A configuration whose worker cannot start while the flag is there."""
    flag = folder / "flag"
    (folder / "broken.py").write_text(BROKEN.format(flag=str(flag)))
    file = write(folder, "protocol_specs: [broken.py]\n")
    file.write_text(file.read_text().replace("protocols: auto", "protocols: [bolt]"))
    return file, flag


def test_a_worker_that_cannot_start_ends_the_proxy_with_its_reason(tmp_path: Path) -> None:
    file, flag = broken_in_workers(tmp_path)
    flag.touch()
    with running(file) as proxy:
        assert proxy.wait() == 1
        assert proxy.out.next().startswith("listening")
        assert proxy.out.next() is None
        last = proxy.rest_of_log()[-1]
    assert "error control worker 0: SpecError:" in last
    assert "broken on purpose" in last


def test_a_successor_that_cannot_start_is_tried_again(tmp_path: Path) -> None:
    file, flag = broken_in_workers(tmp_path)
    with running(file) as proxy:
        address = proxy.wait_ready()["mesh"]
        flag.touch()
        [worker] = proxy.workers()
        os.kill(worker, signal.SIGKILL)
        proxy.log.until("died (signal 9); again in 0.05 s")
        proxy.log.until("worker 0 cannot start: SpecError")
        proxy.log.until("again in 0.1 s")
        flag.unlink()
        with connect(address) as client:
            assert beats(client)
        proxy.signal(signal.SIGTERM)
        assert proxy.wait() == 0


def test_term_while_nothing_is_ready_ends_it_too(tmp_path: Path) -> None:
    with running(write(tmp_path)) as proxy:
        assert proxy.out.next().startswith("listening")
        proxy.signal(signal.SIGTERM)
        assert proxy.wait() == 0


def test_control_and_a_worker_are_small(tmp_path: Path) -> None:
    with running(write(tmp_path)) as proxy:
        address = proxy.wait_ready()["mesh"]
        with connect(address) as client:
            assert beats(client)
        weights = [pss(pid) for pid in (proxy.pid, *proxy.workers())]
    assert len(weights) == 2
    assert sum(weights) < WEIGHT_LIMIT, weights


def pss(pid: int) -> int:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))


def test_backoff_doubles_up_to_a_limit_and_forgets_after_a_healthy_life() -> None:
    backoff = Backoff()
    waits = [backoff.after(0.1) for _ in range(12)]
    assert waits[:4] == [BACKOFF_FIRST, 0.1, 0.2, 0.4]
    assert waits[-1] == BACKOFF_LAST
    assert backoff.after(HEALTHY_AFTER) == BACKOFF_FIRST
    assert backoff.after(0.1) == 2 * BACKOFF_FIRST


def test_counters_outlive_their_writer() -> None:
    memory = CounterMemory(3)
    assert list(memory.array) == [0, 0, 0]
    os.pwrite(memory.descriptor, (7).to_bytes(8, "little"), 8)
    assert list(memory.array) == [0, 7, 0]
    memory.zero([1])
    assert list(memory.array) == [0, 0, 0]
    memory.close()
    CounterMemory(0).close()


@pytest.mark.parametrize(("code", "text"), [(1, "exit code 1"), (-9, "signal 9")])
def test_codes(code: int, text: str) -> None:
    assert render_code(code) == text


@pytest.mark.parametrize(
    ("which", "asked", "hurry"),
    [
        ([], False, False),
        ([signal.SIGTERM], True, False),
        ([signal.SIGTERM, signal.SIGTERM], True, True),
        ([signal.SIGINT], True, True),
        ([signal.SIGHUP], False, False),
        ([signal.SIGUSR1], False, False),
    ],
)
def test_what_signals_ask_for(which: list[signal.Signals], asked: bool, hurry: bool) -> None:
    async def scenario() -> tuple[bool, bool]:
        loop = asyncio.get_running_loop()
        handlers = {}
        loop.add_signal_handler = lambda number, handler: handlers.update({number: handler})  # type: ignore[method-assign,assignment]
        signals = Signals(loop, lambda: None, lambda: None)
        for each in which:
            handlers[each]()
        return signals.asked.is_set(), signals.hurry.is_set()

    assert asyncio.run(scenario()) == (asked, hurry)


def test_children_run_this_package_whatever_the_working_directory() -> None:
    assert command("proxy.worker", "3")[1:] == ["-P", "-m", "proxy.worker", "3"]
    assert environment({})["PYTHONPATH"] == ROOT
    assert environment({"PYTHONPATH": "/x", "A": "b"}) == {"PYTHONPATH": f"{ROOT}:/x", "A": "b"}
