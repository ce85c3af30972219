"""The verb: what it prints, writes and exits with."""

from __future__ import annotations

import json
import re
import shlex
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from proxy.cli import main
from tests.conformance import live_peers
from xproto.registry import find

BROKEN = Path(__file__).with_name("broken")
FAULT = ("Int8ub, call=1", "Int8ub, call=6")
QUICK = ("--only", "replies", "--only", "limits")


def xproto(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["conformance", *arguments])


@pytest.fixture
def parcel(tmp_path: Path) -> Path:
    """A sound declaration with its vectors beside it."""
    path = tmp_path / "parcel.py"
    path.write_text((BROKEN / "parcel.py").read_text())
    folder = tmp_path / "vectors" / "parcel"
    folder.mkdir(parents=True)
    for vectors in (BROKEN / "vectors" / "parcel").iterdir():
        (folder / vectors.name).write_text(vectors.read_text())
    return path


@pytest.fixture
def broken(parcel: Path) -> Path:
    """The same with a slip: a oneway is taken for a call."""
    text = parcel.read_text()
    slip = 'Kind.REQUEST: (this.type == "call") | (this.type == "notice")'
    assert text.count('Kind.REQUEST: this.type == "call"') == 1
    parcel.write_text(text.replace('Kind.REQUEST: this.type == "call"', slip))
    return parcel


def test_a_sound_protocol_is_exit_code_0() -> None:
    result = xproto("bolt", *QUICK)
    assert result.exit_code == 0
    assert result.stdout.splitlines()[0].rstrip() == "bolt  (built-in)"
    assert [line.split()[0] for line in result.stdout.splitlines() if line.rstrip().endswith("passed")] == ["replies", "limits"]
    assert "\x1b" not in result.output


def test_a_failure_is_exit_code_1_and_its_command_repeats_it(broken: Path) -> None:
    result = xproto(str(broken), "--only", "oneways")
    assert result.exit_code == 1
    command = next(line.split("again", 1)[1] for line in result.stdout.splitlines() if line.startswith("  again"))
    again = shlex.split(command)
    assert again[:5] == ["xproto", "conformance", str(broken), "--only", "oneways"]
    assert again[5] == "--case"
    result = xproto(*again[2:], "--json")
    assert result.exit_code == 1
    (check,) = json.loads(result.stdout)["protocols"][0]["checks"]
    assert {failure["case"] for failure in check["failures"]} == {again[6]}


def test_the_vectors_beside_the_file_are_used(parcel: Path) -> None:
    """Without them there would be no vector of a oneway."""
    result = xproto(str(parcel), "--only", "oneways", "--json")
    assert result.exit_code == 0
    assert json.loads(result.stdout)["protocols"][0]["checks"][0]["state"] == "passed"


def test_vectors_of_another_folder(parcel: Path, tmp_path: Path) -> None:
    moved = (parcel.parent / "vectors").rename(tmp_path / "elsewhere")
    bare = json.loads(xproto(str(parcel), "--only", "oneways", "--json").stdout)["protocols"][0]["checks"][0]
    assert bare["state"] == "not applicable"
    for folder in (moved, moved / "parcel"):
        found = json.loads(xproto(str(parcel), "--only", "oneways", "--json", "--vectors", str(folder)).stdout)["protocols"][0]
        assert found["checks"][0]["state"] == "passed"
        assert f"--vectors {folder}" in found["command"]


def test_all_that_a_file_declares(parcel: Path) -> None:
    second = parcel.with_name("two.py")
    second.write_text(parcel.read_text() + '\nfrom dataclasses import replace\n\nOTHER = replace(PARCEL, name="other")\n')
    found = json.loads(xproto(str(second), "--json", "--only", "replies").stdout)["protocols"]
    assert [(each["protocol"], each["command"]) for each in found] == [
        ("parcel", f"xproto conformance parcel --spec {second}"), ("other", f"xproto conformance other --spec {second}"),
    ]  # fmt: skip


def test_all_protocols(parcel: Path) -> None:
    result = xproto("all", "--list", "--only", "checksum", "--spec", str(parcel))
    assert result.exit_code == 0
    names = [line.strip() for line in result.stdout.splitlines() if re.fullmatch(r"[\w-]+ *", line)]
    assert len(names) == 17
    assert {"bolt", "dubbo", "tars", "http1", "grpc", "parcel"} <= set(names)


def test_reports_are_written(tmp_path: Path) -> None:
    result = xproto("bolt", "--only", "replies", "--report", str(tmp_path / "out"))
    assert result.exit_code == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["junit.xml", "report.html", "report.json"]
    assert f"written: {tmp_path / 'out' / 'report.html'}" in result.stdout


def test_a_folder_that_cannot_be_made_is_told_before_anything_is_tried(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    result = xproto("bolt", *QUICK, "--report", str(tmp_path / "file" / "out"))
    assert result.exit_code == 2
    assert "the reports cannot be written there: Not a directory; choose another folder" in result.stderr
    assert result.stdout == ""


def test_the_checks_are_listed() -> None:
    result = xproto("http1", "--list")
    assert result.exit_code == 0
    assert "a oneway is never answered" in result.stdout
    assert "no: " in result.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["blt"], "blt: there is no protocol of this name; did you mean bolt?"),
        (["bolt", "--only", "splts"], "splts: there is no check of this name; did you mean splits?"),
        (["bolt", *QUICK, "--case", "no such"], "no such: there is no case of this name"),
        (["bolt", "--live", "127.0.0.1:1", "--only", "anwers"], "no check of this name with --live; did you mean answers?"),
        (["bolt", "--live", "127.0.0.1:1", "--case", "x"], "--case is for the checks that need no peer"),
        (["bolt", "--play-server", "0", "--only", "ids"], "leave out --only"),
        (["all", "--live", "127.0.0.1:1"], "a peer speaks one of these protocols"),
        (["bolt", "--live", "9000"], "'9000' is no address; write HOST:PORT"),
        (["bolt", "--vectors", "/nowhere"], "Path '/nowhere' does not exist."),
        (["bolt", "--nothing"], "No such option"),
    ],
)
def test_usage_is_exit_code_2(arguments: list[str], said: str) -> None:
    result = xproto(*arguments)
    assert result.exit_code == 2
    assert said in result.stderr


def test_what_cannot_be_used_is_exit_code_1(parcel: Path, tmp_path: Path) -> None:
    (parcel.parent / "vectors" / "parcel" / "bad.yaml").write_text("vectors: 3")
    result = xproto(str(parcel))
    assert result.exit_code == 1
    assert "bad.yaml" in result.stderr
    assert result.stdout == ""
    wrong = tmp_path / "wrong.py"
    wrong.write_text("x = 1")
    assert "declares no Protocol" in xproto(str(wrong)).stderr


def test_a_server_is_driven() -> None:
    with live_peers.Started(live_peers.WrongId(find("bolt"))) as started:
        result = xproto("bolt", "--live", f"127.0.0.1:{started.port}", "--only", "answers", "--json")
    assert result.exit_code == 1
    (report,) = json.loads(result.stdout)["protocols"]
    assert report["command"] == f"xproto conformance bolt --live 127.0.0.1:{started.port}"
    assert report["checks"][0]["failures"][0]["repeat"] == f"{report['command']} --only answers"


def test_a_server_that_is_not_there_is_exit_code_1() -> None:
    result = xproto("bolt", "--live", "127.0.0.1:1")
    assert result.exit_code == 1
    assert "127.0.0.1:1" in result.stderr


def test_help_is_quick() -> None:
    import subprocess

    heavy = {"construct", "hypothesis", "rich", "yaml"}
    script = f"import sys, proxy.cli; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
