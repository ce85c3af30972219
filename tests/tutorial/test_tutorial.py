"""docs/tutorial.md is followed to the letter: its files written, its commands run, and what they print compared."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.interop.harness.readers import free_port
from tests.tutorial.page import Step, missing, steps, write

PAGE = Path("docs/tutorial.md").read_text(encoding="utf-8")
ROOT = Path.cwd()
PORTS = ("9100", "9200", "9901")
"""The page's; the test takes free ones in their place."""
MOST_WRITTEN = 60
FETCH = "import sys, urllib.request; print(urllib.request.urlopen(sys.argv[1]).read().decode())"
PATIENCE = 240

_python = shlex.quote(sys.executable)
COMMANDS = f"""
export PYTHONPATH={shlex.quote(str(ROOT))} COLUMNS=120
xproto() {{ {_python} -m proxy.cli "$@"; }}
python() {{ {_python} "$@"; }}
curl() {{ {_python} -c {shlex.quote(FETCH)} "$2"; }}
"""


def shell(script: str, folder: Path) -> str:
    """What the block prints. In bash's reckoning `!` never fails a script by itself: each such command is looked at."""
    script = re.sub(r"^! (.*)$", r"if \1; then exit 9; fi", script, flags=re.MULTILINE)
    ran = subprocess.run(
        ["bash", "-euc", COMMANDS + script], cwd=folder, capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert ran.returncode == 0, f"{script}\n{ran.stdout}\n{ran.stderr}"
    return ran.stdout


@contextmanager
def terminal(script: str, folder: Path) -> Iterator[None]:
    """A command in a terminal of its own, from when it says that it is ready."""
    command = ["bash", "-euc", COMMANDS + script]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True, start_new_session=True) as process:
        try:
            assert any(line.strip() == "ready" for line in process.stdout or ()), f"{script} ended before it was ready"
            yield
        finally:
            os.killpg(process.pid, signal.SIGTERM)


def follow(found: list[Step], folder: Path, stack: ExitStack) -> None:
    said = ""
    for step in found:
        if step.language == "text":
            assert missing(said, step.text) is None, f"{missing(said, step.text)!r} is not in:\n{said}"
        elif step.own:
            stack.enter_context(terminal(step.text, folder))
        elif step.language == "sh":
            said = shell(step.text, folder)
            if "mkdir kettles" in step.text:
                folder /= "kettles"
        else:
            write(step, folder)


def test_following_it(tmp_path: Path) -> None:
    page = PAGE
    for port in PORTS:
        page = page.replace(port, str(free_port()))
    with ExitStack() as stack:
        follow(steps(page), tmp_path, stack)


def test_so_many_lines_are_written() -> None:
    assert 0 < sum(step.written for step in steps(PAGE)) <= MOST_WRITTEN


def test_it_writes_nothing_into_the_package(tmp_path: Path) -> None:
    names = [step.name for step in steps(PAGE) if step.name]
    assert names
    for name in names:
        assert (tmp_path / name).resolve().is_relative_to(tmp_path)


@pytest.mark.parametrize(
    ("said", "text", "wrong"),
    [
        ("a  b\nc d", "a b\nc", None),
        ("a  b\nc d", "c\na", "a"),
        ("a (1)", "a (1)", None),
        ("a 17 b", "a … b", None),
        ("a 17\nb", "a … b", "a … b"),
        ("", "a", "a"),
    ],
)
def test_what_is_missing(said: str, text: str, wrong: str | None) -> None:
    assert missing(said, text) == wrong


def test_a_change_that_does_not_fit(tmp_path: Path) -> None:
    (tmp_path / "x.py").write_text("a\nb\na\n")
    with pytest.raises(ValueError, match="has this 2 times: a"):
        write(Step("diff", "@@\n-a\n+c\n", "x.py"), tmp_path)
    write(Step("diff", "@@\n b\n-a\n+c\n", "x.py"), tmp_path)
    assert (tmp_path / "x.py").read_text() == "a\nb\nc\n"
