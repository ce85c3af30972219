"""Requests that do not wait for the answers to those before them; curl does it no more."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.proxy import Proxy
from harness.wire_http import Wire, is_served

if TYPE_CHECKING:
    from pathlib import Path

    from harness.web import Web


def test_pipelining(web: Web, via: str) -> None:
    """Answers come in order, whatever they are: large, chunked, without a body, slow."""
    targets = ["/echo?1", "/chunks?text=a%20b", "/zeros?size=300000", "/status?code=204", "/fields", "/echo?6"]
    with Wire(web.at(via)) as wire:
        head = "GET {} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
        post = "POST /echo?7 HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
        wire.send("".join([head.format(target) for target in targets] + [post, head.format("/echo?8")]).encode())
        first, chunked, large, empty, fields, sixth, posted, last = (wire.answer() for _ in range(8))
    assert [answer.json["url"] for answer in (first, sixth, posted, last)] == ["/echo?1", "/echo?6", "/echo?7", "/echo?8"]
    assert (chunked.body, len(large.body), empty.status, fields.body) == (b"ab", 300_000, 204, b"fields")
    assert (posted.json["body"], dict(chunked.trailers)) == ("abc", {"x-count": "2"})


def test_pipelined_requests_do_not_overtake_each_other(web: Web) -> None:
    """The server sees one when the one before was answered: it may have changed what the next one asks for."""
    with Wire(web.at("proxy")) as wire:
        requests = [f"{method} /step HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" for method in ("DELETE", "GET") * 20]
        wire.send("".join(requests).encode())
        assert [wire.answer().json["overlapping"] for _ in requests] == [0] * len(requests)


def test_a_pipeline_behind_a_slow_request(web: Web, tmp_path: Path) -> None:
    """It takes no connections that others need, neither while its client is there nor afterwards."""
    with Proxy(web.config, tmp_path) as proxy:
        with Wire(proxy.address) as wire:
            wire.ask("/hang?name=pipeline")
            web.node.ok("wait", name="begun pipeline")
            wire.send(b"GET /echo HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" * 2000)
            is_served(proxy.address)
        is_served(proxy.address)
