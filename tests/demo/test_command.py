"""`xproto demo` as a user runs it: short, without a terminal; right, wrong, interrupted."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

DEMO = [sys.executable, "-m", "proxy.cli", "demo"]
PATIENCE = 60.0


def environment(tmp_path: Path) -> dict[str, str]:
    """Lines are not wrapped, and what the demo writes goes away with the test."""
    return {**os.environ, "COLUMNS": "250", "TMPDIR": str(tmp_path)}


def run(tmp_path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*DEMO, *arguments], env=environment(tmp_path), capture_output=True, text=True, timeout=PATIENCE, check=False
    )


def number(pattern: str, text: str) -> int:
    found = re.search(pattern, text)
    assert found, f"no {pattern!r} in:\n{text}"
    return int(found[1].replace(",", ""))


def logs(tmp_path: Path) -> str:
    return "\n".join(f"{path}:\n{path.read_text()}" for path in tmp_path.glob("xproto-demo-*/*.log"))


def left(tmp_path: Path) -> list[str]:
    """Processes that still have one of this demo's files open."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if any(str(tmp_path) in str(each.readlink()) for each in (process / "fd").iterdir()):
                found.append((process / "cmdline").read_text())
        except OSError:
            continue
    return found


@pytest.fixture(scope="module")
def short(tmp_path_factory: pytest.TempPathFactory) -> tuple[subprocess.CompletedProcess[str], Path]:
    """One short demo, for all that look at what it says."""
    folder = tmp_path_factory.mktemp("demo")
    return run(folder, "--seconds", "4", "--plain", "--show-config"), folder


def test_every_call_is_answered_correctly(short: tuple[subprocess.CompletedProcess[str], Path]) -> None:
    ran, folder = short
    assert ran.returncode == 0, f"{ran.stdout}\n{ran.stderr}\n{logs(folder)}"
    assert ran.stdout.rstrip().endswith("passed; exit code 0")
    assert "FAIL" not in ran.stdout
    assert ran.stderr == ""


def test_the_summary_has_the_facts(short: tuple[subprocess.CompletedProcess[str], Path]) -> None:
    out = short[0].stdout
    assert number(r"([\d,]+) two-way calls, each with exactly one answer", out) > 500
    assert number(r"([\d,]+) deadlines", out) > 0
    assert number(r"([\d,]+) without a route", out) > 0
    assert number(r"the other nodes answered ([\d,]+) calls after it", out) > 100
    assert number(r"node b came back and answered ([\d,]+) calls more", out) > 0
    assert number(r"([\d,]+) sent to quiet hosts", out) > 0
    assert re.search(r"node b killed: (no call was|1 call was|\d+ calls were) told so", out)
    assert "all 16 routes taken, by seven protocols" in out
    assert re.search(r"^bolt +4 ", out, re.MULTILINE)
    assert re.search(r"^dubbo +3 ", out, re.MULTILINE)
    assert re.search(r"^thrift +2 ", out, re.MULTILINE)
    assert re.search(r"^tars +2 ", out, re.MULTILINE)
    assert re.search(r"^http1 +5 ", out, re.MULTILINE)
    assert re.search(r"^http2 +4 ", out, re.MULTILINE), "gRPC's connections among them"
    assert re.search(r"^grpc +http2's +1 ", out, re.MULTILINE)
    calls, connections = number(r"HTTP/2 and gRPC: ([\d,]+) calls", out), number(r"as streams of (\d+) connections", out)
    assert calls > 100
    assert connections <= 20, "15 hosts, 5 of which came back"


def test_without_a_terminal_it_is_plain_text(short: tuple[subprocess.CompletedProcess[str], Path]) -> None:
    assert "\x1b" not in short[0].stdout
    assert re.search(r"bolt [\d,]+/s.*http1 [\d,]+/s.*http2 [\d,]+/s.*grpc [\d,]+/s", short[0].stdout), "a line each second"


def test_the_configuration_is_one_that_validates(short: tuple[subprocess.CompletedProcess[str], Path]) -> None:
    (path,) = short[1].glob("xproto-demo-*/xproto.yaml")
    assert path.read_text() in short[0].stdout + "\n"
    ran = subprocess.run([*DEMO[:-1], "validate", str(path)], capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert ran.returncode == 0, ran.stderr


def test_nothing_is_left_running(short: tuple[subprocess.CompletedProcess[str], Path]) -> None:
    assert left(short[1]) == []


def test_a_wrong_reply_is_noticed(tmp_path: Path) -> None:
    ran = run(tmp_path, "--seconds", "2", "--plain", "--inject", "wrong-reply")
    assert ran.returncode == 1
    assert "to another call" in ran.stdout
    assert ran.stdout.rstrip().endswith("failed; exit code 1")
    assert left(tmp_path) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_an_interrupted_demo_leaves_nothing_behind(number: int, tmp_path: Path) -> None:
    demo = subprocess.Popen([*DEMO, "--plain"], env=environment(tmp_path), stdout=subprocess.PIPE, text=True)
    with demo:
        assert demo.stdout is not None
        while "clients connected" not in demo.stdout.readline():
            assert demo.poll() is None
        demo.send_signal(number)
        demo.stdout.read()
    assert demo.returncode == (-signal.SIGKILL if number == signal.SIGKILL else 130)
    end = time.monotonic() + PATIENCE
    while left(tmp_path) and time.monotonic() < end:  # after SIGKILL the kernel tells the children, who need a moment
        time.sleep(0.05)
    assert left(tmp_path) == []


def test_wrong_options_are_refused(tmp_path: Path) -> None:
    ran = run(tmp_path, "--seconds", "100")
    assert ran.returncode == 2
    assert "not between" in ran.stderr
