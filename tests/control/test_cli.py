"""The command: exit codes, what goes where, and that it starts quickly."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from proxy.cli import main
from proxy.control.become import receive
from proxy.control.spawn import ROOT
from proxy.snapshot import Snapshot, encode
from tests.control.proxy_process import write

BAD = "listeners: 3\n"


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    """`run` makes its process deaf to two signals, and the tests run it in their own."""
    before = {each: signal.getsignal(each) for each in (signal.SIGHUP, signal.SIGUSR1)}
    yield
    for each, handler in before.items():
        signal.signal(each, handler)


def xproto(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


def test_validate_says_valid(tmp_path: Path) -> None:
    file = write(tmp_path)
    result = xproto("validate", str(file))
    assert (result.exit_code, result.stdout) == (0, f"valid: {file}: 1 listener, 1 route, 1 cluster\n")


@pytest.mark.parametrize("verb", ["run", "validate"])
def test_an_invalid_file_is_exit_code_1_and_all_its_errors_on_stderr(tmp_path: Path, verb: str) -> None:
    file = tmp_path / "x.yaml"
    file.write_text(BAD)
    result = xproto(verb, str(file))
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr == (
        f'{file}:1: routes: is missing; write routes: {{"main": [{{"cluster": "echo"}}]}}\n'
        f"{file}:1: listeners: must be a list, not the number 3; write one item a line, each after a dash\n"
    )


def test_a_file_that_is_not_there_is_invalid(tmp_path: Path) -> None:
    result = xproto("run", str(tmp_path / "no.yaml"))
    assert (result.exit_code, result.stderr) == (
        1, f"{tmp_path}/no.yaml: cannot be read (No such file or directory); name a file\n")  # fmt: skip


@pytest.mark.parametrize(
    "arguments",
    [["run"], ["validate"], ["nothing"], ["run", "--nothing", "x"], ["explain", "zzz"], ["export"], ["export", "wireshark"],
     ["export", "wireshark", "zzz"]],
)  # fmt: skip
def test_usage_is_exit_code_2(arguments: list[str]) -> None:
    assert xproto(*arguments).exit_code == 2


def test_a_wrong_spec_is_exit_code_1(tmp_path: Path) -> None:
    spec = tmp_path / "empty.py"
    spec.touch()
    result = xproto("protocols", "--spec", str(spec))
    assert result.exit_code == 1
    assert "declares no Protocol" in result.stderr


def test_the_schema() -> None:
    assert json.loads(xproto("validate", "--schema").stdout)["title"] == "xproto configuration"


def test_protocols_are_listed_in_rank_order() -> None:
    lines = xproto("protocols").stdout.splitlines()
    assert [line.split()[0] for line in lines][:2] == ["dubbo", "bolt"]
    assert all("multiplexed" in line for line in lines[:2])


def test_explain() -> None:
    assert "Fields" in xproto("explain", "bolt").stdout
    assert "did you mean bolt?" in xproto("explain", "blot").stderr


PING = """
from construct import Enum, Int8ub, Int32ub, Struct, this
from xproto.spec import Kind, Protocol
from xproto.wire import Known

PING = Protocol(
    name="ping",
    frame=Struct("kind" / Known(Enum(Int8ub, request=0, response=1)), "id" / Int32ub),
    kind={Kind.REQUEST: this.kind == "request", Kind.RESPONSE: this.kind == "response"},
    id=this.id,
)
"""


def test_explain_a_file(tmp_path: Path) -> None:
    spec = tmp_path / "ping.py"
    spec.write_text(PING)
    assert xproto("explain", str(spec)).stdout == xproto("explain", "ping", "--spec", str(spec)).stdout


def test_export(tmp_path: Path) -> None:
    spec, output = tmp_path / "ping.py", tmp_path / "ping.out"
    spec.write_text(PING)
    assert xproto("export", "wireshark", "bolt").stdout.startswith("-- bolt: a dissector for Wireshark")
    assert xproto("export", "markdown", str(spec)).stdout.startswith("# ping\n")
    result = xproto("export", "markdown", "ping", "--spec", str(spec), "--output", str(output))
    assert (result.exit_code, result.stdout) == (0, "")
    assert output.read_text().startswith("# ping\n")
    refused = xproto("export", "wireshark", "blot", "--output", str(tmp_path / "none.lua"))
    assert (refused.exit_code, "did you mean bolt?" in refused.stderr) == (2, True)
    assert not (tmp_path / "none.lua").exists()
    assert xproto("export", "markdown", str(tmp_path / "nothing.py")).exit_code == 1


def test_version() -> None:
    assert xproto("version").stdout == "xproto 0.1.0\n"


def test_the_module_is_the_command_and_help_imports_nothing_heavy() -> None:
    code = (
        "import sys\nsys.argv = ['xproto', '--help']\nimport runpy\n"
        "try: runpy.run_module('proxy.cli', run_name='__main__')\n"
        "except SystemExit: pass\n"
        "print(sorted({'pydantic', 'yaml', 'construct', 'asyncio', 'aiohttp', 'rich', 'msgspec'} & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert "Usage:" in done.stdout
    assert done.stdout.splitlines()[-1] == "[]"


def test_control_gets_the_snapshot_and_imports_nothing_heavy(tmp_path: Path) -> None:
    data = tmp_path / "snapshot"
    snapshot = Snapshot({}, {}, {}, workers=3)
    data.write_bytes(encode(snapshot))
    with data.open("rb") as stream:
        import os

        assert receive(os.dup(stream.fileno())) == snapshot
    code = (
        "import sys, proxy.control.__main__\n"
        "heavy = {'pydantic', 'yaml', 'construct', 'click', 'aiohttp', 'rich', 'xproto', 'uvloop', 'cryptography'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout == "[]\n"
