"""curl, straight to Node's server and through the proxy: what people try first."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import pytest
from harness.programs import curl, run

if TYPE_CHECKING:
    from pathlib import Path

    from harness.web import Web

TWO_MB = 2_000_000


@pytest.fixture
def url(web: Web, via: str) -> str:
    return f"http://{web.at(via)}"


@pytest.fixture
def upload(tmp_path: Path) -> Path:
    file = tmp_path / "upload"
    file.write_bytes(bytes(index * 31 % 256 for index in range(TWO_MB)))
    return file


def echoed(*args: str, stdin: bytes = b"") -> dict[str, Any]:
    """What the server was sent."""
    answer: dict[str, Any] = json.loads(curl(*args, stdin=stdin).stdout)
    return answer


def fields(said: dict[str, Any]) -> dict[str, str]:
    return dict(said["headers"])


def test_get(url: str) -> None:
    said = echoed("-H", "X-Mine: 1", f"{url}/echo?a=b%20c&d=%C3%A9")
    assert (said["method"], said["url"], said["version"], said["length"]) == ("GET", "/echo?a=b%20c&d=%C3%A9", "1.1", 0)
    sent = fields(said)
    assert (sent["x-mine"], sent["host"]) == ("1", url.removeprefix("http://"))
    assert sent["user-agent"].startswith("curl/")


def test_head(url: str) -> None:
    lines = curl("-I", f"{url}/echo").stdout.decode().lower().split("\r\n")
    assert lines[0] == "http/1.1 200 ok"
    assert any(line.startswith("content-length: ") and line != "content-length: 0" for line in lines)


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_a_body_with_any_method(url: str, method: str) -> None:
    said = echoed("-X", method, "--data-binary", "a=1&b=2", f"{url}/echo")
    assert (said["method"], said["body"]) == (method, "a=1&b=2")
    assert fields(said)["content-length"] == "7"


def test_a_form_with_a_file(url: str, upload: Path) -> None:
    said = echoed("-F", "name=value", "-F", f"file=@{upload}", f"{url}/echo")
    assert fields(said)["content-type"].startswith("multipart/form-data; boundary=")
    assert said["length"] > TWO_MB


@pytest.mark.parametrize(
    "form", [[], ["-H", "Transfer-Encoding: chunked"], ["-H", "Expect: 100-continue"], ["-H", "Expect:"]], ids=str
)
def test_an_upload(url: str, upload: Path, form: list[str]) -> None:
    said = echoed("-T", str(upload), *form, f"{url}/echo")
    assert (said["method"], said["length"]) == ("PUT", TWO_MB)
    assert said["sha256"] == hashlib.sha256(upload.read_bytes()).hexdigest()
    if form[1:] == ["Transfer-Encoding: chunked"]:
        assert "content-length" not in fields(said)


def test_an_upload_of_unknown_length(url: str) -> None:
    said = echoed("-T", "-", f"{url}/echo", stdin=b"from a pipe")
    assert (said["body"], fields(said)["transfer-encoding"]) == ("from a pipe", "chunked")


def test_the_server_is_asked_before_the_body_is_sent(web: Web, url: str, upload: Path) -> None:
    """curl waits for the 100 for longer than this test may take."""
    asked = web.node.ok("count", name="asked to continue")["count"]
    patient = ("--expect100-timeout", "45", "-H", "Expect: 100-continue", "-v")
    done = curl(*patient, "-T", str(upload), f"{url}/echo")
    assert b"HTTP/1.1 100 Continue" in done.stderr
    assert json.loads(done.stdout)["length"] == TWO_MB
    refused = curl(*patient, "-T", str(upload), "-w", "%{http_code} %{size_upload}", f"{url}/refuse")
    assert refused.stdout == b"refused417 0"
    assert web.node.ok("count", name="asked to continue")["count"] == asked + 2


def test_http_1_0(url: str) -> None:
    """No chunk and no interim answer goes to a client of HTTP/1.0, and its connection ends where it did not ask for more."""
    assert echoed("--http1.0", "-d", "old", f"{url}/echo")["body"] == "old"
    done = curl("--http1.0", "-i", f"{url}/chunks?text=a%20b%20c").stdout
    head, body = done.split(b"\r\n\r\n", 1)
    assert (b"transfer-encoding" in head.lower(), body) == (False, b"abc")
    assert curl("--http1.0", f"{url}/hints").stdout == b"hinted"


def test_a_connection_is_kept(url: str) -> None:
    said = curl("-w", "%{num_connects}", *[f"{url}/echo?{index}" for index in range(8)]).stdout.decode()
    decoder, connects = json.JSONDecoder(), []
    while said:
        _, end = decoder.raw_decode(said)
        connects.append(said[end])
        said = said[end + 1 :]
    assert connects == ["1", *"0" * 7]


def test_next(url: str, upload: Path) -> None:
    """Requests of every kind, one after another, on one connection."""
    kinds = [("-d", "one"), ("-I",), ("-T", str(upload)), ("-T", "-"), ("-X", "DELETE"), ()]
    told = ("-o", "/dev/null", "-w", "%{http_code} %{num_connects}\n")
    args = [arg for kind in kinds for arg in ("--next", *told, *kind, f"{url}/echo")]
    done = curl(*args[1:], stdin=b"piped").stdout.decode().splitlines()
    assert [line for line in done if line[:1] == "2"] == ["200 1", *["200 0"] * 5]


def test_wrk(web: Web) -> None:
    said = run(["wrk", "-t1", "-c32", "-d2s", f"http://{web.at('proxy')}/status?code=200"]).stdout.decode()
    assert "Socket errors" not in said, said
    assert "Non-2xx" not in said, said
    assert int(said.split(" requests in")[0].split()[-1]) > 500, said
