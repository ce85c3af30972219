"""Chromium shows a page over https: style, script, images, fetch, a stream, an EventSource and a WebSocket."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.programs import Chromium

if TYPE_CHECKING:
    from pathlib import Path

    from harness.secure import Secure


def test_a_page_with_all_it_needs(secure: Secure, via: str, tmp_path: Path) -> None:
    """Its key is trusted because the test says so; its name and its dates are right besides."""
    server, keys = secure.server(via), [secure.pki.spki(name) for name in ("web", "web-rsa")]
    earlier = server.ok("count", name="report")["count"]
    port = secure.at(via).rpartition(":")[2]
    with Chromium(f"https://a.test:{port}/page", tmp_path, "a.test", keys) as browser:
        reports = server.do("wait", name="report", count=earlier + 1)
        assert reports["ok"], f"{reports}\n{browser.tail()}"
    assert reports["values"][-1] == {
        "images": 30,
        "post": ["POST", 100_000],
        "stream": 400,
        "events": [f"event {index}" for index in range(5)],
        "socket": [4, 300_000, 4001],
        "color": "rgb(1, 2, 3)",
    }
