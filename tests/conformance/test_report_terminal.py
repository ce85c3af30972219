"""Reports on a terminal, and where it is none."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from conformance.report.terminal import Live, closing, console, show
from tests.conformance.reports import bolt, dubbo, every

ESCAPE = "\x1b"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _no_habits(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")


def shown(file: io.StringIO) -> str:
    to = console(file)
    show(bolt(), to)
    show(dubbo(), to)
    to.print(closing(every()))
    return file.getvalue()


def test_plain_text_where_it_is_no_terminal() -> None:
    text = shown(io.StringIO())
    assert ESCAPE not in text
    lines = [line.rstrip() for line in text.splitlines()]
    assert [line.split() for line in lines[2:13] if line.strip(" ─")] == [
        ["check", "cases", "failed", "seconds", "state"],
        ["vectors", "55", "0", "0.12", "passed"],
        ["ids", "1,200", "7", "1.50", "failed"],
        ["reading", "174", "3", "0.50", "failed"],
        ["hostile", "1", "1", "0.10", "failed"],
        ["sessions", "not", "applicable:", "it", "has", "no", "session"],
        ["empty", "0", "0", "0.00", "no", "cases"],
        ["making", "1", "1", "0.00", "failed"],
    ]
    at = lines.index("ids: the id was written where it is not")
    assert lines[at + 1 : at + 6] == [
        "  case   java-v2  (request)",
        "  field  id",
        "         expected: 7",
        "> 0000  02 02 01 00 01 01 00 00 00 07 01 01 00 00 0b b8  ................",
        "                          ^^ ^^ ^^ ^^",
    ]
    assert "        expected, 172 bytes        made, 172 bytes" in lines
    assert "> 0008  00 07 01 01 00 00 0b b8    11 07 01 01 00 00 0b b8" in lines
    assert "        ^^                         ^^" in lines
    assert "  command refuses: ValidationError: 9 is none of heartbeat, request, response" in lines
    assert "  again  xproto conformance bolt --only ids --case java-v2" in lines
    assert "ids: 5 more failed" in lines
    assert lines[-1] == "failed: bolt, dubbo  15 protocols, 2,881 cases, 7.7 s"


def test_colours_on_a_terminal() -> None:
    text = shown(Terminal())
    assert "\x1b[1;37;41m00 00 00 07\x1b[0m" in text, "the bytes at fault"
    assert "\x1b[36m02\x1b[0m \x1b[32m02\x1b[0m \x1b[33m01\x1b[0m" in text, "each field in a colour"


def test_no_color_is_plain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    assert ESCAPE not in shown(Terminal())


def test_hostile_text_is_neither_markup_nor_obeyed() -> None:
    text = shown(io.StringIO())
    assert r"\x1b[31mred\x1b[0m \x00 \ud800 \u202e \uffff [bold]markup[/bold]" in text
    assert r"'it'\nsecond line" in text
    assert "\0" not in text
    text.encode()


def test_progress_is_for_terminals_only() -> None:
    file = io.StringIO()
    with Live("bolt", 3, console(file)) as progress:
        progress("splits", 1)
    assert file.getvalue() == ""


def test_progress_names_the_check_and_counts_the_done() -> None:
    file = Terminal()
    with Live("bolt", 3, Console(file=file, width=120)) as progress:
        progress("splits", 1)
        progress("ids", 1200)
    assert "ids: 1,200 cases" in file.getvalue()
    assert "1/3" in file.getvalue()
