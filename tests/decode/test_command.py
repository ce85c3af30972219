"""`xproto decode`: what it takes, what it prints, how it ends."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from recorded import pairs, recorded
from tape import Talk, Tape

from proxy.cli import main

REQUEST = recorded("bolt")["java-v1-echo-request"].data
SPEC = Path(__file__).resolve().parents[1] / "protocols" / "beacon.py"


def run(*arguments: str, stdin: bytes = b"") -> Result:
    return CliRunner().invoke(main, ["decode", *arguments], input=stdin)


@pytest.fixture
def capture(tmp_path: Path) -> str:
    tape = Tape()
    for number, name in enumerate(("bolt", "dubbo", "tars")):
        request, answer = pairs(name)[0]
        Talk(tape, client=("10.0.0.1", 40_000 + number)).open().send(0, request.data).send(1, answer.data).close()
    path = tmp_path / "calls.pcap"
    path.write_bytes(tape.pcap())
    return str(path)


@pytest.mark.parametrize("form", ["argument", "file", "stdin", "file of hex", "stdin of hex", "hex with blanks and colons"])
def test_bytes_in_every_way(tmp_path: Path, form: str) -> None:
    path = tmp_path / "frame"
    path.write_bytes(REQUEST if form == "file" else REQUEST.hex().encode())
    given = {"argument": REQUEST.hex(), "hex with blanks and colons": REQUEST.hex(":", 4)}
    given |= {"file": str(path), "file of hex": str(path)}
    stdin = {"stdin": REQUEST, "stdin of hex": b"0x" + REQUEST.hex(" ", 2).encode() + b"\n"}
    result = run(given.get(form, "-"), stdin=stdin.get(form, b""))
    assert result.exit_code == 0, result.output
    assert "  > request  id 1  com.test.EchoService:1.0 echo  244 bytes  timeout 5000 ms\n" in result.output
    assert result.output.endswith('body, 5 bytes: "hello"\n1 call\n')


def test_a_capture_as_text(capture: str) -> None:
    result = run(capture)
    assert result.exit_code == 0
    first = result.output.splitlines()[0]
    assert first == "2023-11-14T22:13:20.003000Z  bolt  10.0.0.1:40000 > 10.0.0.2:9000"
    assert "  < response  id 1656205633  0 success" in result.output
    assert "after 1 ms" in result.output
    assert result.output.splitlines()[-1] == "21 packets, 3 connections, 3 calls"


def test_a_capture_as_json(capture: str) -> None:
    lines = [json.loads(line) for line in run(capture, "--json", "--hessian").output.splitlines()]
    assert [line["protocol"] for line in lines] == ["bolt", "dubbo", "tars"]
    dubbo = lines[1]
    assert {"client", "server", "kind", "id", "service", "method", "timeout_ms", "status"} <= set(dubbo)
    assert dubbo["request"]["values"]["arguments"]
    assert dubbo["response"]["values"]["result"]
    assert dubbo["took_ms"] == 1


def test_fields_with_their_places() -> None:
    text = run(REQUEST.hex(), "--fields").output
    assert "         5+4    id = 1\n" in text
    line = json.loads(run(REQUEST.hex(), "--fields", "--json").output)
    found = {each["path"]: each for each in line["request"]["fields"]}
    assert found["id"] == {"path": "id", "offset": 5, "bytes": 4, "value": 1}
    assert found["content"]["value"] == {"hex": b"hello".hex()}
    assert found["content"]["offset"] + 5 == len(REQUEST)


def test_an_idl(tmp_path: Path) -> None:
    idl = tmp_path / "echo.thrift"
    idl.write_text("service Echo { string apache_thrift__echo(1: string text) }")
    frame = recorded("thrift")["apache-thrift-echo-request"].data
    assert '      text = "héllo"\n' in run(frame.hex(), "--idl", str(idl)).output
    assert run(frame.hex(), "--idl", str(tmp_path / "none.thrift")).exit_code == 2
    assert run(frame.hex(), "--service", "Echo").exit_code == 2


def test_a_declaration_of_ones_own() -> None:
    frame = b"BC" + bytes(20)
    assert run(frame.hex(), "--protocol", str(SPEC)).exit_code == 1
    assert "NOT READ" in run(frame.hex(), "--protocol", str(SPEC)).output
    assert run(REQUEST.hex(), "--spec", str(SPEC)).exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["0102"], 1), (["zz"], 2), ([REQUEST.hex(), "--protocol", "nobody"], 2), (["/etc"], 2), ([REQUEST.hex()[:-2]], 1),
        ([REQUEST.hex(), "--protocol", "dubbo"], 1),
    ],
)  # fmt: skip
def test_how_it_ends(arguments: list[str], code: int) -> None:
    result = run(*arguments)
    assert result.exit_code == code, result.output
    assert result.exception is None or isinstance(result.exception, SystemExit)


def test_malformed_bytes_are_placed() -> None:
    bad = REQUEST[:2] + b"\x00\x09" + REQUEST[4:]
    result = run((REQUEST + bad).hex(), "--protocol", "bolt")
    assert result.exit_code == 1
    assert "  the client's bytes, at offset 246: command: must be in 0..2\n" in result.output
    assert result.output.endswith("1 call, 2 NOT READ\n")


def test_without_python_hessian(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyhessian", None)
    result = run(REQUEST.hex(), "--hessian")
    assert (result.exit_code, "--hessian needs the package python-hessian" in result.output) == (2, True)


def test_nothing_that_a_stranger_sent_moves_the_cursor(tmp_path: Path) -> None:
    head = b"GET /\xe2\x80\xae HTTP/1.1\r\nHost: h\r\n\r\n"
    bolt = REQUEST.replace(b"hello", b"\x1b[2Jh").replace(b"EchoService:1.0", b"Echo\x1b[31m\xe2\x80\xae1.0")
    for data in (head, bolt):
        output = run(data.hex(), "--protocol", "bolt" if data is bolt else "http1").output
        assert "\x1b" not in output
        assert "\u202e" not in output
    assert "Echo\\x1b[31m\\u202e" in run(bolt.hex()).output


def test_a_capture_that_ends_in_the_middle(capture: str, tmp_path: Path) -> None:
    data = Path(capture).read_bytes()
    path = tmp_path / "cut.pcap"
    path.write_bytes(data[:-10])
    result = run(str(path))
    assert result.exit_code == 1
    assert "the capture ends in the middle of a packet" in result.output
    assert "3 calls, 1 NOT READ" in result.output


def test_too_many_bytes_that_are_no_capture(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr("xproto.decode.inputs.MAX_BYTES", 1000)
    path = tmp_path / "long"
    path.write_bytes(bytes(1001))
    assert run(str(path)).exit_code == 2
