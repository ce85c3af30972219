"""curl over HTTP/2, by prior knowledge and by ALPN."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from harness.http2 import FILES, PATHS, SERVERS
from harness.programs import curl
from harness.secure import to

if TYPE_CHECKING:
    from pathlib import Path

    from harness.http2 import Http2
    from harness.roads import Route

FIVE_MB = 5_000_000
FIFTY_MB = 50_000_000


class Site(NamedTuple):
    """A server as curl is told of it."""

    url: str
    options: list[str]

    def ask(self, *args: str, path: str, stdin: bytes = b"", ok: bool = True) -> bytes:
        return curl(*self.options, *args, f"{self.url}{path}", stdin=stdin, ok=ok).stdout

    def echoed(self, *args: str, path: str = "/echo", stdin: bytes = b"") -> dict[str, Any]:
        """What the server was sent."""
        answer: dict[str, Any] = json.loads(self.ask(*args, path=path, stdin=stdin))
        return answer


def site(http2: Http2, route: Route, server: str, tls: bool) -> Site:
    target = route(http2.at(server, tls=tls), tls=tls)
    if tls:
        return Site("https://a.test", ["--http2", "--cacert", str(http2.pki.ca), *to(target)])
    return Site(f"http://{target}", ["--http2-prior-knowledge"])


@pytest.fixture(params=[False, True], ids=["plain", "tls"])
def tls(request: pytest.FixtureRequest) -> bool:
    spoken: bool = request.param
    return spoken


@pytest.fixture
def node(http2: Http2, route: Route, tls: bool) -> Site:
    return site(http2, route, "node", tls)


@pytest.fixture
def secure_node(http2: Http2, route: Route) -> Site:
    """For more than one request: curl 7.88 fails to send a second one on a connection of prior knowledge, whoever serves it."""
    return site(http2, route, "node", tls=True)


@pytest.fixture
def upload(tmp_path: Path) -> Path:
    file = tmp_path / "upload"
    file.write_bytes(hashlib.shake_128(b"upload").digest(FIVE_MB))
    return file


@pytest.mark.parametrize("server", SERVERS)
def test_get(http2: Http2, route: Route, tls: bool, server: str) -> None:
    there = site(http2, route, server, tls)
    said = there.ask("-o", "/dev/null", "-w", "%{http_version} %{http_code} %{size_download}", path=PATHS[server])
    assert said.decode() == f"2 200 {FILES['small.txt']}"
    head = there.ask("-I", path=PATHS[server]).decode().lower()
    assert head.startswith("http/2 200")
    assert f"content-length: {FILES['small.txt']}" in head


def test_what_is_asked_for(node: Site) -> None:
    said = node.echoed("-H", "X-Mine: 1", "-H", "Cookie: a=1; b=2", path="/echo?a=b%20c&d=%C3%A9")
    assert (said["method"], said["url"], said["version"], said["length"]) == ("GET", "/echo?a=b%20c&d=%C3%A9", "2.0", 0)
    sent = dict(said["headers"])
    assert (sent["x-mine"], sent[":authority"]) == ("1", node.url.rpartition("/")[2])
    assert "; ".join(value for name, value in said["headers"] if name == "cookie") == "a=1; b=2"


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_a_body_with_any_method(node: Site, method: str) -> None:
    said = node.echoed("-X", method, "--data-binary", "a=1&b=2", "-H", "Content-Type: text/plain")
    assert (said["method"], said["body"], dict(said["headers"])["content-length"]) == (method, "a=1&b=2", "7")


def test_an_upload(node: Site, upload: Path) -> None:
    said = node.echoed("-T", str(upload))
    digest = hashlib.sha256(upload.read_bytes()).hexdigest()
    assert (said["method"], said["length"], said["sha256"]) == ("PUT", FIVE_MB, digest)


def test_an_upload_of_unknown_length(node: Site) -> None:
    said = node.echoed("-T", "-", stdin=b"from a pipe")
    assert (said["body"], {"content-length", "transfer-encoding"} & dict(said["headers"]).keys()) == ("from a pipe", set())


def test_what_is_sent_comes_back_while_it_is_sent(node: Site, upload: Path) -> None:
    assert node.ask("-T", str(upload), path="/mirror") == upload.read_bytes()


def test_a_large_download(node: Site) -> None:
    said = node.ask("-o", "/dev/null", "-w", "%{size_download}", path=f"/zeros?size={FIFTY_MB}")
    assert int(said) == FIFTY_MB
    said = node.ask("-o", "/dev/null", "-w", "%{size_download}", path=f"/zeros?size={FIVE_MB}&chunked")
    assert int(said) == FIVE_MB


def test_interim_answers_and_trailers(node: Site) -> None:
    lines = node.ask("-i", path="/hints").decode().replace("\r", "").split("\n")
    assert [line.strip() for line in lines if line.startswith("HTTP/2")] == ["HTTP/2 103", "HTTP/2 103", "HTTP/2 200"]
    assert lines[-1] == "hinted"
    assert b"x-count: 3" in node.ask("-i", "-H", "TE: trailers", path="/chunks?text=a%20b%20c")


@pytest.mark.parametrize("code", [204, 301, 304, 404, 418, 500, 503])
def test_a_status(node: Site, code: int) -> None:
    assert int(node.ask("-o", "/dev/null", "-w", "%{http_code}", path=f"/status?code={code}")) == code


@pytest.mark.parametrize("size", [10_000, 15_000])
def test_a_large_field_each_way(node: Site, size: int) -> None:
    """More than one frame holds, with what is beside it."""
    assert f"x-large: {'x' * size}" in node.ask("-i", path=f"/large?size={size}").decode()
    assert dict(node.echoed("-H", f"X-Large: {'y' * size}")["headers"])["x-large"] == "y" * size


def test_many_at_once_on_one_connection(secure_node: Site) -> None:
    """curl waits to learn that the first connection takes them all."""
    told = ["-o", "/dev/null", "-w", "%{http_code} %{num_connects}\\n", "--parallel", "--parallel-max", "40"]
    said = secure_node.ask(*told, path="/zeros?size=100000&n=[1-60]").decode().split("\n")[:-1]
    assert len(said) == 60
    assert {line.split()[0] for line in said} == {"200"}
    assert sum(int(line.split()[1]) for line in said) == 1


def test_a_reset_stream(node: Site) -> None:
    """curl says 92 where a stream did not end well; the code is in its words."""
    for path in ("/reset?code=INTERNAL_ERROR", "/break"):
        done = curl(*node.options, "-o", "/dev/null", f"{node.url}{path}", ok=False)
        assert (done.returncode, b"INTERNAL_ERROR" in done.stderr) == (92, True), done


def test_a_server_that_leaves(secure_node: Site) -> None:
    """After its GOAWAY curl asks again on another connection."""
    urls = [f"{secure_node.url}{path}" for path in ("/leave", "/push", "/leave")]
    said = curl(*secure_node.options, "-w", " %{http_code} ", *urls).stdout
    assert said.split() == [b"left", b"200", b"false", b"200", b"left", b"200"]


def test_files_of_nginx(http2: Http2, route: Route, tls: bool, upload: Path) -> None:
    there = site(http2, route, "nginx", tls)
    for name, size in FILES.items():
        assert len(there.ask(path=f"/{name}")) == size
    assert there.ask("-r", "2-5", path="/small.txt") == b"file"
    tag = next(line for line in there.ask("-I", path="/small.txt").decode().splitlines() if line.startswith("etag: "))
    known = f"If-None-Match: {tag.removeprefix('etag: ')}"
    assert there.ask("-w", "%{http_code}", "-H", known, path="/small.txt") == b"304"
    assert len(there.ask("--compressed", path="/zipped/large.bin")) == FILES["large.bin"]
    assert there.ask("-T", str(upload), "-w", "%{http_code}", path=f"/put/{tls}{route.road}")[-3:] == b"201"


def test_uploads_to_nghttpd(http2: Http2, route: Route, tls: bool, upload: Path) -> None:
    """It sends the body back."""
    there = site(http2, route, "nghttpd", tls)
    assert there.ask("--data-binary", f"@{upload}", path="/small.txt") == upload.read_bytes()
