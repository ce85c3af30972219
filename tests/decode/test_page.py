"""docs/decode.md shows what the command really prints."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner
from recorded import recorded
from tape import Talk, Tape

from proxy.cli import main

PAGE = Path(__file__).resolve().parents[2] / "docs" / "decode.md"
IDL = "service Echo { string apache_thrift__echo(1: string text) }\n"


def blocks() -> list[tuple[str, str]]:
    """Each command with what the page shows of its output."""
    found = re.findall(r"```console\n\$ (.*?)\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert found
    return found


def capture() -> bytes:
    """One call of each protocol, as the page has them."""
    names = (("bolt", "java-v1-echo"), ("dubbo", "java-add"), ("thrift", "apache-thrift-echo"))
    tape = Tape()
    for number, (protocol, name) in enumerate(names):
        known = recorded(protocol)
        talk = Talk(tape, client=("10.0.0.1", 40_000 + number)).open()
        talk.send(0, known[f"{name}-request"].data).send(1, known[f"{name}-response"].data).close()
    broken = bytearray(recorded("bolt")["java-v1-echo-request"].data)
    broken[2:4] = b"\x00\x09"
    Talk(tape, client=("10.0.0.1", 40_003)).open().send(0, bytes(broken)).close()
    return tape.pcap()


@pytest.mark.parametrize(("command", "shown"), blocks(), ids=[command for command, _ in blocks()])
def test_the_page(command: str, shown: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("calls.pcap").write_bytes(capture())
    Path("echo.thrift").write_text(IDL)
    program, *arguments = shlex.split(command)
    assert program == "xproto"
    assert CliRunner().invoke(main, arguments).output == shown
