"""Large bodies over TLS on either side: not kept, not faster than they are read, never taken for whole when they are not."""

from __future__ import annotations

import json
import os
import select
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from harness.programs import curl
from harness.proxy import Proxy
from harness.secure import Secure, secrets, to
from harness.tls import TlsWire, client_context
from harness.web import Memory
from harness.wire_http import TruncatedError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BOUND = 64 << 20
"""Bytes by which a worker may grow, whatever passes."""
LARGE = 300_000_000
STALLED_S = 1.0
"""A connection that takes nothing for so long has stalled."""


@pytest.fixture(scope="module")
def proxy(secure: Secure) -> Iterator[Proxy]:
    """TLS before it and behind it."""
    setup = f"""\
admin: 127.0.0.1:0
{secrets(secure.pki, "web")}
listeners: [{{name: mesh, address: "127.0.0.1:0", routes: main, protocols: auto, tls: {{certificates: web}}}}]
routes: {{main: [{{cluster: node}}]}}
clusters:
  node: {{hosts: ["{secure.peer("node").address}"], tls: {{ca: mesh-ca, server_name: a.test}}, timeout: 60s}}
"""
    with Proxy(setup, secure.folder, "streams") as started:
        yield started


def options(secure: Secure, proxy: Proxy) -> list[str]:
    return ["--cacert", str(secure.pki.ca), *to(proxy.address)]


def is_served(secure: Secure, proxy: Proxy, count: int = 20) -> None:
    """Somebody else's requests, all in less time than a deadline would take."""
    with TlsWire(proxy.address, client_context(secure.pki), "a.test", patience=5) as wire:
        for number in range(count):
            wire.ask(f"/echo?{number}")
            assert wire.answer().json["url"] == f"/echo?{number}"


@pytest.mark.parametrize("form", ["", "chunked&"], ids=["length", "chunked"])
def test_a_large_body_comes(secure: Secure, proxy: Proxy, form: str) -> None:
    memory = Memory(proxy)
    url = f"https://a.test/zeros?{form}size={LARGE}"
    said = curl(*options(secure, proxy), "-o", "/dev/null", "-w", "%{http_code} %{size_download}", url).stdout
    assert said == b"200 %d" % LARGE
    assert memory.grown() < BOUND


@pytest.mark.parametrize("form", [[], ["-H", "Transfer-Encoding: chunked"]], ids=["length", "chunked"])
def test_a_large_body_goes(secure: Secure, proxy: Proxy, tmp_path: Path, form: list[str]) -> None:
    memory, file = Memory(proxy), tmp_path / "hole"
    file.touch()
    os.truncate(file, LARGE)
    said = curl(*options(secure, proxy), "-T", str(file), *form, "https://a.test/sink?name=large").stdout
    assert json.loads(said) == {"length": LARGE}
    assert memory.grown() < BOUND


def test_many_at_once(secure: Secure, proxy: Proxy) -> None:
    """Others are served while they come."""

    def fetch(size: int) -> int:
        return len(curl(*options(secure, proxy), f"https://a.test/zeros?size={size}").stdout)

    sizes = [20_000_000 + number for number in range(6)]
    with ThreadPoolExecutor(len(sizes)) as pool:
        coming = pool.map(fetch, sizes)
        is_served(secure, proxy, 50)
        assert [*coming] == sizes


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_a_client_stops_reading(secure: Secure, proxy: Proxy, version: str) -> None:
    """The server waits with the rest, others are served, and the end of the client ends the call."""
    memory, name = Memory(proxy), f"stopped-{version}"
    with TlsWire(proxy.address, client_context(secure.pki, version=version), "a.test") as wire:
        wire.ask(f"/zeros?size={LARGE}&name={name}")
        assert wire.head().status == 200
        is_served(secure, proxy, 100)
        assert memory.grown() < BOUND
        assert secure.peer("node").ok("count", name=f"gone {name}")["count"] == 0
    secure.peer("node").ok("wait", name=f"gone {name}")


def test_a_server_stops_reading(secure: Secure, proxy: Proxy) -> None:
    """The client cannot send on and on; when it left, the server finds the body cut short."""
    memory, piece = Memory(proxy), bytes(1 << 16)
    with TlsWire(proxy.address, client_context(secure.pki), "a.test") as wire:
        wire.begin("/stall?name=tls-stalled", "length", 1 << 30)
        wire.socket.setblocking(False)
        sent = 0
        while select.select([], [wire.socket], [], STALLED_S)[1]:
            try:
                sent += wire.socket.send(piece)
            except BlockingIOError:
                continue
            except OSError as error:
                # The socket takes bytes, but not yet a whole record's.
                if "want" not in str(error).lower() and "did not complete" not in str(error).lower():
                    raise
            assert sent < BOUND
        is_served(secure, proxy)
        assert memory.grown() < BOUND
    secure.peer("node").ok("read", name="tls-stalled")
    secure.peer("node").ok("wait", name="gone tls-stalled")


@pytest.mark.parametrize("form", ["chunked", "length"])
def test_a_server_dies_in_the_middle_of_a_body(secure: Secure, proxy: Proxy, form: str) -> None:
    """No orderly end, of TLS neither: the client must not take the part for the whole."""
    with TlsWire(proxy.address, client_context(secure.pki), "a.test") as wire:
        wire.ask(f"/die/in-body?{form}")
        with pytest.raises((TruncatedError, OSError)):
            wire.answer()
    for http, ends in (("--http1.1", {18, 56}), ("--http2", {92})):  # 92: the stream is reset
        done = curl(*options(secure, proxy), http, f"https://a.test/die/in-body?{form}", ok=False)
        assert done.returncode in ends, done
    is_served(secure, proxy)


def test_a_body_that_ends_with_its_connection_and_without_a_word(secure: Secure, proxy: Proxy) -> None:
    """Behind a server that says close_notify it is whole."""
    got = curl(*options(secure, proxy), "https://a.test/until-close?size=1000000").stdout
    assert got == b"x" * 1_000_000
