"""Lines of access logs: what they say, and that nobody who is named in one can make it say something else."""

from __future__ import annotations

import json
import os
import socket
import stat
from pathlib import Path
from typing import Any

import pytest
from proxy.datapath.lines import render

from proxy.observe.logfile import LogFile, LogFileError, LogFiles
from proxy.snapshot import AccessLog, Listener, Snapshot
from proxy.tls.peer import Identity
from xproto.spec import Fault

BEGAN = 1_769_860_800_123_456
"""2026-01-31T12:00:00.123456Z."""
ME = Identity(
    "TLSv1.3", "TLS_AES_256_GCM_SHA384", server_name="web.test", sans=(("URI", "spiffe://mesh/a"),), fingerprint="ab" * 32
)
CALL: dict[str, Any] = {
    "service": b"com.test.Echo:1.0", "method": b"echo", "way": (b"main", b"echo", b"echo-v1"), "host": b"127.0.0.1:9100",
    "took": 1234, "outcome": -1,
}  # fmt: skip
NASTY = [
    b"a\nb", b"a\r\nb", b'a"b', b"a\\b", b'","flags":"-', b'" "x" "', b"\x00\x1f\x7f", b"\x1b[31m", b"\xff\xfe", b"\xc3",
    b"\xe2\x80\xa8", "é".encode(), "😀".encode(), b"\xc0\x8a", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"", b"-", b" ", b"]",
    b"x" * 300, "é".encode() * 300,
]  # fmt: skip


def test_a_line_of_json() -> None:
    assert render(True, BEGAN, **CALL).decode() == (
        '{"time":"2026-01-31T12:00:00.123Z","listener":"in","protocol":"bolt","client":"10.0.0.1:4711",'
        '"service":"com.test.Echo:1.0","method":"echo","table":"main","route":"echo","cluster":"echo-v1",'
        '"host":"127.0.0.1:9100","duration_us":1234,"flags":"-","oneway":false}\n'
    )


def test_a_line_of_text() -> None:
    assert render(False, BEGAN, **CALL).decode() == (
        '[2026-01-31T12:00:00.123Z] "in" "bolt" "10.0.0.1:4711" - "com.test.Echo:1.0" "echo" - - "main" "echo" "echo-v1" '
        '"127.0.0.1:9100" 1234 - - - - - - - - -\n'
    )


def test_everything_that_there_can_be() -> None:
    fields = {**CALL, "via": "10.9.9.9:1", "path": b"/a", "authority": b"web.test", "outcome": Fault.TIMEOUT, "oneway": True,
              "status": 4}  # fmt: skip
    line = json.loads(render(True, BEGAN, identity=ME, **fields))
    assert line == {
        "time": "2026-01-31T12:00:00.123Z", "listener": "in", "protocol": "bolt", "client": "10.0.0.1:4711",
        "via": "10.9.9.9:1", "service": "com.test.Echo:1.0", "method": "echo", "path": "/a", "authority": "web.test",
        "table": "main", "route": "echo", "cluster": "echo-v1", "host": "127.0.0.1:9100", "duration_us": 1234, "flags": "UT",
        "fault": "timeout", "oneway": True, "tls_version": "TLSv1.3", "tls_cipher": "TLS_AES_256_GCM_SHA384",
        "sni": "web.test", "san": "spiffe://mesh/a", "sha256": "ab" * 32, "grpc_status": 4,
    }  # fmt: skip
    text = render(False, BEGAN, identity=ME, **fields).decode()
    assert len(text.split()) == len(line), "each field at its place"
    digest = "ab" * 32
    end = f'1234 UT timeout oneway "TLSv1.3" "TLS_AES_256_GCM_SHA384" "web.test" "spiffe://mesh/a" "{digest}" 4\n'
    assert text.endswith(end)


def test_a_status_of_zero_is_one() -> None:
    assert json.loads(render(True, BEGAN, **CALL, status=0))["grpc_status"] == 0
    assert "grpc_status" not in json.loads(render(True, BEGAN, **CALL))
    assert render(False, BEGAN, **CALL, status=0).endswith(b" - 0\n")


@pytest.mark.parametrize(
    ("outcome", "flags"),
    [
        (-1, "-"), (0, "DC"), (Fault.NO_ROUTE, "NR"), (Fault.NO_HOST, "UH"), (Fault.CONNECT, "UF"), (Fault.OVERLOAD, "UO"),
        (Fault.TIMEOUT, "UT"), (Fault.CLOSED, "UC"), (Fault.MALFORMED, "DPE"), (Fault.MISDIRECTED, "IH"),
        (Fault.FILTER, "FF"),
    ],
)  # fmt: skip
def test_flags(outcome: int, flags: str) -> None:
    line = json.loads(render(True, BEGAN, outcome=outcome))
    assert (line["flags"], line.get("fault")) == (flags, Fault(outcome).name.lower() if outcome > 0 else None)


def test_every_fault_has_flags() -> None:
    assert len({json.loads(render(True, BEGAN, outcome=each))["flags"] for each in Fault}) == len(Fault)


def test_a_oneway_that_was_sent_is_no_client_that_went() -> None:
    assert json.loads(render(True, BEGAN, outcome=0, oneway=True))["flags"] == "-"


@pytest.mark.parametrize("json_", [True, False])
@pytest.mark.parametrize("nasty", NASTY)
def test_nothing_that_a_client_sends_makes_a_line_or_a_field(nasty: bytes, json_: bool) -> None:
    fields: dict[str, Any] = dict.fromkeys(("service", "method", "path", "authority"), nasty)
    name = nasty.decode(errors="replace")
    me = Identity("TLSv1.3", "x", server_name=name, sans=(("DNS", name),), fingerprint="00")
    line = render(json_, BEGAN, client=name, via=name, identity=me, **fields)
    assert line.count(b"\n") == 1
    assert line.endswith(b"\n")
    assert all(0x20 <= byte < 0x7F for byte in line[:-1])
    if json_:
        assert json.loads(line)["path"] == nasty[:256].decode(errors="backslashreplace")
        usual = render(True, BEGAN, client="", via="", identity=me, **dict.fromkeys(fields, b""))
        assert set(json.loads(line)) == set(json.loads(usual))
    else:
        assert len(outside_quotes(line).split()) == 23


def outside_quotes(line: bytes) -> str:
    """Each quoted value, as whoever reads it finds its end, is one word."""
    text, at, out = line.decode(), 0, ""
    while at < len(text):
        if text[at] == '"':
            at += 1
            while text[at] != '"':
                at += 2 if text[at] == "\\" else 1
            out += "q"
        else:
            out += text[at]
        at += 1
    return out


def test_long_values_are_cut_between_characters() -> None:
    path = json.loads(render(True, BEGAN, path="éa".encode() * 200))["path"]
    assert path == "éa" * 85
    assert json.loads(render(True, BEGAN, path=b"\x80" * 300))["path"].startswith(r"\x80")


def test_a_day_before_and_after() -> None:
    for began, text in ((0, "1970-01-01T00:00:00.000Z"), (951_782_399_999_999, "2000-02-28T23:59:59.999Z")):
        assert json.loads(render(True, began))["time"] == text


# -- files ------------------------------------------------------------------------------------------------------------


def snapshot(**paths: Path) -> Snapshot:
    listeners = {name: Listener(name, "", ("bolt",), "main", access_log=AccessLog(str(path))) for name, path in paths.items()}
    return Snapshot(listeners, {}, {})


def test_a_file_is_made_for_its_group_and_added_to(tmp_path: Path) -> None:
    path = tmp_path / "log"
    before = os.umask(0)
    try:
        file = LogFile(str(path))
    finally:
        os.umask(before)
    os.write(file.fd, b"1\n")
    again = LogFile(str(path))
    os.write(again.fd, b"2\n")
    assert path.read_bytes() == b"1\n2\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert not os.get_inheritable(file.fd)


def test_a_file_that_was_moved_away_is_opened_again_under_its_descriptor(tmp_path: Path) -> None:
    file = LogFile(str(tmp_path / "log"))
    number = file.fd
    os.write(file.fd, b"old\n")
    (tmp_path / "log").rename(tmp_path / "log.1")
    os.write(file.fd, b"still old\n")
    file.reopen()
    os.write(file.fd, b"new\n")
    assert file.fd == number
    assert ((tmp_path / "log.1").read_bytes(), (tmp_path / "log").read_bytes()) == (b"old\nstill old\n", b"new\n")
    assert not os.get_inheritable(file.fd)


@pytest.mark.parametrize("path", ["", "missing/log"])
def test_a_path_that_cannot_be_written_to(tmp_path: Path, path: str) -> None:
    with pytest.raises(LogFileError, match=r"listener in: access log .* cannot be opened: "):
        LogFiles(snapshot(**{"in": tmp_path / path}))


@pytest.mark.parametrize("path", ["fifo", "read", "socket", "/dev/null", "/dev/full"])
def test_a_path_that_is_no_regular_file(tmp_path: Path, path: str) -> None:
    os.mkfifo(tmp_path / "fifo")
    os.mkfifo(tmp_path / "read")
    reader = os.open(tmp_path / "read", os.O_RDONLY | os.O_NONBLOCK)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "socket"))
        listening.listen()
        with pytest.raises(LogFileError, match=r"listener in: access log .*: is not a file; name a file \(pipes and devices "):
            LogFiles(snapshot(**{"in": tmp_path / path}))
    os.close(reader)


def test_a_file_that_need_not_be_open_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given = snapshot(a=tmp_path / "folder" / "x", b=tmp_path / "folder" / "x", c=tmp_path / "y")
    files = LogFiles(given, must=False)
    file = files.by_path[str(tmp_path / "folder" / "x")]
    [problem] = files.problems
    assert problem.startswith(f"listener a: access log {file.path} cannot be opened: No such file or directory; ")
    assert len(files.reopen()) == 1
    with pytest.raises(LogFileError):
        LogFiles(given, files)
    (tmp_path / "folder").mkdir()
    assert file.descriptor() == -1, "not so soon"
    monkeypatch.setattr(file, "_again", 0.0)
    os.write(file.descriptor(), b"1\n")
    assert Path(file.path).read_bytes() == b"1\n"
    assert LogFiles(given, files).by_path[file.path] is file


def test_files_are_shared_and_stay_open(tmp_path: Path) -> None:
    first = LogFiles(snapshot(a=tmp_path / "x", b=tmp_path / "x", c=tmp_path / "y"))
    second = LogFiles(snapshot(a=tmp_path / "x", c=tmp_path / "z"), first)
    assert [Path(path).name for path in first.by_path] == ["x", "y"]
    assert second.by_path[str(tmp_path / "x")] is first.by_path[str(tmp_path / "x")]


def test_files_that_cannot_be_opened_again_stay(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    files = LogFiles(snapshot(a=folder / "x", b=tmp_path / "y"))
    folder.rename(tmp_path / "gone")
    assert len(files.reopen()) == 1
    os.write(files.by_path[str(folder / "x")].fd, b"1\n")
    assert (tmp_path / "gone" / "x").read_bytes() == b"1\n"
