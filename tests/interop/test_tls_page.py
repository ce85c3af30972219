"""docs/tls-mesh.md is run: its certificates are made, its two proxies started, its requests sent."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING

import pytest
from harness.processes import HERE, PeerError
from harness.programs import Program, run
from harness.proxy import Proxy
from harness.readers import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PAGE = (HERE.parents[1] / "docs" / "tls-mesh.md").read_text(encoding="utf-8")
PORTS = ("9100", "9200", "9443")
"""The page's; the test takes free ones in their place."""


def blocks(language: str, page: str = PAGE) -> list[str]:
    found: list[str] = re.findall(rf"^```{language}\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)
    return found


def shell(script: str, folder: Path) -> None:
    """Runs a block to its end. In bash's reckoning `!` never fails a script by itself: each such command is looked at."""
    script = re.sub(r"^! ((?:.*\\\n)*.*)$", r"if \1; then exit 9; fi", script, flags=re.MULTILINE)
    run(["bash", "-euc", f"cd {folder}\n{script}"])


@pytest.fixture(scope="module")
def page() -> str:
    text = PAGE
    for port in PORTS:
        text = text.replace(port, str(free_port()))
    return text


@pytest.fixture(scope="module")
def folder(page: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With certificates and configurations, as the page makes them."""
    made = tmp_path_factory.mktemp("page")
    shell(blocks("sh", page)[0], made)
    for name, text in zip(re.findall(r"^`([ab]\.yaml)`$", page, re.MULTILINE), blocks("yaml", page), strict=True):
        (made / name).write_text(text, encoding="utf-8")
    return made


@pytest.fixture(scope="module")
def running(page: str, folder: Path) -> Iterator[list[Proxy]]:
    """What the page says to run, each as a terminal would."""
    (server,) = re.findall(r"`python3 (-m http\.server \d+ --bind 127\.0\.0\.1)`", page)
    (folder / "served").mkdir()
    with Program("http.server", [sys.executable, *server.split(), "-d", str(folder / "served")], folder / "server.log"):
        commands = blocks("sh", page)[1].splitlines()
        runs = [line.split()[-1] for line in commands if line.startswith("xproto run ")]
        assert runs == ["b.yaml", "a.yaml"]
        with Proxy((folder / "b.yaml").read_text(), folder, "b") as b, Proxy((folder / "a.yaml").read_text(), folder, "a") as a:
            yield [a, b]


def test_the_configurations_are_valid(page: str, folder: Path) -> None:
    lines = [line for line in blocks("sh", page)[1].splitlines() if line.startswith("xproto validate ")]
    assert lines
    for line in lines:
        run([sys.executable, "-m", "proxy.cli", "validate", str(folder / line.split()[-1])])


def test_the_commands(page: str, folder: Path, running: list[Proxy]) -> None:
    requests = blocks("sh", page)[2:]
    assert len(requests) == 3
    for script in requests:
        try:
            shell(script, folder)
        except PeerError as error:
            raise AssertionError(f"{error}\n{running[0].tail()}\n{running[1].tail()}") from error


def test_what_to_look_at_when_it_does_not_work(page: str, folder: Path) -> None:
    commands = re.findall(r"`(openssl [^`]+)`", page)
    assert len(commands) == 3
    for command in commands:
        shell(command, folder)
