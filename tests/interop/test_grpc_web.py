"""The official gRPC-Web client in Chromium.

Straight it calls a server that speaks gRPC-Web itself, which serves the page too. By the proxy the page comes from there,
and every call goes to a server that speaks nothing but gRPC.
"""

from __future__ import annotations

import json
import urllib.request
from typing import TYPE_CHECKING, Any

import pytest
from harness.programs import Chromium

if TYPE_CHECKING:
    from pathlib import Path

    from harness.grpc_peers import Grpc
    from harness.roads import Route

PATIENCE_S = 60
LATE = 4
"""DEADLINE_EXCEEDED"""


@pytest.fixture
def report(grpc: Grpc, route: Route, tmp_path: Path) -> dict[str, Any]:
    """What the page says of its calls, in each of the two formats."""
    web = grpc.peer("web").address
    address = web if route.direct else route(grpc.peer("go").address, pages=web)
    with Chromium(f"http://{address}/pages/", tmp_path) as browser:
        try:
            with urllib.request.urlopen(f"http://{web}/report", timeout=PATIENCE_S) as answer:
                said: dict[str, Any] = json.load(answer)
        except TimeoutError:
            raise browser.error("showed no page that reported") from None
    return said


def test_calls_of_a_page(report: dict[str, Any]) -> None:
    """Lengths are those of whole messages: of their fields, too."""
    assert set(report) == {"text", "binary"}, report
    for said in report.values():
        assert (said["empty"]["code"], said["empty"]["lengths"]) == (0, [0]), said
        unary = said["unary"]
        assert (unary["code"], unary["lengths"]) == (0, [100_008]), unary
        assert unary["metadata"]["x-grpc-test-echo-initial"] == "first", unary
        assert unary["metadata"]["x-grpc-test-echo-trailing-bin"] in ("qrs=", "qrs"), unary
        assert (said["failed"]["code"], said["failed"]["message"]) == (9, "não é 😀"), said["failed"]
        assert said["missing"]["code"] == 12, said["missing"]
        stream = said["stream"]
        assert (stream["code"], stream["lengths"]) == (0, [31_423, 13, 2659, 2, 58_987]), stream
        assert (said["late"]["code"], said["late"]["lengths"]) == (LATE, []), said["late"]
