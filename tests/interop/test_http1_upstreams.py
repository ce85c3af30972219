"""nginx and Node as upstreams: every form in which they answer."""

from __future__ import annotations

import gzip
from concurrent.futures import ThreadPoolExecutor

import pytest
from harness.programs import curl
from harness.web import FILES, Web
from harness.wire_http import Wire, ask


@pytest.fixture
def nginx(web: Web, via: str) -> str:
    return web.at(via, "nginx")


@pytest.fixture
def node(web: Web, via: str) -> str:
    return web.at(via)


@pytest.mark.parametrize("name", ["small.txt", "empty.txt", "large.bin"])
def test_files(nginx: str, name: str) -> None:
    got = curl(f"http://{nginx}/files/{name}").stdout
    assert (len(got), got[:5]) == (FILES[name], b"nginx" if FILES[name] else b"")


def test_a_part_of_a_file(nginx: str) -> None:
    answer = ask(nginx, "/files/small.txt", "Range: bytes=6-14")
    assert (answer.status, answer.get("content-range")) == (206, f"bytes 6-14/{FILES['small.txt']}")
    assert answer.body == b"s own fil"
    parts = ask(nginx, "/files/small.txt", "Range: bytes=0-4, 6-9")
    assert (parts.status, parts.get("content-type")[:31]) == (206, "multipart/byteranges; boundary=")
    assert ask(nginx, "/files/small.txt", "Range: bytes=9999-").status == 416


def test_a_file_that_has_not_changed(nginx: str) -> None:
    """An answer of 304 has no body, whatever it says of a length; the connection goes on."""
    with Wire(nginx) as wire:
        wire.ask("/files/small.txt")
        tag = wire.answer().get("etag")
        wire.ask("/files/small.txt", f"If-None-Match: {tag}")
        assert (unchanged := wire.answer()).status == 304
        assert unchanged.get("etag") == tag
        wire.ask("/files/small.txt", method="HEAD")
        head = wire.answer("HEAD")
        assert (head.status, head.get("content-length"), head.get("etag")) == (200, str(FILES["small.txt"]), tag)
        wire.ask("/files/nothing")
        assert wire.answer().status == 204
        wire.ask("/files/moved")
        assert wire.answer().get("location").endswith("/files/small.txt")
        wire.ask("/files/small.txt")
        assert len(wire.answer().body) == FILES["small.txt"]


def test_a_zipped_file_comes_in_chunks(nginx: str) -> None:
    answer = ask(nginx, "/files/zipped/large.bin", "Accept-Encoding: gzip")
    assert (answer.get("content-encoding"), answer.get("transfer-encoding")) == ("gzip", "chunked")
    assert len(gzip.decompress(answer.body)) == FILES["large.bin"]


def test_files_are_put_and_deleted(nginx: str, via: str) -> None:
    assert ask(nginx, f"/files/put/{via}", method="PUT", body=b"x" * 100_000).status == 201
    assert ask(nginx, f"/files/{via}").body == b"x" * 100_000
    assert ask(nginx, f"/files/put/{via}", method="DELETE").status == 204
    assert ask(nginx, f"/files/{via}").status == 404


def test_an_old_client_of_nginx(nginx: str) -> None:
    assert len(curl("--http1.0", f"http://{nginx}/files/large.bin").stdout) == FILES["large.bin"]
    small = ("-o", "/dev/null", f"http://{nginx}/files/small.txt")
    assert curl("-0", "-w", "%{http_code}", *small, *small).stdout == b"200200"


def test_interim_answers_come_before_the_last(node: str) -> None:
    with Wire(node) as wire:
        wire.ask("/hints")
        first, second, last = wire.head(), wire.head(), wire.answer()
    assert [answer.status for answer in (first, second, last)] == [103, 103, 200]
    assert (first.get("link"), last.body) == ("</style.css>; rel=preload", b"hinted")


def test_trailers_both_ways(node: str) -> None:
    with Wire(node) as wire:
        wire.ask("/chunks?text=a%20b%20c", "TE: trailers")
        answer = wire.answer()
        assert (answer.body, answer.trailers) == (b"abc", [("x-count", "3")])
        wire.ask("/echo", "Transfer-Encoding: chunked", "Trailer: X-Sum", method="POST")
        wire.send(b"5;name=value\r\nhello\r\n1\r\n!\r\n0\r\nX-Sum: 9\r\n\r\n")
        said = wire.answer().json
    assert (said["body"], said["trailers"]) == ("hello!", [["x-sum", "9"]])


@pytest.mark.parametrize("size", [10, 1_000_000])
def test_a_body_that_ends_with_its_connection(node: str, size: int) -> None:
    answer = ask(node, f"/until-close?size={size}")
    assert (answer.status, len(answer.body), answer.get("content-length")) == (200, size, "")


def test_a_server_that_closes(node: str) -> None:
    """Its answer is whole, and the next request is answered, whether it said that it closes or not."""
    for _ in range(20):
        assert ask(node, "/close").body == b"closed"
        assert ask(node, "/leave").body == b"left"
        assert ask(node, "/echo").status == 200


def test_servers_that_close_are_not_asked_again(web: Web) -> None:
    """Many clients at once: some request is always on its way on a connection that the server just left."""
    front = web.at("proxy")

    def visit(_: int) -> list[int]:
        statuses = []
        with Wire(front) as wire:
            for _ in range(100):
                wire.ask("/leave")
                statuses.append(wire.answer().status)
        return statuses

    with ThreadPoolExecutor(8) as pool:
        assert [*pool.map(visit, range(8))] == [[200] * 100] * 8


@pytest.mark.parametrize("code", [200, 204, 301, 304, 404, 418, 500, 503])
def test_a_status_arrives(node: str, code: int) -> None:
    with Wire(node) as wire:
        for method in ("GET", "HEAD"):
            wire.ask(f"/status?code={code}", method=method)
            assert wire.answer(method).status == code


def test_a_client_that_asks_to_close(node: str) -> None:
    for field, version in (("Connection: close", "1.1"), ("X-Old: 1", "1.0")):
        with Wire(node) as wire:
            wire.send(f"GET /echo HTTP/{version}\r\nHost: 127.0.0.1\r\n{field}\r\n\r\n".encode())
            assert wire.answer().json["url"] == "/echo"
            assert wire.is_closed()


def test_connections_to_a_server_are_kept(web: Web) -> None:
    """Whoever the client is: each asks on a connection of its own."""
    before = web.node.ok("count", name="connection")["count"]
    for _ in range(50):
        assert ask(web.at("proxy"), "/status?code=200").status == 200
    assert web.node.ok("count", name="connection")["count"] <= before + 1
