"""Bodies in pieces, as they come: nothing waits for a whole one, and a gigabyte is not kept."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest
from harness.programs import curl
from harness.web import GIGABYTE, Memory, Web
from harness.wire_http import Wire

if TYPE_CHECKING:
    from pathlib import Path

BOUND = 64 << 20
"""Bytes by which a worker may grow, whatever passes."""


def test_events_come_one_by_one(web: Web, via: str) -> None:
    """Each is read before the server is told to send the next: who keeps one back, stops here."""
    with Wire(web.at(via)) as wire:
        wire.ask(f"/feed?name={via}", "Accept: text/event-stream")
        assert wire.head().get("content-type") == "text/event-stream"
        for number in range(20):
            web.node.ok("emit", name=via, text=f"event {number}")
            assert wire.chunk() == b"data: event %d\n\n" % number
        web.node.ok("end", name=via)
        assert (wire.chunk(), wire.trailers()) == (b"", [])
        wire.ask("/status?code=204")
        assert wire.answer().status == 204


def test_a_reader_of_events_leaves(web: Web, via: str) -> None:
    name = f"left-{via}"
    with Wire(web.at(via)) as wire:
        wire.ask(f"/feed?name={name}")
        assert wire.head().status == 200
        web.node.ok("emit", name=name, text="one")
        assert wire.chunk() == b"data: one\n\n"
    web.node.ok("wait", name=f"gone {name}")


@pytest.mark.parametrize("form", ["chunked", "length"])
def test_a_conversation_in_one_request(web: Web, via: str, form: str) -> None:
    """Each piece comes back before the next is sent."""
    pieces = [b"piece %d" % number for number in range(20)]
    size = sum(map(len, pieces))
    with Wire(web.at(via)) as wire:
        wire.begin("/mirror", form, size)
        assert wire.head().status == 200
        for piece in pieces:
            wire.go_on(form, piece)
            assert wire.chunk() == piece
        if form == "chunked":
            wire.go_on(form, b"")
        assert wire.chunk() == b""


def test_a_request_and_its_body_byte_by_byte(web: Web, via: str) -> None:
    head = b"POST /echo HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n"
    body = b"4\r\nabcd\r\n2;x=y\r\nef\r\n0\r\nA: b\r\n\r\n"
    with Wire(web.at(via)) as wire:
        for byte in head + body:
            wire.send(bytes([byte]))
        said = wire.answer().json
    assert (said["body"], said["trailers"]) == ("abcdef", [["a", "b"]])


@pytest.fixture
def memory(web: Web) -> Memory:
    return Memory(web.proxy)


@pytest.fixture(scope="module")
def gigabyte(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One hole."""
    file = tmp_path_factory.mktemp("huge") / "gigabyte"
    file.touch()
    os.truncate(file, GIGABYTE)
    return file


@pytest.mark.parametrize("target", ["/files/huge.bin", "/zeros?chunked&size=1073741824"], ids=["length", "chunked"])
def test_a_gigabyte_comes(web: Web, memory: Memory, target: str) -> None:
    said = curl("-o", "/dev/null", "-w", "%{http_code} %{size_download}", f"http://{web.at('proxy')}{target}").stdout
    assert said == b"200 %d" % GIGABYTE
    assert memory.grown() < BOUND


@pytest.mark.parametrize("form", [[], ["-H", "Transfer-Encoding: chunked"]], ids=["length", "chunked"])
def test_a_gigabyte_goes(web: Web, memory: Memory, gigabyte: Path, form: list[str]) -> None:
    said = curl("-T", str(gigabyte), *form, f"http://{web.at('proxy')}/sink?name=huge").stdout
    assert json.loads(said) == {"length": GIGABYTE}
    assert memory.grown() < BOUND
