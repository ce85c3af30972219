"""What examples/routing.yaml says to ask of it, asked: which route a call takes, and what is wrong with the others."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

from proxy.cli import main

FILE = Path("examples/routing.yaml")
COMMANDS = [line.lstrip("# ") for line in FILE.read_text().splitlines() if line.startswith("#   xproto explain-route ")]


def explained(command: str) -> tuple[int, dict[str, str]]:
    """The exit code, and what is said of each thing."""
    result = CliRunner().invoke(main, shlex.split(command)[1:])
    told = (line.replace(": ", " ", 1).split(maxsplit=1) for line in result.output.splitlines())
    return result.exit_code, {each[0]: each[1] for each in told}


def test_there_are_two() -> None:
    assert len(COMMANDS) == 2


def test_a_request() -> None:
    code, told = explained(COMMANDS[0])
    assert (code, told["virtual"]) == (0, "host shop")
    assert told["route"].startswith("shop/carts")
    assert told["shop/carts"] == "matches"
    assert told["shop/rest"].startswith("matches too")
    assert "not chosen" in told["rpc/echo"]


def test_a_call() -> None:
    code, told = explained(COMMANDS[1])
    assert (code, told["virtual"]) == (0, "host rpc")
    assert told["route"].startswith("rpc/office")
    assert "fails" in told["rpc/gray"]
    assert "env" in told["rpc/gray"]


@pytest.mark.parametrize(
    ("old", "new", "failed"), [("10.1.2.3", "10.9.2.3", "10.9.2.3"), ("com.test.", "com.shop.", "com.shop")]
)
def test_the_same_call_from_elsewhere_and_to_another_service(old: str, new: str, failed: str) -> None:
    code, told = explained(COMMANDS[1].replace(old, new))
    echo = old == "10.1.2.3"
    assert code == (0 if echo else 1)
    assert told["route"].startswith("rpc/echo" if echo else "none matches")
    assert failed in told["rpc/office"]
