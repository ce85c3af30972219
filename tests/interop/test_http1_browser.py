"""Chromium shows a page: style, script, images, fetch, a stream, an EventSource and a WebSocket."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.programs import Chromium

if TYPE_CHECKING:
    from pathlib import Path

    from harness.web import Web


def test_a_page_with_all_it_needs(web: Web, via: str, tmp_path: Path) -> None:
    earlier = web.node.ok("count", name="report")["count"]
    with Chromium(f"http://{web.at(via)}/page", tmp_path) as browser:
        reports = web.node.do("wait", name="report", count=earlier + 1)
        assert reports["ok"], f"{reports}\n{browser.tail()}"
    assert reports["values"][-1] == {
        "images": 30,
        "post": ["POST", 100_000],
        "stream": 400,
        "events": [f"event {index}" for index in range(5)],
        "socket": [4, 300_000, 4001],
        "color": "rgb(1, 2, 3)",
    }
