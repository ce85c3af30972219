"""The dissector of HTTP/1.1, whose answers hang on what was asked: exchanges by hand, and live ones over loopback."""

from __future__ import annotations

import http.client
import http.server
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness.pcap import CLIENT, SERVER, Capture
from harness.shown import differing, expected
from harness.wireshark import Tshark, decode_as, record

from xproto.registry import load

HTTP1 = load()["http1"]
PORT = 15_080
GIVEN = (decode_as("http1", PORT),)
HEAD_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"
POST = (
    b"POST /b HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"5;x=y\r\nhello\r\n1\r\n!\r\n0\r\nX-Sum: 1\r\n\r\n"
)
EXCHANGES: list[tuple[int, bytes, str]] = [
    (CLIENT, b"GET /a?b=c HTTP/1.1\r\nHost: shop.test\r\nX-Empty:\r\n\r\n", "request"),
    (SERVER, b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nServer: x\r\n\r\nhello", "response"),
    (CLIENT, b"HEAD /a HTTP/1.1\r\nHost: shop.test\r\n\r\n", "request"),
    (SERVER, HEAD_ANSWER, "response"),
    (CLIENT, POST, "request"),
    (SERVER, b"HTTP/1.1 100 Continue\r\n\r\n", "interim"),
    (SERVER, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", "response"),
    (CLIENT, b"GET /c HTTP/1.1\r\nHost: h\r\n\r\n", "request"),
    (CLIENT, b"GET /d HTTP/1.1\r\nHost: h\r\n\r\n", "request"),
    (SERVER, b"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", "response"),
    (SERVER, b"HTTP/1.1 204 No Content\r\n\r\n", "response"),
    (CLIENT, b"GET /e HTTP/1.0\r\n\r\n", "request"),
    (SERVER, b"HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\nuntil it closes, " + b"and on " * 500, "response"),
]  # fmt: skip


def conversation(size: int) -> Capture:
    """All exchanges in one connection; each message in segments of this size."""
    capture = Capture()
    connection = capture.connect(30_000, PORT)
    for side, data, _ in EXCHANGES:
        connection.send(side, data, segment=size)
    connection.close()
    return capture


@pytest.mark.parametrize("passes", [(), ("-2",)], ids=["once", "twice"])
@pytest.mark.parametrize(("size", "given"), [(1400, ()), (7, ()), (1400, GIVEN), (7, GIVEN), (1, GIVEN)])
def test_exchanges(size: int, passes: tuple[str, ...], given: tuple[str, ...], tmp_path: Path) -> None:
    """By its first bytes where nobody says what it is: they have to be in one segment."""
    capture = conversation(size).write(tmp_path / "x.pcap")
    messages = Tshark(tmp_path, HTTP1).messages(capture, *given, *passes)
    assert [message.one("role.kind") for message in messages] == [kind for _, _, kind in EXCHANGES]
    for message, (side, data, _) in zip(messages, EXCHANGES, strict=True):
        assert message.one("head.line") == data.partition(b"\r\n")[0].decode()
        if data != HEAD_ANSWER and not data.startswith(b"HTTP/1.0"):  # of these construct alone would want the body, or the end
            assert differing(message.fields, expected(HTTP1, data, side)) == {}
    assert bytes.fromhex(messages[-1].one("body").replace(":", "")) == EXCHANGES[-1][1].partition(b"\r\n\r\n")[2]


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers counted, in chunks, and without a body where HEAD asks."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.wfile.write(b"4\r\nlive\r\n0\r\n\r\n")

    def do_HEAD(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "4")
        self.end_headers()

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(201)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@pytest.fixture
def server() -> Iterator[int]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as served:
        thread = threading.Thread(target=served.serve_forever)
        thread.start()
        yield served.server_address[1]
        served.shutdown()
        thread.join()


def test_live_exchanges(server: int, tmp_path: Path) -> None:
    def talk() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", server)
        for method, body in (("GET", None), ("HEAD", None), ("POST", b"x" * 100_000), ("GET", None)):
            connection.request(method, "/live", body=body, headers={"X-Sent": method})
            connection.getresponse().read()
        connection.close()
        url = f"http://127.0.0.1:{server}/curl"
        subprocess.run(["curl", "-s", url, "--next", "-s", "-I", url], check=True, stdout=subprocess.DEVNULL)

    capture = record(tmp_path / "live.pcap", server, talk)
    messages = Tshark(tmp_path, HTTP1).messages(capture, decode_as("http1", server))
    lines = [message.one("head.line").split(" ")[0] for message in messages]
    answered = ["HTTP/1.1"]
    assert lines == [each for method in ("GET", "HEAD", "POST", "GET", "GET", "HEAD") for each in (method, *answered)]
    posted = messages[4]
    assert posted.one("body") == ":".join(["78"] * 100_000)
    assert "X-Sent=POST" in posted.fields["head.pair"]
