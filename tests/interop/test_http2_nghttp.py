"""nghttp2's own clients against each server: nghttp in every form of frame that it has, and h2load."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from harness.http2 import FILES, PATHS, SERVERS
from harness.http2_programs import h2load, nghttp

if TYPE_CHECKING:
    from pathlib import Path

    from harness.http2 import Http2
    from harness.roads import Route

FORMS = {
    "plain": [],
    "padded": ["--padding=200"],
    "small windows": ["--window-bits=14", "--connection-window-bits=16"],
    "large windows": ["--window-bits=24", "--connection-window-bits=24"],
    "no dynamic table": ["--header-table-size=0", "--encoder-header-table-size=0"],
    "a table that shrinks and grows": ["--header-table-size=0", "--header-table-size=8192"],
    "a continued head": ["--continuation"],
    "expecting to continue": ["--expect-continue"],
    "few streams": ["--max-concurrent-streams=1"],
    "hidden fields": ["--header=authorization: secret", "--header=cookie: a=1; b=2"],
}


@pytest.fixture(params=[False, True], ids=["plain", "tls"])
def tls(request: pytest.FixtureRequest) -> bool:
    spoken: bool = request.param
    return spoken


@pytest.fixture(params=SERVERS)
def url(request: pytest.FixtureRequest, http2: Http2, route: Route, tls: bool) -> str:
    """Of a file of 4,096 bytes."""
    server = request.param
    target = route(http2.at(server, tls=tls), tls=tls)
    return f"{'https' if tls else 'http'}://{target}{PATHS[server]}"


@pytest.mark.parametrize("form", FORMS)
def test_forms(url: str, form: str) -> None:
    assert len(nghttp(*FORMS[form], url)) == FILES["small.txt"]


def test_many_times(url: str) -> None:
    """On one connection; the last column but one of its table is the status."""
    said = nghttp("--null-out", "--stat", "--multiply=30", url)
    assert len(re.findall(rf"\b200\b.*{re.escape(url.rpartition('/')[2])}", said)) == 30, said


@pytest.mark.parametrize("form", ["plain", "padded", "small windows", "expecting to continue"])
def test_uploads(http2: Http2, route: Route, tls: bool, tmp_path: Path, form: str) -> None:
    """nghttpd sends back what it is sent."""
    file = tmp_path / "upload"
    file.write_text("0123456789" * 30_000)
    target = route(http2.at("nghttpd", tls=tls), tls=tls)
    url = f"{'https' if tls else 'http'}://{target}/small.txt"
    trailer = "--trailer=x-sum: 9"
    assert nghttp(*FORMS[form], f"--data={file}", trailer, url) == file.read_text()
    said = nghttp("--verbose", "--null-out", f"--data={file}", url)
    assert "x-end: yes" in said


@pytest.mark.parametrize(("clients", "streams"), [(1, 1), (1, 100), (16, 10)])
def test_h2load(url: str, clients: int, streams: int) -> None:
    h2load(url, requests=2000, clients=clients, streams=streams)


def test_h2load_posts(http2: Http2, route: Route, tls: bool, tmp_path: Path) -> None:
    file = tmp_path / "body"
    file.write_bytes(b"b" * 20_000)
    target = route(http2.at("node", tls=tls), tls=tls)
    h2load(f"{'https' if tls else 'http'}://{target}/sink", "-d", str(file), requests=1000, clients=8, streams=8)
